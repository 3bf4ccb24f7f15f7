/* scan - is a piece of jq source whole?
 * A route's program becomes the body of a function in a larger source, so it must not
 * reach out of it: no bracket closed that it did not open, no ';' that belongs to no def,
 * no string or bracket left open. What is right inside the brackets is libjq's to say.
 * Pure. */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>

#include "slice.h"

enum { SCAN_DEPTH = 256 };

enum scan_kind {
	SCAN_PROGRAM, /* one expression */
	SCAN_DEFS,    /* definitions only: def NAME: …; */
};

struct scan_error {
	size_t at; /* offset of the offending byte; the text's length for its end */
	const char *why;
};

/* 0, or -1 with *e set: brackets, strings and ';' do not fit, nothing is in it, nesting
 * of SCAN_DEPTH, $ENV, a comment that a newer jq would continue on the next line. */
int scan_jq(struct slice text, enum scan_kind kind, struct scan_error *e);

#endif
