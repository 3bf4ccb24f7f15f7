/* From JSON to the wire; the other way is amqptable.c. */
#include "amqptable.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "bytes.h"

/* Both directions of one conversion share the buffer for decoded strings. */
struct writer {
	struct buf *out;
	struct buf scratch;
	const char *why;
};

static int write_value(struct writer *w, struct slice val, int depth);

static int
fail(struct writer *w, const char *why)
{
	w->why = why;
	return -1;
}

int
amqptable_put_short(struct buf *wire, struct slice s)
{
	if (s.n > 255)
		return -1;
	buf_byte(wire, (char)s.n);
	buf_slice(wire, s);
	return 0;
}

static void
set_length(struct buf *out, size_t at)
{
	bytes_set_u32(out, at, (uint32_t)(out->n - at - 4));
}

static int
write_pair(struct writer *w, struct slice key, struct slice val, int depth)
{
	w->scratch.n = 0;
	if (amqptable_put_short(w->out, js_key_text(key, &w->scratch)))
		return fail(w, "a header's name is over 255 bytes");
	return write_value(w, val, depth);
}

static int
write_members(struct writer *w, struct slice json, int depth)
{
	struct js_walk walk = js_walk(json);
	struct slice key, val;

	while (js_next(&walk, &key, &val))
		if (write_pair(w, key, val, depth))
			return -1;
	return 0;
}

static int
write_table(struct writer *w, struct slice json, int depth)
{
	size_t at = w->out->n;

	if (depth > AMQPTABLE_DEPTH)
		return fail(w, "headers are nested too deep");
	bytes_put_u32(w->out, 0);
	if (write_members(w, json, depth))
		return -1;
	set_length(w->out, at);
	return 0;
}

static int
write_array(struct writer *w, struct slice json, int depth)
{
	struct js_walk walk = js_walk(json);
	struct slice key, val;
	size_t at = w->out->n;

	if (depth > AMQPTABLE_DEPTH)
		return fail(w, "headers are nested too deep");
	bytes_put_u32(w->out, 0);
	while (js_next(&walk, &key, &val))
		if (write_value(w, val, depth))
			return -1;
	set_length(w->out, at);
	return 0;
}

/* The only member of an object, when its name begins with '!'. */
static bool
tagged(struct slice json, struct slice *tag, struct slice *val)
{
	struct js_walk walk = js_walk(json);
	struct slice key, more;

	if (!js_next(&walk, &key, val) || !key.n || key.p[0] != '!' || js_next(&walk, &more, &more))
		return false;
	*tag = slice_from(key, 1);
	return true;
}

/* Digits and nothing else, up to `max`. */
static bool
unsigned_int(struct slice val, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < val.n; i++) {
		unsigned digit = (unsigned char)val.p[i] - '0';

		if (digit > 9 || *v > (max - digit) / 10)
			return false;
		*v = *v * 10 + digit;
	}
	return val.n > 0;
}

static int
write_decimal(struct writer *w, struct slice val)
{
	struct slice text = js_text(val, &w->scratch), whole = text;
	uint64_t v = 0;
	size_t scale;

	whole = slice_cut(&text, '.');
	scale = text.n;
	if (!whole.n || scale > 255 || (!scale && whole.p + whole.n != text.p))
		return fail(w, "!decimal is not a number in quotes");
	for (int part = 0; part < 2; part++)
		for (struct slice s = part ? text : whole; s.n; s = slice_from(s, 1)) {
			unsigned digit = (unsigned char)s.p[0] - '0';

			if (digit > 9)
				return fail(w, "!decimal is not a number in quotes");
			v = v * 10 + digit;
			if (v > UINT32_MAX)
				return fail(w, "!decimal is too large");
		}
	buf_byte(w->out, 'D');
	buf_byte(w->out, (char)scale);
	bytes_put_u32(w->out, (uint32_t)v);
	return 0;
}

