#include "rmq_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>

#include "bytes.h"
#include "now.h"

/* AMQP 0-9-1, section 4.2.3: type, channel, size, payload, end. */
enum {
	FRAME_OVERHEAD = 8, /* 7 bytes before the payload, 1 behind it */
	IN_SIZE = 2 * RMQ_FRAME_MAX, /* of the input buffer: room for a whole frame always */
	OUT_KEEP = 64 << 10, /* written bytes that may stay in front of the others */
};

enum rmq_event
rmq_fail(struct rmq *r, enum rmq_status status, uint16_t code, const char *fmt, ...)
{
	va_list ap;

	/* The first reason is the true one. */
	if (r->status != RMQ_OK)
		return RMQ_CLOSED;
	r->status = status;
	r->code = code;
	buf_clear(&r->why);
	va_start(ap, fmt);
	buf_vfmt(&r->why, fmt, ap);
	va_end(ap);
	buf_cstr(&r->why);
	return RMQ_CLOSED;
}

/* Why reading or writing failed. */
static const char *
reason(const struct rmq *r)
{
	return errno == EPROTO && r->io.tls_error ? r->io.tls_error : strerror(errno);
}

/* --- out --- */

/* Begin a frame; returns where it begins, for end_frame. */
static size_t
begin_frame(struct rmq *r, uint8_t type, uint16_t channel)
{
	size_t at = r->out.n;

	bytes_put(&r->out, type, 1);
	bytes_put_u16(&r->out, channel);
	bytes_put_u32(&r->out, 0);
	return at;
}

static void
end_frame(struct rmq *r, size_t at)
{
	bytes_set_u32(&r->out, at + 3, (uint32_t)(r->out.n - at - 7));
	buf_byte(&r->out, (char)AMQP_FRAME_END);
}

void
rmq_send_on(struct rmq *r, uint16_t channel, amqp_method_number_t id, void *method)
{
	size_t at = begin_frame(r, AMQP_FRAME_METHOD, channel);
	size_t room = r->frame_max - FRAME_OVERHEAD - 4;
	amqp_bytes_t space;
	int n;

	bytes_put_u32(&r->out, id);
	space = (amqp_bytes_t){ .len = room, .bytes = buf_reserve(&r->out, room) };
	n = amqp_encode_method(id, method, space);
	if (n < 0) {
		r->out.n = at;
		rmq_fail(r, RMQ_FINAL, 0, "the arguments do not fit in a frame");
		return;
	}
	r->out.n += (size_t)n;
	end_frame(r, at);
}

void
rmq_send(struct rmq *r, amqp_method_number_t id, void *method)
{
	rmq_send_on(r, RMQ_CHANNEL, id, method);
}

void
rmq_send_heartbeat(struct rmq *r)
{
	end_frame(r, begin_frame(r, AMQP_FRAME_HEARTBEAT, 0));
}

void
rmq_ack(struct rmq *r, uint64_t tag, bool multiple)
{
	size_t at = begin_frame(r, AMQP_FRAME_METHOD, RMQ_CHANNEL);

	bytes_put_u32(&r->out, AMQP_BASIC_ACK_METHOD);
	bytes_put_u64(&r->out, tag);
	buf_byte(&r->out, multiple);
	end_frame(r, at);
}

void
rmq_reject(struct rmq *r, uint64_t tag, bool requeue)
{
	size_t at = begin_frame(r, AMQP_FRAME_METHOD, RMQ_CHANNEL);

	bytes_put_u32(&r->out, AMQP_BASIC_REJECT_METHOD);
	bytes_put_u64(&r->out, tag);
	buf_byte(&r->out, requeue);
	end_frame(r, at);
}

void
rmq_publish(struct rmq *r, struct slice exchange, struct slice key, bool mandatory,
    struct slice props, struct slice body)
{
	size_t room = r->frame_max - FRAME_OVERHEAD;
	size_t at = begin_frame(r, AMQP_FRAME_METHOD, RMQ_CHANNEL);

	bytes_put_u32(&r->out, AMQP_BASIC_PUBLISH_METHOD);
	bytes_put_u16(&r->out, 0);
	buf_byte(&r->out, (char)exchange.n);
	buf_slice(&r->out, exchange);
	buf_byte(&r->out, (char)key.n);
	buf_slice(&r->out, key);
	buf_byte(&r->out, mandatory);
	end_frame(r, at);

	at = begin_frame(r, AMQP_FRAME_HEADER, RMQ_CHANNEL);
	bytes_put_u16(&r->out, AMQP_BASIC_CLASS);
	bytes_put_u16(&r->out, 0);
	bytes_put_u64(&r->out, body.n);
	buf_slice(&r->out, props);
	end_frame(r, at);

