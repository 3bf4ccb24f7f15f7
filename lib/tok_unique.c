#include <stdlib.h>

#include "js.h"
#include "mem.h"
#include "tok.h"

/* A member's name (without escapes) and the object it is in. */
struct seen {
	unsigned object;
	struct slice name;
};

enum { FEW = 12 }; /* members up to which comparing all pairs is faster than sorting */

static int
compare(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int c;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	c = n ? memcmp(x->name.p, y->name.p, n) : 0;
	if (c == 0 && x->name.n != y->name.n)
		c = x->name.n < y->name.n ? -1 : 1;
	return c;
}

static bool
all_differ(struct seen *v, size_t n)
{
	if (n <= FEW) {
		for (size_t i = 1; i < n; i++)
			for (size_t j = 0; j < i; j++)
				if (v[i].object == v[j].object && slice_eq(v[i].name, v[j].name))
					return false;
		return true;
	}
	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 1; i < n; i++)
		if (compare(&v[i - 1], &v[i]) == 0)
			return false;
	return true;
}

/* One pass over the text whatever its nesting: only strings and brackets matter, and a
 * string is a name when a colon follows. */
bool
tok_unique(struct slice json, struct buf *scratch)
{
	const char *p = json.p, *end = json.p + json.n;
	unsigned inside[JS_DEPTH + 1] = { 0 }, depth = 0, objects = 0;
	struct seen few[FEW], *v = few;
	size_t n = 0, cap = FEW;
	bool unique;

	/* Names without their escapes take no more room than the text: nothing moves. */
	buf_clear(scratch);
	buf_reserve(scratch, json.n + 4);
	while (p < end) {
		if (*p == '{') {
			inside[++depth] = ++objects;
		} else if (*p == '[') {
			inside[++depth] = 0;
		} else if (*p == '}' || *p == ']') {
			depth--;
		} else if (*p == '"') {
			const char *start = ++p, *q;

			for (; *p != '"'; p++)
				if (*p == '\\')
					p++;
			for (q = p + 1; q < end && slice_blank(*q); q++)
				;
			if (q < end && *q == ':') {
				if (n == cap) {
					struct seen *more = mem_resize(v == few ? NULL : v, cap * 2, sizeof(*v));

					if (v == few)
						memcpy(more, few, sizeof(few));
					v = more;
					cap *= 2;
				}
				v[n].object = inside[depth];
				v[n++].name = js_key_text(slice_of(start, (size_t)(p - start)), scratch);
			}
		}
		p++;
	}
	unique = all_differ(v, n);
	if (v != few)
		free(v);
	return unique;
}
