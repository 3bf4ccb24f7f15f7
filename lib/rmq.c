#include "rmq_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "amqptable.h"
#include "now.h"
#include "sig.h"

#ifndef VERSION
#error "VERSION comes from the Makefile"
#endif

enum { GOODBYE_MS = 1000 };

int
rmq_fd(const struct rmq *r)
{
	return r->io.fd;
}

short
rmq_events(const struct rmq *r, bool reading)
{
	return dial_events(&r->io, reading, rmq_pending(r) > 0);
}

/* Until something is to be done on the socket or the time is over. False when a signal
 * asks for the end or the connection has failed. */
static bool
wait_socket(struct rmq *r, int64_t deadline, bool heed_signals)
{
	struct pollfd p[2] = {
		{ .fd = rmq_fd(r), .events = rmq_events(r, true) },
		{ .fd = heed_signals ? sig_fd() : -1, .events = POLLIN },
	};
	int64_t left = deadline - now_ms();

	if (left <= 0) {
		rmq_fail(r, RMQ_RETRY, 0, "the broker did not answer within %d s", RMQ_CONNECT_MS / 1000);
		return false;
	}
	if (poll(p, 2, (int)left) < 0 && errno != EINTR) {
		rmq_fail(r, RMQ_RETRY, 0, "%s", strerror(errno));
		return false;
	}
	if (p[1].revents)
		sig_clear();
	if (heed_signals && r->stop()) {
		rmq_fail(r, RMQ_STOPPED, 0, "asked to end");
		return false;
	}
	return rmq_push(r) && (!p[0].revents || rmq_fill(r));
}

/* Until a reply comes, in r->reply. Other events before it are passed over: while this
 * runs there are no consumers, and nothing was published. */
static enum rmq_status
await(struct rmq *r, amqp_method_number_t answer)
{
	int64_t deadline = now_ms() + RMQ_CONNECT_MS;

	rmq_push(r);
	for (;;) {
		enum rmq_event e = rmq_next(r);

		if (e == RMQ_CLOSED)
			return r->status;
		if (e == RMQ_REPLY && r->reply.id == answer)
			return RMQ_OK;
		if (e == RMQ_NONE && !rmq_more(r) && !wait_socket(r, deadline, true))
			return r->status;
		if (e == RMQ_NONE && rmq_more(r) && !rmq_fill(r))
			return r->status;
	}
}

enum rmq_status
rmq_call(struct rmq *r, amqp_method_number_t id, void *method, amqp_method_number_t answer)
{
	if (r->status != RMQ_OK)
		return r->status;
	rmq_send(r, id, method);
	/* What the method's arguments point to is in the frame now. */
	recycle_amqp_pool(&r->pool);
	return await(r, answer);
}

int
rmq_table(struct rmq *r, struct slice json, amqp_table_t *table, const char **why)
{
	struct buf wire = { 0 };
	amqp_bytes_t copy;
	size_t offset = 0;

	*table = (amqp_table_t){ 0 };
	if (!json.n)
		return 0;
	if (amqptable_from_json(&wire, json, why)) {
		buf_free(&wire);
		return -1;
	}
	/* The decoded table points into its wire form. */
	amqp_pool_alloc_bytes(&r->pool, wire.n, &copy);
	memcpy(copy.bytes, wire.p, wire.n);
	buf_free(&wire);
	*why = "librabbitmq cannot read it";
	return amqp_decode_table(copy, &r->pool, table, &offset) < 0 ? -1 : 0;
}

/* True if a list of words, with blanks between, has this one: AMQPLAIN is not PLAIN. */
static bool
has_word(amqp_bytes_t list, const char *word)
{
	struct slice rest = { list.bytes, list.len };

	while (rest.n)
		if (slice_is(slice_cut(&rest, ' '), word))
			return true;
	return false;
}

static enum rmq_status
log_in(struct rmq *r, const struct rmq_url *u, const struct rmq_config *c)
{
	const char *user = c->user ? c->user : u->user ? u->user : "guest";
	const char *password = c->password ? c->password : u->password ? u->password
		: u->user || c->user ? "" : "guest";
	const char *mechanism = c->external ? "EXTERNAL" : "PLAIN", *why;
	amqp_connection_start_t *start = r->reply.decoded;
	amqp_connection_start_ok_t ok = { .mechanism = amqp_cstring_bytes(mechanism),
		.locale = amqp_cstring_bytes("en_US") };
	struct buf response = { 0 }, about = { 0 };

	if (!has_word(start->mechanisms, mechanism)) {
		rmq_fail(r, RMQ_FINAL, 0, "the broker does not offer to log in with %s", mechanism);
		return r->status;
	}
	/* What we can take: without consumer_cancel_notify a deleted queue is silence,
	 * without authentication_failure_close a wrong password is a bare close. */
	buf_str(&about, "{\"product\":\"wsutils\",\"version\":\"" VERSION "\",\"platform\":\"C\","
	    "\"capabilities\":{\"consumer_cancel_notify\":true,\"connection.blocked\":true,"
	    "\"publisher_confirms\":true,\"basic.nack\":true,"
	    "\"authentication_failure_close\":true}");
	js_put_member(&about, "connection_name", slice_str(c->name));
	buf_byte(&about, '}');
	if (rmq_table(r, buf_view(&about), &ok.client_properties, &why))
		rmq_fail(r, RMQ_FINAL, 0, "%s", why);
	if (!c->external) {
		buf_byte(&response, '\0');
		buf_str(&response, user);
		buf_byte(&response, '\0');
		buf_str(&response, password);
	}
	ok.response = rmq_bytes(buf_view(&response));
	rmq_send_on(r, 0, AMQP_CONNECTION_START_OK_METHOD, &ok);
	if (response.n)
		explicit_bzero(response.p, response.n);
	buf_free(&response);
	buf_free(&about);
	return await(r, AMQP_CONNECTION_TUNE_METHOD);
}

