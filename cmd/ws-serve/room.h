/* room - who is where. A room exists while somebody is in it. Four kinds share the
 * struct: rooms with a name, patterns (wildcard subscriptions), users (all connections
 * of one user) and the one with all connections. A member of a named room is a
 * connection that joined it or subscribed to a pattern that matches it. */
#ifndef ROOM_H
#define ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct batch;
struct buf;
struct conn;
struct server;
struct topic;

enum room_kind { ROOM_NAMED, ROOM_PATTERN, ROOM_USER, ROOM_ALL };

/* A member: the connection and the index of its seat that points back. */
struct member {
	struct conn *conn;
	uint32_t seat;
};

struct room {
	struct member *members; /* &only, while there never were two */
	uint32_t count, cap;
	struct batch *batch;    /* send.c: messages of this turn; NULL: none */
	struct room **patterns; /* ROOM_NAMED: patterns that match its name */
	uint32_t pattern_count;
	uint32_t pattern_age;   /* of the set of patterns that this was computed from */
	union {
		struct topic *topic; /* ROOM_PATTERN */
		struct room *prev;   /* ROOM_NAMED: all of them */
	};
	struct room *next;
	struct member only;     /* most rooms have one member, so it is no block of its own */
	int64_t made_us;        /* when its first member came (server_now_us) */
	uint16_t name_n;
	uint8_t kind;
	bool automatic;         /* a rule with `auto` gave it to its first member */
	char name[];
};

/* A growing list of rooms; {0} is an empty one. */
struct room_list {
	struct room **v;
	uint32_t n, cap;
};
void room_list_add(struct room_list *l, struct room *r);

/* Add the room of this name, if there is one, and the patterns that match the name. */
void room_list_named(struct room_list *l, struct server *s, struct slice name);

static inline struct slice
room_name(const struct room *r)
{
	return slice_of(r->name, r->name_n);
}

void rooms_new(struct server *s);
void rooms_free(struct server *s);

/* A room by kind and name; NULL while it has no member. */
struct room *room_find(const struct server *s, enum room_kind kind, struct slice name);

/* The one with all connections. Never NULL. */
struct room *room_all(const struct server *s);

/* Named rooms: start with room_first, then r->next, until NULL. */
struct room *room_first(const struct server *s);
uint64_t room_count(const struct server *s);

/* Users with at least one connection. */
uint64_t room_user_count(const struct server *s);

/* Patterns that match `name`: a list that lasts until the next join or leave; *n is its
 * length. `r` is the room of that name or NULL. */
struct room **room_patterns(struct server *s, struct room *r, struct slice name, uint32_t *n);

/* Append "rooms":[…], the names of those that c joined, without patterns. */
void room_put_names(struct buf *b, const struct conn *c);

/* True when c is in r itself. */
bool room_has(const struct room *r, const struct conn *c);

/* Put c into the room (made when it is new) or take it out. A pattern must be compiled
 * and is then owned by the room; join returns false when c was there already. What was
 * sent to the room before is delivered before. */
bool room_join(struct conn *c, enum room_kind kind, struct slice name, struct topic *topic);
bool room_leave(struct conn *c, struct room *r);

/* Take c out of everything. */
void room_leave_all(struct conn *c);

#endif
