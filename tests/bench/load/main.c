/* load - the neutral client of the benchmarks: see load.h. Prints one line of NAME=FIGURE:
 *
 *   joined            connections that got in, of --connections
 *   connect_rate      connections a second
 *   connect_cpu       connections for each second of the server's processor time
 *   memory            bytes of the server's resident memory for each connection
 *   rate              deliveries a second
 *   rate_cpu          deliveries for each second of the server's processor time
 *   p50 p99 p999      milliseconds from publishing (paced: from when it was due)
 *   lost              deliveries that did not come until nothing came any more
 *   disordered        holes in the numbers of a room's messages; nchan's feed makes them, as
 *                     POSTs on several connections overtake each other
 *   server client     processor time of each, as a share of one processor */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "exit.h"
#include "io.h"
#include "load.h"
#include "mem.h"
#include "msg.h"
#include "now.h"
#include "servers.h"

#define SECOND 1000000000u

enum {
	EVENTS = 1024,
	CONNECT_SECONDS = 60,
	SETTLE_MS = 300,  /* from the last connect until the figures of connecting are taken */
	SILENCE_MS = 1500, /* what does not come for so long at the end is lost */
	LINGER_SECONDS = 20,
};

static const char *const modes[] = { "idle", "feed", "relay", "echo", NULL };
static struct opt_list servers;
static int64_t seconds_ms = 2000, warmup_ms = 500;
static int mode = MODE_FEED;
static const char *tokens_file;
static struct load load = { .members = 1000, .rooms = 1, .size = 128, .window = 256,
	.handshakes = 256, .pipelined = 1 };

static const struct opt options[] = {
	{ .name = "connections", .letter = 'c', .kind = OPT_INT, .var = &load.members, .arg = "N",
	  .help = "how many connections (1000)", .min = 1, .max = 1000000 },
	{ .name = "duration", .letter = 'd', .kind = OPT_DURATION, .var = &seconds_ms, .arg = "TIME",
	  .help = "how long to measure (2s)" },
	{ .name = "feed", .kind = OPT_STRING, .var = &load.feed, .arg = "PATH|PORT",
	  .help = "where to publish (the server's port)" },
	{ .name = "handshakes", .kind = OPT_INT, .var = &load.handshakes, .arg = "N",
	  .help = "connections being opened at a time (256)", .min = 1, .max = 100000 },
	{ .name = "mode", .kind = OPT_CHOICE, .var = &mode, .arg = "MODE", .choices = modes,
	  .help = "idle, feed, relay or echo (feed)" },
	{ .name = "pipelined", .kind = OPT_INT, .var = &load.pipelined, .arg = "N",
	  .help = "echo: messages on their way on each connection (1)", .min = 1, .max = 64 },
	{ .name = "rate", .kind = OPT_INT, .var = &load.rate, .arg = "N",
	  .help = "messages a second (as many as the window allows)", .min = 1, .max = 1000000 },
	{ .name = "rooms", .kind = OPT_INT, .var = &load.rooms, .arg = "N",
	  .help = "connections are spread over so many rooms (1)", .min = 1, .max = 1000000 },
	{ .name = "server", .kind = OPT_CALL, .call = opt_append, .var = &servers, .arg = "PID",
	  .help = "a process of the server's; repeatable", .flags = OPT_ORDERED },
	{ .name = "size", .kind = OPT_INT, .var = &load.size, .arg = "BYTES",
	  .help = "of a message (128)", .min = MESSAGE_MIN, .max = MESSAGE_MAX },
	{ .name = "target", .kind = OPT_STRING, .var = &load.target, .arg = "PATH",
	  .help = "ask for this; an upgrade is all then" },
	{ .name = "tokens", .kind = OPT_STRING, .var = &tokens_file, .arg = "FILE",
	  .help = "bearer tokens, one a line, taken in turn" },
	{ .name = "warmup", .kind = OPT_DURATION, .var = &warmup_ms, .arg = "TIME",
	  .help = "how long to work before that (500ms)" },
	{ .name = "window", .kind = OPT_INT, .var = &load.window, .arg = "N",
	  .help = "messages on their way (256)", .min = 1, .max = 1000000 },
	{0},
};

