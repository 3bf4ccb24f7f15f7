/* event - one line of the stream as ws-route sees it: its subject, and the members that
 * travel on. Pure. */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>

#include "buf.h"
#include "js.h"
#include "slice.h"

enum { EVENT_MEMBERS = 4096 }; /* members of an event, at most */

/* Slices point into the line, or into `scratch`. */
struct event {
	struct slice line;
	struct slice subject; /* empty when it has none: only ** fits that */
	bool dots;            /* only '.' separates its words (an AMQP key) */
	struct slice time, tag; /* their JSON text, empty when there is none */
	bool bare;            /* nothing but a tag: an acknowledgement passing by */
	struct buf scratch;
	struct js_member member[EVENT_MEMBERS];
	int members;
};

/* Validate `line` as one JSON object and find its subject: the member at `path` (dotted,
 * NULL: `key`, else `channel`, else `event`, where a message of type T has the subject
 * "message.T"). 0, or -1 with *error set. */
int event_read(struct event *e, struct slice line, const char *path, struct js_error *error);

#endif
