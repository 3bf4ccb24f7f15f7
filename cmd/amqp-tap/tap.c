#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit.h"
#include "inflight.h"
#include "io.h"
#include "line.h"
#include "mem.h"
#include "metrics.h"
#include "msg.h"
#include "now.h"
#include "out.h"
#include "record.h"
#include "sig.h"

enum { ACK_LINE_MAX = 64 << 10 }; /* longest line on stdin, bytes */

/* A line that is on its way out, and its tag. */
struct pending {
	uint64_t tag, end; /* all bytes up to `end` of the output belong to it and those before */
};

static struct {
	uint64_t messages, bytes, redelivered, acked, rejected, stale, too_long, malformed,
	    bad_acks, connects, lost;
} counts;

struct tap {
	const struct tap_options *o;
	struct topology *topology;
	struct broker *broker;
	struct rmq rmq;
	const struct rmq_url *url;
	struct out out;
	struct line_reader in;
	struct inflight inflight;
	struct metrics_file metrics;
	struct pending *pending; /* ring of o->prefetch, for TAP_WRITE */
	size_t pending_first, pending_n;
	uint64_t queued;         /* bytes ever put into out */
	bool connected, in_open;
	bool hung;               /* the broker hung up while we do not read: no use in polling */
	bool ending;             /* no more deliveries are taken */
	int code;                /* for the end */
	int64_t retry_at;        /* not connected: when to try */
	int64_t end_at, timeout_at, idle_at; /* INT64_MAX: never */
	int64_t drain_at;        /* ending: when what is not written by then is left */
	struct timespec away_since;
	bool was_connected;
};

static const struct metric metrics[] = {
	{ "amqp_tap_messages_total", METRICS_COUNTER, "Messages written as lines", &counts.messages },
	{ "amqp_tap_bytes_total", METRICS_COUNTER, "Bytes of message bodies", &counts.bytes },
	{ "amqp_tap_redelivered_total", METRICS_COUNTER, "Messages marked as redelivered",
	  &counts.redelivered },
	{ "amqp_tap_acknowledged_total", METRICS_COUNTER, "Messages acknowledged", &counts.acked },
	{ "amqp_tap_rejected_total", METRICS_COUNTER, "Messages rejected from stdin",
	  &counts.rejected },
	{ "amqp_tap_stale_tags_total", METRICS_COUNTER, "Tags on stdin that were settled before",
	  &counts.stale },
	{ "amqp_tap_bad_lines_total", METRICS_COUNTER, "Lines on stdin that say nothing",
	  &counts.bad_acks },
	{ "amqp_tap_too_long_total", METRICS_COUNTER, "Messages skipped, longer than a line may be",
	  &counts.too_long },
	{ "amqp_tap_malformed_total", METRICS_COUNTER, "Messages with malformed properties",
	  &counts.malformed },
	{ "amqp_tap_connects_total", METRICS_COUNTER, "Connections made", &counts.connects },
	{ "amqp_tap_connections_lost_total", METRICS_COUNTER, "Connections lost", &counts.lost },
	{ 0 },
};

static void
end(struct tap *t, int code)
{
	if (!t->ending)
		t->code = code;
	t->ending = true;
}

/* --- out --- */

static uint64_t
written(const struct tap *t)
{
	return t->queued - out_pending(&t->out);
}

/* Acknowledge the lines that stdout has taken in full. */
static void
ack_written(struct tap *t)
{
	uint64_t last = 0, tag, before = t->inflight.out;

	while (t->pending_n && t->pending[t->pending_first].end <= written(t)) {
		last = t->pending[t->pending_first].tag;
		t->pending_first = (t->pending_first + 1) % (size_t)t->topology->prefetch;
		t->pending_n--;
	}
	if (last && t->connected && inflight_ack(&t->inflight, last, &tag) == INFLIGHT_OK) {
		rmq_ack(&t->rmq, tag, true);
		counts.acked += before - t->inflight.out;
	}
}

static void
write_out(struct tap *t)
{
	if (out_push(&t->out) < 0)
		out_die(&t->out, "standard output");
	if (t->o->ack == TAP_WRITE)
		ack_written(t);
}

/* A message that does not fit in a line. One that waits for an acknowledgement stays in
 * its queue, and as nothing behind it could be had without taking it, this is the end. Its
 * tag is given to nobody, so nobody can acknowledge it: it is not waited for. */
static void
too_long(struct tap *t, const struct rmq_message *m, uint64_t tag)
{
	uint64_t brokers;

	if (tag)
		inflight_reject(&t->inflight, tag, &brokers);
	counts.too_long++;
	msg_error("message of %llu bytes with key %.*s is longer than --max-line allows; %s",
	    (unsigned long long)m->size, (int)m->key.n, m->key.p,
	    t->topology->no_ack ? "skipped" : "it stays in the queue");
	if (!t->topology->no_ack)
		end(t, EXIT_PARTIAL);
}

