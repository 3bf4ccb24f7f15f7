/* jqx - running jq programs: a thin front of libjq (1.6 and newer).
 *
 * A jqx holds up to JQX_ENTRIES programs ("entries") in one state of libjq, since each
 * state parses all of jq's builtins for itself, which takes 20 ms. Its source is made by
 * the caller with the functions below:
 *
 *     imports, if any
 *     jqx_put_prelude
 *     definitions, if any
 *     jqx_put_entry(0)  program 0  jqx_put_end
 *     ...
 *     jqx_put_choice(number of entries)
 *
 * The caller makes sure that no program closes more brackets than it opens.
 *
 * The prelude takes away what would act on the process or read beside the event (input,
 * inputs, debug, stderr, halt, halt_error, env, input_filename, input_line_number,
 * get_search_list, modulemeta) and adds word(n), last_word, drop_nulls and now_iso, which
 * ws-routes(5) documents. */
#ifndef JQX_H
#define JQX_H

#include <jv.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

enum { JQX_ENTRIES = 31 }; /* with the test that each group holds, a power of two */

struct jqx;

/* Once, before all else: finds libjq's functions and empties the environment of the
 * process but for TZ, so that no program can show a secret and ~/.jq is not loaded.
 * NULL, or a static reason why this libjq does not do. */
const char *jqx_init(void);

/* --- source --- */

void jqx_put_prelude(struct buf *source);
void jqx_put_entry(struct buf *source, unsigned entry);
void jqx_put_end(struct buf *source);
void jqx_put_choice(struct buf *source, unsigned entries);

/* --- programs --- */

struct jqx_setup {
	struct slice source;
	unsigned entries;
	jv args;             /* object of $names; stays the caller's */
	/* Modules are looked for in the current folder, in `origin`, and in `library`, which
	 * ends with NULL. */
	const char *origin;
	const char *const *library;
	/* An error: line and column (from 1; 0 unknown) in `source` if file is empty, else
	 * in that module. */
	void (*report)(void *ctx, struct slice file, unsigned line, unsigned column, struct slice why);
	void *ctx;
};

/* Compile. NULL after at least one report. Release with jqx_free (NULL is harmless). */
struct jqx *jqx_compile(const struct jqx_setup *setup);
void jqx_free(struct jqx *x);

enum jqx_end {
	JQX_DONE,
	JQX_ERROR,   /* the program raised an error: *why */
	JQX_TIMEOUT, /* it ran longer than jqx_limit allows */
	JQX_STOPPED, /* emit said so */
};

/* Run an entry over `input` (consumed): each output goes to emit, which consumes it and
 * returns false to stop. On JQX_ERROR the message is appended to *why. */
enum jqx_end jqx_run(struct jqx *x, unsigned entry, jv input, bool (*emit)(void *ctx, jv v),
    void *ctx, struct buf *why);

/* jqval_read, within the limit that jqx_limit sets; an invalid value when it was reached. */
jv jqx_read(struct slice text);

/* A run may take `ms` of processor time (0: no limit), to within 20 ms; then it ends with
 * JQX_TIMEOUT. A single builtin cannot be interrupted: after ten times that long, and
 * when memory runs out, `stuck` is called (the former in a signal handler) with `what`
 * went wrong; it ends the process. The memory of the process is limited to `memory`
 * bytes (0: not). */
void jqx_limit(int64_t ms, int64_t memory, void (*stuck)(const char *what));

#endif
