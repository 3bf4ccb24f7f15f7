#include "base64.h"

#include <stdint.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
put(struct buf *b, struct slice in, const char *alphabet, bool pad)
{
	const unsigned char *p = (const unsigned char *)in.p;
	char *out = buf_reserve(b, in.n / 3 * 4 + 4), *start = out;
	size_t n = in.n;

	for (; n >= 3; n -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = alphabet[v >> 6 & 63];
		*out++ = alphabet[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		if (n == 2)
			*out++ = alphabet[v >> 6 & 63];
		else if (pad)
			*out++ = '=';
		if (pad)
			*out++ = '=';
	}
	b->n += (size_t)(out - start);
}

/* The six bits of c, or -1. `is_url` says which alphabet. */
static int
bits(unsigned char c, bool is_url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (is_url ? '-' : '+'))
		return 62;
	if (c == (is_url ? '_' : '/'))
		return 63;
	return -1;
}

/* Decode text without padding. */
static int
get(struct buf *b, struct slice in, bool is_url)
{
	size_t before = b->n;
	char *out = buf_reserve(b, in.n / 4 * 3 + 3), *start = out;
	uint32_t v = 0;
	unsigned have = 0;

	if (in.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < in.n; i++) {
		int six = bits((unsigned char)in.p[i], is_url);

		if (six < 0)
			return -1;
		v = v << 6 | (uint32_t)six;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (char)(v >> have);
			v &= (1u << have) - 1;
		}
	}
	if (v)
		return -1; /* bits behind the end: a second spelling of the same bytes */
	b->n = before + (size_t)(out - start);
	return 0;
}

void
base64_put(struct buf *b, struct slice bytes)
{
	put(b, bytes, standard, true);
}

void
base64url_put(struct buf *b, struct slice bytes)
{
	put(b, bytes, url, false);
}

int
base64_get(struct buf *b, struct slice text)
{
	if (text.n % 4)
		return -1;
	for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
		text.n--;
	return get(b, text, false);
}

int
base64url_get(struct buf *b, struct slice text)
{
	return get(b, text, true);
}