	while (body.n) {
		size_t n = body.n < room ? body.n : room;

		at = begin_frame(r, AMQP_FRAME_BODY, RMQ_CHANNEL);
		buf_add(&r->out, body.p, n);
		end_frame(r, at);
		body = slice_from(body, n);
	}
}

bool
rmq_fits(const struct rmq *r, struct slice props)
{
	return props.n <= r->frame_max - FRAME_OVERHEAD - 12;
}

size_t
rmq_pending(const struct rmq *r)
{
	return r->out.n - r->out_done;
}

/* Write what the socket takes, whatever the status. 0, or -1 with errno. */
static int
push(struct rmq *r)
{
	int failed = 0;

	while (!failed && rmq_pending(r)) {
		ssize_t n = dial_write(&r->io, r->out.p + r->out_done, rmq_pending(r));

		if (n >= 0) {
			r->out_done += (size_t)n;
			r->sent_ms = now_ms();
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			failed = -1;
		}
	}
	if (r->out_done == r->out.n) {
		r->out_done = r->out.n = 0;
	} else if (r->out_done > OUT_KEEP) {
		buf_drop(&r->out, r->out_done);
		r->out_done = 0;
	}
	return failed;
}

bool
rmq_push(struct rmq *r)
{
	if (r->status == RMQ_OK && push(r))
		rmq_fail(r, RMQ_RETRY, 0, "%s", reason(r));
	return r->status == RMQ_OK;
}

/* --- in --- */

bool
rmq_fill(struct rmq *r)
{
	ssize_t n;

	if (r->status != RMQ_OK)
		return false;
	if (r->in_start == r->in.n) {
		r->in_start = r->in.n = 0;
	} else if (r->in_start > RMQ_FRAME_MAX) {
		buf_drop(&r->in, r->in_start);
		r->in_start = 0;
	}
	if (r->in.cap < IN_SIZE)
		buf_reserve(&r->in, IN_SIZE - r->in.n);
	/* A frame that is whole waits to be taken: nothing more fits, nor needs to. */
	if (r->in.n == r->in.cap)
		return true;
	do
		n = dial_read(&r->io, r->in.p + r->in.n, r->in.cap - r->in.n);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		r->in.n += (size_t)n;
		r->received_ms = now_ms();
	} else if (n == 0) {
		rmq_fail(r, RMQ_RETRY, 0, "the broker closed the connection");
	} else if (errno != EAGAIN) {
		rmq_fail(r, RMQ_RETRY, 0, "%s", reason(r));
	}
	return r->status == RMQ_OK;
}

static enum rmq_event
malformed(struct rmq *r, const char *what)
{
	return rmq_fail(r, RMQ_RETRY, 0, "the broker sent %s", what);
}

/* What a reply code means (AMQP 0-9-1 section 1.1 of the generated part, and how RabbitMQ
 * uses them). */
static enum rmq_status
judge(uint16_t code, struct slice text)
{
	switch (code) {
	case AMQP_NOT_FOUND:
		/* A queue on a node that is down exists, and will be back. */
		if (slice_starts(text, S("NOT_FOUND - home node "))
			|| memmem(text.p, text.n, " process is stopped", 19))
			return RMQ_RETRY;
		return RMQ_FINAL;
	case AMQP_PRECONDITION_FAILED:
		/* An acknowledgement that took too long (consumer_timeout): the messages are back
		 * in the queue, and come again. */
		if (slice_starts(text, S("PRECONDITION_FAILED - delivery acknowledgement ")))
			return RMQ_RETRY;
		return RMQ_FINAL;
	case AMQP_ACCESS_REFUSED:
	case AMQP_RESOURCE_LOCKED:
	case AMQP_INVALID_PATH:
	case AMQP_NOT_ALLOWED:
	case AMQP_NOT_IMPLEMENTED:
	case AMQP_COMMAND_INVALID:
	case AMQP_SYNTAX_ERROR:
		return RMQ_FINAL;
	default:
		return RMQ_RETRY;
	}
}

static enum rmq_event
closed(struct rmq *r, struct bytes_reader *args, bool channel)
{
	uint16_t code = bytes_u16(args);
	struct slice text = bytes_take(args, bytes_u8(args));

	if (channel)
		rmq_send_on(r, RMQ_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &(amqp_channel_close_ok_t){ 0 });
	else
		rmq_send_on(r, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &(amqp_connection_close_ok_t){ 0 });
	r->channel_closed = channel;
	rmq_fail(r, judge(code, text), code, "%.*s", (int)text.n, text.p);
	/* The peer waits for the answer, or is gone already: its reason is what counts. */
	push(r);
	return RMQ_CLOSED;
}

