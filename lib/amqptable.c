/* From the wire to JSON; the other way is amqptable_wire.c. */
#include "amqptable.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base64.h"
#include "bytes.h"
#include "utf8.h"

static bool value_to_json(struct buf *b, struct bytes_reader *r, char type, int depth);

static void
put_tagged(struct buf *b, const char *tag)
{
	buf_str(b, "{\"!");
	buf_str(b, tag);
	buf_str(b, "\":");
}

static void
put_base64(struct buf *b, const char *tag, struct slice bytes)
{
	put_tagged(b, tag);
	buf_byte(b, '"');
	base64_put(b, bytes);
	buf_str(b, "\"}");
}

void
amqptable_put_string(struct buf *b, struct slice bytes)
{
	if (utf8_valid(bytes))
		js_put_string(b, bytes);
	else
		put_base64(b, "string", bytes);
}

static void
put_tagged_int(struct buf *b, const char *tag, int64_t v)
{
	put_tagged(b, tag);
	buf_i64(b, v);
	buf_byte(b, '}');
}

static void
put_tagged_uint(struct buf *b, const char *tag, uint64_t v)
{
	put_tagged(b, tag);
	buf_u64(b, v);
	buf_byte(b, '}');
}

/* The shortest text that reads back as v; always with a point or an exponent, so that it
 * is told from an integer. */
static void
put_double(struct buf *b, double v, bool single)
{
	char text[40];
	int digits = single ? 6 : 15;

	do
		snprintf(text, sizeof(text), "%.*g", digits, v);
	while ((single ? strtof(text, NULL) != (float)v : strtod(text, NULL) != v) && digits++ < 17);
	buf_str(b, text);
	if (!strpbrk(text, ".e"))
		buf_str(b, ".0");
}

static void
put_real(struct buf *b, double v, uint64_t bits, bool single)
{
	if (single || !isfinite(v))
		put_tagged(b, single ? "float" : "double");
	if (isfinite(v))
		put_double(b, v, single);
	else
		buf_fmt(b, "\"0x%0*llx\"", single ? 8 : 16, (unsigned long long)bits);
	if (single || !isfinite(v))
		buf_byte(b, '}');
}

/* A decimal is value / 10^scale; the digits behind the point tell the scale. */
static void
put_decimal(struct buf *b, unsigned scale, uint32_t v)
{
	char digits[300];
	int n = snprintf(digits, sizeof(digits), "%0*lu", (int)scale + 1, (unsigned long)v);

	put_tagged(b, "decimal");
	buf_byte(b, '"');
	buf_add(b, digits, (size_t)n - scale);
	if (scale) {
		buf_byte(b, '.');
		buf_add(b, digits + n - scale, scale);
	}
	buf_str(b, "\"}");
}

static bool
table_to_json(struct buf *b, struct slice wire, int depth)
{
	struct bytes_reader r = bytes_reader(wire);
	size_t before = b->n;
	bool escape = false;
	unsigned members = 0;

	if (depth > AMQPTABLE_DEPTH)
		return false;
	buf_byte(b, '{');
	for (; r.left.n; members++) {
		struct slice key = bytes_take(&r, bytes_u8(&r));
		char type = (char)bytes_u8(&r);

		if (r.bad || !utf8_valid(key))
			return false;
		if (members)
			buf_byte(b, ',');
		else
			escape = key.n && key.p[0] == '!';
		js_put_string(b, key);
		buf_byte(b, ':');
		if (!value_to_json(b, &r, type, depth))
			return false;
	}
	buf_byte(b, '}');
	/* {"!x":1} would be taken for a value of type x. */
	if (members == 1 && escape) {
		struct buf inner = { 0 };

		buf_add(&inner, b->p + before, b->n - before);
		b->n = before;
		put_tagged(b, "table");
		buf_slice(b, buf_view(&inner));
		buf_byte(b, '}');
		buf_free(&inner);
	}
	return true;
}

static bool
array_to_json(struct buf *b, struct slice wire, int depth)
{
	struct bytes_reader r = bytes_reader(wire);
	const char *comma = "";

	if (depth > AMQPTABLE_DEPTH)
		return false;
	buf_byte(b, '[');
	while (r.left.n) {
		buf_str(b, comma);
		if (!value_to_json(b, &r, (char)bytes_u8(&r), depth))
			return false;
		comma = ",";
	}
	buf_byte(b, ']');
	return true;
}

static bool
value_to_json(struct buf *b, struct bytes_reader *r, char type, int depth)
{
	switch (type) {
	case 't': {
		unsigned v = bytes_u8(r);

		/* Any other byte would not come back as it was. */
		if (v > 1)
			return false;
		buf_str(b, v ? "true" : "false");
		break;
	}
	case 'b':
		put_tagged_int(b, "int8", (int8_t)bytes_u8(r));
		break;
	case 'B':
		put_tagged_uint(b, "uint8", bytes_u8(r));
		break;
	case 's':
		put_tagged_int(b, "int16", (int16_t)bytes_u16(r));
		break;
	case 'u':
		put_tagged_uint(b, "uint16", bytes_u16(r));
		break;
	case 'I':
		buf_i64(b, (int32_t)bytes_u32(r));
		break;
	case 'i':
		put_tagged_uint(b, "uint32", bytes_u32(r));
		break;
	case 'l': {
		int64_t v = (int64_t)bytes_u64(r);

		if (v >= INT32_MIN && v <= INT32_MAX)
			put_tagged_int(b, "int64", v);
		else
			buf_i64(b, v);
		break;
	}
	case 'L':
		put_tagged_uint(b, "uint64", bytes_u64(r));
		break;
	case 'T':
		put_tagged_uint(b, "timestamp", bytes_u64(r));
		break;
	case 'f': {
		uint32_t bits = bytes_u32(r);
		float v;

		memcpy(&v, &bits, sizeof(v));
		put_real(b, (double)v, bits, true);
		break;
	}
	case 'd': {
		uint64_t bits = bytes_u64(r);
		double v;

		memcpy(&v, &bits, sizeof(v));
		put_real(b, v, bits, false);
		break;
	}
	case 'D': {
		unsigned scale = bytes_u8(r);

		put_decimal(b, scale, bytes_u32(r));
		break;
	}
	case 'S':
		amqptable_put_string(b, bytes_take(r, bytes_u32(r)));
		break;
	case 'x':
		put_base64(b, "bytes", bytes_take(r, bytes_u32(r)));
		break;
	case 'F':
		if (!table_to_json(b, bytes_take(r, bytes_u32(r)), depth + 1))
			return false;
		break;
	case 'A':
		if (!array_to_json(b, bytes_take(r, bytes_u32(r)), depth + 1))
			return false;
		break;
	case 'V':
		buf_str(b, "null");
		break;
	default:
		return false;
	}
	return !r->bad;
}

void
amqptable_to_json(struct buf *b, struct slice wire)
{
	size_t before = b->n;

	if (!table_to_json(b, wire, 0)) {
		b->n = before;
		put_base64(b, "raw", wire);
	}
}
