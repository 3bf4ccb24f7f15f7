#include "body.h"

void
body_init(struct body *b, int64_t length)
{
	*b = (struct body){ .chunked = length < 0, .left = length };
	b->state = length < 0 ? BODY_SIZE : length ? BODY_DATA : BODY_DONE;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size is complete. */
static void
end_size(struct body *b)
{
	b->state = b->left ? BODY_DATA : BODY_TRAILER;
	b->digits = b->line = 0;
}

/* One byte of framing; false when it cannot stand here. */
static bool
step(struct body *b, char c)
{
	int digit;

	switch (b->state) {
	case BODY_SIZE:
		if ((digit = hex_digit(c)) >= 0) {
			/* Twelve digits are more than anybody sends, and do not overflow. */
			b->left = (b->digits ? b->left : 0) * 16 + digit;
			return ++b->digits <= 12;
		}
		if (b->digits == 0)
			return false;
		if (c != ';' && c != ' ' && c != '\t' && c != '\r')
			return false;
		b->state = c == '\r' ? BODY_SIZE_LF : BODY_EXTENSION;
		return true;
	case BODY_EXTENSION:
		if (c == '\r')
			b->state = BODY_SIZE_LF;
		return c != '\n' && ++b->line < BODY_LINE_MAX;
	case BODY_SIZE_LF:
		end_size(b);
		return c == '\n';
	case BODY_DATA_CR:
		b->state = BODY_DATA_LF;
		return c == '\r';
	case BODY_DATA_LF:
		b->state = BODY_SIZE;
		return c == '\n';
	case BODY_TRAILER:
		b->state = c == '\r' ? BODY_LAST_LF : BODY_TRAILER_LINE;
		return c != '\n' && ++b->line < BODY_TRAILER_MAX;
	case BODY_TRAILER_LINE:
		if (c == '\r')
			b->state = BODY_TRAILER_LF;
		return c != '\n' && ++b->line < BODY_TRAILER_MAX;
	case BODY_TRAILER_LF:
		b->state = BODY_TRAILER;
		return c == '\n';
	case BODY_LAST_LF:
		b->state = BODY_DONE;
		return c == '\n';
	case BODY_DONE:
	case BODY_DATA:
		break;
	}
	return false;
}

ssize_t
body_take(struct body *b, struct slice in, struct slice *data)
{
	size_t used = 0;

	*data = slice_of(in.p, 0);
	while (used < in.n && b->state != BODY_DONE) {
		if (b->state == BODY_DATA) {
			size_t n = in.n - used;

			if ((uint64_t)n > (uint64_t)b->left)
				n = (size_t)b->left;
			*data = slice_of(in.p + used, n);
			b->left -= (int64_t)n;
			if (b->left == 0)
				b->state = b->chunked ? BODY_DATA_CR : BODY_DONE;
			return (ssize_t)(used + n);
		}
		if (!step(b, in.p[used]))
			return -1;
		used++;
	}
	return (ssize_t)used;
}
