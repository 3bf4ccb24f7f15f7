#include "jqnum.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"

enum { MANY = 4096 }; /* numbers of a document for which memory is kept */

/* A number's jv has the index of its text plus one in `size`, a constant's the negative of
 * that; 0 is a number without a text. */
static struct numbers {
	struct jqnum *v;
	size_t n, cap;
} document, constants;

static jv
tagged(struct numbers *t, double value, struct slice text)
{
	jv v = jv_number(value);

	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->v = mem_resize(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->n] = (struct jqnum){ value, text };
	t->n++;
	v.size = t == &constants ? -(int)t->n : (int)t->n;
	return v;
}

void
jqnum_forget(void)
{
	document.n = 0;
	if (document.cap > MANY) {
		free(document.v);
		document = (struct numbers){ 0 };
	}
}

size_t
jqnum_constants(void)
{
	return constants.n;
}

const struct jqnum *
jqnum_of(jv v)
{
	const struct numbers *t = v.size < 0 ? &constants : &document;
	size_t i = (size_t)(v.size < 0 ? -(long)v.size : v.size);

	if (!i || i > t->n)
		return NULL;
	return t->v[i - 1].value == v.u.number ? &t->v[i - 1] : NULL;
}

/* Whole numbers of up to 15 digits are exact in a double and printed as they were:
 * they need no tag. */
jv
jqnum_read(struct slice text, bool constant)
{
	const char *p = text.p, *end = p + text.n;
	bool minus = *p == '-';
	int64_t whole = 0;
	double value = 0;

	p += minus;
	if (end - p <= 15 && !(minus && *p == '0')) {
		while (p < end && *p >= '0' && *p <= '9')
			whole = whole * 10 + (*p++ - '0');
		if (p == end)
			return jv_number((double)(minus ? -whole : whole));
	}
	js_double(text, &value);
	return tagged(constant ? &constants : &document, value, text);
}

/* A number's text as 0.DDD x 10^power: its digits without the zeros at both ends (a point
 * may stand among them), so that 1, 1.0 and 10e-1 are the same. */
struct decimal {
	bool minus;
	const char *digit, *end;
	int64_t power;
};

static struct decimal
decimal(struct slice text)
{
	struct decimal d = { .minus = text.p[0] == '-' };
	const char *p = text.p + d.minus, *end = text.p + text.n, *e = p, *point;
	int64_t exponent = 0;

	while (e < end && *e != 'e' && *e != 'E')
		e++;
	if (e < end) {
		const char *q = e + 1;
		bool down = *q == '-';

		q += *q == '-' || *q == '+';
		/* Beyond what any double has, further digits make no difference. */
		for (; q < end && exponent < 1000000000; q++)
			exponent = exponent * 10 + (*q - '0');
		if (down)
			exponent = -exponent;
	}
	point = memchr(p, '.', (size_t)(e - p));
	if (!point)
		point = e;
	d.digit = p;
	d.end = e;
	while (d.digit < d.end && (*d.digit == '0' || *d.digit == '.'))
		d.digit++;
	while (d.end > d.digit && (d.end[-1] == '0' || d.end[-1] == '.'))
		d.end--;
	if (d.digit == d.end)
		return (struct decimal){ .minus = false, .digit = p, .end = p };
	d.power = exponent + (d.digit < point ? point - d.digit : point + 1 - d.digit);
	return d;
}

int
jqnum_order(const struct jqnum *a, const struct jqnum *b)
{
	struct decimal x = decimal(a->text), y = decimal(b->text);
	int r = 0;

	if (x.minus != y.minus) /* -1e-400 and 1e-400 */
		return x.minus ? -1 : 1;
	if (x.power != y.power && x.digit < x.end && y.digit < y.end)
		r = x.power < y.power ? -1 : 1;
	while (!r) {
		x.digit += x.digit < x.end && *x.digit == '.';
		y.digit += y.digit < y.end && *y.digit == '.';
		if (x.digit == x.end || y.digit == y.end) {
			r = (x.digit < x.end) - (y.digit < y.end);
			break;
		}
		r = *x.digit++ - *y.digit++;
	}
	return x.minus ? -r : r;
}
