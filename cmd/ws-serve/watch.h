/* watch - who wants to see all that a user, a connection or a room says and is sent:
 * {"watch":{"user":"u1"}}. What is sent comes as
 *   {"event":"sent","time":…,"conn":…,"user":…,"data":…,"queued":0,"dropped":0}
 * with the bytes in that connection's queue and the messages it lost so far; to a room:
 *   {"event":"sent","time":…,"room":…,"data":…} */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

struct conn;
struct message;
struct server;

enum { WATCH_MOST = 16 }; /* watches of one watcher */

/* All watchers. */
struct watching {
	struct server *server;
	struct watcher *first;
	int rooms; /* watches of rooms, in all */
	struct buf line;
};

/* Somebody who watches. Zeros at first, but for `line`. */
struct watcher {
	/* Takes a line with its '\n'; it lasts for the call. Must not block, and must not
	 * remove watchers. */
	void (*line)(struct watcher *w, struct slice line);
	struct watch *watch;
	int n;
	struct watcher *prev, *next;
};

void watching_init(struct watching *x, struct server *s);
void watching_free(struct watching *x);

/* Add the watch that the JSON object `what` describes. NULL, or a static reason why it
 * describes none. */
const char *watch_add(struct watching *x, struct watcher *w, struct slice what);

/* Watch nothing any more. */
void watch_end(struct watching *x, struct watcher *w);

/* True if w watches what this event is about: c (or NULL), or a room (or empty). */
bool watch_wants(const struct watcher *w, const struct conn *c, struct slice room);

/* c has opened: from now on it may be watched. */
void watch_opened(struct watching *x, struct conn *c);

/* `m` goes to the room of this name. */
void watch_room_sent(struct watching *x, struct slice room, const struct message *m);

#endif
