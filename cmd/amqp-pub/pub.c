#include "pub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "msg.h"
#include "now.h"
#include "outcome.h"
#include "sig.h"

enum {
	OUT_MOST = 256 << 10, /* bytes queued for the socket before we take no more lines */
	GRACE_MS = 1000,      /* of the time to drain, what is kept for the last confirms */
};

static struct pub_counts counts;

static const struct metric metrics[] = {
	{ "amqp_pub_lines_total", METRICS_COUNTER, "Lines read", &counts.lines },
	{ "amqp_pub_confirmed_total", METRICS_COUNTER, "Messages confirmed by the broker",
	  &counts.confirmed },
	{ "amqp_pub_bytes_total", METRICS_COUNTER, "Bytes of message bodies sent", &counts.bytes },
	{ "amqp_pub_resent_total", METRICS_COUNTER, "Messages sent again", &counts.resent },
	{ "amqp_pub_unroutable_total", METRICS_COUNTER, "Messages that no queue took",
	  &counts.returned },
	{ "amqp_pub_refused_total", METRICS_COUNTER, "Messages the broker refused",
	  &counts.refused },
	{ "amqp_pub_bad_lines_total", METRICS_COUNTER, "Lines that are no message", &counts.bad },
	{ "amqp_pub_connects_total", METRICS_COUNTER, "Connections made", &counts.connects },
	{ "amqp_pub_connections_lost_total", METRICS_COUNTER, "Connections lost", &counts.lost },
	{ 0 },
};

static void
fail(struct pub *p, int code)
{
	if (!p->failed)
		p->code = code;
	p->failed = true;
}

/* --- sending --- */

static void
send_one(struct pub *p, struct entry *e)
{
	struct message *m = &p->message;

	buf_clear(&p->why);
	switch (message_make(&p->o->plan, slice_of(e->line, e->n), m, &p->why)) {
	case MESSAGE_BARE:
		e->tag = m->tag;
		e->state = ENTRY_DONE;
		return;
	case MESSAGE_BAD:
		e->tag = m->tag;
		outcome_reject(p, e);
		return;
	case MESSAGE_OK:
		break;
	}
	e->tag = m->tag;
	if (!rmq_fits(&p->rmq, m->props)) {
		buf_str(&p->why, "the headers are larger than a frame of the broker's");
		outcome_reject(p, e);
		return;
	}
	rmq_publish(&p->rmq, m->exchange, m->key, p->o->mandatory, m->props, m->body);
	window_sent(&p->window, e);
	counts.bytes += m->body.n;
	counts.resent += p->sent_before;
}

static void
send_waiting(struct pub *p)
{
	struct entry *e;

	while (p->connected && !p->blocked && rmq_pending(&p->rmq) < OUT_MOST) {
		e = window_next(&p->window);
		if (!e) {
			p->sent_before = false;
			return;
		}
		send_one(p, e);
	}
}

/* --- the connection --- */

static void
disconnected(struct pub *p, bool tell)
{
	bool again = p->connected && outcome_too_large(p);
	int64_t delay;

	if (p->connected) {
		p->connected = false;
		counts.lost++;
		p->sent_before = true;
		window_restart(&p->window);
	}
	rmq_close(&p->rmq);
	if (again || p->rmq.status == RMQ_STOPPED) {
		p->retry_at = now_ms();
		return;
	}
	if (p->rmq.status == RMQ_FINAL) {
		if (tell)
			msg_error("%s: %s", p->url->shown, p->rmq.why.p);
		fail(p, EXIT_REFUSED);
		return;
	}
	delay = broker_delay(p->broker);
	if (delay < 0) {
		if (tell)
			msg_error("lost the connection to %s: %s", p->url->shown, p->rmq.why.p);
		fail(p, EXIT_NETWORK);
		return;
	}
	if (tell)
		msg_warn("lost the connection to %s: %s; connecting again in %lld ms", p->url->shown,
		    p->rmq.why.p, (long long)delay);
	p->retry_at = now_ms() + delay;
}

/* What is published to must be there: to a missing exchange the broker answers late, and
 * for a missing queue with a return for each message. */
static enum rmq_status
check_target(struct pub *p)
{
	const struct message_plan *plan = &p->o->plan;
	amqp_exchange_declare_t x = { .passive = 1, .type = amqp_empty_bytes };
	amqp_queue_declare_t q = { .passive = 1 };

	if (plan->exchange && *plan->exchange) {
		x.exchange = amqp_cstring_bytes(plan->exchange);
		return rmq_call(&p->rmq, AMQP_EXCHANGE_DECLARE_METHOD, &x, AMQP_EXCHANGE_DECLARE_OK_METHOD);
	}
	if (plan->queue) {
		q.queue = amqp_cstring_bytes(plan->queue);
		return rmq_call(&p->rmq, AMQP_QUEUE_DECLARE_METHOD, &q, AMQP_QUEUE_DECLARE_OK_METHOD);
	}
	return RMQ_OK;
}

