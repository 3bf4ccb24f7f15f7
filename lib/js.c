#include "js.h"

#include <errno.h>
#include <stdlib.h>

#include "utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What scanning knows: where it is and what went wrong. The functions below return the
 * position behind what they scanned, or NULL after fail(). */
struct scan {
	const char *start, *end;
	struct js_error error;
};

static const char *
fail(struct scan *s, const char *at, const char *why)
{
	s->error.at = (size_t)(at - s->start);
	s->error.why = why;
	return NULL;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && slice_blank(*p))
		p++;
	return p;
}

/* Behind the blanks at p. Nearly always there are none: one comparison tells. */
static inline const char *
blanks(const char *p, const char *end)
{
	return p < end && (unsigned char)*p <= ' ' ? skip_blanks(p, end) : p;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

/* Bytes of a string that need no look: printable ASCII but '"' and '\'. */
static const unsigned char plain[256] = {
	[0x20 ... 0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7f] = 1,
};

static inline const char *
skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	/* Most of a line is inside strings: sixteen bytes at a time. As signed numbers both
	 * control characters and what is not ASCII are less than a blank. */
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i special = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(' ')),
		    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
		    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
		int mask = _mm_movemask_epi8(special);

		if (mask)
			return p + __builtin_ctz((unsigned)mask);
		p += 16;
	}
#endif
	while (p < end && plain[(unsigned char)*p])
		p++;
	return p;
}

const char *
js_skip_plain(const char *p, const char *end)
{
	return skip_plain(p, end);
}

/* The rest of a string that is more than plain characters. */
static const char *
odd_string(struct scan *s, const char *open, const char *p)
{
	for (;; p = skip_plain(p, s->end)) {
		if (p == s->end)
			return fail(s, open, "unterminated string");
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			if (++p == s->end)
				return fail(s, open, "unterminated string");
			if (*p == 'u') {
				for (int i = 1; i <= 4; i++)
					if (p + i >= s->end || !is_hex(p[i]))
						return fail(s, p - 1, "bad \\u escape");
				p += 5;
			} else if (memchr("\"\\/bfnrt", *p, 8)) {
				p++;
			} else {
				return fail(s, p - 1, "bad escape");
			}
		} else if ((unsigned char)*p < 0x20) {
			return fail(s, p, "control character in a string");
		} else {
			unsigned n = utf8_length((const unsigned char *)p,
			    (const unsigned char *)s->end);

			if (!n)
				return fail(s, p, "invalid UTF-8");
			p += n;
		}
	}
}

/* p is behind the opening quote; returns the position behind the closing one. */
static inline const char *
string(struct scan *s, const char *p)
{
	const char *open = p - 1;

	p = skip_plain(p, s->end);
	return p < s->end && *p == '"' ? p + 1 : odd_string(s, open, p);
}

static const char *
number(struct scan *s, const char *p)
{
	const char *start = p, *end = s->end;

	if (*p == '-')
		p++;
	if (!is_digit(p, end))
		return fail(s, start, "bad number");
	if (*p == '0' && is_digit(p + 1, end))
		return fail(s, start, "number with a leading zero");
	while (is_digit(p, end))
		p++;
	if (p < end && *p == '.') {
		if (!is_digit(++p, end))
			return fail(s, start, "bad number");
		while (is_digit(p, end))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(p, end))
			return fail(s, start, "bad number");
		while (is_digit(p, end))
			p++;
	}
	return p;
}

static const char *
word(struct scan *s, const char *p, struct slice w)
{
	if ((size_t)(s->end - p) < w.n || memcmp(p, w.p, w.n) != 0)
		return fail(s, p, "not a JSON value");
	return p + w.n;
}

/* A value that is no object or array. */
static const char *
scalar(struct scan *s, const char *p)
{
	switch (*p) {
	case '"':
		return string(s, p + 1);
	case 't':
		return word(s, p, S("true"));
	case 'f':
		return word(s, p, S("false"));
	case 'n':
		return word(s, p, S("null"));
	default:
		if (*p == '-' || is_digit(p, s->end))
			return number(s, p);
		return fail(s, p, "not a JSON value");
	}
}

