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

/* The six bits of each character plus one; 0 for all that are not of the alphabet. Tables,
 * since branches on text that is as good as random are mispredicted half of the time. */
#define ALPHANUMERIC \
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, \
	['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, \
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, \
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, \
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, \
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, \
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, \
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
static const unsigned char standard_bits[256] = { ALPHANUMERIC, ['+'] = 63, ['/'] = 64 };
static const unsigned char url_bits[256] = { ALPHANUMERIC, ['-'] = 63, ['_'] = 64 };

/* Decode text without padding. */
static int
get(struct buf *b, struct slice in, const unsigned char *bits)
{
	const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n / 4 * 4;
	char *out = buf_reserve(b, in.n / 4 * 3 + 3), *start = out;
	unsigned have = (unsigned)(in.n % 4) * 6;
	uint32_t v = 0;

	if (in.n % 4 == 1)
		return -1;
	for (; p < end; p += 4) {
		unsigned char w = bits[p[0]], x = bits[p[1]], y = bits[p[2]], z = bits[p[3]];

		if (!w || !x || !y || !z)
			return -1;
		v = (uint32_t)(w - 1) << 18 | (uint32_t)(x - 1) << 12 | (uint32_t)(y - 1) << 6 |
			(uint32_t)(z - 1);
		*out++ = (char)(v >> 16);
		*out++ = (char)(v >> 8);
		*out++ = (char)v;
	}
	v = 0;
	for (size_t i = 0; i < in.n % 4; i++) {
		if (!bits[p[i]])
			return -1;
		v = v << 6 | (uint32_t)(bits[p[i]] - 1);
	}
	for (; have >= 8; have -= 8)
		*out++ = (char)(v >> (have - 8));
	if (v & ((1u << have) - 1))
		return -1; /* bits behind the end: a second spelling of the same bytes */
	b->n += (size_t)(out - start);
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
	return get(b, text, standard_bits);
}

int
base64url_get(struct buf *b, struct slice text)
{
	return get(b, text, url_bits);
}
