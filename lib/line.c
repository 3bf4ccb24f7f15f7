#include "line.h"

#include <stdlib.h>
#include <unistd.h>

#include "mem.h"

void
line_init(struct line_reader *r, int fd, size_t max)
{
	*r = (struct line_reader){ .fd = fd, .max = max, .chunk = LINE_CHUNK,
		.delim = '\n' };
}

/* The rest of a line that is too long: drop what is here up to its end. */
static void
skip(struct line_reader *r)
{
	char *nl = NULL;

	if (r->end > r->start)
		nl = memchr(r->p + r->start, r->delim, r->end - r->start);

	if (nl) {
		r->start = (size_t)(nl - r->p) + 1;
		r->skipping = false;
	} else {
		r->start = r->end;
	}
	r->scan = r->start;
}

enum line_status
line_take(struct line_reader *r, struct slice *line)
{
	char *nl = NULL;
	size_t stop;

	*line = slice_of("", 0);
	if (r->skipping)
		skip(r);
	if (r->scan < r->end)
		nl = memchr(r->p + r->scan, r->delim, r->end - r->scan);
	stop = nl ? (size_t)(nl - r->p) : r->end;
	if (stop - r->start > r->max) {
		r->number++;
		r->skipping = true;
		skip(r);
		return LINE_TOO_LONG;
	}
	if (!nl) {
		r->scan = r->end;
		if (!r->eof)
			return LINE_MORE;
		if (r->start == r->end)
			return LINE_EOF;
	}
	*line = slice_of(r->p + r->start, stop - r->start);
	r->start = r->scan = nl ? stop + 1 : stop;
	r->number++;
	return LINE_OK;
}

ssize_t
line_fill(struct line_reader *r)
{
	ssize_t n;

	if (r->start == r->end) {
		r->start = r->scan = r->end = 0;
	} else if (r->start && r->cap - r->end < r->chunk) {
		memmove(r->p, r->p + r->start, r->end - r->start);
		r->scan -= r->start;
		r->end -= r->start;
		r->start = 0;
	}
	if (r->cap - r->end < r->chunk) {
		size_t cap = r->cap * 2 > r->end + r->chunk ? r->cap * 2 : r->end + r->chunk;

		r->p = mem_resize(r->p, cap, 1);
		r->cap = cap;
	}
	n = read(r->fd, r->p + r->end, r->chunk);
	if (n > 0)
		r->end += (size_t)n;
	else if (n == 0)
		r->eof = true;
	return n;
}

void
line_free(struct line_reader *r)
{
	free(r->p);
	r->p = NULL;
	r->start = r->scan = r->end = r->cap = 0;
}
