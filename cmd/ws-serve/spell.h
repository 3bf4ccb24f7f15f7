/* spell - the client protocol's spellings, ws-protocol(7): how replies are written at an
 * endpoint. A spelling is one struct in a file of its own (spell_NAME.c), listed in
 * spell.c. Functions append members to an object that has been begun. */
#ifndef SPELL_H
#define SPELL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "js.h"
#include "slice.h"

struct conn;

/* Error codes; their numbers are part of the protocol. */
enum code {
	CODE_UNKNOWN_ERROR,
	CODE_INVALID_MESSAGE,
	CODE_INVALID_ROOM,
	CODE_RATE_LIMIT_EXCEEDED,
	CODE_AUTHENTICATION_FAILED,
	CODE_AUTHORIZATION_FAILED,
	CODE_CONNECTION_ERROR,
};

/* "INVALID_ROOM" */
const char *code_name(enum code code);

struct spelling {
	const char *name;
	const char *content; /* the member that what is said stands in */

	/* The first message on a connection; welcome_type NULL: none. */
	const char *welcome_type;
	void (*welcome)(struct buf *b, const struct conn *c);

	/* auth_success. */
	void (*authenticated)(struct buf *b, const struct conn *c);

	/* subscribed, unsubscribed; several: the request named a list. */
	void (*rooms)(struct buf *b, const struct slice *rooms, uint32_t n, bool several);

	/* error; room may be empty. */
	void (*error)(struct buf *b, enum code code, struct slice message, struct slice room);

	/* The room of a relayed message, and what of the client's message (n members of
	 * it) belongs beside it. *skip is a member that is dealt with, or NULL. */
	void (*relay)(struct buf *b, struct slice room, const struct js_member *m, int n,
	    const char **skip);
	const char *relay_extra; /* a member that it adds, written out, or NULL */
};

extern const struct spelling spell_payload, spell_topic, spell_channel;

/* A spelling by name; NULL: unknown. */
const struct spelling *spell_find(struct slice name);

/* Where a spelling is spoken. */
struct endpoint {
	char *path; /* begins with '/', or "*" */
	const struct spelling *spelling;
};

/* "/ws=payload" to an endpoint. NULL, or a static reason why it is none. */
const char *endpoint_parse(struct endpoint *e, const char *text);

/* {"type":TYPE … and its end: what the request wants back (two JSON values that may be
 * empty) and the time stamp. */
void spell_begin(struct buf *b, const char *type);
void spell_end(struct buf *b, struct slice correlation, struct slice id);

/* "name":["a","b"] */
void spell_put_list(struct buf *b, const char *name, const struct slice *list, uint32_t n);

/* "userId":… of c, or null. */
void spell_put_user(struct buf *b, const struct conn *c);

/* "code":"INVALID_ROOM","message":…, and "channel":… unless that is empty. */
void spell_put_error(struct buf *b, enum code code, struct slice message, struct slice channel);

/* True if a client names rooms with this member: channel, channels, room, topic. */
bool spell_names_rooms(struct slice key);

/* True if a relayed message tells with this member who sent it, and when. */
bool spell_names_sender(struct slice key);

#endif
