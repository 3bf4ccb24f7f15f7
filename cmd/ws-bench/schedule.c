#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "msg.h"
#include "run.h"
#include "stamp.h"

enum {
	TURN = 4096,             /* messages sent before arrivals are looked at again */
	BATCH_MAX = 256 << 10,   /* bytes of one connection sent together */
	LINES_TURN = 256,
};
static const uint64_t NEVER = UINT64_MAX;

static uint64_t
due_of(const struct run *r, uint64_t slot)
{
	return r->begin + (uint64_t)((double)slot * r->period);
}

/* --- one message --- */

/* Make the message of template t in r->body. */
static void
make(struct run *r, const struct stencil *t, uint32_t sender, uint32_t conn, uint32_t room,
    uint32_t seq, uint64_t due)
{
	const struct config *o = r->config;
	struct stamp stamp = { .sender = sender, .seq = seq, .due = due };
	char id[STAMP_SIZE], user[24];
	struct stencil_values v = { .n = r->messages++, .conn = conn, .room = room,
		.id = slice_of(id, STAMP_SIZE), .size = (size_t)o->size };

	if (sender != STAMP_FEED && stencil_has(t, PART_USER))
		v.user = run_user(r, conn, user);
	stamp_put(id, r->id, &stamp);
	buf_clear(&r->body);
	stencil_put(&r->body, t, &v);
	r->stats.all.sent++;
	if (r->client.now > due && r->client.now - due > r->stats.max_lag)
		r->stats.max_lag = r->client.now - due;
}

static const struct stencil *
next_template(const struct run *r)
{
	return &r->config->messages[r->messages % (uint64_t)r->config->nmessages];
}

/* Add a message of connection c to the batch. */
static void
add_message(struct run *r, struct conn *c, const struct stencil *t, uint64_t due)
{
	const struct config *o = r->config;
	uint32_t i = conn_number(&r->client, c), room = run_room(r, i);

	make(r, t, i, i, room, c->seq++, due);
	client_frame(&r->client, &r->batch, o->binary ? FRAME_BINARY : FRAME_TEXT,
	    buf_view(&r->body));
	if (o->work == WORK_FANOUT)
		r->stats.all.expected += r->rooms[room].listeners - !o->to_sender;
	else if (run_expects(r))
		r->stats.all.expected++;
}

void
schedule_flush(struct run *r, struct conn *c)
{
	if (!r->batch.n)
		return;
	client_send(&r->client, c, buf_view(&r->batch));
	buf_clear(&r->batch);
}

/* Add a line for the feed; rooms take turns. */
static void
add_fed(struct run *r, uint64_t due)
{
	uint32_t room = (uint32_t)(r->slot % (uint64_t)r->config->rooms);

	make(r, next_template(r), STAMP_FEED, 0, room, r->rooms[room].fed++, due);
	buf_slice(&r->feed.out, buf_view(&r->body));
	buf_byte(&r->feed.out, '\n');
	r->stats.all.expected += r->rooms[room].listeners;
	r->slot++;
}

void
schedule_push(struct run *r)
{
	int rc = feed_push(&r->feed);

	if (rc < 0)
		msg_die(EXIT_NETWORK, "cannot write %s: %s", r->config->feed, strerror(errno));
	if (r->feed.waiting == !rc)
		return;
	/* A regular file is never waited for, and epoll takes none. */
	r->feed.waiting = !rc;
	client_watch(&r->client, r->feed.fd, (r->feed.socket ? EPOLLIN : 0u) |
	    (r->feed.waiting ? EPOLLOUT : 0u));
}

/* --- at a rate --- */

void
schedule_resume(struct run *r, struct conn *c)
{
	const struct config *o = r->config;
	uint64_t due;

	if (o->work == WORK_STREAM && r->input_paused)
		schedule_input(r, false);
	if (r->feeding || o->saturate || !r->period || conn_number(&r->client, c) >= r->senders)
		return;
	while (!conn_blocked(c) && r->batch.n < BATCH_MAX &&
	    (due = due_of(r, c->slot)) <= r->client.now && due < r->end) {
		add_message(r, c, next_template(r), due);
		c->slot += r->senders;
	}
	schedule_flush(r, c);
}

