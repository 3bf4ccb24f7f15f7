#include "jsonseq.h"

#include <string.h>

enum { SEPARATOR = 0x1e };

void
jsonseq_init(struct jsonseq *q, size_t max)
{
	*q = (struct jsonseq){ .max = max, .lines = 1 };
}

void
jsonseq_free(struct jsonseq *q)
{
	buf_free(&q->b);
}

static bool
blank(char c)
{
	return slice_blank(c) || c == SEPARATOR;
}

/* Drop the bytes up to `end`. */
static void
drop(struct jsonseq *q, size_t end)
{
	for (size_t i = q->start; i < end; i++)
		q->lines += q->b.p[i] == '\n';
	q->start = q->scan = end;
	q->depth = 0;
	q->string = q->escape = false;
}

/* Skip the rest of the line. */
static void
skip_line(struct jsonseq *q)
{
	const char *end = NULL;

	if (q->b.n > q->start)
		end = memchr(q->b.p + q->start, '\n', q->b.n - q->start);
	q->skipping = !end;
	drop(q, end ? (size_t)(end - q->b.p) : q->b.n);
}

/* Look on for the end of the value that begins at q->start. True when it was found, at
 * q->scan. */
static bool
find_end(struct jsonseq *q)
{
	for (; q->scan < q->b.n; q->scan++) {
		char c = q->b.p[q->scan];

		if (c == SEPARATOR)
			return true;
		if (q->string) {
			if (q->escape)
				q->escape = false;
			else if (c == '\\')
				q->escape = true;
			else if (c == '"')
				q->string = false;
			if (!q->string && !q->depth) {
				q->scan++;
				return true;
			}
			continue;
		}
		bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';

		/* A number or a word ends where anything else begins. */
		if (!q->depth && q->scan > q->start && (blank(c) || opens || c == '"'))
			return true;
		q->string = c == '"';
		q->depth += opens;
		if (closes && q->depth <= 1) {
			q->scan++;
			return true;
		}
		q->depth -= closes;
	}
	return q->eof;
}

enum jsonseq_status
jsonseq_take(struct jsonseq *q, struct slice *value, const char **why)
{
	struct js_error e;
	size_t end = q->start;

	if (q->skipping)
		skip_line(q);
	if (q->scan == q->start) {
		for (end = q->start; end < q->b.n && blank(q->b.p[end]); end++)
			;
		drop(q, end);
	}
	/* Memory is moved only when half of it is done with. */
	if (q->start > q->b.n / 2) {
		q->scan -= q->start;
		buf_drop(&q->b, q->start);
		q->start = 0;
	}
	if (q->start == q->b.n)
		return q->eof ? JSONSEQ_EOF : JSONSEQ_MORE;
	bool found = find_end(q);

	*value = slice_of(q->b.p + q->start, q->scan - q->start);
	if (!found && value->n <= q->max)
		return JSONSEQ_MORE;
	q->number++;
	q->line = q->lines;
	if (value->n > q->max) {
		skip_line(q);
		return JSONSEQ_TOO_LONG;
	}
	drop(q, q->scan);
	if (js_valid(*value, &e))
		return JSONSEQ_OK;
	*why = e.why;
	return JSONSEQ_BAD;
}
