/* pace - when to write what was recorded when. Every deadline is computed from the start
 * of the round and not from the line before, so that errors do not add up.
 * Recorded times are microseconds, deadlines nanoseconds of CLOCK_MONOTONIC. Pure. */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	double speed;    /* recorded seconds per second; 0: do not wait at all */
	int64_t max_gap; /* longer silences are cut to this, microseconds; 0: they are not */

	/* Private. */
	bool begun;
	int64_t start;   /* deadline of the round's first line */
	int64_t first;   /* its recorded time */
	int64_t last;    /* recorded time of the line before */
	int64_t cut;     /* silence left out by now */
	int64_t deadline;
};

/* Begin a round whose first line is due at `start`. */
void pace_begin(struct pace *p, int64_t start);

/* The deadline of a line recorded at `due`, which is not before that of the last one.
 * Returns INT64_MAX for what is too far away to be told. */
int64_t pace_deadline(struct pace *p, int64_t due);

#endif