static void
connect_broker(struct pub *p)
{
	amqp_confirm_select_t select = { 0 };

	if (broker_connect(p->broker, &p->rmq, &p->url) != RMQ_OK) {
		disconnected(p, false);
		return;
	}
	if (check_target(p) != RMQ_OK || rmq_call(&p->rmq, AMQP_CONFIRM_SELECT_METHOD, &select,
		    AMQP_CONFIRM_SELECT_OK_METHOD) != RMQ_OK) {
		disconnected(p, true);
		return;
	}
	broker_settled(p->broker);
	counts.connects++;
	msg_info("publishing to %s", p->url->shown);
	p->connected = true;
	p->blocked = false;
}

static void
take_events(struct pub *p)
{
	while (p->connected) {
		switch (rmq_next(&p->rmq)) {
		case RMQ_ACK:
			outcome_confirm(p, true);
			break;
		case RMQ_NACK:
			outcome_confirm(p, false);
			break;
		case RMQ_RETURN:
			outcome_return(p);
			break;
		case RMQ_BLOCKED:
			msg_warn("the broker takes no messages for now: %s", p->rmq.why.p);
			p->blocked = true;
			break;
		case RMQ_UNBLOCKED:
			msg_warn("the broker takes messages again");
			p->blocked = false;
			break;
		case RMQ_CLOSED:
			disconnected(p, true);
			return;
		case RMQ_NONE:
			if (!rmq_more(&p->rmq))
				return;
			rmq_fill(&p->rmq);
			break;
		default:
			break;
		}
	}
}

/* --- input --- */

static bool
room(const struct pub *p)
{
	return p->window.n < p->window.cap && p->window.bytes < PUB_WINDOW_BYTES
		&& out_pending(&p->acks) < OUT_HIGH
		&& (!p->connected || rmq_pending(&p->rmq) < OUT_MOST);
}

static int64_t
rate_wait_us(const struct pub *p)
{
	return bucket_wait(&p->bucket, &p->o->rate, 1, now_ms() * 1000);
}

/* Lines from the buffer into the window. */
static void
take_lines(struct pub *p)
{
	struct slice line;

	while (!p->input_ended && !p->failed && room(p)) {
		if (p->o->rate.count && rate_wait_us(p) > 0)
			return;
		switch (line_take(&p->in, &line)) {
		case LINE_OK:
			counts.lines++;
			bucket_take(&p->bucket, &p->o->rate, 1, now_ms() * 1000);
			window_add(&p->window, line, p->in.number);
			break;
		case LINE_TOO_LONG:
			counts.lines++;
			counts.bad++;
			msg_error("line %llu: longer than %lld bytes: skipped",
			    (unsigned long long)p->in.number, (long long)p->o->max_line);
			letters_put(&p->letters, (struct slice){ 0 }, p->in.number, "the line is too long");
			break;
		case LINE_EOF:
			p->input_ended = true;
			break;
		case LINE_MORE:
			return;
		}
	}
}

/* --- the loop --- */

static bool
wants_input(const struct pub *p)
{
	return !p->input_ended && !p->failed && room(p)
		&& (!p->o->rate.count || rate_wait_us(p) <= 0) && !io_background_tty(p->in.fd);
}

static int
wait_time(struct pub *p)
{
	int64_t now = now_ms(), until = now + 60000;
	int metrics_in = metrics_file_wait(&p->metrics);
	bool ok;

	if (p->connected) {
		int tick = rmq_tick(&p->rmq, true, &ok);

		if (!ok)
			disconnected(p, true);
		else if (tick >= 0 && now + tick < until)
			until = now + tick;
	}
	if (!p->connected && !p->failed && p->retry_at < until)
		until = p->retry_at;
	if (metrics_in >= 0 && now + metrics_in < until)
		until = now + metrics_in;
	if (p->stop_at && !p->input_ended && p->stop_at < until)
		until = p->stop_at;
	if (p->acks_gone && !p->input_ended && p->input_due < until)
		until = p->input_due;
	if (p->o->rate.count && rate_wait_us(p) > 0 && now + rate_wait_us(p) / 1000 + 1 < until)
		until = now + rate_wait_us(p) / 1000 + 1;
	return until < now ? 0 : (int)(until - now);
}

