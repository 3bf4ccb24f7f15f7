/* router - a routes file compiled: patterns in a trie, programs in groups of libjq
 * states, counts and times per route. */
#ifndef ROUTER_H
#define ROUTER_H

#include <jv.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "jqx.h"
#include "slice.h"

struct route {
	unsigned line;     /* where its program begins, from 1 */
	char *patterns;    /* as they stand in the file, a blank between them */
	uint64_t runs, outputs, errors;
	int64_t ns;        /* spent in it, processor and all */
};

struct router;

struct router_setup {
	jv args;                    /* $names of --arg and its like; stays the caller's */
	const char *const *library; /* folders of -L, ends with NULL */
};

/* Compile the routes in `text` (taken over), which came from `name`. All mistakes are
 * shown on stderr with file, line, column, the line and a caret; then it returns NULL. */
struct router *router_new(const char *name, struct buf *text, const struct router_setup *setup);
void router_free(struct router *r);

const char *router_name(const struct router *r);
size_t router_count(const struct router *r);
struct route *router_route(struct router *r, size_t i);

/* The routes that take `subject`, in the order of the file, each once: their number, and
 * *list until the next call. With `dots` only '.' separates words. */
size_t router_match(struct router *r, struct slice subject, bool dots, const unsigned **list);

/* Run route i as jqx_run does; counts the run, its time and its error. */
enum jqx_end router_run(struct router *r, size_t i, jv input, bool (*emit)(void *ctx, jv v),
    void *ctx, struct buf *why);

#endif
