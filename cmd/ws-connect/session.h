/* session - one WebSocket after the other: connect, talk, connect again, end.
 * session.c is what happens to connections, feed.c what is to be sent, loop.c waits. */
#ifndef SESSION_H
#define SESSION_H

#include "backoff.h"
#include "input.h"
#include "link.h"
#include "metrics.h"
#include "opening.h"
#include "options.h"
#include "output.h"
#include "prelude.h"
#include "token.h"
#include "tty.h"

enum phase {
	PHASE_WAIT,  /* until `retry` */
	PHASE_TOKEN,
	PHASE_OPENING,
	PHASE_OPEN,
	PHASE_ENDED, /* exit_code is set */
};

struct session {
	const struct options *o;
	SSL_CTX *tls;
	struct tty *tty;   /* NULL: no interactive terminal */
	struct input input;
	struct output output;
	struct prelude prelude;
	struct token token;
	struct wire *wire;
	struct outq queue; /* to be sent, in order */
	uint64_t dropped;  /* messages that a full queue lost */

	enum phase phase;
	struct opening opening;
	struct link link;
	struct backoff backoff;
	int64_t retry_after;  /* ms that the server wants us to wait at least */
	uint64_t attempt;     /* in this row, from 1 */
	uint64_t retries;     /* of these, what --reconnect counts */
	bool needs_new_token; /* the last one ended with 401 or 4001 */
	bool leaving;         /* the end was begun: no more reconnecting */
	bool renewing;        /* closed in order to connect anew at once */
	bool close_asked;     /* a record has asked for the end, with: */
	struct input_close close;
	int exit_code;        /* when `leaving`: of that end */
	uint64_t received;    /* messages of this connection */
	uint64_t sent_before; /* messages sent in earlier ones */
	int64_t ping_sent;    /* when /ping was typed, in microseconds; 0: no answer is awaited */
	struct metrics_file metrics;
	struct totals {
		uint64_t attempts, connections, received, sent;
	} totals;

	/* ms of CLOCK_MONOTONIC; -1: does not run */
	int64_t now, retry, attempt_end, total_end;
	int64_t leave_end;    /* when the end does not wait any longer for what is queued */
	int64_t active;       /* when the last message was sent or received */
	int64_t last_in;      /* when the last one was received; at first, the start */
};

/* Run until the end. Returns the exit code. (loop.c) */
int session_run(const struct options *o);

/* --- session.c --- */

/* Begin an attempt to connect. */
void session_attempt(struct session *s);

/* All is well: the row of attempts is over, the next one begins with the shortest delay. */
void session_settled(struct session *s);

/* Go on with what is under way: token, opening, open connection. */
void session_step(struct session *s);

/* An attempt has come to nothing; it may be tried again. */
void session_attempt_failed(struct session *s, const char *why);

/* End for a reason of our own. An open connection is closed first (with this code and
 * reason, or 1000), what is queued is sent before, unless `at_once`. */
void session_leave(struct session *s, int exit_code, bool at_once);
void session_leave_with(struct session *s, int exit_code, const struct input_close *c);

/* The end, now. */
void session_finish(struct session *s, int exit_code);

/* With -n: fewer messages have come than were asked for. */
bool session_incomplete(const struct session *s);

/* Standard output is so full that nothing more is received. */
bool session_paused(const struct session *s);

/* Something happened that a person at the terminal wants to know, others with -v. */
void session_inform(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* --- feed.c --- */

/* Is there room for more input, and may it come? */
bool feed_wanted(const struct session *s);

/* Standard input is readable. */
void feed_read(struct session *s);

/* Queue what was read. */
void feed_take(struct session *s);

/* All input has been sent, as far as is known. */
bool feed_done(const struct session *s);

#endif
