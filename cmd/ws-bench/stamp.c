#include "stamp.h"

#include <string.h>

/* "~w" and six letters of the run; sender and seq in eight letters each, due in sixteen.
 * A letter 'a' to 'p' is a digit of base 16, so that eight of them are made and read at
 * once in a register: that is done for every message. */
enum { HEAD = 8, SENDER = HEAD, SEQ = SENDER + 8, DUE = SEQ + 8 };

static const uint64_t LETTERS = 0x6161616161616161;

/* Each of the eight digits of v in a byte of its own, and back. */
static uint64_t
spread(uint32_t v)
{
	uint64_t x = v;

	x = (x | x << 16) & 0x0000ffff0000ffff;
	x = (x | x << 8) & 0x00ff00ff00ff00ff;
	return (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
}

static uint32_t
gather(uint64_t x)
{
	x = (x | x >> 4) & 0x00ff00ff00ff00ff;
	x = (x | x >> 8) & 0x0000ffff0000ffff;
	return (uint32_t)(x | x >> 16);
}

static void
put(char *out, uint32_t v)
{
	uint64_t x = spread(v) + LETTERS;

	memcpy(out, &x, 8);
}

/* Sets *bad when one of them is no digit. */
static uint32_t
get(const char *p, bool *bad)
{
	uint64_t x;

	memcpy(&x, p, 8);
	x -= LETTERS;
	*bad |= (x & 0xf0f0f0f0f0f0f0f0) != 0;
	return gather(x);
}

static void
put_head(char *out, uint32_t run)
{
	char text[8];

	put(text, run << 8); /* the first two digits make room */
	memcpy(out, "~w", 2);
	memcpy(out + 2, text + 2, 6);
}

void
stamp_put(char *out, uint32_t run, const struct stamp *s)
{
	put_head(out, run);
	put(out + SENDER, s->sender);
	put(out + SEQ, s->seq);
	put(out + DUE, (uint32_t)(s->due >> 32));
	put(out + DUE + 8, (uint32_t)s->due);
}

bool
stamp_find(struct slice message, uint32_t run, struct stamp *s)
{
	char head[HEAD];

	put_head(head, run);
	while (message.n >= STAMP_SIZE) {
		const char *p = memchr(message.p, head[0], message.n - STAMP_SIZE + 1);
		bool bad = false;

		if (!p)
			return false;
		message = slice_from(message, (size_t)(p - message.p) + 1);
		if (memcmp(p, head, HEAD) != 0)
			continue;
		s->sender = get(p + SENDER, &bad);
		s->seq = get(p + SEQ, &bad);
		s->due = (uint64_t)get(p + DUE, &bad) << 32;
		s->due |= get(p + DUE + 8, &bad);
		if (!bad)
			return true;
	}
	return false;
}