/* Keep what must outlive the frame, in r->head: exchange, key, reason (and the properties
 * behind them, when they come). */
static void
begin_content(struct rmq *r, enum rmq_event what, struct slice exchange, struct slice key,
    struct slice reason)
{
	r->content = what;
	r->state = RMQ_WANT_HEADER;
	buf_clear(&r->head);
	buf_reserve(&r->head, 1); /* all of it may be empty, and is still somewhere */
	buf_slice(&r->head, exchange);
	buf_slice(&r->head, key);
	buf_slice(&r->head, reason);
	r->exchange_n = exchange.n;
	r->key_n = key.n;
	r->reason_n = reason.n;
}

static enum rmq_event
take_delivery(struct rmq *r, struct bytes_reader *args)
{
	struct slice exchange, key;

	bytes_take(args, bytes_u8(args)); /* consumer tag: we have one consumer */
	r->message = (struct rmq_message){ .tag = bytes_u64(args) };
	r->message.redelivered = bytes_u8(args) & 1;
	exchange = bytes_take(args, bytes_u8(args));
	key = bytes_take(args, bytes_u8(args));
	if (args->bad)
		return malformed(r, "a malformed delivery");
	begin_content(r, RMQ_MESSAGE, exchange, key, (struct slice){ 0 });
	return RMQ_NONE;
}

static enum rmq_event
take_return(struct rmq *r, struct bytes_reader *args)
{
	struct slice exchange, key, reason;

	r->message = (struct rmq_message){ .code = bytes_u16(args) };
	reason = bytes_take(args, bytes_u8(args));
	exchange = bytes_take(args, bytes_u8(args));
	key = bytes_take(args, bytes_u8(args));
	if (args->bad)
		return malformed(r, "a malformed return");
	begin_content(r, RMQ_RETURN, exchange, key, reason);
	return RMQ_NONE;
}

static enum rmq_event
take_confirm(struct rmq *r, struct bytes_reader *args, enum rmq_event what)
{
	r->tag = bytes_u64(args);
	r->multiple = bytes_u8(args) & 1;
	return args->bad ? malformed(r, "a malformed confirm") : what;
}

/* Of connection.start the mechanisms only: the table before them may be nested without
 * end, and librabbitmq follows. */
static enum rmq_event
take_start(struct rmq *r, struct bytes_reader *args)
{
	amqp_connection_start_t *start = amqp_pool_alloc(&r->pool, sizeof(*start));

	if (!start)
		return malformed(r, "more than memory holds");
	*start = (amqp_connection_start_t){ .version_major = bytes_u8(args),
		.version_minor = bytes_u8(args) };
	bytes_take(args, bytes_u32(args));
	start->mechanisms = rmq_bytes(bytes_take(args, bytes_u32(args)));
	r->reply.decoded = start;
	return args->bad ? malformed(r, "a malformed method") : RMQ_REPLY;
}

/* The answers to what we ask. */
static bool
expected(amqp_method_number_t id)
{
	switch (id) {
	case AMQP_CONNECTION_TUNE_METHOD:
	case AMQP_CONNECTION_OPEN_OK_METHOD:
	case AMQP_CONNECTION_CLOSE_OK_METHOD:
	case AMQP_CHANNEL_OPEN_OK_METHOD:
	case AMQP_EXCHANGE_DECLARE_OK_METHOD:
	case AMQP_QUEUE_DECLARE_OK_METHOD:
	case AMQP_QUEUE_BIND_OK_METHOD:
	case AMQP_BASIC_QOS_OK_METHOD:
	case AMQP_BASIC_CONSUME_OK_METHOD:
	case AMQP_CONFIRM_SELECT_OK_METHOD:
		return true;
	default:
		return false;
	}
}

