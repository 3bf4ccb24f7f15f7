/* events - what ws-serve reports: one JSON line each, to stdout and to other sinks.
 * Stdout is never waited for. When its reader is slow (EVENTS_HIGH bytes wait), those
 * that would cause more events wait (inbox.h); or, with --stdout drop, events are lost,
 * counted, and a `gap` event tells how many. A `refused` event is lost in both cases:
 * strangers cause it, and it must not fill the memory. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

struct conn;
struct server;

enum event_kind {
	EVENT_LISTEN,
	EVENT_OPEN,
	EVENT_MESSAGE,
	EVENT_JOIN,
	EVENT_LEAVE,
	EVENT_DENIED,
	EVENT_INVALID,
	EVENT_CLOSE,
	EVENT_REFUSED,
	EVENT_GAP,
	EVENT_KINDS,
};

enum {
	EVENT_ALL = (1 << EVENT_KINDS) - 1,
	EVENTS_HIGH = 256 << 10, /* bytes waiting at which senders are parked */
	EVENTS_LOW = 64 << 10,   /* and go on */
};

/* The name of a kind ("open"). */
const char *event_name(enum event_kind kind);

/* "open,close", "none" or "all" to a set of 1 << EVENT_…; -1: an unknown name. */
int event_set(struct slice list);

/* Something else that gets events: a control peer, a handler. It must not block. */
struct event_sink {
	unsigned set; /* 1 << EVENT_… */
	bool full;    /* its reader is slow: as with stdout, these have to wait */
	/* c: whose event it is, or NULL; room: its room, or empty. `line` is whole, with
	 * its '\n', and lasts for the call. Sinks must not be removed in here. */
	void (*event)(struct event_sink *sink, enum event_kind kind, struct conn *c,
	    struct slice room, struct slice line);
	struct event_sink *prev, *next; /* events.c */
};
void event_sink_add(struct server *s, struct event_sink *sink);
void event_sink_remove(struct server *s, struct event_sink *sink);

/* Some sink's `set` or `full` has changed. */
void event_sinks_changed(struct server *s);

/* Who is told of what. */
struct event_ops {
	void (*room)(struct server *s);   /* what had to wait for stdout or a sink may go on */
	void (*failed)(struct server *s); /* stdout cannot be written any more */
	void (*unread)(struct server *s); /* with --acks: its reader is gone */
};

/* Set up stdout. Exit code 6 when that fails. `ops` stays the caller's. */
void events_new(struct server *s, const struct event_ops *ops);
void events_free(struct server *s);

/* True when somebody wants this kind. */
bool event_wanted(const struct server *s, enum event_kind kind);

/* True when one more event of this kind has to wait, for stdout or for a sink: until
 * ops->room. */
bool event_must_wait(const struct server *s, enum event_kind kind);

/* Begin an event: {"event":"open","time":… ; add members with js_put_member and the
 * like, then end it. One at a time. */
struct buf *event_begin(struct server *s, enum event_kind kind);
void event_end(struct server *s, struct conn *c, struct slice room);

/* A line for stdout that is no event (answers to commands with an id, acknowledgements),
 * with its '\n'. Never lost. */
void event_answer(struct server *s, struct slice line);

/* Bytes that wait for stdout's reader. */
uint64_t event_pending(const struct server *s);

/* Write all that waits, for ms milliseconds at most; false when that failed, which was
 * told. For the end of the program. */
bool event_finish(struct server *s, int ms);

#endif
