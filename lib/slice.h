/* slice - a pointer and a length, borrowed from somebody else's buffer.
 * Not terminated by NUL. How long a borrow lasts is said where the slice comes from. */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A slice of a string literal. */
#define S(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })

static inline struct slice
slice_of(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline struct slice
slice_str(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline bool
slice_starts(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && slice_eq(slice_of(a.p, prefix.n), prefix);
}

/* What is left of `a` behind its first n bytes (all of it at most). */
static inline struct slice
slice_from(struct slice a, size_t n)
{
	if (n > a.n)
		n = a.n;
	return (struct slice){ n ? a.p + n : a.p, a.n - n }; /* a.p may be NULL then */
}

/* Index of byte c in `a`, or a.n when it is not there. */
static inline size_t
slice_find(struct slice a, char c)
{
	const char *q = a.n ? memchr(a.p, c, a.n) : NULL;

	return q ? (size_t)(q - a.p) : a.n;
}

/* Cut `*a` at the first byte c: returns what is before it and leaves in *a what is
 * behind it. Without c, returns all and leaves an empty slice. */
static inline struct slice
slice_cut(struct slice *a, char c)
{
	size_t i = slice_find(*a, c);
	struct slice head = { a->p, i };

	*a = slice_from(*a, i < a->n ? i + 1 : i);
	return head;
}

static inline bool
slice_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* `a` without blanks, tabs, CR and LF at both ends. */
static inline struct slice
slice_trim(struct slice a)
{
	while (a.n && slice_blank(a.p[0]))
		a.p++, a.n--;
	while (a.n && slice_blank(a.p[a.n - 1]))
		a.n--;
	return a;
}

#endif