static enum rmq_event
take_method(struct rmq *r, struct slice payload)
{
	struct bytes_reader args = bytes_reader(payload);
	amqp_method_number_t id = bytes_u32(&args);

	if (args.bad)
		return malformed(r, "a frame that is too short");
	switch (id) {
	case AMQP_BASIC_DELIVER_METHOD:
		return take_delivery(r, &args);
	case AMQP_BASIC_RETURN_METHOD:
		return take_return(r, &args);
	case AMQP_BASIC_ACK_METHOD:
		return take_confirm(r, &args, RMQ_ACK);
	case AMQP_BASIC_NACK_METHOD:
		return take_confirm(r, &args, RMQ_NACK);
	case AMQP_BASIC_CANCEL_METHOD:
		return RMQ_CANCEL;
	case AMQP_CHANNEL_CLOSE_METHOD:
		return closed(r, &args, true);
	case AMQP_CONNECTION_CLOSE_METHOD:
		return closed(r, &args, false);
	case AMQP_CONNECTION_BLOCKED_METHOD: {
		struct slice text = bytes_take(&args, bytes_u8(&args));

		buf_clear(&r->why);
		buf_slice(&r->why, text);
		buf_cstr(&r->why);
		return RMQ_BLOCKED;
	}
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		return RMQ_UNBLOCKED;
	case AMQP_CONNECTION_START_METHOD:
		r->reply.id = id;
		return take_start(r, &args);
	default:
		if (!expected(id))
			return malformed(r, "a method out of place");
		r->reply.id = id;
		if (amqp_decode_method(id, &r->pool, rmq_bytes(args.left), &r->reply.decoded) < 0)
			return malformed(r, "a malformed method");
		return RMQ_REPLY;
	}
}

static enum rmq_event
emit(struct rmq *r, struct slice body)
{
	struct rmq_message *m = &r->message;
	const char *p = r->head.p;

	r->state = RMQ_IDLE;
	m->exchange = slice_of(p, r->exchange_n);
	m->key = slice_of(p + r->exchange_n, r->key_n);
	m->reason = slice_of(m->key.p + r->key_n, r->reason_n);
	m->props = slice_of(m->reason.p + r->reason_n, r->props_n);
	m->body = body;
	return r->content;
}

static enum rmq_event
take_header(struct rmq *r, struct slice payload)
{
	struct bytes_reader args = bytes_reader(payload);

	bytes_u16(&args); /* class */
	bytes_u16(&args); /* weight */
	r->message.size = bytes_u64(&args);
	if (args.bad || r->state != RMQ_WANT_HEADER)
		return malformed(r, "a header out of place");
	buf_slice(&r->head, args.left);
	r->props_n = args.left.n;
	r->message.too_large = r->message.size > r->max_body;
	buf_clear(&r->body);
	r->body_got = 0;
	r->state = RMQ_WANT_BODY;
	return r->message.size ? RMQ_NONE : emit(r, (struct slice){ "", 0 });
}

static enum rmq_event
take_body(struct rmq *r, struct slice payload)
{
	if (r->state != RMQ_WANT_BODY || payload.n > r->message.size - r->body_got)
		return malformed(r, "a body out of place");
	r->body_got += payload.n;
	/* All of it in one frame, as usual: no copy. */
	if (payload.n == r->message.size && !r->message.too_large)
		return emit(r, payload);
	if (!r->message.too_large)
		buf_slice(&r->body, payload);
	if (r->body_got < r->message.size)
		return RMQ_NONE;
	return emit(r, buf_view(&r->body));
}

enum rmq_event
rmq_next(struct rmq *r)
{
	enum rmq_event e = RMQ_NONE;

	while (e == RMQ_NONE) {
		struct slice all = { r->in.p + r->in_start, r->in.n - r->in_start }, payload;
		struct bytes_reader head = bytes_reader(all);
		uint8_t type = bytes_u8(&head);
		uint16_t channel = bytes_u16(&head);
		uint32_t size = bytes_u32(&head);

		if (r->status != RMQ_OK)
			return RMQ_CLOSED;
		if (all.n && type > AMQP_FRAME_HEARTBEAT)
			return rmq_fail(r, RMQ_RETRY, 0, "the peer does not speak AMQP 0-9-1");
		if (head.bad)
			return RMQ_NONE;
		if (size > r->frame_max - FRAME_OVERHEAD)
			return malformed(r, "a frame that is too large");
		if (head.left.n < size + 1U)
			return RMQ_NONE;
		payload = bytes_take(&head, size);
		if ((unsigned char)bytes_u8(&head) != AMQP_FRAME_END)
			return malformed(r, "a frame without its end");
		r->in_start += size + FRAME_OVERHEAD;
		if (type == AMQP_FRAME_METHOD)
			e = take_method(r, payload);
		else if (type == AMQP_FRAME_HEADER && channel == RMQ_CHANNEL)
			e = take_header(r, payload);
		else if (type == AMQP_FRAME_BODY && channel == RMQ_CHANNEL)
			e = take_body(r, payload);
		else if (type != AMQP_FRAME_HEARTBEAT)
			return malformed(r, "a frame of an unknown type or channel");
	}
	return e;
}

bool
rmq_more(const struct rmq *r)
{
	return dial_pending(&r->io);
}
