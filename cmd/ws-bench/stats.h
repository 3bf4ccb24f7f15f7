/* stats - what a run counts and measures. */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "hist.h"

enum { STATS_KINDS = 32, STATS_KIND_MAX = 96 };

/* Plain counters. In reports and requirements they have the names of counter_names. */
struct counters {
	uint64_t opened;     /* handshakes that were done, repeated ones included */
	uint64_t failed;     /* attempts that ended before */
	uint64_t dropped;    /* connections that ended without having been told to */
	uint64_t sent;       /* messages */
	uint64_t unsent;     /* messages due, but their connection was away or its socket full */
	uint64_t received;   /* messages of any kind */
	uint64_t expected;   /* answers or deliveries that must come for what was sent */
	uint64_t delivered;  /* of those that came, each once */
	uint64_t given_up;   /* not to be waited for: we dropped the connection ourselves */
	uint64_t duplicated, reordered;
	uint64_t unexpected; /* messages of this run that had no business here */
	uint64_t errors;     /* all that is in the table of kinds */
	uint64_t storms;
};

struct latencies {
	struct hist connect, rtt, delivery; /* nanoseconds */
};

struct stats {
	struct counters all, at_interval; /* at_interval: as they were when it began */
	struct latencies past, fresh;     /* fresh: since the interval began */
	struct error_kind {
		char name[STATS_KIND_MAX];
		uint64_t n;
	} kinds[STATS_KINDS]; /* the last one is "other" when there are more */
	int nkinds;

	double ready_seconds; /* from the start until all connections were set up */
	double seconds;       /* how long messages were due */
	double cpu_seconds;   /* of this process in that time */
	uint64_t bytes_in, bytes_out; /* in that time */
	uint64_t sent_in_time, received_in_time; /* messages, likewise */
	uint64_t max_lag;     /* how late a message was sent at most, nanoseconds */
	uint64_t max_recovery; /* longest time from a storm until all were back */
	bool interrupted, starved; /* ended by a signal; the standard input ended */
	uint64_t skipped;     /* lines of it that were too long */
	bool ready_once;      /* some connection could be set up */
	bool refused;         /* one was refused in a way that no retry will change */
};

/* Count an error of this kind. */
void stats_error(struct stats *s, const char *kind);

/* Answers or deliveries that have not come. */
uint64_t stats_missing(const struct counters *c);

/* Begin a new interval; what was fresh is past now. */
void stats_interval(struct stats *s);

void stats_free(struct stats *s);

/* A number by its name ("rtt.p99", "lost", "sent_rate"); latencies in milliseconds.
 * False when there is no such name; *known is false when it was not measured. */
bool stats_number(const struct stats *s, const char *name, double *value, bool *known);

/* True for names of latencies. */
bool stats_is_latency(const char *name);

/* All counters by name, "lost" included, for reports; ends with {0}. */
struct counter_name {
	const char *name;
	long offset;
};
extern const struct counter_name counter_names[];

uint64_t stats_counter(const struct counters *c, const struct counter_name *which);

#endif
