#include "mistakes.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "msg.h"

void
mistakes_add(struct mistakes *m, struct slice file, unsigned line, unsigned column,
    struct slice why)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mistake *k = &m->v[i];

		/* A mistake in a definition shows up in each group of routes. */
		if (k->line == line && k->column == column && slice_is(why, k->why) &&
		    (k->file ? slice_is(file, k->file) : !file.n))
			return;
	}
	m->v = mem_resize(m->v, m->n + 1, sizeof(*m->v));
	m->v[m->n++] = (struct mistake){ file.n ? mem_copy(file.p, file.n) : NULL, line, column,
		mem_copy(why.p, why.n) };
}

static int
by_line(const void *pa, const void *pb)
{
	const struct mistake *a = pa, *b = pb;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

static void
show_line(struct slice line, unsigned column)
{
	struct buf shown = { 0 }, caret = { 0 };

	for (size_t i = 0; i < line.n; i++)
		buf_byte(&shown, line.p[i] == '\t' || line.p[i] == '\r' ? ' ' : line.p[i]);
	/* A caret stands under a character: continuation bytes of UTF-8 take no column. */
	for (size_t i = 0; i + 1 < column; i++)
		if (i >= line.n || ((unsigned char)line.p[i] & 0xc0) != 0x80)
			buf_byte(&caret, ' ');
	msg_error("    %s", buf_cstr(&shown));
	if (column)
		msg_error("    %s^", buf_cstr(&caret));
	buf_free(&shown);
	buf_free(&caret);
}

void
mistakes_show(struct mistakes *m, const char *name, const struct routes *r)
{
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), by_line);
	for (size_t i = 0; i < m->n; i++) {
		const struct mistake *k = &m->v[i];
		const char *file = k->file ? k->file : name;

		if (!k->line) {
			msg_error("%s: %s", file, k->why);
		} else if (!k->column) {
			msg_error("%s:%u: %s", file, k->line, k->why);
		} else {
			msg_error("%s:%u:%u: %s", file, k->line, k->column, k->why);
		}
		if (!k->file && k->line && k->line <= r->lines)
			show_line(r->line[k->line - 1], k->column);
	}
}

void
mistakes_free(struct mistakes *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].file);
		free(m->v[i].why);
	}
	free(m->v);
	*m = (struct mistakes){ 0 };
}