static uint64_t
send_due(struct run *r)
{
	uint64_t due = NEVER;

	for (int n = 0; n < TURN; n++) {
		due = due_of(r, r->slot);
		if (due >= r->end)
			due = NEVER;
		if (due > r->client.now || (r->feeding && feed_full(&r->feed)))
			break;
		if (r->feeding) {
			add_fed(r, due);
			continue;
		}
		struct conn *c = &r->client.conns[r->slot++ % r->senders];

		/* What a blocked connection does not send now keeps its time and goes out in
		 * schedule_resume, late: the wait is the server's doing and counts. */
		if (c->ready && !conn_blocked(c))
			schedule_resume(r, c);
	}
	if (r->feeding)
		schedule_push(r);
	return r->feeding && feed_full(&r->feed) ? NEVER : due;
}

/* --- as fast as it goes: --rate max --- */

/* One more message of connection c, due now. */
static void
add_now(struct run *r, struct conn *c)
{
	add_message(r, c, next_template(r), r->client.now);
}

void
schedule_answered(struct run *r, struct conn *c)
{
	if (r->config->saturate && r->phase == PHASE_WORK && r->config->work <= WORK_ECHO &&
	    r->client.now < r->end)
		add_now(r, c);
}

/* Deliveries that may be outstanding; fewer are: send more. */
static bool
window_open(struct run *r)
{
	uint64_t missing = stats_missing(&r->stats.all);

	/* What was written off may come all the same. */
	if (r->written_off > missing)
		r->written_off = missing;
	missing -= r->written_off;
	if (missing <= (uint64_t)r->config->window * r->listeners / (uint64_t)r->config->rooms)
		return true;
	/* What has not come for a second is lost; without this the work would stop. */
	if (r->client.now - r->last_delivery > SECOND) {
		r->written_off += missing;
		r->last_delivery = r->client.now;
	}
	return false;
}

static uint64_t
saturate_fanout(struct run *r)
{
	for (int n = 0; n < TURN && window_open(r); n++) {
		if (r->feeding) {
			if (feed_full(&r->feed))
				break;
			add_fed(r, client_clock(&r->client));
			continue;
		}
		struct conn *c = &r->client.conns[r->slot++ % r->senders];

		if (!c->ready || conn_blocked(c))
			continue;
		client_clock(&r->client);
		add_now(r, c);
		schedule_flush(r, c);
	}
	if (r->feeding)
		schedule_push(r);
	return r->client.now + 10 * MS;
}

/* Messages without answers: fill the sockets. */
static uint64_t
saturate_sockets(struct run *r)
{
	bool any = false;

	for (uint32_t i = 0; i < r->senders; i++) {
		struct conn *c = &r->client.conns[i];

		if (!c->ready || conn_blocked(c))
			continue;
		client_clock(&r->client);
		for (int64_t n = 0; n < r->config->window; n++)
			add_now(r, c);
		schedule_flush(r, c);
		any = true;
	}
	return any ? r->client.now : NEVER;
}

/* --- standard input --- */

/* The next connection in turn that can send, or NULL. */
static struct conn *
next_free(struct run *r)
{
	for (uint32_t i = 0; i < r->senders; i++) {
		struct conn *c = &r->client.conns[r->slot++ % r->senders];

		if (c->ready && !conn_blocked(c))
			return c;
	}
	return NULL;
}

static void
send_line(struct run *r, struct conn *c, struct slice line)
{
	struct stencil t;

	stencil_init(&t, line);
	add_message(r, c, &t, r->client.now);
	stencil_free(&t);
	schedule_flush(r, c);
}

static void
watch_input(struct run *r, bool on)
{
	r->input_paused = !on;
	if (!r->input_regular)
		client_watch(&r->client, STDIN_FILENO, on ? EPOLLIN : 0);
}