static void
take_message(struct tap *t, const struct rmq_message *m)
{
	struct buf *b = &t->out.b;
	size_t before = b->n;
	uint64_t tag = 0;

	if (t->o->idle_ms)
		t->idle_at = now_ms() + t->o->idle_ms;
	if (!t->topology->no_ack && t->o->ack != TAP_HOLD) {
		tag = inflight_add(&t->inflight);
		if (!tag) {
			msg_error("the broker sent more than --prefetch allows");
			end(t, EXIT_NETWORK);
			return;
		}
	}
	if (!m->too_large && !record_put(b, m, t->o->ack == TAP_STDIN ? tag : 0,
		    t->topology->queue, (enum rec_form)t->o->form)) {
		counts.malformed++;
		msg_warn("message with key %.*s has malformed properties: left out", (int)m->key.n,
		    m->key.p);
	}
	if (m->too_large || b->n - before > (size_t)t->o->max_line) {
		b->n = before;
		too_long(t, m, tag);
		return;
	}
	buf_byte(b, '\n');
	t->queued += b->n - before;
	if (t->o->ack == TAP_WRITE) {
		size_t at = (t->pending_first + t->pending_n++) % (size_t)t->topology->prefetch;

		t->pending[at] = (struct pending){ tag, t->queued };
	}
	if (t->topology->offset) {
		int64_t offset = record_stream_offset(m);

		if (offset >= 0) {
			t->topology->seen = true;
			t->topology->last_offset = offset;
		}
	}
	counts.messages++;
	counts.bytes += m->body.n;
	counts.redelivered += m->redelivered;
	if (t->o->count && counts.messages == (uint64_t)t->o->count)
		end(t, EXIT_DONE);
}

/* --- acknowledgements on stdin --- */

static void
bad_ack(struct tap *t, const char *why)
{
	counts.bad_acks++;
	msg_warn("standard input: line %llu: %s: skipped", (unsigned long long)t->in.number, why);
}

static void
take_ack(struct tap *t, struct slice line)
{
	struct js_member m[REC_MEMBERS];
	struct js_error e;
	int n = js_object(line, m, REC_MEMBERS, &e);
	struct slice requeue;
	int64_t ours;
	uint64_t tag = 0, before;
	enum inflight_answer answer;

	if (n < 0) {
		bad_ack(t, e.why);
		return;
	}
	if (!js_int(js_pick(m, n, S("tag")), &ours) || ours < 1) {
		/* A stage that acknowledges may report other things beside. */
		if (!js_pick(m, n, S("event")).n)
			bad_ack(t, "no tag");
		return;
	}
	requeue = js_pick(m, n, S("requeue"));
	if (requeue.n && js_type(requeue) != JS_TRUE && js_type(requeue) != JS_FALSE) {
		bad_ack(t, "requeue is neither true nor false");
		return;
	}
	before = t->inflight.out;
	answer = requeue.n ? inflight_reject(&t->inflight, (uint64_t)ours, &tag)
		: inflight_ack(&t->inflight, (uint64_t)ours, &tag);
	if (answer == INFLIGHT_UNKNOWN) {
		bad_ack(t, "a tag that was not given");
	} else if (answer == INFLIGHT_STALE || !t->connected) {
		/* The broker has taken back what was out, and delivers it again. */
		counts.stale++;
	} else if (requeue.n) {
		rmq_reject(&t->rmq, tag, js_type(requeue) == JS_TRUE);
		counts.rejected++;
	} else {
		rmq_ack(&t->rmq, tag, true);
		counts.acked += before - t->inflight.out;
	}
}

static void
read_acks(struct tap *t)
{
	struct slice line;

	if (line_fill(&t->in) < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return;
		msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
	}
	for (;;) {
		switch (line_take(&t->in, &line)) {
		case LINE_OK:
			take_ack(t, line);
			break;
		case LINE_TOO_LONG:
			bad_ack(t, "too long");
			break;
		case LINE_EOF:
			t->in_open = false;
			end(t, EXIT_DONE);
			return;
		case LINE_MORE:
			return;
		}
	}
}

/* --- the connection --- */