static const struct opt_table table = { .program = "load", .synopsis = "[options] SERVER PORT",
	.about = "Puts the same load on one of several servers.", .options = options };

uint64_t
load_now(void)
{
	return (uint64_t)now_ns();
}

void
load_turn(struct load *l, uint64_t wait_ns)
{
	static struct epoll_event e[EVENTS];
	struct timespec wait = { (time_t)(wait_ns / SECOND), (long)(wait_ns % SECOND) };
	int n = epoll_pwait2(l->epoll, e, EVENTS, &wait, NULL);

	for (int i = 0; i < n; i++)
		if (e[i].data.u32 >= FEEDER_ID)
			feed_ready(l, e[i].data.u32 - FEEDER_ID, e[i].events);
		else
			member_ready(l, e[i].data.u32);
}

static uint64_t
members_of(const struct load *l, uint32_t room)
{
	return (uint64_t)(l->members - room + l->rooms - 1) / (uint64_t)l->rooms;
}

void
load_message(struct load *l, struct buf *b, uint32_t room, uint64_t stamp)
{
	bool without_sender = l->mode == MODE_RELAY && !l->wire->to_sender;
	size_t size = (size_t)l->size;

	buf_clear(b);
	buf_fmt(b, "{\"d\":\"~%016llx,%08x,", (unsigned long long)stamp, ++l->sequence[room]);
	memset(buf_reserve(b, size), 'x', size);
	b->n = size - 2;
	buf_str(b, "\"}");
	l->published++;
	l->expected += members_of(l, room) - without_sender;
}

void
load_frame(struct buf *b, enum frame_opcode opcode, struct slice payload)
{
	static const unsigned char mask[4] = { 0x5a, 0x3c, 0x96, 0x71 };
	unsigned char header[FRAME_HEADER_MAX];

	buf_add(b, (char *)header, frame_header(header, opcode, payload.n, mask));
	buf_slice(b, payload);
	frame_mask(b->p + b->n - payload.n, payload.n, mask, 0);
}

static double
own_cpu(void)
{
	return (double)now_cpu_ns() / 1e9;
}

/* 0 where nothing was counted. */
static double
per(double count, double cost)
{
	return cost > 0 ? count / cost : 0;
}

/* --- the two phases --- */

static void
connect_all(struct load *l)
{
	double cpu = servers_cpu(&servers), memory = servers_memory(&servers), took;
	uint64_t begin = load_now(), members = (uint64_t)l->members, settled;

	while (l->joined + l->lost_members < members &&
	    load_now() < begin + CONNECT_SECONDS * (uint64_t)SECOND) {
		while (l->opened < members &&
		    l->opened - l->joined - l->lost_members < (uint64_t)l->handshakes)
			member_open(l);
		load_turn(l, SECOND / 10);
	}
	took = (double)(load_now() - begin) / SECOND;
	settled = load_now() + SETTLE_MS * (SECOND / 1000);
	while (load_now() < settled)
		load_turn(l, SECOND / 100);
	printf("joined=%llu connect_rate=%.0f connect_cpu=%.0f memory=%.0f",
	    (unsigned long long)l->joined, (double)l->joined / took,
	    per((double)l->joined, servers_cpu(&servers) - cpu),
	    per(servers_memory(&servers) - memory, (double)l->joined));
	if (l->joined < members)
		msg_die(EXIT_NETWORK, "%llu of %llu connections", (unsigned long long)l->joined,
		    (unsigned long long)members);
}

/* Paced: all that is due. Returns how long until the next one is. */
static uint64_t
publish_due(struct load *l, uint64_t begin)
{
	uint64_t now = load_now(), gap = SECOND / (uint64_t)l->rate, due;

	while ((due = begin + l->published * gap) <= now)
		if (!feed_publish(l, 1, due))
			return SECOND / 1000; /* the feed is full */
	return due - now;
}