static void
poll_once(struct pub *p)
{
	int wait = wait_time(p);
	struct pollfd f[4] = {
		{ .fd = p->connected ? rmq_fd(&p->rmq) : -1,
		  .events = p->connected ? rmq_events(&p->rmq, true) : 0 },
		{ .fd = wants_input(p) ? p->in.fd : -1, .events = POLLIN },
		{ .fd = sig_fd(), .events = POLLIN },
		{ .fd = p->o->acks && !p->acks_gone ? p->acks.fd : -1, .events = out_pending(&p->acks) ? POLLOUT : 0 },
	};

	if (p->failed)
		return;
	if (poll(f, 4, wait) < 0 && errno != EINTR)
		msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
	if (f[2].revents)
		sig_clear();
	if (f[3].revents & (POLLERR | POLLHUP))
		outcome_acks_gone(p);
	if (f[1].revents && line_fill(&p->in) < 0 && errno != EINTR && errno != EAGAIN)
		msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
	if (f[0].revents && p->connected)
		rmq_fill(&p->rmq);
}

/* After the first signal the input is read to its end, but not for ever. */
static void
heed_signals(struct pub *p)
{
	int64_t grace = p->o->drain_ms > 5 * GRACE_MS ? GRACE_MS : p->o->drain_ms / 5;

	if (sig_reload())
		letters_reopen(&p->letters);
	if (!sig_stopping())
		return;
	/* Nobody will end what is typed at a terminal. */
	if (isatty(p->in.fd))
		p->input_ended = true;
	if (!p->stop_at)
		p->stop_at = now_ms() + p->o->drain_ms - grace;
	if (p->o->drain_ms && now_ms() >= p->stop_at)
		p->input_ended = true;
}

static bool
over(struct pub *p)
{
	if (p->failed || sig_drained())
		return true;
	return p->input_ended && !p->window.n && !out_pending(&p->acks) && !p->ack_tag;
}

/* What is to be said at the end, and the exit code. */
static int
conclude(struct pub *p)
{
	size_t open = window_open(&p->window);
	uint64_t lost = counts.returned + counts.refused + counts.bad;

	if (open) {
		msg_error("%zu line%s not confirmed, from line %llu on", open, open == 1 ? " was" : "s were",
		    (unsigned long long)window_at(&p->window, 0)->number);
		if (!p->failed)
			p->code = EXIT_NETWORK;
	} else if (!p->failed && lost) {
		p->code = EXIT_PARTIAL;
	}
	(open || lost ? msg_warn : msg_info)("%llu confirmed, %llu not delivered, %llu sent again",
	    (unsigned long long)counts.confirmed, (unsigned long long)lost + open,
	    (unsigned long long)counts.resent);
	return p->code;
}

int
pub_run(const struct pub_options *o, struct broker *b)
{
	struct pub p = { .o = o, .counts = &counts, .broker = b, .rmq = RMQ_INIT, .retry_at = now_ms() };
	int code;

	sig_init(o->drain_ms);
	line_init(&p.in, STDIN_FILENO, (size_t)o->max_line);
	signal(SIGPIPE, SIG_IGN); /* EPIPE says the same, where it can be judged */
	if (o->acks && out_init_async(&p.acks, STDOUT_FILENO))
		msg_die(EXIT_HOST, "cannot write standard output: %s", strerror(errno));
	window_init(&p.window, (size_t)o->window);
	letters_open(&p.letters, o->dead_letter);
	metrics_file_init(&p.metrics, o->metrics_file, metrics, NULL, NULL);
	for (;;) {
		heed_signals(&p);
		if (p.acks_gone && !p.input_ended && now_ms() >= p.input_due)
			outcome_input_due(&p);
		if (!p.connected && !p.failed && now_ms() >= p.retry_at)
			connect_broker(&p);
		take_events(&p);
		take_lines(&p);
		send_waiting(&p);
		outcome_release(&p);
		/* What is acknowledged must be safe: kept lines are written before their tags. */
		letters_flush(&p.letters);
		outcome_write_acks(&p);
		if (p.connected && !rmq_push(&p.rmq))
			disconnected(&p, true);
		metrics_file_tick(&p.metrics);
		if (over(&p))
			break;
		poll_once(&p);
	}
	code = conclude(&p);
	if (p.connected)
		rmq_finish(&p.rmq);
	letters_close(&p.letters);
	metrics_file_finish(&p.metrics);
	if (o->acks && !p.acks_gone)
		out_free(&p.acks);
	line_free(&p.in);
	window_free(&p.window);
	message_free(&p.message);
	buf_free(&p.why);
	buf_free(&p.rmq.why);
	return code;
}
