/* source - one recording: its lines, and when each is due on the recording's own clock.
 * Times are microseconds since 1970, UTC. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "line.h"

/* `due` at most: a clock that is set back time and again could run on for ever. Any two
 * can be subtracted. */
#define SOURCE_FAR (INT64_MAX / 2)

struct source {
	const char *name; /* the file as it was given, or "standard input" */
	bool regular;     /* reading it never waits */

	/* The line at the head, after SOURCE_LINE. It lasts until the next source_next. */
	struct slice line;
	struct slice stamp; /* the text of its time, without quotes; empty when it has none */
	int64_t time;       /* its recorded time; without one, that of the line before it */
	int64_t due;        /* the same on a clock that never runs back */
	int64_t back;       /* how far its time is behind the latest one, 0: it is not */
	bool timed;         /* some line has had a time by now: `time` and `due` mean something */

	const char *why; /* after SOURCE_BAD: what is wrong with line in.number */

	/* Private. */
	struct line_reader in;
	int64_t latest; /* the highest recorded time since the clock was last set back */
	int64_t begin;  /* offset in the file where the recording begins */
};

enum source_status {
	SOURCE_LINE, /* a line is at the head */
	SOURCE_BAD,  /* a line that is no JSON object, or too long; it was skipped */
	SOURCE_WAIT, /* nothing here now: wait until in.fd can be read, then source_fill */
	SOURCE_END,
};

/* Open a file, or standard input for "-". Lines have at most max_line bytes. 0, or -1
 * with errno. */
int source_open(struct source *s, const char *path, size_t max_line);

/* Take the next line. `disorder` (microseconds) tells lines that are merely out of order
 * from a clock that was set back: a time that is behind the latest one by no more than
 * this leaves the clock alone, and the line is due with the one before it. A larger step
 * back moves the clock: the line is due with the one before it, and those that follow
 * keep their distance to it. */
enum source_status source_next(struct source *s, int64_t disorder);

/* Read more, once. 0, or -1 with errno (EINTR and EAGAIN included). */
int source_fill(struct source *s);

/* Go back to the first line. 0, or -1 with errno: a pipe cannot. */
int source_rewind(struct source *s);

void source_close(struct source *s);

#endif
