/* command - lines that tell ws-serve what to do. The same code serves stdin, control
 * peers, the handler and POST /commands; what differs stands in a struct source. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "js.h"
#include "slice.h"

struct server;
struct spelling;

/* Where commands come from. */
struct source {
	const char *name; /* for messages: "stdin", "control peer 3" */
	uint64_t line;    /* number of the line in hand, for messages */

	/* Takes a whole line with its '\n': answers to commands with an id, and with
	 * `errors` every error. The line lasts for the call. NULL: no answers. */
	void (*answer)(struct source *source, struct slice line);
	bool errors; /* errors are answered and not reported on stderr */

	/* A {"reload":true} of it has its verdict, and the answer to it was given. This may be
	 * within command_run, which returned 0 or will, whatever the verdict. May be NULL. */
	void (*reloaded)(struct source *source, bool ok);

	/* Stop (true) or go on (false) reading commands; NULL: cannot. */
	void (*hold)(struct source *source, bool on);
	struct source *held_next; /* queue.c: those that are held */
	bool held;
};

void commands_new(struct server *s);
void commands_free(struct server *s);

/* Run one line. Returns the number of connections it reached, -1 when it was wrong
 * (reported or answered by then). Whoever has run all lines that are here calls
 * send_flush with send_source set, so that --slow block knows whom to hold. */
int64_t command_run(struct server *s, struct source *source, struct slice line);

/* A line that is longer than allowed was skipped: reported or answered as an error. */
void command_too_long(struct server *s, struct source *source);

/* True while the verdict on a reload of this source is to come. */
bool command_reloads(const struct server *s, const struct source *source);

/* The source is going away: no answer can reach it any more. */
void command_source_gone(struct server *s, struct source *source);

/* Verbs with a file of their own: {"get":…}, {"events":…}, {"watch":…}. `m` holds the n
 * members of the line. Append the answer's members to *answer (which is inside an
 * object) and return NULL, or return a static reason why not. An answer with no member
 * appended is {"event":"done"}. Answers of verbs are sent with or without an id. */
typedef const char *command_verb(struct server *s, struct source *source,
    const struct js_member *m, int n, struct buf *answer);

/* Register a verb by the name of its member; `allowed` lists the other members that the
 * line may have besides `id`, ended by NULL. Both stay the caller's. COMMAND_VERBS at
 * most. */
enum { COMMAND_VERBS = 8 };
void command_verb_add(struct server *s, const char *name, const char *const *allowed,
    command_verb *verb);

/* True when somebody was told to stay away: {"close":…,"block":…}. */
bool command_blocked(const struct server *s, struct slice user, struct slice remote);

/* POST /broadcast and the like: send `body` to rooms (n 0: to all), with `only` not NULL
 * to those members whose endpoint is spelled so. Returns the number of connections that
 * it goes to. */
int64_t command_send(struct server *s, const struct slice *rooms, uint32_t n,
    const struct spelling *only, struct slice body, bool binary);

#endif
