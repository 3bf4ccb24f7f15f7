/* config - what a run is to do: the options, filled in by main and options.c, read-only
 * afterwards but for what --find varies (connections, rate). Times are nanoseconds
 * unless the name says else. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "handshake.h"
#include "opt.h"
#include "stencil.h"
#include "url.h"

enum {
	CONNECTIONS_MAX = 1000000,
	MS = 1000000,
	SECOND = 1000000000,
};

enum work {
	WORK_PING,   /* {"type":"ping"}, answered by a pong with the same correlationId */
	WORK_ECHO,   /* each message comes back to its sender */
	WORK_FANOUT, /* each message goes to the connections in the sender's room */
	WORK_SEND,   /* messages that need no answer */
	WORK_STREAM, /* the same, as they come in on standard input */
	WORK_IDLE,   /* nothing is sent */
};

enum token_in { TOKEN_HEADER, TOKEN_QUERY, TOKEN_PROTOCOL, TOKEN_MESSAGE };

struct config {
	const char *url_text;
	struct url url;
	const char *origin, *protocol;
	struct opt_list headers;

	int64_t connections, in_flight;
	double ramp; /* connections per second, 0: no limit */
	int64_t timeout;
	const char *source;
	bool reconnect;
	int64_t reconnect_delay;

	struct slice *tokens; /* ntokens of them, taken in turn; secrets */
	struct slice *users;  /* who they are for */
	int64_t ntokens;
	int token_in; /* enum token_in */

	bool insecure;
	const char *cacert, *cert, *key;

	struct stencil *subscribe, *on_open, *messages;
	int nsubscribe, non_open, nmessages;
	bool binary;
	int64_t size, max_message;

	enum work work;
	double rate;      /* messages per second in all; 0 with `saturate` */
	double rate_each; /* the same of each sender, 0 when `rate` is what was given */
	bool saturate;
	int64_t window; /* with `saturate`: messages on their way, of each sender */
	int64_t senders; /* the first connections */
	int64_t senders_asked; /* 0: as many as the kind of work makes sense of */
	int64_t rooms;   /* connection i is in room i % rooms */
	bool to_sender; /* fan-out reaches the sender too */
	const char *feed;

	int64_t duration, warmup, linger;
	int64_t slow, slow_rate; /* connections; bytes per second */
	int64_t storm;           /* every so long; 0: none */
	int64_t storm_share;     /* per cent of the connections */
	int64_t every;
	bool json;
	const char *metrics_file;
};

/* A connection that reads nothing, or little: the last ones. */
static inline bool
config_is_slow(const struct config *o, uint32_t conn)
{
	return conn >= o->connections - o->slow;
}

enum find { FIND_NOTHING, FIND_RATE, FIND_CONNECTIONS };

/* What main needs besides. */
struct bench_options {
	struct config config;
	struct opt_list require;
	int find; /* enum find */
};

/* Parse argv, read the files it names, check that all fits together. Ends the program
 * when not. What it allocates lives as long as the program. */
void options_parse(struct bench_options *o, int argc, char **argv);

/* Set the number of connections, and what follows from it: who sends, and how much. */
void config_resize(struct config *o, int64_t connections);

#endif
