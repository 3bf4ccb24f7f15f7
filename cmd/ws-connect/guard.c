#include "guard.h"

#include <string.h>

/* The rules that reach over more than one header (section 5.4). */
static const char *
follow(struct guard *g, unsigned *code)
{
	const struct frame *f = &g->frame;

	*code = 1002;
	if (f->opcode >= FRAME_CLOSE)
		return NULL;
	if (f->opcode == FRAME_CONTINUATION) {
		if (!g->fragmented)
			return "a continuation of no message";
	} else {
		if (g->fragmented)
			return "a new message within a fragmented one";
		g->message = 0;
	}
	if (f->length > g->max_message - g->message) {
		*code = 1009;
		return "a message longer than --max-message";
	}
	g->message += f->length;
	g->fragmented = !f->fin;
	return NULL;
}

static const char *
note_close(struct guard *g, struct slice payload, unsigned *code)
{
	struct slice reason;

	g->close_code = frame_close(payload, &reason);
	*code = 1002;
	if (!g->close_code)
		return "a malformed Close frame";
	memcpy(g->close_reason, reason.p, reason.n);
	g->close_reason_n = reason.n;
	return NULL;
}

/* A piece of the data frame at hand, as a frame of its own. */
static void
put_piece(struct guard *g, struct slice payload, struct buf *out)
{
	struct frame f = { .opcode = g->begun ? FRAME_CONTINUATION : g->frame.opcode,
		.rsv1 = g->frame.rsv1 && !g->begun, .fin = g->frame.fin && !g->left,
		.length = payload.n };
	unsigned char header[FRAME_HEADER_MAX];

	g->begun = true;
	buf_add(out, (const char *)header, frame_header_bits(header, &f));
	buf_slice(out, payload);
}

ssize_t
guard_pass(struct guard *g, struct slice in, struct buf *out, unsigned *code, const char **why)
{
	size_t passed = 0;

	*why = NULL;
	while (passed < in.n && !g->close_code) {
		struct slice rest = slice_from(in, passed);

		if (g->left) {
			size_t n = rest.n < g->left ? rest.n : (size_t)g->left;

			g->left -= n;
			put_piece(g, slice_of(rest.p, n), out);
			passed += n;
			continue;
		}
		*code = 1002;
		switch (frame_decode(rest, false, g->deflate, &g->frame, why)) {
		case FRAME_MORE:
			return (ssize_t)passed;
		case FRAME_BAD:
			return -1;
		case FRAME_OK:
			break;
		}
		bool control = g->frame.opcode >= FRAME_CLOSE;
		size_t whole = g->frame.header + (control ? (size_t)g->frame.length : 0);

		if (rest.n < whole)
			return (ssize_t)passed;
		if ((*why = follow(g, code)))
			return -1;
		if (g->frame.opcode == FRAME_CLOSE &&
		    (*why = note_close(g, slice_of(rest.p + g->frame.header,
			(size_t)g->frame.length), code)))
			return -1;
		passed += whole;
		if (control) {
			buf_add(out, rest.p, whole);
			break;
		}
		g->left = g->frame.length;
		g->begun = false;
		if (!g->left)
			put_piece(g, S(""), out);
	}
	return (ssize_t)passed;
}
