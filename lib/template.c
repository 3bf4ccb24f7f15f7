#include "template.h"

#include <stdlib.h>

#include "mem.h"

/* Literal text, or a value: then text is its path. */
struct part {
	struct slice text, fallback;
	bool value, plain, has_fallback;
};

struct template {
	char *source;
	struct part *parts;
	size_t n;
};

static struct part *
add(struct template *t, struct slice text)
{
	struct part *p;

	t->parts = mem_resize(t->parts, t->n + 1, sizeof(*t->parts));
	p = &t->parts[t->n++];
	*p = (struct part){ .text = text };
	return p;
}

/* What stands between braces. */
static const char *
add_value(struct template *t, struct slice inner)
{
	bool plain = slice_starts(inner, S("="));
	struct slice path, rest = slice_from(inner, plain);
	size_t bar = slice_find(rest, '|');
	struct part *p;

	path = slice_of(rest.p, bar);
	if (!path.n || path.p[0] == '.' || path.p[path.n - 1] == '.')
		return "a value without a name";
	if (slice_find(rest, '{') < rest.n)
		return "a '{' within braces";
	p = add(t, path);
	p->value = true;
	p->plain = plain;
	p->has_fallback = bar < rest.n;
	p->fallback = slice_from(rest, bar + 1);
	return NULL;
}

struct template *
template_parse(const char *text, const char **why)
{
	struct template *t = mem_zero(1, sizeof(*t));
	struct slice rest;

	t->source = mem_str(text);
	rest = slice_str(t->source);
	*why = NULL;
	while (rest.n && !*why) {
		size_t n = 0, end;

		while (n < rest.n && rest.p[n] != '{' && rest.p[n] != '}')
			n++;
		if (n)
			add(t, slice_of(rest.p, n));
		rest = slice_from(rest, n);
		if (!rest.n)
			break;
		if (rest.n > 1 && rest.p[1] == rest.p[0]) {
			add(t, slice_of(rest.p, 1));
			rest = slice_from(rest, 2);
			continue;
		}
		end = slice_find(rest, '}');
		if (rest.p[0] == '}')
			*why = "a '}' without a '{'";
		else if (end == rest.n)
			*why = "a '{' without a '}'";
		else
			*why = add_value(t, slice_of(rest.p + 1, end - 1));
		rest = slice_from(rest, end + 1);
	}
	if (!*why)
		return t;
	template_free(t);
	return NULL;
}

void
template_free(struct template *t)
{
	if (!t)
		return;
	free(t->source);
	free(t->parts);
	free(t);
}

bool
template_fixed(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].value)
			return false;
	return true;
}

/* The bytes of a value; false for what is none. */
static bool
look_up(const struct js_member *m, int n, struct slice path, struct buf *scratch,
    struct slice *bytes)
{
	struct slice rest = path, val = js_pick(m, n, slice_cut(&rest, '.'));

	if (rest.n)
		val = js_path(val, rest);
	switch (js_type(val)) {
	case JS_STRING:
		*bytes = js_text(val, scratch);
		break;
	case JS_NUMBER:
	case JS_TRUE:
	case JS_FALSE:
		*bytes = val;
		break;
	default:
		return false;
	}
	return bytes->n > 0;
}

static void
put_word(struct buf *key, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (c <= ' ' || c == 0x7f || c == '.' || c == '*' || c == '#' || c == '%') {
			buf_byte(key, '%');
			buf_byte(key, digits[c >> 4]);
			buf_byte(key, digits[c & 15]);
		} else {
			buf_byte(key, (char)c);
		}
	}
}

int
template_fill(const struct template *t, const struct js_member *m, int n, struct buf *key,
    const char **why, struct slice *where)
{
	struct buf scratch = { 0 };
	size_t before = key->n;
	int failed = 0;

	for (size_t i = 0; i < t->n && !failed; i++) {
		const struct part *p = &t->parts[i];
		struct slice bytes = { 0 };

		scratch.n = 0;
		if (!p->value) {
			buf_slice(key, p->text);
		} else if (look_up(m, n, p->text, &scratch, &bytes)) {
			/* What cannot fit need not be encoded first. */
			if (p->plain || bytes.n > TEMPLATE_KEY_MAX)
				buf_slice(key, bytes);
			else
				put_word(key, bytes);
		} else if (p->has_fallback) {
			buf_slice(key, p->fallback);
		} else {
			*why = "a value is missing";
			*where = p->text;
			failed = -1;
		}
		if (!failed && key->n - before > TEMPLATE_KEY_MAX) {
			*why = "the key is over 255 bytes";
			failed = -1;
		}
	}
	if (failed)
		key->n = before;
	buf_free(&scratch);
	return failed;
}
