/* load - the neutral client of the benchmarks: one process, one epoll, no WebSocket
 * library. It opens connections to one of several servers in that server's own language
 * (wire.h), feeds it messages by the way that is natural there, and counts what comes.
 *
 * A message is the JSON {"d":"~STAMP,SEQUENCE,xxx"} of a given length: 16 hexadecimal
 * digits of nanoseconds, 8 of a number that counts the messages of its room. "~" occurs
 * nowhere else, so that deliveries are counted by it whatever stands around a message. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "hist.h"
#include "opt.h"
#include "wire.h"

enum {
	STAMP_DIGITS = 16,
	SEQUENCE_DIGITS = 8,
	STAMPED = 1 + STAMP_DIGITS + 1 + SEQUENCE_DIGITS, /* "~STAMP,SEQUENCE" */
	MESSAGE_MIN = 40,
	MESSAGE_MAX = 16 << 10,
	FEEDERS = 16, /* connections that an HTTP feed posts on */
	FEEDER_ID = 1 << 30, /* epoll's data: from here on feeders, below members */
};

struct member;

struct load {
	/* What to do; filled by main, read-only afterwards. */
	const struct wire *wire;
	enum mode mode;
	int64_t port, members, rooms, size, window, handshakes, pipelined;
	int64_t rate; /* messages a second; 0: as fast as `window` allows */
	const char *feed, *target;
	struct opt_list tokens;

	int epoll;
	struct member *member;
	uint32_t *sequence; /* of each room */
	uint64_t opened, joined, lost_members;
	uint64_t published, expected, delivered;
	uint64_t disordered; /* sequences with a hole, of the members that are looked at */
	bool measuring;
	struct hist latency; /* nanoseconds, while measuring */
};

uint64_t load_now(void); /* nanoseconds */

/* Wait for events and serve them, `wait_ns` at most. */
void load_turn(struct load *l, uint64_t wait_ns);

/* Replace *b by the next message of the room, with this stamp. */
void load_message(struct load *l, struct buf *b, uint32_t room, uint64_t stamp);

/* Append a client's frame. */
void load_frame(struct buf *b, enum frame_opcode opcode, struct slice payload);

/* --- member.c: the connections that receive --- */

/* n of them, none open. */
struct member *member_array(size_t n);
/* Begin to open the next connection. */
void member_open(struct load *l);
void member_ready(struct load *l, uint32_t id);
/* Echo: send `pipelined` messages on each. */
void member_begin_echo(struct load *l);
/* A descriptor of its own to write to that connection; the caller closes it. */
int member_writer(const struct load *l, uint32_t id);
/* Reset all connections, so that no port stays in TIME_WAIT. */
void member_close_all(struct load *l);

/* --- feed.c: the one that publishes --- */

/* Connect to what `feed` says: the path of a FIFO, a TCP port, or (NULL) `port`;
 * MODE_RELAY: member 0 publishes. */
void feed_open(struct load *l);
void feed_ready(struct load *l, uint32_t feeder, uint32_t events);
/* Publish n messages, or what the feed takes now; a stamp is `due` or, when that is 0,
 * the present. Returns how many. */
uint64_t feed_publish(struct load *l, uint64_t n, uint64_t due);

#endif