void
schedule_input(struct run *r, bool readable)
{
	/* One read(2) when poll has said so: a second one might wait. */
	bool may_read = readable || r->input_regular;
	struct slice line;

	if (r->phase != PHASE_WORK || r->stats.starved)
		return;
	r->input_more = false;
	for (int n = 0; n < LINES_TURN; n++) {
		struct conn *c = next_free(r);

		if (!c) {
			watch_input(r, false);
			return;
		}
		switch (line_take(&r->input, &line)) {
		case LINE_OK:
			send_line(r, c, line);
			break;
		case LINE_TOO_LONG:
			msg_warn("line %llu: too long, skipped", (unsigned long long)r->input.number);
			r->stats.skipped++;
			break;
		case LINE_EOF:
			r->stats.starved = true;
			watch_input(r, false);
			return;
		case LINE_MORE:
			if (io_background_tty(STDIN_FILENO)) {
				watch_input(r, false); /* tick looks again */
				return;
			}
			if (!may_read) {
				if (r->input_paused)
					watch_input(r, true);
				return;
			}
			may_read = r->input_regular;
			if (line_fill(&r->input) < 0 && errno != EINTR && errno != EAGAIN)
				msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
			break;
		}
	}
	/* Poll knows nothing of the lines that are here already. */
	r->input_more = true;
	if (r->input_paused)
		watch_input(r, true);
}

/* --- all of them --- */

void
schedule_begin(struct run *r)
{
	const struct config *o = r->config;

	r->begin = client_clock(&r->client);
	r->end = o->duration ? r->begin + (uint64_t)o->duration : NEVER;
	r->measure_from = r->begin + (uint64_t)o->warmup;
	r->last_delivery = r->begin;
	r->period = o->rate > 0 ? SECOND / o->rate : 0;
	for (uint32_t i = 0; i < r->client.n; i++)
		r->client.conns[i].slot = i;
	if (o->work == WORK_STREAM) {
		line_init(&r->input, STDIN_FILENO, (size_t)o->max_message);
		if (client_watch(&r->client, STDIN_FILENO, EPOLLIN))
			r->input_regular = true;
	}
	if (!o->saturate || o->work > WORK_ECHO)
		return;
	for (uint32_t i = 0; i < r->senders; i++)
		schedule_join(r, &r->client.conns[i]);
}

uint64_t
schedule_send(struct run *r)
{
	const struct config *o = r->config;

	client_clock(&r->client);
	if (o->work == WORK_STREAM && !r->input_paused && (r->input_regular || r->input_more)) {
		schedule_input(r, false);
		return r->client.now;
	}
	if (!r->senders || o->work >= WORK_STREAM || (!o->saturate && !r->period))
		return NEVER;
	if (!o->saturate)
		return send_due(r);
	if (r->client.now >= r->end)
		return NEVER;
	if (o->work == WORK_FANOUT)
		return saturate_fanout(r);
	return o->work == WORK_SEND ? saturate_sockets(r) : NEVER;
}

void
schedule_join(struct run *r, struct conn *c)
{
	uint32_t i = conn_number(&r->client, c);

	if (r->phase != PHASE_WORK || r->feeding || i >= r->senders || !c->ready)
		return;
	if (r->config->saturate) {
		if (r->config->work > WORK_ECHO)
			return;
		client_clock(&r->client);
		for (int64_t n = 0; n < r->config->window; n++)
			add_now(r, c);
		schedule_flush(r, c);
		return;
	}
	/* Its first slot from now on. */
	if (c->slot < r->slot)
		c->slot += (r->slot - c->slot + r->senders - 1) / r->senders * r->senders;
}

void
schedule_end(struct run *r)
{
	uint64_t end = r->client.now < r->end ? r->client.now : r->end, slots;

	if (!r->period || end <= r->begin)
		return;
	slots = (uint64_t)((double)(end - r->begin) / r->period);
	if (slots > r->stats.all.sent)
		r->stats.all.unsent = slots - r->stats.all.sent;
}
