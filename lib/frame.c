#include "frame.h"

#include <string.h>

#include "utf8.h"

size_t
frame_header_bits(unsigned char *out, const struct frame *f)
{
	size_t n = 2;

	out[0] = (unsigned char)((f->fin ? 0x80 : 0) | (f->rsv1 ? 0x40 : 0) | f->opcode);
	if (f->length < 126) {
		out[1] = (unsigned char)f->length;
	} else {
		unsigned bytes = f->length < 65536 ? 2 : 8;

		out[1] = bytes == 2 ? 126 : 127;
		while (bytes)
			out[n++] = (unsigned char)(f->length >> 8 * --bytes);
	}
	if (f->masked) {
		out[1] |= 0x80;
		memcpy(out + n, f->mask, 4);
		n += 4;
	}
	return n;
}

size_t
frame_header(unsigned char *out, enum frame_opcode opcode, uint64_t length,
    const unsigned char mask[4])
{
	struct frame f = { .opcode = opcode, .fin = true, .masked = mask != NULL, .length = length };

	if (mask)
		memcpy(f.mask, mask, 4);
	return frame_header_bits(out, &f);
}

static enum frame_status
bad(const char **why, const char *what)
{
	if (why)
		*why = what;
	return FRAME_BAD;
}

enum frame_status
frame_decode(struct slice bytes, bool from_client, bool rsv1, struct frame *f, const char **why)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	unsigned extended;
	bool control;

	*f = (struct frame){ .header = 2 };
	if (!bytes.n)
		return FRAME_MORE;
	f->fin = p[0] & 0x80;
	f->rsv1 = p[0] & 0x40;
	f->opcode = p[0] & 0x0f;
	control = f->opcode & 8;
	if (p[0] & 0x30 || (f->rsv1 && (!rsv1 || control || f->opcode == FRAME_CONTINUATION)))
		return bad(why, "reserved bits are set");
	if ((f->opcode > FRAME_BINARY && f->opcode < FRAME_CLOSE) || f->opcode > FRAME_PONG)
		return bad(why, "reserved opcode");
	if (control && !f->fin)
		return bad(why, "fragmented control frame");
	if (bytes.n < 2)
		return FRAME_MORE;
	f->masked = p[1] & 0x80;
	if (f->masked != from_client)
		return bad(why, from_client ? "frame is not masked" : "frame is masked");
	f->length = p[1] & 0x7f;
	if (control && f->length > FRAME_CONTROL_MAX)
		return bad(why, "long control frame");
	extended = f->length == 126 ? 2 : f->length == 127 ? 8 : 0;
	if (bytes.n < f->header + extended)
		return FRAME_MORE;
	if (extended) {
		f->length = 0;
		for (unsigned i = 0; i < extended; i++)
			f->length = f->length << 8 | p[2 + i];
		if (f->length >> 63)
			return bad(why, "frame length has its top bit set");
		if (f->length < (extended == 2 ? 126 : 65536))
			return bad(why, "frame length is not in its shortest form");
		f->header += extended;
	}
	if (f->masked) {
		if (bytes.n < f->header + 4)
			return FRAME_MORE;
		memcpy(f->mask, p + f->header, 4);
		f->header += 4;
	}
	return FRAME_OK;
}

void
frame_mask(char *p, size_t n, const unsigned char mask[4], uint64_t at)
{
	unsigned char m[8];
	uint64_t wide;
	size_t i = 0;

	for (unsigned k = 0; k < 8; k++)
		m[k] = mask[(at + k) & 3];
	memcpy(&wide, m, 8);
	for (; i + 8 <= n; i += 8) {
		uint64_t v;

		memcpy(&v, p + i, 8);
		v ^= wide;
		memcpy(p + i, &v, 8);
	}
	for (; i < n; i++)
		p[i] = (char)((unsigned char)p[i] ^ m[i & 7]);
}

bool
frame_close_code_ok(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	    (code >= 3000 && code <= 4999);
}

unsigned
frame_close(struct slice payload, struct slice *reason)
{
	unsigned code;

	*reason = slice_of("", 0);
	if (!payload.n)
		return 1005;
	if (payload.n < 2)
		return 0;
	code = (unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1];
	*reason = slice_from(payload, 2);
	return frame_close_code_ok(code) && utf8_valid(*reason) ? code : 0;
}
