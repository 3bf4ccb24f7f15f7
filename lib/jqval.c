#include "jqval.h"

#include <dlfcn.h>
#include <jq.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "jqcmp.h"
#include "jqnum.h"
#include "js.h"
#include "mem.h"

/* An object or array of the document. One reference is kept, so libjq changes a copy and
 * never the value itself: who has its address has it unchanged. */
struct source {
	const void *ptr;
	int size;
	struct slice text;
};

enum {
	KEPT = 512,        /* strings */
	KEPT_LONGEST = 32, /* bytes */
	MANY = 4096,       /* objects and arrays for which memory is kept */
};

static struct {
	jv *held; /* the references */
	size_t n, cap;
	struct source *slot; /* open addressing by address; NULL is free */
	size_t slots;
} containers;

/* Member names come again and again, and many short values too: their strings are kept.
 * Direct mapped. */
static struct cache {
	struct cached {
		struct slice text; /* in the string itself; empty: none is kept here */
		jv string;
	} v[KEPT];
} kept_names, kept_values;

volatile sig_atomic_t jqval_stop;
static jv (*libjq_dump_string)(jv, int);

const char *
jqval_init(void)
{
	/* A data pointer is no function pointer in C; POSIX says it can be copied. */
	*(void **)&libjq_dump_string = dlsym(RTLD_NEXT, "jv_dump_string");
	if (!libjq_dump_string || jqcmp_init())
		return "libjq's own functions are not to be found";
	return NULL;
}

/* --- reading --- */

struct reader {
	const char *p, *end;
	bool constant; /* for ever, so its objects and arrays are not remembered */
};

static size_t
slot_of(const void *ptr)
{
	return (size_t)(((uintptr_t)ptr >> 4) * 0x9e3779b97f4a7c15ull >> 20) & (containers.slots - 1);
}

static void
enter(jv v, struct slice text)
{
	size_t i = slot_of(v.u.ptr);

	while (containers.slot[i].ptr)
		i = (i + 1) & (containers.slots - 1);
	containers.slot[i] = (struct source){ v.u.ptr, v.size, text };
}

static void
grow_slots(void)
{
	struct source *old = containers.slot;
	size_t n = containers.slots;

	containers.slots = n ? n * 2 : 32;
	containers.slot = mem_zero(containers.slots, sizeof(*containers.slot));
	for (size_t i = 0; i < n; i++) {
		if (!old[i].ptr)
			continue;
		size_t k = slot_of(old[i].ptr);

		while (containers.slot[k].ptr)
			k = (k + 1) & (containers.slots - 1);
		containers.slot[k] = old[i];
	}
	free(old);
}

static void
remember(jv v, struct slice text)
{
	if (containers.n == containers.cap) {
		containers.cap = containers.cap ? containers.cap * 2 : 16;
		containers.held = mem_resize(containers.held, containers.cap, sizeof(jv));
	}
	if (2 * (containers.n + 1) > containers.slots)
		grow_slots();
	containers.held[containers.n++] = jv_copy(v);
	enter(v, text);
}

static void
blanks(struct reader *r)
{
	while (r->p < r->end && (unsigned char)*r->p <= ' ')
		r->p++;
}

/* The string at r->p, raw: what is between its quotes. */
static struct slice
raw_string(struct reader *r, bool *escapes)
{
	const char *start = ++r->p, *p = js_skip_plain(start, r->end);

	*escapes = false;
	/* Most strings are plain to their end. */
	if (*p != '"') {
		p = memchr(p, '"', (size_t)(r->end - p));
		*escapes = memchr(start, '\\', (size_t)(p - start)) != NULL;
		if (*escapes)
			for (p = start; *p != '"'; p++)
				p += *p == '\\';
	}
	r->p = p + 1;
	return slice_of(start, (size_t)(p - start));
}

static jv
make_string(struct slice raw, bool escapes)
{
	struct buf scratch = { 0 };
	struct slice text = escapes ? js_key_text(raw, &scratch) : raw;
	jv v = jv_string_sized(text.p, (int)text.n);

	buf_free(&scratch);
	return v;
}

