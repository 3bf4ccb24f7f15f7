/* line - lines from a descriptor, in one growing buffer with a limit.
 * Nothing here blocks but line_fill, which makes one read(2); event loops call it when
 * poll says so. Slices last until the next line_fill. */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "slice.h"

enum {
	LINE_MAX_DEFAULT = 16 << 20, /* longest line of the stream, bytes, without its end */
	LINE_CHUNK = 64 << 10,       /* bytes asked of one read(2) unless `chunk` says else */
};

struct line_reader {
	int fd;
	size_t max;      /* longest line, bytes */
	size_t chunk;    /* bytes asked of one read(2) */
	char delim;      /* what ends a line: '\n' after line_init */
	uint64_t number; /* of the line last taken, from 1 */
	char *p;
	size_t start, scan, end, cap; /* [start,end) is unread; up to scan there is no end of line */
	bool eof, skipping;
};

enum line_status {
	LINE_OK,       /* *line is the next line, without its '\n' */
	LINE_MORE,     /* no whole line here: call line_fill */
	LINE_TOO_LONG, /* a line over `max` begins here: told once, then skipped */
	LINE_EOF,      /* all was taken */
};

void line_init(struct line_reader *r, int fd, size_t max);

/* The next line out of the buffer. Never reads. A last line without '\n' counts. */
enum line_status line_take(struct line_reader *r, struct slice *line);

/* One read(2). Bytes read, 0 at the end of input, -1 with errno (EINTR and EAGAIN
 * included). */
ssize_t line_fill(struct line_reader *r);

/* Bytes read but not yet taken. */
static inline size_t
line_pending(const struct line_reader *r)
{
	return r->end - r->start;
}

void line_free(struct line_reader *r);

#endif