/* `"key" :` and blanks around; p is at the key. */
static const char *
key(struct scan *s, const char *p)
{
	if (p == s->end)
		return fail(s, p, "unterminated object");
	if (*p != '"')
		return fail(s, p, "expected a member name");
	if (!(p = string(s, p + 1)))
		return NULL;
	p = blanks(p, s->end);
	if (p == s->end)
		return fail(s, p, "unterminated object");
	if (*p != ':')
		return fail(s, p, "expected ':'");
	return blanks(p + 1, s->end);
}

/* One value of any kind, at p; blanks before it are the caller's. Not recursive: one
 * bit for each open bracket tells objects from arrays. */
static const char *
value(struct scan *s, const char *p)
{
	uint64_t objects[JS_DEPTH / 64 + 1];
	unsigned depth = 0;

	for (;;) {
		/* A value begins here. */
		if (p == s->end)
			return fail(s, p, depth ? "unterminated value" : "no value");
		if (*p == '{' || *p == '[') {
			bool is_object = *p == '{';

			if (depth == JS_DEPTH)
				return fail(s, p, "nested too deeply");
			if (is_object)
				// cppcheck-suppress legacyUninitvar ; a bit is written before it is read
				objects[depth / 64] |= 1ull << depth % 64;
			else
				objects[depth / 64] &= ~(1ull << depth % 64);
			depth++;
			p = blanks(p + 1, s->end);
			if (p < s->end && *p == (is_object ? '}' : ']'))
				goto close;
			if (is_object && !(p = key(s, p)))
				return NULL;
			continue;
		}
		if (!(p = scalar(s, p)))
			return NULL;
		/* A value ends here: close what it ends, or go on behind a comma. */
		for (;;) {
			bool in_object;

			if (!depth)
				return p;
			in_object = objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
			p = blanks(p, s->end);
			if (p == s->end)
				return fail(s, p, in_object ? "unterminated object" : "unterminated array");
			if (*p == ',') {
				p = blanks(p + 1, s->end);
				if (in_object && !(p = key(s, p)))
					return NULL;
				break;
			}
			if (*p != (in_object ? '}' : ']'))
				return fail(s, p, in_object ? "expected ',' or '}'" : "expected ',' or ']'");
		close:
			p++;
			depth--;
		}
	}
}

bool
js_valid(struct slice text, struct js_error *e)
{
	struct scan s = { .start = text.p, .end = text.p + text.n };
	const char *p = value(&s, blanks(s.start, s.end));

	if (p) {
		p = blanks(p, s.end);
		if (p < s.end)
			p = fail(&s, p, "something behind the value");
	}
	if (!p && e)
		*e = s.error;
	return p != NULL;
}

size_t
js_first(struct slice text, struct slice *val, struct js_error *e)
{
	struct scan s = { .start = text.p, .end = text.p + text.n };
	const char *p = blanks(s.start, s.end), *q = value(&s, p);

	if (!q) {
		if (e)
			*e = s.error;
		return 0;
	}
	*val = slice_of(p, (size_t)(q - p));
	return (size_t)(blanks(q, s.end) - s.start);
}

/* js_object, without the check of what stands behind the object. */
static const char *
members(struct scan *s, const char *p, struct js_member *m, size_t most, size_t *count)
{
	size_t n = 0;

	if (p == s->end)
		return fail(s, p, "no value");
	if (*p != '{')
		return fail(s, p, "not a JSON object");
	p = blanks(p + 1, s->end);
	if (p < s->end && *p == '}') {
		*count = 0;
		return p + 1;
	}
	for (;;) {
		const char *name = p, *q;

		if (!(p = key(s, p)))
			return NULL;
		/* The key ends at the last quote before the value. */
		for (q = p - 1; *q != '"'; q--)
			;
		if (n == most)
			return fail(s, name, "too many members");
		m[n].key = slice_of(name + 1, (size_t)(q - name - 1));
		m[n].val.p = p;
		if (!(p = value(s, p)))
			return NULL;
		m[n].val.n = (size_t)(p - m[n].val.p);
		n++;
		p = blanks(p, s->end);
		if (p == s->end)
			return fail(s, p, "unterminated object");
		if (*p == '}') {
			*count = n;
			return p + 1;
		}
		if (*p != ',')
			return fail(s, p, "expected ',' or '}'");
		p = blanks(p + 1, s->end);
	}
}

