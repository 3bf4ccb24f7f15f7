/* Batches in the form for connections with compression: cmd/ws-serve/pack.c. */
#include "unit.h"

#include "../../cmd/ws-serve/batch.c"
#include "../../cmd/ws-serve/deflate.c"
#include "../../cmd/ws-serve/pack.c"

static struct batch_pool pool;

static struct slice
repeated(size_t n)
{
	static struct buf b;

	buf_clear(&b);
	while (b.n < n)
		buf_str(&b, "payment ");
	b.n = n;
	return buf_view(&b);
}

/* Bytes that no compression makes shorter. */
static struct slice
noise(size_t n)
{
	static struct buf b;
	uint32_t x = 1;

	buf_clear(&b);
	while (b.n < n) {
		x = x * 1664525 + 1013904223;
		buf_byte(&b, (char)(x >> 24));
	}
	return buf_view(&b);
}

/* Unpack a message and compare; returns the number of its frames. */
static int
frames_of(struct slice message, struct slice body, bool packed, enum frame_opcode opcode)
{
	struct buf payload = { 0 }, plain = { 0 };
	struct frame f = { 0 };
	int n = 0;

	while (message.n) {
		CHECK(frame_decode(message, false, packed, &f, NULL) == FRAME_OK);
		CHECK(f.rsv1 == (packed && n == 0));
		CHECK(f.opcode == (n ? FRAME_CONTINUATION : opcode));
		CHECK(f.length <= SEND_FRAGMENT);
		buf_add(&payload, message.p + f.header, (size_t)f.length);
		message = slice_from(message, f.header + (size_t)f.length);
		CHECK(f.fin == !message.n);
		n++;
	}
	if (packed)
		CHECK(deflate_unpack(&plain, buf_view(&payload), body.n) == DEFLATE_OK);
	CHECK_SLICE(packed ? buf_view(&plain) : buf_view(&payload), body);
	buf_free(&payload);
	buf_free(&plain);
	return n;
}

TEST(long_messages_are_packed_short_ones_and_noise_are_not)
{
	struct batch *b = batch_take(&pool), *p;

	batch_add(b, 1, repeated(1000), false, SEND_FRAGMENT);
	batch_add(b, 2, repeated(DEFLATE_MIN - 1), false, SEND_FRAGMENT);
	batch_add(b, 3, noise(1000), true, SEND_FRAGMENT);
	batch_add(b, 4, S(""), false, SEND_FRAGMENT);
	batch_add(b, 5, repeated(DEFLATE_MIN), true, SEND_FRAGMENT);
	p = pack_all(&pool, b);
	CHECK(p->count == 5 && p->blob->n < b->blob->n);
	CHECK(frames_of(batch_message(p, 0), repeated(1000), true, FRAME_TEXT) == 1);
	CHECK(batch_message(p, 0).n < 100);
	CHECK_SLICE(batch_message(p, 1), batch_message(b, 1));
	CHECK_SLICE(batch_message(p, 2), batch_message(b, 2));
	CHECK_SLICE(batch_message(p, 3), batch_message(b, 3));
	CHECK(frames_of(batch_message(p, 4), repeated(DEFLATE_MIN), true, FRAME_BINARY) == 1);
	batch_give(&pool, b);
}

TEST(a_message_in_many_frames_is_packed_as_one_and_sent_in_many)
{
	struct batch *b = batch_take(&pool), *p;
	struct buf body = { 0 };

	/* Half of it does not get shorter. */
	buf_slice(&body, noise(300000));
	buf_slice(&body, repeated(300000));
	batch_add(b, 1, repeated(1 << 20), false, SEND_FRAGMENT);
	batch_add(b, 2, buf_view(&body), true, SEND_FRAGMENT);
	p = pack_all(&pool, b);
	CHECK(frames_of(batch_message(p, 0), repeated(1 << 20), true, FRAME_TEXT) == 1);
	CHECK(frames_of(batch_message(p, 1), buf_view(&body), true, FRAME_BINARY) == 5);
	batch_give(&pool, b);
	buf_free(&body);
}

TEST(a_batch_is_packed_once)
{
	struct batch *b = batch_take(&pool), *p;
	struct blob *blob;
	size_t n;

	batch_add(b, 1, repeated(1000), false, SEND_FRAGMENT);
	p = pack_all(&pool, b);
	blob = p->blob;
	n = blob->n;
	CHECK(pack_all(&pool, b) == p && p->blob == blob && blob->n == n && p->count == 1);
	batch_give(&pool, b);
}

TEST(only_the_messages_that_are_asked_for_are_packed)
{
	struct batch *b = batch_take(&pool);

	batch_add(b, 1, repeated(1000), false, SEND_FRAGMENT);
	batch_add(b, 2, repeated(500), false, SEND_FRAGMENT);
	pack_last(&pool, b);
	pack_last(&pool, b);
	batch_add(b, 3, repeated(300), false, SEND_FRAGMENT);
	batch_add(b, 4, repeated(400), false, SEND_FRAGMENT);
	pack_last(&pool, b);
	CHECK(b->packed->count == 4);
	CHECK(!batch_message(b->packed, 0).n && !batch_message(b->packed, 2).n);
	CHECK(frames_of(batch_message(b->packed, 1), repeated(500), true, FRAME_TEXT) == 1);
	CHECK(frames_of(batch_message(b->packed, 3), repeated(400), true, FRAME_TEXT) == 1);
	batch_give(&pool, b);
	/* What comes out of the pool has nothing of that. */
	b = batch_take(&pool);
	CHECK(!b->packed && !b->count);
	batch_give(&pool, b);
}

int
main(void)
{
	RUN(long_messages_are_packed_short_ones_and_noise_are_not);
	RUN(a_message_in_many_frames_is_packed_as_one_and_sent_in_many);
	RUN(a_batch_is_packed_once);
	RUN(only_the_messages_that_are_asked_for_are_packed);
	batch_pool_free(&pool);
	return unit_done();
}
