/* jqval - JSON text to libjq's values and back, with its digits.
 *
 * libjq 1.6 knows a number as a double: 9007199254740993 would come out as ...992, and
 * as part of "user:\(.id)" it would name another user's room. So each number that was
 * read carries, in a field of its jv that libjq copies along and does not look at, the
 * place of its text; a number that was computed has none. What was read and not computed
 * with is printed with the bytes it was read from, also where libjq itself turns values
 * into text (interpolation, tostring, @text, tojson, join): this module's own
 * jv_dump_string stands before libjq's. An untouched object or array is recognised by
 * its address and copied whole. jqx.h proves all that at start, in each program.
 *
 * Two numbers that were read are compared by their text where libjq compares doubles
 * (==, !=, unique, group_by, sort, index): 9007199254740993 is not 9007199254740992.
 *
 * One document at a time is read, by one thread. */
#ifndef JQVAL_H
#define JQVAL_H

#include <jv.h>
#include <signal.h>
#include <stdbool.h>

#include "buf.h"
#include "slice.h"

/* Find libjq's own functions. NULL, or a static reason why this libjq does not do. */
const char *jqval_init(void);

/* About what jqval_read of `text` takes at most, in bytes. Linear, but cheap. */
size_t jqval_cost(struct slice text);

/* The value of `text`, which js_valid has found valid and which must last until
 * jqval_release. The document before it is released. Names that libjq's hash function
 * takes for one make it quadratic, so a signal handler may set jqval_stop: it gives up
 * then and returns an invalid value. */
jv jqval_read(struct slice text);
extern volatile sig_atomic_t jqval_stop; /* cleared by whoever sets it */

/* Forget the document: its text may go, and values of it may no longer be printed. */
void jqval_release(void);

/* A value that is part of a program, for ever (--arg, --argjson): `text` is valid JSON
 * and is copied. */
jv jqval_constant(struct slice text);

/* Append `v`, which stays the caller's. False when it is nested deeper than JS_DEPTH;
 * something was appended then. */
bool jqval_put(struct buf *b, jv v);

/* Where `v` stands in the document when it is an object or array of it that was not
 * changed; else an empty slice. */
struct slice jqval_source(jv v);

/* Append the members of object `v` but those named `skip`: a comma before each unless an
 * object has just been opened. *seen tells whether one is named `look`. As jqval_put. */
bool jqval_put_members(struct buf *b, jv v, struct slice skip, struct slice look, bool *seen);

/* The bytes of a string value, which stays the caller's; they last as long as it. */
struct slice jqval_string(jv v);

#endif
