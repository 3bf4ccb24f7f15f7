/* command_private - a command in hand, and what its verbs share. */
#ifndef COMMAND_PRIVATE_H
#define COMMAND_PRIVATE_H

#include "blocks.h"
#include "command.h"
#include "rec.h"
#include "room.h"
#include "server.h"

enum word {
	W_TO, W_ALL, W_CONN, W_USER, W_JOIN, W_LEAVE, W_CLOSE, W_REASON, W_BLOCK, W_SPREAD,
	W_EXCEPT, W_RELOAD, W_ID, W_TAG, W_EVENT, W_PAYLOAD, W_RECORD, W_UNKNOWN, W_COUNT,
};

/* A set of words. */
#define WORD(w) (1u << (w))

struct command {
	struct server *server;
	struct source *source;
	uint32_t has;            /* the words that are there */
	struct slice v[W_COUNT]; /* what they say; empty: not there */
	struct js_member m[REC_MEMBERS];
	int n;
	const char *why;         /* what is wrong with it */
};

struct verb {
	const char *name;
	const char *const *allowed;
	command_verb *run;
};

struct commands {
	struct verb verbs[COMMAND_VERBS];
	int verb_count;
	struct waiter *waiters;
	struct blocks blocks;
	struct buf answer, scratch;
	struct room_list rooms;  /* of the command in hand */
};

/* Say what is wrong with it (static text). */
static inline int64_t
command_fail(struct command *c, const char *why)
{
	c->why = why;
	return -1;
}

/* True when only these words are there, apart from what any record may have. */
static inline bool
command_only(const struct command *c, uint32_t allowed)
{
	return !(c->has & ~(allowed | WORD(W_ID) | WORD(W_TAG) | WORD(W_RECORD)));
}

static inline bool
command_one_of(const struct command *c, uint32_t words)
{
	uint32_t has = c->has & words;

	return has && !(has & (has - 1));
}

/* The string that a member holds; p NULL: it is none. It lasts until another is read, by
 * command_target too. */
static inline struct slice
command_text(struct command *c, enum word w)
{
	return js_text(c->v[w], &c->server->commands->scratch);
}

enum { WORDS_TARGET = WORD(W_TO) | WORD(W_ALL) | WORD(W_CONN) | WORD(W_USER) };

/* Whom it is for: the members of rooms, or one connection, less the `except`. */
struct target {
	const struct room_list *rooms;
	struct conn *conn;           /* NULL: `conn` is not there, or names nobody */
	struct conn *const *except;
	uint32_t excepts;
};

/* Look up the target, which lasts until the next call. False when it is wrong. */
bool command_target(struct command *c, struct target *t);
bool target_excepts(const struct target *t, const struct conn *conn);

/* The connections of the command's target, each once, in a list of their own (to be
 * freed): what is done to them changes the rooms. -1 when the target is wrong. */
int64_t command_connections(struct command *c, struct conn ***list);

/* What is wrong with the name of a room, in `to` or to join; NULL: nothing. */
const char *command_room_error(struct slice name);

/* The commands: connections reached, -1 when it is wrong. */
int64_t command_message(struct command *c);
int64_t command_join(struct command *c);
int64_t command_leave(struct command *c);
int64_t command_close(struct command *c);

#endif
