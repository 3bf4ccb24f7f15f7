#include "stencil.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

#include "mem.h"
#include "rec.h"

static const struct {
	const char *name;
	enum stencil_part part;
} places[] = {
	{ "{n}", PART_N }, { "{conn}", PART_CONN }, { "{user}", PART_USER },
	{ "{room}", PART_ROOM }, { "{time}", PART_TIME }, { "{id}", PART_ID },
	{ "{pad}", PART_PAD },
};

/* The place that `text` begins with; its length is in *n. PART_TEXT when it is none. */
static enum stencil_part
place_at(struct slice text, size_t *n)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct slice name = slice_str(places[i].name);

		if (slice_starts(text, name)) {
			*n = name.n;
			return places[i].part;
		}
	}
	return PART_TEXT;
}

static void
add_piece(struct stencil *t, enum stencil_part part, struct slice text)
{
	if (part == PART_TEXT && !text.n)
		return;
	t->pieces = mem_resize(t->pieces, (size_t)t->n + 1, sizeof(*t->pieces));
	t->pieces[t->n++] = (struct piece){ part, text };
}

void
stencil_init(struct stencil *t, struct slice text)
{
	size_t start = 0, i = 0, n;

	*t = (struct stencil){ 0 };
	while (i < text.n) {
		enum stencil_part part = PART_TEXT;

		if (text.p[i] == '{')
			part = place_at(slice_from(text, i), &n);
		if (part == PART_TEXT) {
			i++;
			continue;
		}
		add_piece(t, PART_TEXT, slice_of(text.p + start, i - start));
		add_piece(t, part, slice_of("", 0));
		start = i += n;
	}
	add_piece(t, PART_TEXT, slice_of(text.p + start, i - start));
}

bool
stencil_has(const struct stencil *t, enum stencil_part part)
{
	for (int i = 0; i < t->n; i++)
		if (t->pieces[i].part == part)
			return true;
	return false;
}

struct slice
stencil_unknown(struct slice text)
{
	for (size_t i = 0, n; i < text.n; i++) {
		size_t end = i + 1;

		if (text.p[i] != '{')
			continue;
		while (end < text.n && isalpha((unsigned char)text.p[end]))
			end++;
		if (end > i + 1 && end < text.n && text.p[end] == '}' &&
		    place_at(slice_from(text, i), &n) == PART_TEXT)
			return slice_of(text.p + i, end + 1 - i);
	}
	return (struct slice){ 0 };
}

/* The time without the quotes that rec.h puts around it. */
static void
put_time(struct buf *b)
{
	size_t at = b->n;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	rec_put_time(b, now);
	memmove(b->p + at, b->p + at + 1, b->n - at - 2);
	b->n -= 2;
}

void
stencil_put(struct buf *b, const struct stencil *t, const struct stencil_values *v)
{
	size_t begin = b->n, pad_at = 0, length;
	bool pad = false;

	for (int i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];

		switch (p->part) {
		case PART_TEXT:
			buf_slice(b, p->text);
			break;
		case PART_N:
			buf_u64(b, v->n);
			break;
		case PART_CONN:
			buf_u64(b, v->conn);
			break;
		case PART_USER:
			buf_slice(b, v->user);
			break;
		case PART_ROOM:
			buf_u64(b, v->room);
			break;
		case PART_TIME:
			put_time(b);
			break;
		case PART_ID:
			buf_slice(b, v->id);
			break;
		case PART_PAD:
			pad_at = b->n;
			pad = true;
			break;
		}
	}
	length = b->n - begin;
	if (pad && length < v->size) {
		size_t more = v->size - length;

		buf_reserve(b, more);
		memmove(b->p + pad_at + more, b->p + pad_at, b->n - pad_at);
		memset(b->p + pad_at, 'x', more);
		b->n += more;
	}
}

void
stencil_free(struct stencil *t)
{
	free(t->pieces);
	*t = (struct stencil){ 0 };
}
