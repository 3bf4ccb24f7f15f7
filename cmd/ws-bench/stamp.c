#include "stamp.h"

#include <string.h>

enum { HEAD = 8, SENDER = HEAD, SEQ = SENDER + 6, DUE = SEQ + 8 };

static void
put_hex(char *out, uint64_t v, int digits)
{
	while (digits--) {
		out[digits] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
}

/* The value of a digit; anything above 15 is none. */
static unsigned
hex_digit(unsigned char c)
{
	unsigned digit = c - '0', letter = c - 'a';

	return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

/* -1 when one of them is no hexadecimal digit in lower case. */
static int64_t
get_hex(const char *p, int digits)
{
	unsigned all = 0;
	int64_t v = 0;

	while (digits--) {
		unsigned d = hex_digit((unsigned char)*p++);

		all |= d;
		v = v << 4 | (d & 15);
	}
	return all > 15 ? -1 : v;
}

static void
put_head(char *out, uint32_t run)
{
	out[0] = '~';
	out[1] = 'w';
	put_hex(out + 2, run, HEAD - 2);
}

void
stamp_put(char *out, uint32_t run, const struct stamp *s)
{
	put_head(out, run);
	put_hex(out + SENDER, s->sender, 6);
	put_hex(out + SEQ, s->seq, 8);
	put_hex(out + DUE, s->due, 12);
}

bool
stamp_find(struct slice message, uint32_t run, struct stamp *s)
{
	char head[HEAD];

	put_head(head, run);
	while (message.n >= STAMP_SIZE) {
		const char *p = memchr(message.p, head[0], message.n - STAMP_SIZE + 1);
		int64_t sender, seq, due;

		if (!p)
			return false;
		message = slice_from(message, (size_t)(p - message.p) + 1);
		if (memcmp(p, head, HEAD) != 0)
			continue;
		sender = get_hex(p + SENDER, 6);
		seq = get_hex(p + SEQ, 8);
		due = get_hex(p + DUE, 12);
		if (sender >= 0 && seq >= 0 && due >= 0) {
			*s = (struct stamp){ (uint32_t)sender, (uint32_t)seq, (uint64_t)due };
			return true;
		}
	}
	return false;
}
