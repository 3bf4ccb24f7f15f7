/* What a broker sends, frame by frame. */
#include "bytes.h"
#include "rmq.h"
#include "unit.h"

static struct rmq r;

/* A connection that has been opened, with nothing behind it. */
static void
fresh(void)
{
	rmq_close(&r);
	buf_free(&r.why);
	r = (struct rmq)RMQ_INIT;
	r.frame_max = AMQP_FRAME_MIN_SIZE;
	r.max_body = 100;
	init_amqp_pool(&r.pool, 4096);
	buf_reserve(&r.in, 1);
}

static void
feed_frame(unsigned type, unsigned channel, struct slice payload)
{
	bytes_put(&r.in, type, 1);
	bytes_put_u16(&r.in, (uint16_t)channel);
	bytes_put_u32(&r.in, (uint32_t)payload.n);
	buf_slice(&r.in, payload);
	buf_byte(&r.in, (char)0xce);
}

static void
put_short(struct buf *b, const char *s)
{
	buf_byte(b, (char)strlen(s));
	buf_str(b, s);
}

static void
feed_close(unsigned channel, unsigned code, const char *text)
{
	struct buf b = { 0 };

	bytes_put_u32(&b, channel ? AMQP_CHANNEL_CLOSE_METHOD : AMQP_CONNECTION_CLOSE_METHOD);
	bytes_put_u16(&b, (uint16_t)code);
	put_short(&b, text);
	bytes_put_u32(&b, 0);
	feed_frame(AMQP_FRAME_METHOD, channel, buf_view(&b));
	buf_free(&b);
}

static void
feed_delivery(unsigned tag, const char *exchange, const char *key, uint64_t size)
{
	struct buf b = { 0 };

	bytes_put_u32(&b, AMQP_BASIC_DELIVER_METHOD);
	put_short(&b, "consumer");
	bytes_put_u64(&b, tag);
	buf_byte(&b, 1);
	put_short(&b, exchange);
	put_short(&b, key);
	feed_frame(AMQP_FRAME_METHOD, RMQ_CHANNEL, buf_view(&b));
	buf_clear(&b);
	bytes_put_u16(&b, AMQP_BASIC_CLASS);
	bytes_put_u16(&b, 0);
	bytes_put_u64(&b, size);
	bytes_put_u16(&b, 0);
	feed_frame(AMQP_FRAME_HEADER, RMQ_CHANNEL, buf_view(&b));
	buf_free(&b);
}

static const struct {
	unsigned channel, code;
	const char *text;
	enum rmq_status status;
} closes[] = {
	{ 0, 320, "CONNECTION_FORCED - broker forced connection closure", RMQ_RETRY },
	{ 0, 541, "INTERNAL_ERROR", RMQ_RETRY },
	{ 0, 403, "ACCESS_REFUSED - Login was refused", RMQ_FINAL },
	{ 0, 530, "NOT_ALLOWED - vhost x not found", RMQ_FINAL },
	{ 1, 404, "NOT_FOUND - no exchange 'x' in vhost '/'", RMQ_FINAL },
	{ 1, 404, "NOT_FOUND - no queue 'home node stopped' in vhost '/'", RMQ_FINAL },
	{ 1, 404, "NOT_FOUND - home node 'a@b' of durable queue 'q' in vhost '/' is down or inaccessible",
	  RMQ_RETRY },
	{ 1, 404, "NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor", RMQ_RETRY },
	{ 1, 406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q'", RMQ_FINAL },
	{ 1, 406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out.", RMQ_RETRY },
	{ 1, 405, "RESOURCE_LOCKED - cannot obtain exclusive access", RMQ_FINAL },
	{ 1, 506, "RESOURCE_ERROR", RMQ_RETRY },
};

TEST(what_would_come_again_is_final_and_a_lost_node_is_not)
{
	for (size_t i = 0; i < sizeof(closes) / sizeof(*closes); i++) {
		fresh();
		feed_close(closes[i].channel, closes[i].code, closes[i].text);
		CHECK(rmq_next(&r) == RMQ_CLOSED);
		if (r.status != closes[i].status)
			printf("# judged otherwise: %s\n", closes[i].text);
		CHECK(r.status == closes[i].status && r.code == closes[i].code);
		CHECK(strcmp(r.why.p, closes[i].text) == 0);
		CHECK(r.channel_closed == (closes[i].channel != 0));
	}
}

TEST(a_message_comes_when_all_its_frames_are_there)
{
	fresh();
	feed_delivery(7, "x", "k", 5);
	CHECK(rmq_next(&r) == RMQ_NONE);
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, S("he"));
	feed_frame(AMQP_FRAME_HEARTBEAT, 0, S(""));
	CHECK(rmq_next(&r) == RMQ_NONE);
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, S("llo"));
	CHECK(rmq_next(&r) == RMQ_MESSAGE);
	CHECK(r.message.tag == 7 && r.message.redelivered && !r.message.too_large);
	CHECK_SLICE(r.message.exchange, S("x"));
	CHECK_SLICE(r.message.key, S("k"));
	CHECK_SLICE(r.message.body, S("hello"));
	/* In one frame, and empty. */
	feed_delivery(8, "", "", 2);
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, S("{}"));
	feed_delivery(9, "", "", 0);
	CHECK(rmq_next(&r) == RMQ_MESSAGE);
	CHECK_SLICE(r.message.body, S("{}"));
	CHECK(rmq_next(&r) == RMQ_MESSAGE && r.message.tag == 9 && !r.message.body.n);
	CHECK(rmq_next(&r) == RMQ_NONE && r.status == RMQ_OK);
}

