/* run - one run of the load: open the connections, send for so long, wait for what is
 * still on its way, close. The parts share struct run:
 *   run.c      the phases and the loop
 *   setup.c    from the open connection to one that is subscribed
 *   schedule.c which message is due when, and sending it
 *   arrival.c  what comes in, and what is missing */
#ifndef RUN_H
#define RUN_H

#include "agenda.h"
#include "client.h"
#include "feed.h"
#include "line.h"
#include "metrics.h"
#include "stats.h"

enum phase { PHASE_OPEN, PHASE_WORK, PHASE_LINGER, PHASE_CLOSE };

struct run;

/* What is told along the way. Either may be NULL. */
struct run_hooks {
	void (*progress)(const struct run *r); /* every 200 ms */
	void (*interval)(const struct run *r, double seconds); /* every config->every */
};

struct room {
	uint32_t listeners; /* ready connections that are to get what is sent there */
	uint32_t fed;       /* messages that went there by way of --feed */
};

struct run {
	const struct config *config;
	struct client client;
	struct stats stats;
	struct agenda agenda;
	struct feed feed;
	struct line_reader input; /* of WORK_STREAM */

	enum phase phase;
	uint32_t id;      /* of the stamps, 24 bits */
	uint32_t waiting; /* connections that are not ready yet and have not failed */
	uint32_t senders; /* in turn; 1 for --feed */
	uint32_t closing; /* connections whose end we wait for */
	bool feeding;
	bool input_paused; /* no connection takes more of the standard input, or it is a
			    * terminal and we are in the background */
	bool input_more;   /* lines of it are here that were not sent yet */
	bool input_regular; /* it is a file, of which epoll knows nothing */

	/* The schedule: slot k is due at begin + k * period, and belongs to sender
	 * k % senders. So each sends evenly and all of them take turns, without timers. */
	uint64_t slot;          /* the next one */
	uint64_t begin, end, measure_from;
	double period;          /* nanoseconds */
	uint64_t messages;      /* of all that were made, for {n} */
	struct buf batch;       /* frames of one connection to be sent together */
	struct buf body, line;

	/* Fan-out: what receiver r has got of the senders in its room stands in
	 * tracks[r * per_room] to tracks[(r + 1) * per_room - 1]. */
	struct room *rooms;
	uint64_t listeners; /* in all rooms */
	struct track *tracks;
	uint32_t per_room;
	uint64_t written_off;   /* deliveries that --rate max no longer waits for */
	uint64_t last_delivery;

	uint64_t storm_at, storm_began; /* the next; the one under way, or 0 */
	uint32_t storm_next;            /* the connection to begin it with */
	uint64_t tick_at, trickled_at, progress_at, interval_at, interval_from;
	const struct run_hooks *hooks;
	struct metrics_file metrics;
};

/* Run it. The result is in r->stats; release with run_free. 0, or -1 with errno. */
int run_bench(struct run *r, const struct config *config, const struct net *net,
    SSL_CTX *tls, const struct run_hooks *hooks);

void run_free(struct run *r);

/* --- between the parts --- */

static inline uint32_t
run_room(const struct run *r, uint32_t conn)
{
	return conn % (uint32_t)r->config->rooms;
}

/* Who the connection is, for {user}; without tokens a made-up name in text[24]. */
struct slice run_user(const struct run *r, uint32_t conn, char text[24]);

/* True when each message has answers or receivers that can be counted. */
static inline bool
run_expects(const struct run *r)
{
	return r->config->work <= WORK_FANOUT;
}

/* setup.c: the connection is up: authenticate and subscribe. */
void setup_begin(struct run *r, struct conn *c);
/* A message before it is ready. */
void setup_message(struct run *r, struct conn *c, struct slice message);
/* The code in an error reply of any spelling, as text for the table of errors; false
 * when the message is none. *text has room for STATS_KIND_MAX. */
bool setup_error_code(struct slice message, char *text);

/* run.c: the connection is set up. */
void run_ready(struct run *r, struct conn *c);
/* It never will be, for this reason. */
void run_fail(struct run *r, struct conn *c, const char *kind);
/* The same; the server said so, and would again. */
void run_refused(struct run *r, struct conn *c, const char *kind);

/* schedule.c */
void schedule_begin(struct run *r);
/* Send what is due by now. Returns when that is to be done again. */
uint64_t schedule_send(struct run *r);
/* A connection takes part (again). What came due while it was away is not made up for. */
void schedule_join(struct run *r, struct conn *c);
/* A connection takes more: send what came due in the meantime. */
void schedule_resume(struct run *r, struct conn *c);
/* With --rate max: an answer came, one more may go out; it does with schedule_flush. */
void schedule_answered(struct run *r, struct conn *c);
void schedule_flush(struct run *r, struct conn *c);
/* Write what waits for the feed. */
void schedule_push(struct run *r);
/* Count what came due and was not sent. */
void schedule_end(struct run *r);
/* Send lines of standard input: those that were read already and, when it can be read
 * now, more. */
void schedule_input(struct run *r, bool readable);

/* arrival.c */
void arrival_message(struct run *r, struct conn *c, struct slice message);
/* c takes part from now on: what was sent before does not count. */
void arrival_begin(struct run *r, struct conn *c);
/* We drop c ourselves: what is on its way to it need not come. */
void arrival_give_up(struct run *r, struct conn *c);

#endif
