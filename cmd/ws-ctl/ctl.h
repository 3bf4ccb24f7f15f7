/* ctl - ws-ctl's connections to control sockets and the loop that serves them. What is
 * said on them is feed.c's and ask.c's. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "backoff.h"
#include "buf.h"
#include "line.h"
#include "metrics.h"
#include "out.h"

struct config {
	int64_t wait_ms;    /* how long a server may be away; -1: for ever */
	int64_t timeout_ms; /* for all of it; 0: none */
	int64_t drain_ms;
	int64_t max_line, window;
	int64_t count;      /* lines to write, 0: any number */
	const char *metrics_file;
	const char *block, *reason, *spread;
	int64_t code;
};

/* A control socket. */
struct link {
	const char *path;
	int fd;              /* -1: away */
	bool given_up;       /* away for too long */
	bool done;           /* all that was asked of it is done */
	bool told;           /* that it is away */
	int64_t retry_ms;    /* when to try again */
	int64_t away_ms;     /* since when it is away */
	uint64_t connects;   /* how often it was reached */
	struct backoff backoff;
	struct line_reader in;
	struct buf out;
	size_t written;      /* of `out` */
	struct feed_link *feed; /* feed.c */
};

struct ctl {
	const struct config *config;
	struct link *links;
	int n;
	struct out out;      /* stdout */
	int64_t written;     /* lines of it */
	int status;          /* exit code so far */
	struct metrics_file metrics; /* the caller sets it up, or leaves it {0} */
	void *ctx;           /* of the ops */
};

struct ctl_ops {
	/* A server is there (again): say what there is to say. */
	void (*connected)(struct ctl *c, struct link *l);
	/* A line from it; lasts for the call. */
	void (*line)(struct ctl *c, struct link *l, struct slice line);
	/* All that was put has been written, as far as it ever is. NULL: no matter. */
	void (*drained)(struct ctl *c, struct link *l);
	/* Something to do on stdin: true to be told by `input`. NULL: stdin is not read. */
	bool (*wants_input)(struct ctl *c);
	void (*input)(struct ctl *c);
	/* All is done. */
	bool (*finished)(struct ctl *c);
	/* The end, done or not: for last words and to release what hangs on the links. */
	void (*ending)(struct ctl *c);
};

/* Connect to n sockets, whose paths stay the caller's, and serve them until finished, or
 * the end was asked for, or a time has run out. Returns the exit code. */
int ctl_run(struct ctl *c, const struct config *config, char **paths, int n,
    const struct ctl_ops *ops, void *ctx);

/* Queue bytes for it. */
void link_put(struct link *l, struct slice bytes);

static inline size_t
link_pending(const struct link *l)
{
	return l->out.n - l->written;
}

/* Write a line on stdout, without its end; the program ends when that fails. */
void ctl_write(struct ctl *c, struct slice line);

/* A worse exit code wins: the first that is not 0 stays, but for EXIT_PARTIAL. */
void ctl_status(struct ctl *c, int status);

/* The id of an answer as text, borrowed or in *scratch; empty when it has none. */
struct slice ctl_id(struct slice line, struct buf *scratch);

/* True for {"event":"error",…}; *why is the error, borrowed or in *scratch. */
bool ctl_is_error(struct slice line, struct slice *why, struct buf *scratch);

#endif