static enum rmq_status
open_channel(struct rmq *r)
{
	return rmq_call(r, AMQP_CHANNEL_OPEN_METHOD,
	    &(amqp_channel_open_t){ .out_of_band = amqp_empty_bytes }, AMQP_CHANNEL_OPEN_OK_METHOD);
}

static enum rmq_status
tune(struct rmq *r, const struct rmq_url *u, const struct rmq_config *c)
{
	amqp_connection_tune_t *t = r->reply.decoded;
	amqp_connection_tune_ok_t ok = { .channel_max = RMQ_CHANNEL,
		.frame_max = t->frame_max && t->frame_max < RMQ_FRAME_MAX ? t->frame_max : RMQ_FRAME_MAX,
		.heartbeat = (uint16_t)c->heartbeat_s };
	amqp_connection_open_t open = { .virtual_host = amqp_cstring_bytes(u->vhost),
		.capabilities = amqp_empty_bytes };

	if (ok.frame_max < AMQP_FRAME_MIN_SIZE) {
		rmq_fail(r, RMQ_FINAL, 0, "the broker allows frames of %u bytes only", ok.frame_max);
		return r->status;
	}
	r->frame_max = ok.frame_max;
	r->heartbeat_s = c->heartbeat_s;
	rmq_send_on(r, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
	rmq_send_on(r, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
	if (await(r, AMQP_CONNECTION_OPEN_OK_METHOD) != RMQ_OK)
		return r->status;
	return open_channel(r);
}

enum rmq_status
rmq_reopen(struct rmq *r)
{
	if (!r->channel_closed)
		return r->status;
	r->channel_closed = false;
	r->status = RMQ_OK;
	r->state = RMQ_IDLE;
	return open_channel(r);
}

enum rmq_status
rmq_connect(struct rmq *r, const struct rmq_url *u, const struct rmq_config *c)
{
	static const enum rmq_status status[] = {
		[DIAL_OK] = RMQ_OK, [DIAL_FAILED] = RMQ_RETRY, [DIAL_REFUSED] = RMQ_FINAL,
		[DIAL_STOPPED] = RMQ_STOPPED,
	};
	struct buf why = r->why;

	*r = (struct rmq){ .io = { .fd = -1 }, .why = why, .frame_max = RMQ_FRAME_MAX,
		.max_body = c->max_body, .stop = c->stop };
	buf_clear(&r->why);
	init_amqp_pool(&r->pool, 4096);
	buf_reserve(&r->in, 1); /* empty, and still somewhere: rmq_next looks there */
	r->status = status[dial_open(&r->io, u->host, u->port, u->tls ? c->tls : NULL,
	    RMQ_CONNECT_MS, c->stop, &r->why)];
	buf_cstr(&r->why);
	r->received_ms = r->sent_ms = now_ms();
	if (r->status == RMQ_OK) {
		buf_add(&r->out, "AMQP\0\0\11\1", 8);
		if (await(r, AMQP_CONNECTION_START_METHOD) == RMQ_OK
			&& log_in(r, u, c) == RMQ_OK)
			tune(r, u, c);
	}
	if (r->status != RMQ_OK)
		rmq_close(r);
	return r->status;
}

int
rmq_tick(struct rmq *r, bool reading, bool *ok)
{
	int64_t now = now_ms(), interval = (int64_t)r->heartbeat_s * 1000, send_in, silent_in;

	*ok = r->status == RMQ_OK;
	if (!*ok || !interval)
		return -1;
	send_in = r->sent_ms + interval / 2 - now;
	if (send_in <= 0) {
		/* What waits in the queue is as good a sign of life, if the peer reads it. */
		if (!rmq_pending(r))
			rmq_send_heartbeat(r);
		r->sent_ms = now;
		send_in = interval / 2;
		*ok = rmq_push(r);
	}
	/* Who does not read cannot tell; the clock starts again with the first read. */
	if (!reading || r->paused)
		r->received_ms = now;
	r->paused = !reading;
	silent_in = r->received_ms + 2 * interval - now;
	if (silent_in <= 0) {
		rmq_fail(r, RMQ_RETRY, 0, "no sign of life for %lld s", (long long)(2 * interval / 1000));
		*ok = false;
		return -1;
	}
	return (int)(send_in < silent_in ? send_in : silent_in);
}

void
rmq_finish(struct rmq *r)
{
	amqp_connection_close_t bye = { .reply_code = AMQP_REPLY_SUCCESS,
		.reply_text = amqp_cstring_bytes("bye") };
	int64_t deadline = now_ms() + GOODBYE_MS;

	if (r->status == RMQ_OK && rmq_fd(r) >= 0) {
		rmq_send_on(r, 0, AMQP_CONNECTION_CLOSE_METHOD, &bye);
		rmq_push(r);
		for (;;) {
			enum rmq_event e = rmq_next(r);

			if (e == RMQ_CLOSED
				|| (e == RMQ_REPLY && r->reply.id == AMQP_CONNECTION_CLOSE_OK_METHOD))
				break;
			if (e == RMQ_NONE && !(rmq_more(r) ? rmq_fill(r) : wait_socket(r, deadline, false)))
				break;
		}
	}
	rmq_close(r);
	buf_free(&r->why);
}

void
rmq_close(struct rmq *r)
{
	if (r->pool.pagesize)
		empty_amqp_pool(&r->pool);
	r->pool = (amqp_pool_t){ 0 };
	dial_close(&r->io);
	buf_free(&r->in);
	buf_free(&r->out);
	buf_free(&r->body);
	buf_free(&r->head);
	r->in_start = r->out_done = 0;
}