int
js_object(struct slice text, struct js_member *m, size_t most, struct js_error *e)
{
	struct scan s = { .start = text.p, .end = text.p + text.n };
	size_t n = 0;
	const char *p = members(&s, blanks(s.start, s.end), m, most, &n);

	if (p) {
		p = blanks(p, s.end);
		if (p < s.end)
			p = fail(&s, p, "something behind the value");
	}
	if (!p) {
		if (e)
			*e = s.error;
		return -1;
	}
	return (int)n;
}

enum js_type
js_type(struct slice val)
{
	if (!val.n)
		return JS_NONE;
	switch (val.p[0]) {
	case '{':
		return JS_OBJECT;
	case '[':
		return JS_ARRAY;
	case '"':
		return JS_STRING;
	case 't':
		return JS_TRUE;
	case 'f':
		return JS_FALSE;
	case 'n':
		return JS_NULL;
	default:
		return JS_NUMBER;
	}
}

/* The position behind a string known to be valid; p is behind its opening quote. */
static const char *
skip_string(const char *p)
{
	for (; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* The position behind a value known to be valid. */
static const char *
skip(const char *p, const char *end)
{
	unsigned depth = 0;

	do {
		switch (*p) {
		case '"':
			p = skip_string(p + 1);
			break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			depth--;
			p++;
			break;
		case ',':
		case ':':
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			p++;
			break;
		default: /* a number or a word */
			while (p < end && !memchr(",:]} \t\r\n", *p, 8))
				p++;
		}
	} while (depth && p < end);
	return p;
}

struct js_walk
js_walk(struct slice val)
{
	struct js_walk w = { val.p, val.p + val.n, js_type(val) == JS_OBJECT };

	if (w.object || js_type(val) == JS_ARRAY)
		w.p = blanks(val.p + 1, w.end);
	else
		w.p = w.end;
	return w;
}

bool
js_next(struct js_walk *w, struct slice *name, struct slice *val)
{
	const char *p = w->p;

	if (p >= w->end || *p == '}' || *p == ']')
		return false;
	*name = slice_of("", 0);
	if (w->object) {
		const char *q = skip_string(p + 1);

		*name = slice_of(p + 1, (size_t)(q - p - 2));
		p = blanks(blanks(q, w->end) + 1, w->end);
	}
	val->p = p;
	p = skip(p, w->end);
	val->n = (size_t)(p - val->p);
	p = blanks(p, w->end);
	if (p < w->end && *p == ',')
		p = blanks(p + 1, w->end);
	w->p = p;
	return true;
}

bool
js_key_is(struct slice raw, struct slice name)
{
	if (slice_find(raw, '\\') == raw.n)
		return slice_eq(raw, name);
	struct buf b = { 0 };
	bool same = slice_eq(js_key_text(raw, &b), name);

	buf_free(&b);
	return same;
}

struct slice
js_get(struct slice obj, struct slice name)
{
	struct slice k, v, found = { "", 0 };

	if (js_type(obj) != JS_OBJECT)
		return found;
	for (struct js_walk w = js_walk(obj); js_next(&w, &k, &v);)
		if (js_key_is(k, name))
			found = v;
	return found;
}

struct slice
js_pick(const struct js_member *m, int n, struct slice name)
{
	while (n-- > 0)
		if (js_key_is(m[n].key, name))
			return m[n].val;
	return slice_of("", 0);
}

struct slice
js_path(struct slice obj, struct slice path)
{
	obj = slice_trim(obj);
	while (path.n && obj.n)
		obj = js_get(obj, slice_cut(&path, '.'));
	return obj;
}

static uint32_t
hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)((p[i] & 15) + (p[i] >> 6) * 9);
	return v;
}

