/* output - what came in, on standard output: messages as lines, as they are or as
 * records, and with --records what happens to the connection. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "out.h"
#include "tty.h"

struct output {
	const struct options *o;
	struct tty *tty; /* messages are shown there instead; NULL: none */
	struct out out;
	uint64_t written; /* messages that were wanted and written */
	uint64_t skipped; /* messages that could not be written as asked, reported */
	struct buf line;
};

/* Ends the program with exit code 6 when there is no standard output. */
void output_init(struct output *p, const struct options *o);

/* A message. True if it was written, which --match may prevent. */
bool output_message(struct output *p, struct slice body, bool binary);

/* --records: {"event":"status","time":…,"status":STATUS…}. Nothing otherwise. */
void output_connecting(struct output *p, uint64_t attempt);
void output_connected(struct output *p, struct slice subprotocol, bool deflate);
void output_reconnecting(struct output *p, uint64_t attempt, int64_t delay_ms);
void output_error(struct output *p, struct slice error);

/* The end of a connection: a close record and the status "disconnected". */
struct output_close {
	unsigned code;
	struct slice reason;
	int64_t open_ms;
	uint64_t received, sent;
};
void output_closed(struct output *p, const struct output_close *c);

/* True when the reader is so slow that nothing more should be received. */
bool output_full(const struct output *p);

/* Write what the reader takes now. A reader that is gone ends the program as SIGPIPE
 * does, another failure with exit code 6. */
void output_push(struct output *p);

/* Write the rest; blocks, until the time to drain is over (sig.h) at most. */
void output_finish(struct output *p);

void output_free(struct output *p);

#endif
