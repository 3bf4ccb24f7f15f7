/* rules - the rooms file, ws-rooms(5): who may be where.
 * One rule a line, PATTERN OPTIONS. The first rule whose pattern fits a room decides,
 * whether it grants or refuses; no later rule is asked. Pure but for rules_load. */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

#include "buf.h"
#include "slice.h"
#include "topic.h"

enum {
	RULES_VALUE = 200,     /* longest value of a claim that can fit, bytes */
	RULES_AUTO = 32,       /* rooms that one `auto` rule gives, at most */
	RULES_FILE = 1 << 20,  /* longest rooms file, bytes */
};

struct rules;

/* Who asks. Borrowed for the call. NULL stands for one that is not authenticated. */
struct rules_identity {
	bool authenticated;
	struct slice user;   /* the identity that the authenticator gave; may be empty */
	struct slice claims; /* a valid JSON object, or empty */
};

/* Read rules. NULL when the text is wrong: then *why (cleared first) holds "FILE:LINE:
 * reason" for the first mistake. rules_load reads the file; when it cannot be read,
 * *why says so. Release with rules_free (NULL is harmless). */
struct rules *rules_parse(struct slice text, const char *file, struct buf *why);
struct rules *rules_load(const char *path, struct buf *why);
void rules_free(struct rules *r);

/* The table that holds without a rooms file, with or without an authenticator. */
struct rules *rules_builtin(bool auth);

enum rules_verdict {
	RULES_GRANTED,
	RULES_INVALID_ROOM, /* no room name, or no rule fits */
	RULES_REFUSED,      /* a rule refuses: AUTHORIZATION_FAILED */
};

struct rules_answer {
	enum rules_verdict verdict;
	const char *reason; /* static text for the client; NULL when granted */
	bool publish;       /* granted, and this member may send to the room */
	bool relay;         /* the rule that decides says relay */
	bool automatic;     /* the rule that decides says auto */
};

/* May `id` be in `room` (any bytes), and what may it do there? */
struct rules_answer rules_ask(const struct rules *r, struct slice room,
    const struct rules_identity *id);

/* May `id` subscribe to the pattern `sub` (compiled with TOPIC_ROOM)? Granted when every
 * rule that could decide a room it matches, down to the first that covers it whole,
 * grants all of those rooms to `id`. Never grants more than rules_ask would. */
struct rules_answer rules_ask_pattern(const struct rules *r, const struct topic *sub,
    const struct rules_identity *id);

/* Call join(ctx, room) for the rooms that `id` is to be in from the start: those of the
 * `auto` rules, in their order, each once, where all claims are known and rules_ask
 * grants. `room` lasts for the call. */
void rules_auto(const struct rules *r, const struct rules_identity *id,
    void (*join)(void *ctx, struct slice room), void *ctx);

#endif