/* Saturated: what the window has room for. */
static uint64_t
publish_more(struct load *l)
{
	uint64_t each = l->members > l->rooms ? (uint64_t)(l->members / l->rooms) : 1;
	uint64_t window = (uint64_t)l->window * each, now = l->expected - l->delivered;

	if (now < window)
		feed_publish(l, (window - now + each - 1) / each, 0);
	return SECOND / 1000;
}

static void
work_until(struct load *l, uint64_t begin, uint64_t end)
{
	uint64_t now;

	while ((now = load_now()) < end) {
		uint64_t wait = SECOND / 100;

		if (l->mode != MODE_ECHO)
			wait = l->rate ? publish_due(l, begin) : publish_more(l);
		load_turn(l, wait < end - now ? wait : end - now);
	}
}

/* Wait for what is still on its way. */
static void
linger(struct load *l)
{
	uint64_t end = load_now() + LINGER_SECONDS * (uint64_t)SECOND, last = load_now();
	uint64_t delivered = l->delivered;

	while (l->delivered < l->expected && load_now() < end &&
	    load_now() < last + SILENCE_MS * (SECOND / 1000)) {
		load_turn(l, SECOND / 100);
		if (l->delivered != delivered) {
			delivered = l->delivered;
			last = load_now();
		}
	}
}

static void
work(struct load *l)
{
	uint64_t begin, from, delivered;
	double server, client, took, count;

	if (l->mode == MODE_ECHO)
		member_begin_echo(l);
	else
		feed_open(l);
	begin = load_now();
	work_until(l, begin, begin + (uint64_t)warmup_ms * (SECOND / 1000));
	l->measuring = true;
	server = servers_cpu(&servers);
	client = own_cpu();
	delivered = l->delivered;
	from = load_now();
	work_until(l, begin, from + (uint64_t)seconds_ms * (SECOND / 1000));
	took = (double)(load_now() - from) / SECOND;
	server = servers_cpu(&servers) - server;
	client = own_cpu() - client;
	count = (double)(l->delivered - delivered);
	if (!count)
		msg_die(EXIT_NETWORK, "nothing came");
	l->measuring = l->rate > 0; /* paced, the slowest count too */
	if (l->mode != MODE_ECHO)
		linger(l);
	printf(" rate=%.0f rate_cpu=%.0f p50=%.3f p99=%.3f p999=%.3f lost=%lld disordered=%llu"
	    " server=%.2f client=%.2f", count / took, per(count, server),
	    (double)hist_percentile(&l->latency, 50) / 1e6,
	    (double)hist_percentile(&l->latency, 99) / 1e6,
	    (double)hist_percentile(&l->latency, 99.9) / 1e6,
	    l->mode == MODE_ECHO ? 0ll : (long long)(l->expected - l->delivered),
	    (unsigned long long)l->disordered, server / took, client / took);
}

static void
read_tokens(struct load *l)
{
	struct buf b = {0};
	struct slice rest;

	if (io_read_file(tokens_file, 256 << 20, &b))
		msg_die(EXIT_USAGE, "cannot read %s: %s", tokens_file, strerror(errno));
	rest = buf_view(&b);
	while (rest.n) {
		struct slice token = slice_cut(&rest, '\n');

		opt_append(&(struct opt){ .var = &l->tokens }, mem_copy(token.p, token.n));
	}
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	struct load *l = &load;

	if (opt_parse(&table, argc, argv) != 2)
		opt_fail("expected SERVER and PORT");
	l->wire = wire_find(argv[0]);
	if (!l->wire)
		opt_fail("unknown server '%s'", argv[0]);
	l->port = strtol(argv[1], NULL, 10);
	l->mode = (enum mode)mode;
	if (l->mode == MODE_ECHO)
		l->rooms = l->members;
	if (tokens_file)
		read_tokens(l);
	io_want_files(l->members + FEEDERS + 16);
	signal(SIGPIPE, SIG_IGN);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->member = member_array((size_t)l->members);
	l->sequence = mem_zero((size_t)l->rooms, sizeof(*l->sequence));
	connect_all(l);
	if (l->mode != MODE_IDLE)
		work(l);
	printf("\n");
	member_close_all(l);
	return EXIT_DONE;
}
