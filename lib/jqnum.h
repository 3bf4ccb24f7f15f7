/* jqnum - numbers of libjq that know the text they were read from.
 * libjq 1.6 keeps a number as a double. A jv has a field that numbers do not use and that
 * is copied along with them: in it a number that was read carries the place of its text. A
 * number that was computed has none. One thread. */
#ifndef JQNUM_H
#define JQNUM_H

#include <jv.h>
#include <stdbool.h>

#include "slice.h"

struct jqnum {
	double value; /* as a check that the tag still belongs to the value */
	struct slice text;
};

/* The number `text`, which js_valid has found valid and which must last: until
 * jqnum_forget, or, as a constant, for ever. */
jv jqnum_read(struct slice text, bool constant);

/* Forget all but constants. */
void jqnum_forget(void);

/* What a number was read from, until the next jqnum_read; NULL when it was computed, or is
 * a whole number of up to 15 digits, whose text is no secret. */
const struct jqnum *jqnum_of(jv number);

/* The order of two numbers that are equal as doubles, by their digits: less than, equal to
 * or greater than 0. 1, 1.0 and 10e-1 are equal. */
int jqnum_order(const struct jqnum *a, const struct jqnum *b);

/* How many constants there are. */
size_t jqnum_constants(void);

#endif
