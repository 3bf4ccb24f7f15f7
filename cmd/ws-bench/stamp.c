#include "stamp.h"

#include <string.h>

/* "~w", then run, sender, seq and due in base 64, most significant digit first. */
enum { RUN = 2, HEAD = RUN + 4, SENDER = HEAD, SEQ = SENDER + 4, DUE = SEQ + 6 };

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Values plus one, so that 0 stands for what is no digit. */
#define D4(a, b, c, d, v) [a] = (v) + 1, [b] = (v) + 2, [c] = (v) + 3, [d] = (v) + 4
static const unsigned char value_plus_one[256] = {
	D4('A', 'B', 'C', 'D', 0), D4('E', 'F', 'G', 'H', 4), D4('I', 'J', 'K', 'L', 8),
	D4('M', 'N', 'O', 'P', 12), D4('Q', 'R', 'S', 'T', 16), D4('U', 'V', 'W', 'X', 20),
	D4('Y', 'Z', 'a', 'b', 24), D4('c', 'd', 'e', 'f', 28), D4('g', 'h', 'i', 'j', 32),
	D4('k', 'l', 'm', 'n', 36), D4('o', 'p', 'q', 'r', 40), D4('s', 't', 'u', 'v', 44),
	D4('w', 'x', 'y', 'z', 48), D4('0', '1', '2', '3', 52), D4('4', '5', '6', '7', 56),
	D4('8', '9', '-', '_', 60),
};

static void
put(char *out, uint64_t v, int n)
{
	while (n--) {
		out[n] = digits[v & 63];
		v >>= 6;
	}
}

/* -1 when one of them is no digit. */
static int64_t
get(const char *p, int n)
{
	uint64_t v = 0;
	bool bad = false;

	while (n--) {
		unsigned d = value_plus_one[(unsigned char)*p++];

		bad |= d == 0;
		v = v << 6 | ((d - 1) & 63);
	}
	return bad ? -1 : (int64_t)v;
}

static void
put_head(char *out, uint32_t run)
{
	out[0] = '~';
	out[1] = 'w';
	put(out + RUN, run, HEAD - RUN);
}

void
stamp_put(char *out, uint32_t run, const struct stamp *s)
{
	put_head(out, run);
	put(out + SENDER, s->sender, SEQ - SENDER);
	put(out + SEQ, s->seq, DUE - SEQ);
	put(out + DUE, s->due, STAMP_SIZE - DUE);
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
		sender = get(p + SENDER, SEQ - SENDER);
		seq = get(p + SEQ, DUE - SEQ);
		due = get(p + DUE, STAMP_SIZE - DUE);
		if (sender >= 0 && seq >= 0 && seq <= UINT32_MAX && due >= 0) {
			*s = (struct stamp){ (uint32_t)sender, (uint32_t)seq, (uint64_t)due };
			return true;
		}
	}
	return false;
}