/* What was going on is over. Decide when to try again, or that this was the end. */
static void
disconnected(struct tap *t, bool lost)
{
	int64_t delay;

	if (t->rmq.status == RMQ_STOPPED) {
		end(t, EXIT_DONE);
	} else if (t->rmq.status == RMQ_FINAL) {
		if (lost)
			msg_error("%s: %s", t->url->shown, t->rmq.why.p);
		end(t, EXIT_REFUSED);
	}
	if (t->connected) {
		/* The last acknowledgements cannot arrive any more. */
		if (t->ending && t->code == EXIT_DONE && t->inflight.out) {
			msg_error("lost the connection to %s: %s; %llu messages were not acknowledged",
			    t->url->shown, t->rmq.why.p, (unsigned long long)t->inflight.out);
			t->code = EXIT_NETWORK;
		}
		t->connected = false;
		counts.lost++;
		clock_gettime(CLOCK_REALTIME, &t->away_since);
		inflight_restart(&t->inflight);
		t->pending_first = t->pending_n = 0;
	}
	rmq_close(&t->rmq);
	if (t->ending)
		return;
	delay = broker_delay(t->broker);
	if (delay < 0) {
		if (lost)
			msg_error("lost the connection to %s: %s", t->url->shown, t->rmq.why.p);
		end(t, EXIT_NETWORK);
		return;
	}
	if (lost)
		msg_warn("lost the connection to %s: %s; connecting again in %lld ms", t->url->shown,
		    t->rmq.why.p, (long long)delay);
	t->retry_at = now_ms() + delay;
}

/* What passed while a tap was away has gone by. */
static void
report_gap(struct tap *t)
{
	struct buf from = { 0 }, to = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	rec_put_time(&from, t->away_since);
	rec_put_time(&to, now);
	msg_warn("gap: what was published between %.*s and %.*s is missing", (int)from.n - 2,
	    from.p + 1, (int)to.n - 2, to.p + 1);
	buf_free(&from);
	buf_free(&to);
}

static void
connect_broker(struct tap *t)
{
	enum rmq_status s = broker_connect(t->broker, &t->rmq, &t->url);

	if (s != RMQ_OK) {
		disconnected(t, false);
		return;
	}
	if (topology_set_up(t->topology, &t->rmq) != RMQ_OK) {
		disconnected(t, true);
		return;
	}
	broker_settled(t->broker);
	counts.connects++;
	if (t->was_connected && !t->topology->queue)
		report_gap(t);
	if (t->topology->queue)
		msg_info("consuming %s at %s", t->topology->queue, t->url->shown);
	else
		msg_info("tapping %s%s at %s", t->topology->sources[0].exchange,
		    t->topology->n > 1 ? " and others" : "", t->url->shown);
	t->connected = t->was_connected = true;
	t->hung = false;
}

/* True while the broker is read: the reader of stdout keeps up. At the end what still comes
 * is passed over, and goes back to its queue; but the broker may have something to say. */
static bool
reading(const struct tap *t)
{
	return t->connected && (t->ending || out_pending(&t->out) < OUT_HIGH);
}

static void
take_events(struct tap *t)
{
	while (reading(t)) {
		switch (rmq_next(&t->rmq)) {
		case RMQ_MESSAGE:
			if (!t->ending)
				take_message(t, &t->rmq.message);
			break;
		case RMQ_CANCEL:
			t->rmq.status = RMQ_RETRY;
			buf_clear(&t->rmq.why);
			buf_str(&t->rmq.why, "the broker ended the consumer: the queue was deleted or moved");
			buf_cstr(&t->rmq.why);
			disconnected(t, true);
			return;
		case RMQ_CLOSED:
			disconnected(t, true);
			return;
		case RMQ_NONE:
			if (!rmq_more(&t->rmq))
				return;
			if (!rmq_fill(&t->rmq)) {
				disconnected(t, true);
				return;
			}
			break;
		default:
			break;
		}
	}
}

/* --- the loop --- */

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Milliseconds for poll, -1 for ever. */
static int
wait_time(struct tap *t)
{
	int64_t now = now_ms(), until = t->drain_at;
	int metrics_in = metrics_file_wait(&t->metrics);
	bool ok;

	if (t->connected) {
		int tick = rmq_tick(&t->rmq, reading(t), &ok);

		if (!ok) {
			/* This may be the end. */
			disconnected(t, true);
			return 0;
		}
		if (tick >= 0)
			until = earliest(until, now + tick);
	}
	if (t->drain_at == INT64_MAX)
		until = earliest(until, t->timeout_at);
	if (!t->ending)
		until = earliest(until, earliest(t->end_at, t->idle_at));
	if (!t->connected && !t->ending)
		until = earliest(until, t->retry_at);
	if (metrics_in >= 0)
		until = earliest(until, now + metrics_in);
	if (until == INT64_MAX)
		return -1;
	until -= now;
	return until < 0 ? 0 : until > 60000 ? 60000 : (int)until;
}

static void
end_by_time(struct tap *t, int code, int64_t now)
{
	end(t, code);
	if (t->o->drain_ms)
		t->drain_at = now + t->o->drain_ms;
}

