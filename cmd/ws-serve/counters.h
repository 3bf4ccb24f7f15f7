/* counters - what ws-serve counts since its start. One struct, so that the metrics, the
 * `get` command and the HTTP interface show the same. Gauges stand in their modules
 * (conn_count, room_count, send_queued). */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

struct counters {
	uint64_t opened, closed;          /* connections */
	uint64_t received, received_bytes; /* messages of clients */
	uint64_t sent, sent_bytes;        /* messages handed to connections */
	uint64_t dropped;                 /* messages lost by --slow drop */
	uint64_t slow;                    /* connections ended for being too slow (4013) */
	uint64_t commands, command_errors;
	uint64_t bad_lines;               /* lines of stdin that are no command */
	uint64_t joins, leaves, denied;
	uint64_t invalid;                 /* messages that break the client protocol */
	uint64_t rate_limited;            /* messages over --message-rate */
	uint64_t too_big;                 /* messages over --max-message (1009) */
	uint64_t unfinished;              /* messages begun when too much was under way (1013) */
	uint64_t bad_utf8;                /* messages and close reasons (1007) */
	uint64_t ping_timeouts;
	uint64_t expired;                 /* tokens that ran out (4001) */
	uint64_t refused;                 /* upgrades refused, by the door or by us */
	uint64_t auth_asked, auth_refused, auth_timeouts, auth_restarts;
	uint64_t events, events_dropped;  /* lines of stdout */
	uint64_t parked;                  /* times a connection waited for stdout */
	uint64_t held;                    /* times a source waited for a slow connection */
	uint64_t reloads, reload_errors;
	uint64_t rtt_count, rtt_us;       /* ping round trips: number, sum in microseconds */
};

#endif