TEST(a_message_over_the_limit_is_skipped_without_being_kept)
{
	char part[90] = { 0 };

	fresh();
	feed_delivery(1, "x", "k", 180);
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, slice_of(part, sizeof(part)));
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, slice_of(part, sizeof(part)));
	CHECK(rmq_next(&r) == RMQ_MESSAGE);
	CHECK(r.message.too_large && r.message.size == 180 && !r.message.body.n && !r.body.n);
}

TEST(a_frame_that_is_cut_off_anywhere_waits_for_the_rest)
{
	struct buf all = { 0 };

	fresh();
	feed_delivery(1, "x", "k", 2);
	feed_frame(AMQP_FRAME_BODY, RMQ_CHANNEL, S("{}"));
	buf_slice(&all, buf_view(&r.in));
	for (size_t n = 0; n < all.n; n++) {
		fresh();
		buf_add(&r.in, all.p, n);
		CHECK(rmq_next(&r) == RMQ_NONE && r.status == RMQ_OK);
		buf_add(&r.in, all.p + n, all.n - n);
		CHECK(rmq_next(&r) == RMQ_MESSAGE);
	}
	buf_free(&all);
}

TEST(what_is_malformed_ends_the_connection)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} bad[] = {
		{ "AMQP\0\0\11\1", 8, "the peer does not speak AMQP 0-9-1" },
		{ "HTTP/1.1 400", 12, "the peer does not speak AMQP 0-9-1" },
		{ "\1\0\1\0\0\0\2\0\0\xce", 10, "the broker sent a frame that is too short" },
		{ "\1\0\1\0\0\0\1\0\0", 9, "the broker sent a frame without its end" },
		{ "\1\0\1\xff\xff\xff\xff", 7, "the broker sent a frame that is too large" },
		{ "\3\0\1\0\0\0\1x\xce", 9, "the broker sent a body out of place" },
		{ "\2\0\1\0\0\0\1x\xce", 9, "the broker sent a header out of place" },
		{ "\4\0\1\0\0\0\0\xce", 8, "the broker sent a frame of an unknown type or channel" },
		{ "\1\0\1\0\0\0\4\0\62\0\12\xce", 12, "the broker sent a method out of place" },
		{ "\1\0\1\0\0\0\4\0\74\0\120\xce", 12, "the broker sent a malformed confirm" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fresh();
		buf_add(&r.in, bad[i].bytes, bad[i].n);
		CHECK(rmq_next(&r) == RMQ_CLOSED && r.status == RMQ_RETRY);
		CHECK_SLICE(buf_view(&r.why), slice_str(bad[i].why));
		CHECK(rmq_next(&r) == RMQ_CLOSED);
	}
}

int
main(void)
{
	r = (struct rmq)RMQ_INIT;
	RUN(what_would_come_again_is_final_and_a_lost_node_is_not);
	RUN(a_message_comes_when_all_its_frames_are_there);
	RUN(a_message_over_the_limit_is_skipped_without_being_kept);
	RUN(a_frame_that_is_cut_off_anywhere_waits_for_the_rest);
	RUN(what_is_malformed_ends_the_connection);
	rmq_close(&r);
	buf_free(&r.why);
	return unit_done();
}
