/* Base64 and UTF-8: what is decoded encodes to the same text, and what is valid is what
 * RFC 3629 describes, bit by bit. */
#include <stdint.h>
#include <stdlib.h>

#include "base64.h"
#include "utf8.h"
#include "fuzz.h"

static void
both_ways(struct slice in, int (*get)(struct buf *, struct slice),
    void (*put)(struct buf *, struct slice))
{
	struct buf b = { 0 }, back = { 0 };

	if (get(&b, in) == 0) {
		put(&back, buf_view(&b));
		need(slice_eq(buf_view(&back), in));
	} else {
		need(b.n == 0);
	}
	buf_clear(&b);
	buf_clear(&back);
	put(&b, in);
	need(get(&back, buf_view(&b)) == 0 && slice_eq(buf_view(&back), in));
	buf_free(&b);
	buf_free(&back);
}

/* The length of the character at p by section 3 of RFC 3629: decode it, and see whether
 * it encodes to the same bytes. */
static unsigned
character(const unsigned char *p, size_t left)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	uint32_t c;
	char again[4];

	if (!n || n > left)
		return 0;
	c = p[0] & first[n];
	for (unsigned i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return utf8_encode(c, again) == n && memcmp(again, p, n) == 0 ? n : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	size_t at = 0;

	both_ways(in, base64_get, base64_put);
	both_ways(in, base64url_get, base64url_put);
	while (at < size) {
		unsigned n = character(data + at, size - at);

		need(utf8_length(data + at, data + size) == n);
		if (!n)
			break;
		at += n;
	}
	need(utf8_valid(in) == (at == size));
	return 0;
}