static int
write_real(struct writer *w, struct slice val, bool single)
{
	double v = 0;
	uint64_t bits = 0;

	if (js_type(val) == JS_STRING) {
		struct slice hex = js_text(val, &w->scratch);
		size_t digits = single ? 8 : 16;

		if (hex.n != 2 + digits || !slice_starts(hex, S("0x")))
			return fail(w, "!float or !double is no number and not its bits");
		for (size_t i = 2; i < hex.n; i++) {
			static const char set[] = "0123456789abcdef";
			const char *p = hex.p[i] ? strchr(set, hex.p[i]) : NULL;

			if (!p)
				return fail(w, "!float or !double is no number and not its bits");
			bits = bits << 4 | (uint64_t)(p - set);
		}
	} else {
		if (!js_double(val, &v) || !isfinite(v) || (single && !isfinite((float)v)))
			return fail(w, "a number is out of range");
		if (single) {
			float f = (float)v;
			uint32_t half;

			memcpy(&half, &f, sizeof(half));
			bits = half;
		} else {
			memcpy(&bits, &v, sizeof(bits));
		}
	}
	buf_byte(w->out, single ? 'f' : 'd');
	if (single)
		bytes_put_u32(w->out, (uint32_t)bits);
	else
		bytes_put_u64(w->out, bits);
	return 0;
}

static int
write_string(struct writer *w, char type, struct slice val, bool base64)
{
	struct slice text = js_text(val, &w->scratch);
	size_t at;

	if (!text.p)
		return fail(w, "a header's bytes are not a string");
	buf_byte(w->out, type);
	at = w->out->n;
	bytes_put_u32(w->out, 0);
	if (!base64)
		buf_slice(w->out, text);
	else if (base64_get(w->out, text))
		return fail(w, "a header's base64 is malformed");
	set_length(w->out, at);
	return 0;
}

static void
write_int(struct buf *out, char type, unsigned size, uint64_t v)
{
	buf_byte(out, type);
	bytes_put(out, v, size);
}

static int
write_tagged(struct writer *w, struct slice tag, struct slice val, int depth)
{
	static const struct {
		const char *tag;
		char type;
		unsigned char size; /* bytes */
		bool negative;
	} ints[] = {
		{ "int8", 'b', 1, true }, { "uint8", 'B', 1, false },
		{ "int16", 's', 2, true }, { "uint16", 'u', 2, false },
		{ "int32", 'I', 4, true }, { "uint32", 'i', 4, false },
		{ "int64", 'l', 8, true }, { "uint64", 'L', 8, false },
		{ "timestamp", 'T', 8, false },
	};

	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		unsigned bits = 8U * ints[i].size;
		uint64_t u;
		int64_t v;

		if (!slice_is(tag, ints[i].tag))
			continue;
		if (ints[i].negative) {
			if (!js_int(val, &v) || (bits < 64 && (v < -((int64_t)1 << (bits - 1))
				|| v >= (int64_t)1 << (bits - 1))))
				return fail(w, "a number is out of its type's range");
			u = (uint64_t)v;
		} else if (!unsigned_int(val, UINT64_MAX >> (64 - bits), &u)) {
			return fail(w, "a number is out of its type's range");
		}
		write_int(w->out, ints[i].type, ints[i].size, u);
		return 0;
	}
	if (slice_is(tag, "decimal"))
		return write_decimal(w, val);
	if (slice_is(tag, "float") || slice_is(tag, "double"))
		return write_real(w, val, slice_is(tag, "float"));
	if (slice_is(tag, "string") || slice_is(tag, "bytes"))
		return write_string(w, slice_is(tag, "bytes") ? 'x' : 'S', val, true);
	if (slice_is(tag, "table") && js_type(val) == JS_OBJECT) {
		buf_byte(w->out, 'F');
		return write_table(w, val, depth + 1);
	}
	return fail(w, "a header has an unknown type");
}

