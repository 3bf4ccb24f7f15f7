/* coproc - a filter that runs beside the server: lines to it, lines from it. When it
 * ends, or closes its stdout and must not, it is started again, after a pause that doubles
 * from 100 ms to 10 s and begins anew once it has run for 10 s. Nothing here blocks. */
#ifndef COPROC_H
#define COPROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "slice.h"

struct coproc;

enum {
	COPROC_LINE = 1 << 20,    /* longest line from it, bytes, unless ops say else; longer
	                           * ones are skipped */
	COPROC_PENDING = 16 << 20, /* bytes that may wait for it to read */
};

struct coproc_ops {
	bool mute;       /* it may run on after closing its stdout */
	size_t max_line; /* longest line from it, bytes; 0: COPROC_LINE */
	/* A line, without its end; lasts for the call. coproc_free is forbidden in here,
	 * coproc_retire is not. */
	void (*line)(void *ctx, struct slice line);
	/* The lines that are here have been handed on. NULL: does not matter. */
	void (*rest)(void *ctx);
	/* It has ended. `lost` lines were put and never written to it; what was written may
	 * not have been read. */
	void (*down)(void *ctx, uint64_t lost);
};

/* Start `command` with a shell. `what` names it in messages ("authenticator"). */
struct coproc *coproc_new(struct ev_loop *loop, const char *what, const char *command,
    const struct coproc_ops *ops, void *ctx);

/* True while it runs. */
bool coproc_up(const struct coproc *p);

/* Send a line (the '\n' is added). False when it does not run or does not read. */
bool coproc_put(struct coproc *p, struct slice line);

/* Bytes that wait to be read by it. */
size_t coproc_pending(const struct coproc *p);

/* Read no more lines from it (true), or go on. */
void coproc_pause(struct coproc *p, bool on);

/* How often it was started again. */
unsigned coproc_restarts(const struct coproc *p);

/* End it for good: its stdin is closed; what does not end by itself within five seconds
 * is killed with its group. Lines still come until it has ended, then `down`, after
 * which p is gone. */
void coproc_retire(struct coproc *p);

/* Kill its group and release it, at the end of the program. No call comes any more.
 * NULL is fine. */
void coproc_free(struct coproc *p);

#endif
