/* command - lines that tell ws-serve what to do. The same code serves stdin, control
 * peers, the handler and POST /commands; what differs stands in a struct source. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "js.h"
#include "slice.h"

struct server;

/* Where commands come from. */
struct source {
	const char *name; /* for messages: "stdin", "control peer 3" */
	uint64_t line;    /* number of the line in hand, for messages */

	/* Takes a whole line with its '\n': answers to commands with an id, and with
	 * `errors` every error. The line lasts for the call. NULL: no answers. */
	void (*answer)(struct source *source, struct slice line);
	bool errors; /* errors are answered and not reported on stderr */

	/* Stop (true) or go on (false) reading commands; NULL: cannot. */
	void (*hold)(struct source *source, bool on);
	struct source *held_next; /* send.c: those that are held */
	bool held;
};

/* Run one line. Returns the number of connections it reached, -1 when it was wrong
 * (reported or answered by then). */
int64_t command_run(struct server *s, struct source *source, struct slice line);

/* Verbs with a file of their own: {"get":…}, {"events":…}, {"watch":…}. `m` holds the n
 * members of the line. Append the answer's members to *answer (which is inside an
 * object) and return NULL, or return a static reason why not. */
typedef const char *command_verb(struct server *s, struct source *source,
    const struct js_member *m, int n, struct buf *answer);

/* Register a verb by the name of its member; `allowed` lists the other members that the
 * line may have, ended by NULL. Both stay the caller's. */
void command_verb_add(struct server *s, const char *name, const char *const *allowed,
    command_verb *verb);

/* POST /broadcast and the like: send `body` to rooms (none: to all). Returns the number
 * of connections reached. */
int64_t command_send(struct server *s, const struct slice *rooms, uint32_t n,
    struct slice body, bool binary);

#endif