/* The times after which the tool ends. --timeout counts until all is done, so also while
 * the last of --count messages wait for their acknowledgement. Without a connection, that
 * nothing more came says nothing about the broker's queues: that is no success. */
static void
check_times(struct tap *t)
{
	int64_t now = now_ms();

	if (now >= t->timeout_at && t->drain_at == INT64_MAX) {
		t->code = EXIT_TIMEOUT;
		end_by_time(t, EXIT_TIMEOUT, now);
	}
	if (t->ending)
		return;
	/* A reader that does not keep up is no silence of the broker's. */
	if (t->o->idle_ms && t->connected && !reading(t))
		t->idle_at = now + t->o->idle_ms;
	if (now < t->end_at && now < t->idle_at)
		return;
	if (now < t->end_at && t->o->count)
		end_by_time(t, EXIT_TIMEOUT, now);
	else if (t->connected)
		end_by_time(t, EXIT_DONE, now);
	else
		end_by_time(t, EXIT_NETWORK, now);
}

static void
poll_once(struct tap *t)
{
	struct pollfd p[4] = {
		{ .fd = t->connected ? rmq_fd(&t->rmq) : -1 },
		{ .fd = t->out.fd, .events = out_pending(&t->out) ? POLLOUT : 0 },
		{ .fd = sig_fd(), .events = POLLIN },
		{ .fd = t->in_open && !io_background_tty(t->in.fd) ? t->in.fd : -1, .events = POLLIN },
	};
	int wait = wait_time(t);

	if (t->connected)
		p[0].events = rmq_events(&t->rmq, reading(t));
	if (!t->connected || (t->hung && !reading(t)))
		p[0].fd = -1;
	if (poll(p, 4, wait) < 0 && errno != EINTR)
		msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
	if (p[2].revents)
		sig_clear();
	if (p[1].revents & (POLLERR | POLLHUP))
		out_sigpipe();
	if (p[3].revents)
		read_acks(t);
	if (p[0].revents && t->connected) {
		bool ok = rmq_push(&t->rmq);

		/* What the broker sent before it hung up is still to be had. */
		t->hung = p[0].revents & (POLLHUP | POLLERR);
		if (ok && reading(t))
			ok = rmq_fill(&t->rmq);
		if (!ok && rmq_next(&t->rmq) == RMQ_CLOSED)
			disconnected(t, true);
	}
}

/* What was delivered is written, and what stdin still acknowledges is passed on, within
 * the time that draining may take. */
static bool
drained(const struct tap *t)
{
	if (sig_drained() || now_ms() >= t->drain_at)
		return true;
	if (out_pending(&t->out))
		return false;
	return t->o->ack != TAP_STDIN || !t->in_open || !t->connected
		|| !t->inflight.out;
}

int
tap_run(const struct tap_options *o, struct topology *topology, struct broker *broker)
{
	int64_t now = now_ms();
	struct tap t = { .o = o, .topology = topology, .broker = broker, .rmq = RMQ_INIT,
		.end_at = o->duration_ms ? now + o->duration_ms : INT64_MAX,
		.timeout_at = o->timeout_ms ? now + o->timeout_ms : INT64_MAX,
		.idle_at = o->idle_ms ? now + o->idle_ms : INT64_MAX,
		.drain_at = INT64_MAX, .in_open = o->ack == TAP_STDIN, .retry_at = now };

	sig_init(o->drain_ms);
	if (out_init_async(&t.out, STDOUT_FILENO))
		msg_die(EXIT_HOST, "cannot write standard output: %s", strerror(errno));
	line_init(&t.in, STDIN_FILENO, ACK_LINE_MAX);
	inflight_init(&t.inflight, (size_t)topology->prefetch);
	t.pending = mem_zero((size_t)topology->prefetch, sizeof(*t.pending));
	metrics_file_init(&t.metrics, o->metrics_file, metrics, NULL, NULL);
	while (!t.ending || !drained(&t)) {
		if (sig_stopping())
			end(&t, EXIT_DONE);
		check_times(&t);
		if (!t.connected && !t.ending && now_ms() >= t.retry_at)
			connect_broker(&t);
		take_events(&t);
		write_out(&t);
		if (t.connected && !rmq_push(&t.rmq))
			disconnected(&t, true);
		metrics_file_tick(&t.metrics);
		/* Deliveries in the buffer wait for the reader of stdout only. */
		if (!t.ending || !drained(&t))
			poll_once(&t);
	}
	if (t.connected)
		rmq_finish(&t.rmq);
	metrics_file_finish(&t.metrics);
	out_free(&t.out);
	line_free(&t.in);
	inflight_free(&t.inflight);
	free(t.pending);
	buf_free(&t.rmq.why);
	return t.code;
}
