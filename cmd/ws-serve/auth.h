/* auth - the authenticator: a co-process that is asked about each token and answers in
 * any order. It fails closed: no answer, an answer that is not understood or no process
 * is never a yes. */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>

#include "door.h"
#include "identity.h"
#include "slice.h"

struct ask;
struct server;

enum auth_result {
	AUTH_GRANTED,
	AUTH_REFUSED,
	AUTH_UNAVAILABLE, /* no authenticator, or no answer in time */
};

struct auth_answer {
	enum auth_result result;
	struct identity id; /* granted: the receiver's to keep (identity_free) */
	const char *reason; /* refused: fixed text, never what the authenticator wrote */
};

struct auth_question {
	struct slice token, remote, path;
	const struct door_field *fields; /* further headers (--auth-header) */
	int field_count;
};

/* Start the authenticator of --auth, if there is one. */
void auth_new(struct server *s);
void auth_free(struct server *s);

/* True when there is an authenticator and it runs (or there is none to run). */
bool auth_ready(const struct server *s);

/* Ask. done is called once, later, unless auth_cancel comes first. NULL when the
 * authenticator does not run or does not read. */
struct ask *auth_ask(struct server *s, const struct auth_question *q,
    void (*done)(void *ctx, struct auth_answer *answer), void *ctx);

/* Forget the question: nobody waits for the answer any more. */
void auth_cancel(struct ask *ask);

/* Start a new authenticator beside the old one, and take it over when it has answered a
 * first question; otherwise the old one stays. done(ctx, why): why NULL when all is well. */
void auth_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx);

#endif