static int
write_value(struct writer *w, struct slice val, int depth)
{
	struct slice tag, inner;
	int64_t v;

	w->scratch.n = 0;
	switch (js_type(val)) {
	case JS_NULL:
		buf_byte(w->out, 'V');
		return 0;
	case JS_TRUE:
	case JS_FALSE:
		buf_byte(w->out, 't');
		buf_byte(w->out, js_type(val) == JS_TRUE);
		return 0;
	case JS_NUMBER:
		if (js_int(val, &v)) {
			bool small = v >= INT32_MIN && v <= INT32_MAX;

			write_int(w->out, small ? 'I' : 'l', small ? 4 : 8, (uint64_t)v);
			return 0;
		}
		if (slice_find(val, '.') == val.n && slice_find(val, 'e') == val.n
			&& slice_find(val, 'E') == val.n)
			return fail(w, "a number is out of range");
		return write_real(w, val, false);
	case JS_STRING:
		return write_string(w, 'S', val, false);
	case JS_ARRAY:
		buf_byte(w->out, 'A');
		return write_array(w, val, depth + 1);
	case JS_OBJECT:
		if (tagged(val, &tag, &inner))
			return write_tagged(w, tag, inner, depth);
		buf_byte(w->out, 'F');
		return write_table(w, val, depth + 1);
	case JS_NONE:
		break;
	}
	return fail(w, "headers are not an object");
}

/* The top-level table, which alone may be {"!raw":…} or {"!table":…}. */
static int
write_top(struct writer *w, struct slice json)
{
	struct slice tag, inner;

	if (js_type(json) != JS_OBJECT)
		return fail(w, "headers are not an object");
	if (!tagged(json, &tag, &inner))
		return write_members(w, json, 0);
	if (slice_is(tag, "raw")) {
		struct slice text = js_text(inner, &w->scratch);

		if (!text.p || base64_get(w->out, text))
			return fail(w, "!raw headers are not base64");
		return 0;
	}
	if (!slice_is(tag, "table") || js_type(inner) != JS_OBJECT)
		return fail(w, "headers have an unknown type");
	return write_members(w, inner, 0);
}

int
amqptable_merge(struct buf *wire, struct slice json, struct slice defaults, const char **why)
{
	struct writer w = { .out = wire };
	size_t at = wire->n;
	int failed = 0;

	bytes_put_u32(wire, 0);
	if (json.n)
		failed = write_top(&w, json);
	if (!failed && defaults.n) {
		struct js_walk walk = js_walk(defaults);
		struct slice key, val;

		while (!failed && js_next(&walk, &key, &val)) {
			struct buf name = { 0 };

			buf_slice(&name, js_key_text(key, &w.scratch));
			if (js_type(js_get(json, buf_view(&name))) == JS_NONE)
				failed = write_pair(&w, key, val, 0);
			buf_free(&name);
		}
	}
	if (failed) {
		wire->n = at;
		*why = w.why;
	} else {
		set_length(wire, at);
	}
	buf_free(&w.scratch);
	return failed;
}

int
amqptable_from_json(struct buf *wire, struct slice json, const char **why)
{
	return amqptable_merge(wire, json, (struct slice){ 0 }, why);
}

int
amqptable_string(struct slice json, struct buf *scratch, struct slice *bytes)
{
	struct slice tag, inner, text;
	size_t before;

	*bytes = js_text(json, scratch);
	if (bytes->p)
		return 0;
	if (js_type(json) != JS_OBJECT || !tagged(json, &tag, &inner) || !slice_is(tag, "string"))
		return -1;
	/* Base64 has no escapes worth decoding, and a decoded copy would move with scratch. */
	if (js_type(inner) != JS_STRING)
		return -1;
	text = slice_of(inner.p + 1, inner.n - 2);
	before = scratch->n;
	if (base64_get(scratch, text))
		return -1;
	*bytes = slice_of(scratch->p + before, scratch->n - before);
	return 0;
}

const char *
amqptable_pair(const char *text, struct slice *name, struct buf *json)
{
	struct slice rest = slice_str(text), scalar;
	enum js_type type;

	*name = slice_cut(&rest, '=');
	if (!name->n || !strchr(text, '='))
		return "not NAME=VALUE";
	scalar = slice_trim(rest);
	type = js_valid(scalar, NULL) ? js_type(scalar) : JS_NONE;
	if (type == JS_NONE || type == JS_ARRAY || type == JS_OBJECT)
		js_put_string(json, rest);
	else
		js_put_flat(json, scalar);
	return NULL;
}
