/* input - standard input as messages to send. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "jsonseq.h"
#include "line.h"
#include "options.h"
#include "outq.h"

struct input {
	const struct options *o;
	struct line_reader lines;
	struct jsonseq values; /* instead, with --json-seq */
	bool ended;
	uint64_t rejected; /* lines that were reported and skipped */
	struct buf scratch;
};

enum input_status {
	INPUT_MESSAGE, /* *m is a message, now the caller's */
	INPUT_CLOSE,   /* a record asks for the end: *close is set */
	INPUT_MORE,    /* call input_fill when stdin is readable */
	INPUT_END,
};

/* A {"close":…} record. The reason lasts until the next call. */
struct input_close {
	unsigned code;
	struct slice reason;
};

void input_init(struct input *in, const struct options *o);

/* What comes next out of what was read. Lines that are no messages are reported with
 * their number and skipped. */
enum input_status input_take(struct input *in, struct outmsg **m, struct input_close *close);

/* One read(2); at the end of input, input_take gives what is left. A failure ends the
 * program with exit code 6. */
void input_fill(struct input *in);

/* True if there is input that was not taken. */
bool input_waits(const struct input *in);

/* A line typed on a terminal or read from --on-open: as a message, or NULL with *why set
 * (static text) when it is none. */
struct outmsg *input_line(const struct options *o, struct slice line, const char **why);

void input_free(struct input *in);

#endif