static jv
read_string(struct reader *r, struct cache *cache)
{
	bool escapes;
	struct slice raw = raw_string(r, &escapes);
	struct cached *c;

	if (escapes || !raw.n || raw.n > KEPT_LONGEST)
		return make_string(raw, escapes);
	c = &cache->v[(raw.n * 31 + (unsigned char)raw.p[0] * 7 +
	    (unsigned char)raw.p[raw.n / 2] * 131 + (unsigned char)raw.p[raw.n - 1] * 17) % KEPT];
	if (slice_eq(c->text, raw))
		return jv_copy(c->string);
	if (c->text.n)
		jv_free(c->string);
	c->string = make_string(raw, false);
	c->text = jqval_string(c->string);
	return jv_copy(c->string);
}

/* Recursive: js_valid has bounded the depth by JS_DEPTH. After jqval_stop r->p is of no
 * use, and all loops end. */
static jv
read_value(struct reader *r)
{
	const char *start = r->p;
	jv v;

	switch (*start) {
	case '"':
		return read_string(r, &kept_values);
	case 't':
		r->p += 4;
		return jv_true();
	case 'f':
		r->p += 5;
		return jv_false();
	case 'n':
		r->p += 4;
		return jv_null();
	case '{':
		v = jv_object();
		for (r->p++, blanks(r); !jqval_stop && *r->p != '}'; blanks(r)) {
			jv key = read_string(r, &kept_names);

			blanks(r);
			r->p++;
			blanks(r);
			v = jv_object_set(v, key, read_value(r));
			blanks(r);
			if (*r->p == ',')
				r->p++;
		}
		break;
	case '[':
		v = jv_array();
		for (r->p++, blanks(r); !jqval_stop && *r->p != ']'; blanks(r)) {
			v = jv_array_append(v, read_value(r));
			blanks(r);
			if (*r->p == ',')
				r->p++;
		}
		break;
	default:
		while (r->p < r->end && (*r->p == '-' || *r->p == '+' || *r->p == '.' ||
		    (*r->p >= '0' && *r->p <= '9') || *r->p == 'e' || *r->p == 'E'))
			r->p++;
		return jqnum_read(slice_of(start, (size_t)(r->p - start)), r->constant);
	}
	r->p++;
	if (!r->constant)
		remember(v, slice_of(start, (size_t)(r->p - start)));
	return v;
}

size_t
jqval_cost(struct slice text)
{
	/* libjq makes room for 8 members or 16 elements at once; a string has a header; text is
	 * copied. */
	enum { CONTAINER = 600, VALUE = 64 };
	size_t brackets = 0, commas = 0;

	for (size_t i = 0; i < text.n; i++) {
		brackets += (text.p[i] | 0x20) == 0x7b; /* [ and { */
		commas += text.p[i] == ',';
	}
	return brackets * CONTAINER + commas * VALUE + text.n * 2;
}

jv
jqval_read(struct slice text)
{
	struct slice t = slice_trim(text);
	struct reader r = { t.p, t.p + t.n, false };
	jv v;

	jqval_release();
	v = read_value(&r);
	if (jqval_stop) {
		jv_free(v);
		jqval_release();
		return jv_invalid();
	}
	return v;
}

jv
jqval_constant(struct slice text)
{
	struct slice t = slice_trim(text);
	char *copy = mem_copy(t.p, t.n);
	size_t before = jqnum_constants();
	struct reader r = { copy, copy + t.n, true };
	jv v = read_value(&r);

	/* Without numbers nothing points into it. */
	if (jqnum_constants() == before)
		free(copy);
	return v;
}

void
jqval_release(void)
{
	if (containers.slots > 2 * MANY) {
		/* Give the memory back. */
		free(containers.slot);
		containers.slot = NULL;
		containers.slots = 0;
	} else {
		for (size_t i = 0; i < containers.n; i++) {
			/* Probing stops at gaps: clear from the entry's home to the next gap. */
			size_t k = slot_of(containers.held[i].u.ptr);

			while (containers.slot[k].ptr) {
				containers.slot[k].ptr = NULL;
				k = (k + 1) & (containers.slots - 1);
			}
		}
	}
	for (size_t i = 0; i < containers.n; i++)
		jv_free(containers.held[i]);
	containers.n = 0;
	if (containers.cap > MANY) {
		free(containers.held);
		containers.held = NULL;
		containers.cap = 0;
	}
	jqnum_forget();
}

/* --- printing --- */

