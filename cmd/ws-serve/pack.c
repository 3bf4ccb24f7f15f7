#include "pack.h"

#include "batch.h"
#include "buf.h"
#include "deflate.h"
#include "frame.h"
#include "send.h"

enum { KEEP = 1 << 20 }; /* bytes; a larger buffer is given back */

/* The body of the message in these frames, and its opcode. Most are one frame, which is
 * not copied. */
static struct slice
body_of(struct slice frames, struct buf *joined, enum frame_opcode *opcode)
{
	struct slice payload = slice_of("", 0);
	bool first = true;
	struct frame f;

	buf_clear(joined);
	while (frame_decode(frames, false, false, &f, NULL) == FRAME_OK) {
		payload = slice_of(frames.p + f.header, (size_t)f.length);
		frames = slice_from(frames, f.header + payload.n);
		if (first)
			*opcode = f.opcode;
		if (first && f.fin)
			return payload;
		buf_slice(joined, payload);
		first = false;
	}
	return buf_view(joined);
}

static void
pack(struct batch *to, uint32_t order, struct slice frames)
{
	static struct buf joined, packed;
	enum frame_opcode opcode = FRAME_TEXT;
	struct slice body = body_of(frames, &joined, &opcode);

	buf_clear(&packed);
	if (body.n >= DEFLATE_MIN)
		deflate_pack(&packed, body);
	if (packed.n && packed.n < body.n)
		batch_add_packed(to, order, buf_view(&packed), opcode == FRAME_BINARY, SEND_FRAGMENT);
	else
		batch_copy(to, order, frames);
	if (joined.cap > KEEP)
		buf_free(&joined);
	if (packed.cap > KEEP)
		buf_free(&packed);
}

/* Bring b->packed to the length of b: messages before `first` are left out. */
static struct batch *
catch_up(struct batch_pool *pool, struct batch *b, uint32_t first)
{
	if (!b->packed)
		b->packed = batch_take(pool);
	for (uint32_t i = b->packed->count; i < b->count; i++) {
		uint32_t order = b->marks[i].order;

		if (i < first)
			batch_copy(b->packed, order, slice_of("", 0));
		else
			pack(b->packed, order, batch_message(b, i));
	}
	return b->packed;
}

struct batch *
pack_all(struct batch_pool *pool, struct batch *b)
{
	return catch_up(pool, b, 0);
}

void
pack_last(struct batch_pool *pool, struct batch *b)
{
	catch_up(pool, b, b->count - 1);
}