struct slice
js_key_text(struct slice raw, struct buf *scratch)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	size_t before = scratch->n;
	char *out;

	if (slice_find(raw, '\\') == raw.n)
		return raw;
	/* No escape is shorter than what it stands for. */
	out = buf_reserve(scratch, raw.n + 4);
	while (p < end) {
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		uint32_t c;

		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		if (p[1] != 'u') {
			*out++ = to[strchr(from, p[1]) - from];
			p += 2;
			continue;
		}
		c = hex4(p + 2);
		p += 6;
		if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
			uint32_t low = hex4(p + 2);

			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				p += 6;
			}
		}
		if (c >= 0xd800 && c < 0xe000)
			c = 0xfffd;
		out += utf8_encode(c, out);
	}
	scratch->n = (size_t)(out - scratch->p);
	return slice_of(scratch->p + before, scratch->n - before);
}

struct slice
js_text(struct slice val, struct buf *scratch)
{
	if (js_type(val) != JS_STRING)
		return slice_of(NULL, 0);
	return js_key_text(slice_of(val.p + 1, val.n - 2), scratch);
}

bool
js_int(struct slice val, int64_t *v)
{
	char digits[24], *end;
	long long n;

	if (js_type(val) != JS_NUMBER || val.n >= sizeof(digits))
		return false;
	memcpy(digits, val.p, val.n);
	digits[val.n] = '\0';
	errno = 0;
	n = strtoll(digits, &end, 10);
	if (errno || *end)
		return false;
	*v = n;
	return true;
}

bool
js_double(struct slice val, double *v)
{
	char small[64], *copy = small;

	if (js_type(val) != JS_NUMBER)
		return false;
	if (val.n >= sizeof(small)) {
		struct buf b = { 0 };

		buf_slice(&b, val);
		*v = strtod(buf_cstr(&b), NULL);
		buf_free(&b);
		return true;
	}
	memcpy(copy, val.p, val.n);
	copy[val.n] = '\0';
	*v = strtod(copy, NULL);
	return true;
}

void
js_put_string(struct buf *b, struct slice s)
{
	const char *p = s.n ? s.p : "", *end = p + s.n; /* empty may be NULL */

	buf_byte(b, '"');
	while (p < end) {
		const char *run = p;

		p = skip_plain(p, end);
		buf_add(b, run, (size_t)(p - run));
		if (p == end)
			break;
		if (*p == '"' || *p == '\\') {
			buf_byte(b, '\\');
			buf_byte(b, *p++);
		} else if ((unsigned char)*p < 0x20) {
			const char *named = memchr("\b\f\n\r\t", *p, 5);

			if (named && *p) {
				buf_byte(b, '\\');
				buf_byte(b, "bfnrt"[*p == '\b' ? 0 : *p == '\f' ? 1 : *p == '\n' ? 2
					: *p == '\r' ? 3 : 4]);
			} else {
				buf_fmt(b, "\\u%04x", (unsigned char)*p);
			}
			p++;
		} else {
			unsigned n = utf8_length((const unsigned char *)p, (const unsigned char *)end);

			buf_add(b, n ? p : "\xef\xbf\xbd", n ? n : 3);
			p += n ? n : 1;
		}
	}
	buf_byte(b, '"');
}

void
js_put_flat(struct buf *b, struct slice val)
{
	size_t before = b->n;

	buf_slice(b, val);
	/* A raw line end in valid JSON can only be white space between tokens. */
	for (const char *end = "\n\r"; *end; end++)
		for (char *p = b->p + before; val.n &&
		    (p = memchr(p, *end, (size_t)(b->p + b->n - p)));)
			*p = ' ';
}

void
js_put_key(struct buf *b, const char *name)
{
	if (b->n && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[')
		buf_byte(b, ',');
	buf_byte(b, '"');
	buf_str(b, name);
	buf_add(b, "\":", 2);
}

void
js_put_member(struct buf *b, const char *name, struct slice string)
{
	js_put_key(b, name);
	js_put_string(b, string);
}

void
js_put_member_int(struct buf *b, const char *name, int64_t v)
{
	js_put_key(b, name);
	buf_i64(b, v);
}

void
js_put_member_raw(struct buf *b, const char *name, struct slice val)
{
	js_put_key(b, name);
	js_put_flat(b, val);
}