static void
put_number(struct buf *b, jv v)
{
	const struct jqnum *n = jqnum_of(v);
	double d = jv_number_value(v);

	if (n) {
		buf_slice(b, n->text);
	} else if (fabs(d) < 1e15 && d == (double)(int64_t)d && !(d == 0 && signbit(d))) {
		if (d < 0)
			buf_byte(b, '-');
		buf_u64(b, (unsigned long long)fabs(d));
	} else {
		jv text = libjq_dump_string(jv_copy(v), 0);

		buf_slice(b, jqval_string(text));
		jv_free(text);
	}
}

struct slice
jqval_string(jv v)
{
	return slice_of(jv_string_value(v), (size_t)jv_string_length_bytes(jv_copy(v)));
}

struct slice
jqval_source(jv v)
{
	if (!containers.n)
		return slice_of("", 0);
	for (size_t i = slot_of(v.u.ptr); containers.slot[i].ptr; i = (i + 1) & (containers.slots - 1))
		if (containers.slot[i].ptr == v.u.ptr)
			/* A slice of an array has its address, but another length or offset. */
			return containers.slot[i].size == v.size && !v.offset ? containers.slot[i].text
				: slice_of("", 0);
	return slice_of("", 0);
}

static bool put(struct buf *b, jv v, unsigned depth);

/* Consumes v. */
static bool
put_member(struct buf *b, struct slice name, jv v, unsigned depth)
{
	bool ok;

	if (b->p[b->n - 1] != '{')
		buf_byte(b, ',');
	js_put_string(b, name);
	buf_byte(b, ':');
	ok = put(b, v, depth + 1);
	jv_free(v);
	return ok;
}

static bool
put(struct buf *b, jv v, unsigned depth)
{
	bool ok = true;
	struct slice source;

	switch (jv_get_kind(v)) {
	case JV_KIND_INVALID:
		return false;
	case JV_KIND_NULL:
		buf_add(b, "null", 4);
		return true;
	case JV_KIND_FALSE:
		buf_add(b, "false", 5);
		return true;
	case JV_KIND_TRUE:
		buf_add(b, "true", 4);
		return true;
	case JV_KIND_NUMBER:
		put_number(b, v);
		return true;
	case JV_KIND_STRING:
		js_put_string(b, jqval_string(v));
		return true;
	case JV_KIND_ARRAY:
	case JV_KIND_OBJECT:
		break;
	}
	source = jqval_source(v);
	if (source.n) {
		js_put_flat(b, source);
		return true;
	}
	if (depth == JS_DEPTH)
		return false;
	if (jv_get_kind(v) == JV_KIND_ARRAY) {
		int n = jv_array_length(jv_copy(v));

		buf_byte(b, '[');
		for (int i = 0; i < n && ok; i++) {
			jv e = jv_array_get(jv_copy(v), i);

			if (i)
				buf_byte(b, ',');
			ok = put(b, e, depth + 1);
			jv_free(e);
		}
		buf_byte(b, ']');
		return ok;
	}
	buf_byte(b, '{');
	for (int i = jv_object_iter(v); jv_object_iter_valid(v, i) && ok;
	    i = jv_object_iter_next(v, i)) {
		jv name = jv_object_iter_key(v, i);

		ok = put_member(b, jqval_string(name), jv_object_iter_value(v, i), depth);
		jv_free(name);
	}
	buf_byte(b, '}');
	return ok;
}

bool
jqval_put(struct buf *b, jv v)
{
	return put(b, v, 0);
}

bool
jqval_put_members(struct buf *b, jv v, struct slice skip, struct slice look, bool *seen)
{
	bool ok = true;

	*seen = false;
	for (int i = jv_object_iter(v); jv_object_iter_valid(v, i) && ok;
	    i = jv_object_iter_next(v, i)) {
		jv name = jv_object_iter_key(v, i);
		struct slice text = jqval_string(name);

		*seen = *seen || slice_eq(text, look);
		if (!slice_eq(text, skip))
			ok = put_member(b, text, jv_object_iter_value(v, i), 0);
		jv_free(name);
	}
	return ok;
}

/* --- in libjq's place --- */

/* libjq calls it by way of its linkage table, so this one is found before its own. It
 * consumes its argument, as libjq's functions do. */
jv
jv_dump_string(jv v, int flags)
{
	struct buf b = { 0 };
	jv text;

	if (flags) /* pretty, coloured or for debugging: never part of data */
		return libjq_dump_string(v, flags);
	if (put(&b, v, 0))
		text = jv_string_sized(b.p, (int)b.n);
	else
		text = jv_string("<nested too deeply>");
	buf_free(&b);
	jv_free(v);
	return text;
}
