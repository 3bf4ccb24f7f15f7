/* jsonseq - JSON values out of a stream of bytes, however they are broken into lines:
 * one after the other with blanks, line ends or nothing between them, or with the record
 * separator (0x1e) of RFC 7464 before each. Where a value ends is found by its brackets
 * and quotes; then it is validated as a whole. Nothing is read here. */
#ifndef JSONSEQ_H
#define JSONSEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "js.h"

struct jsonseq {
	size_t max;      /* longest value, bytes */
	uint64_t number; /* of the value last taken, from 1 */
	uint64_t line;   /* where that began, from 1 */
	bool eof;        /* set by the caller when nothing more will be added */

	struct buf b;    /* the caller appends here */
	size_t start;    /* of what was not taken yet */
	size_t scan;     /* up to here the value that begins at `start` has been looked at */
	uint64_t lines;  /* line of b.p[start] */
	unsigned depth;
	bool string, escape, skipping;
};

enum jsonseq_status {
	JSONSEQ_OK,       /* *value is the next value, until the next call */
	JSONSEQ_MORE,     /* append to b, or set eof */
	JSONSEQ_BAD,      /* malformed: *why says how (static text); it is skipped */
	JSONSEQ_TOO_LONG, /* longer than max: skipped up to the next line end */
	JSONSEQ_EOF,
};

void jsonseq_init(struct jsonseq *q, size_t max);
enum jsonseq_status jsonseq_take(struct jsonseq *q, struct slice *value, const char **why);
void jsonseq_free(struct jsonseq *q);

#endif
