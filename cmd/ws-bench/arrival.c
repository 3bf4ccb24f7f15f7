#include "run.h"
#include "stamp.h"

/* The tracks of the messages that receiver `conn` gets, one for each sender. */
static struct track *
tracks_of(const struct run *r, uint32_t conn)
{
	return r->tracks ? r->tracks + (size_t)conn * r->per_room : NULL;
}

/* How many messages the sender of track t of receiver `conn` has sent by now. */
static uint32_t
sent_by(const struct run *r, uint32_t conn, uint32_t t)
{
	uint32_t room = run_room(r, conn), sender;

	if (r->feeding)
		return r->rooms[room].fed;
	sender = t * (uint32_t)r->config->rooms + room;
	return sender < r->senders ? r->client.conns[sender].seq : 0;
}

void
arrival_begin(struct run *r, struct conn *c)
{
	uint32_t i = conn_number(&r->client, c);
	struct track *tracks = tracks_of(r, i);

	c->got = c->seq;
	track_begin(&c->track, c->seq);
	for (uint32_t t = 0; tracks && t < r->per_room; t++)
		track_begin(&tracks[t], sent_by(r, i, t));
}

void
arrival_give_up(struct run *r, struct conn *c)
{
	uint32_t i = conn_number(&r->client, c);
	struct track *tracks = tracks_of(r, i);

	if (r->config->work <= WORK_ECHO)
		r->stats.all.given_up += c->seq - c->got;
	for (uint32_t t = 0; tracks && t < r->per_room; t++) {
		bool own = !r->feeding && t * (uint32_t)r->config->rooms + run_room(r, i) == i;

		/* Gaps before the last one that came are losses all the same. */
		if (!own || r->config->to_sender)
			r->stats.all.given_up += sent_by(r, i, t) - tracks[t].next;
	}
}

/* Count a message of this run by what its track says. True when it came the first time. */
static bool
count(struct run *r, struct track *track, uint32_t seq)
{
	struct counters *n = &r->stats.all;

	switch (track_add(track, seq)) {
	case TRACK_AGAIN:
		n->duplicated++;
		return false;
	case TRACK_FOREIGN:
		return false;
	case TRACK_LATE:
		n->reordered++;
		break;
	case TRACK_NEW:
		break;
	}
	return true;
}

static void
measure(const struct run *r, struct hist *h, uint64_t due)
{
	if (due >= r->measure_from && due <= r->client.now)
		hist_add(h, r->client.now - due);
}

/* A message comes back to its sender. */
static void
answer(struct run *r, struct conn *c, const struct stamp *s)
{
	if (s->seq >= c->seq) {
		r->stats.all.unexpected++;
		return;
	}
	if (!count(r, &c->track, s->seq))
		return;
	if (run_expects(r)) {
		r->stats.all.delivered++;
		c->got++;
	}
	measure(r, &r->stats.fresh.rtt, s->due);
	schedule_answered(r, c);
}

/* A message of another sender. */
static void
delivery(struct run *r, struct conn *c, const struct stamp *s)
{
	uint32_t i = conn_number(&r->client, c), rooms = (uint32_t)r->config->rooms;
	uint32_t t = s->sender / rooms;
	struct track *tracks = tracks_of(r, i);
	bool fed = s->sender == STAMP_FEED;

	/* Without a count of receivers only the time can be told. */
	if (!run_expects(r)) {
		measure(r, &r->stats.fresh.delivery, s->due);
		return;
	}
	if (fed)
		t = 0;
	if (!tracks || fed != r->feeding ||
	    (!fed && (s->sender >= r->senders || run_room(r, s->sender) != run_room(r, i))) ||
	    s->seq >= sent_by(r, i, t)) {
		r->stats.all.unexpected++;
		return;
	}
	if (!count(r, &tracks[t], s->seq))
		return;
	r->stats.all.delivered++;
	r->last_delivery = r->client.now;
	measure(r, &r->stats.fresh.delivery, s->due);
}

void
arrival_message(struct run *r, struct conn *c, struct slice message)
{
	enum work work = r->config->work;
	uint32_t i = conn_number(&r->client, c);
	char kind[STATS_KIND_MAX];
	struct stamp s;
	bool found;

	r->stats.all.received++;
	if (!c->ready) {
		setup_message(r, c, message);
		return;
	}
	found = stamp_find(message, r->id, &s);
	/* An error reply repeats the stamp of a ping, and answers messages without one. */
	if ((!found || (work == WORK_PING && s.sender == i)) && setup_error_code(message, kind))
		stats_error(&r->stats, kind);
	else if (!found)
		return;
	else if (config_is_slow(r->config, i))
		return;
	else if (s.sender != i || (work == WORK_FANOUT && r->config->to_sender))
		delivery(r, c, &s);
	else if (work == WORK_FANOUT)
		r->stats.all.unexpected++;
	else
		answer(r, c, &s);
}
