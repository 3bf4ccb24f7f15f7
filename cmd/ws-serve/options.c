#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "door.h"
#include "events.h"
#include "http.h"
#include "line.h"
#include "num.h"
#include "rec.h"
#include "spell.h"
#include "topic.h"

static struct config config = {
	.auth_timeout_ms = 5000,
	.events = EVENT_ALL,
	.max_line = LINE_MAX_DEFAULT,
	.control_mode = -1,
	.message_rate = { .count = 100, .per_ms = 1000, .burst = 200 },
	.max_message = 1 << 20,
	.max_rooms = 100,
	.max_patterns = 10,
	.max_invalid = 10,
	.max_handshakes = DOOR_GUESTS,
	.client_queue = 1 << 20,
	.queue_total = 256 << 20,
	.block_ms = 30000,
	.ping_interval_ms = 30000,
	.ping_timeout_ms = 10000,
	.drain_ms = 5000,
};

enum { EVENT_FRAME = 16 << 10 }; /* bytes of an event but for the message it carries, at most */

static int refuse_how, stdout_how;

static const char *
set_auth_message(const struct opt *opt, const char *value)
{
	(void)opt;
	config.auth_message_ms = 10000;
	if (value && (num_duration(value, &config.auth_message_ms) || config.auth_message_ms < 1 ||
	    config.auth_message_ms > 3600000))
		return "not a duration between 1ms and 1h";
	return NULL;
}

static const char *
set_events(const struct opt *opt, const char *value)
{
	int set = event_set(slice_str(value));

	(void)opt;
	if (set < 0)
		return "not a list of events, none or all";
	config.events = (unsigned)set;
	return NULL;
}

static const char *
set_claims(const struct opt *opt, const char *value)
{
	struct slice rest = slice_str(value);

	(void)opt;
	while (rest.n) {
		struct slice name = slice_trim(slice_cut(&rest, ','));

		if (!name.n)
			return "a name is empty";
		opt_append(&(struct opt){ .var = &config.claims }, strndup(name.p, name.n));
	}
	return NULL;
}

static const char *
set_rate(const struct opt *opt, const char *value)
{
	struct num_rate *rate = opt->var;

	if (strcmp(value, "0") == 0)
		rate->count = 0;
	else if (num_rate(value, rate))
		return "not a rate such as 100/1s or 100/1s:200";
	return NULL;
}

static const char *
set_slow(const struct opt *opt, const char *value)
{
	(void)opt;
	if (strcmp(value, "close") == 0)
		config.slow = SLOW_CLOSE;
	else if (strcmp(value, "drop") == 0)
		config.slow = SLOW_DROP;
	else if (strcmp(value, "block") == 0)
		config.slow = SLOW_BLOCK;
	else if (strncmp(value, "block:", 6) == 0 && num_duration(value + 6, &config.block_ms) == 0 &&
	    config.block_ms > 0)
		config.slow = SLOW_BLOCK;
	else
		return "not close, drop, block or block:TIME";
	return NULL;
}

/* An origin as browsers write it (RFC 6454 6.2). Anything else would let in nobody. */
static const char *
set_origin(const struct opt *opt, const char *value)
{
	const char *host = strstr(value, "://");

	if (strcmp(value, "null") &&
	    (!host || host == value || !host[3] || strpbrk(host + 3, "/?#@ ")))
		return "not an origin such as https://example.com, without a path";
	return opt_append(opt, value);
}

static const char *
set_header(const struct opt *opt, const char *value)
{
	struct opt_list *list = opt->var;

	if (list->n == DOOR_FIELDS)
		return "too many";
	if (!*value || strspn(value, "!#$%&'*+-.^_`|~0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(value))
		return "not the name of a header field";
	return opt_append(opt, value);
}

static const char *
set_mode(const struct opt *opt, const char *value)
{
	size_t n = strlen(value);

	(void)opt;
	if (n < 3 || n > 4 || strspn(value, "01234567") != n || (n == 4 && *value != '0'))
		return "not a mode such as 0660";
	config.control_mode = strtol(value, NULL, 8);
	return NULL;
}

static const char *
set_raw(const struct opt *opt, const char *value)
{
	const char *why = topic_name_error(slice_str(value));

	*(const char **)opt->var = value;
	return why;
}

static const char *
set_proxy(const struct opt *opt, const char *value)
{
	(void)opt;
	config.trust_proxy = true;
	return proxy_add(&config.proxy, value);
}

static const char *
set_expose(const struct opt *opt, const char *value)
{
	int set = http_expose(slice_str(value));

	(void)opt;
	if (set < 0)
		return "not a list of health, ready, stats, metrics and broadcast";
	config.expose = (unsigned)set;
	return NULL;
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Access:" },
	{ .name = "auth", .letter = 'a', .kind = OPT_STRING, .var = &config.auth, .arg = "COMMAND",
	  .help = "ask this co-process about tokens" },
	{ .name = "auth-cookie", .kind = OPT_STRING, .var = &config.auth_cookie, .arg = "NAME",
	  .help = "take the token from this cookie too (needs --origin)" },
	{ .name = "auth-header", .kind = OPT_CALL, .call = set_header, .var = &config.auth_headers,
	  .arg = "NAME", .flags = OPT_ORDERED, .help = "pass this header field to the authenticator" },
	{ .name = "auth-message", .kind = OPT_CALL, .call = set_auth_message, .arg = "TIME",
	  .flags = OPT_OPTIONAL, .help = "without a token wait so long for an auth message (10s)" },
	{ .name = "auth-timeout", .kind = OPT_DURATION, .var = &config.auth_timeout_ms, .arg = "TIME",
	  .min = 1, .max = 600000, .help = "give up on the authenticator after this (5s)" },
	{ .name = "endpoint", .letter = 'e', .kind = OPT_CALL, .call = opt_append,
	  .var = &config.endpoints, .arg = "PATH=SPELLING", .flags = OPT_ORDERED,
	  .help = "serve PATH, spelled payload, topic or channel (/ws=payload)" },
	{ .name = "guests", .kind = OPT_FLAG, .var = &config.guests,
	  .help = "let in without a token, unauthenticated" },
	{ .name = "origin", .letter = 'o', .kind = OPT_CALL, .call = set_origin,
	  .var = &config.origins, .arg = "ORIGIN", .flags = OPT_ORDERED,
	  .help = "let in browsers from this origin only" },
	{ .name = "refuse", .kind = OPT_CHOICE, .var = &refuse_how, .arg = "HOW",
	  .choices = (const char *const[]){ "http", "close", NULL },
	  .help = "refuse tokens with 401 (http) or after the upgrade with 4001 (close)" },
	{ .name = "rooms", .letter = 'r', .kind = OPT_STRING, .var = &config.rooms, .arg = "FILE",
	  .help = "who may be where, ws-rooms(5)" },

	{ .kind = OPT_TITLE, .help = "Lines:" },
	{ .name = "acks", .kind = OPT_FLAG, .var = &config.acks,
	  .help = "write {\"tag\":N} when a command with a tag is done" },
	{ .name = "claims", .kind = OPT_CALL, .call = set_claims, .arg = "LIST",
	  .help = "add these claims to open events" },
	{ .name = "events", .kind = OPT_CALL, .call = set_events, .arg = "LIST",
	  .help = "write only these events; none for none (all)" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &config.max_line, .arg = "SIZE", .min = 64,
	  .max = 1 << 30, .help = "longest line of stdin (16M)" },
	{ .name = "payload", .kind = OPT_CHOICE, .var = &config.payload, .arg = "FORM",
	  .choices = (const char *const[]){ "auto", "text", "base64", NULL },
	  .help = "form of clients' messages in events: auto, text or base64" },
	{ .name = "raw", .kind = OPT_CALL, .call = set_raw, .var = &config.raw, .arg = "ROOM",
	  .help = "every line of stdin is a message to ROOM" },
	{ .name = "raw-all", .kind = OPT_FLAG, .var = &config.raw_all,
	  .help = "every line of stdin is a message to all" },
	{ .name = "stay", .kind = OPT_FLAG, .var = &config.stay,
	  .help = "serve on when stdin ends" },
	{ .name = "stdout", .kind = OPT_CHOICE, .var = &stdout_how, .arg = "HOW",
	  .choices = (const char *const[]){ "wait", "drop", NULL },
	  .help = "when stdout's reader is slow: let senders wait, or drop events" },

	{ .kind = OPT_TITLE, .help = "Control:" },
	{ .name = "control", .letter = 'c', .kind = OPT_STRING, .var = &config.control, .arg = "PATH",
	  .help = "take commands at this Unix socket too, ws-ctl(1)" },
	{ .name = "control-mode", .kind = OPT_CALL, .call = set_mode, .arg = "MODE",
	  .help = "permissions of that socket (0600)" },
	{ .name = "handler", .kind = OPT_STRING, .var = &config.handler, .arg = "COMMAND",
	  .help = "give events to this co-process and take commands from it" },

	{ .kind = OPT_TITLE, .help = "Network:" },
	{ .name = "cert", .kind = OPT_STRING, .var = &config.cert, .arg = "FILE",
	  .help = "speak TLS with this certificate chain (PEM)" },
	{ .name = "key", .kind = OPT_STRING, .var = &config.key, .arg = "FILE",
	  .help = "and this key (PEM)" },
	{ .name = "no-io-uring", .kind = OPT_FLAG, .var = &config.no_io_uring,
	  .help = "send to each connection with a call of its own" },
	{ .name = "reuse-port", .kind = OPT_FLAG, .var = &config.reuse_port,
	  .help = "let several servers listen at one port" },
	{ .name = "static", .kind = OPT_STRING, .var = &config.files, .arg = "DIR",
	  .help = "serve the files beneath DIR to browsers" },
	{ .name = "trust-proxy", .kind = OPT_CALL, .call = set_proxy, .arg = "ADDRESS[/BITS]|unix",
	  .flags = OPT_ORDERED, .help = "believe this peer's X-Forwarded-For" },

	{ .kind = OPT_TITLE, .help = "HTTP and metrics:" },
	{ .name = "admin", .kind = OPT_STRING, .var = &config.admin, .arg = "[ADDRESS:]PORT|PATH",
	  .help = "listen there for health checks, metrics and administration" },
	{ .name = "admin-host", .kind = OPT_CALL, .call = opt_append, .var = &config.admin_hosts,
	  .arg = "HOST[:PORT]", .flags = OPT_ORDERED, .help = "a Host that clients of it may name" },
	{ .name = "admin-open", .kind = OPT_FLAG, .var = &config.admin_open,
	  .help = "need no token for it" },
	{ .name = "admin-token-file", .kind = OPT_STRING, .var = &config.admin_token_file,
	  .arg = "FILE", .help = "the token that administration needs" },
	{ .name = "expose", .kind = OPT_CALL, .call = set_expose, .arg = "LIST",
	  .help = "health, ready, stats, metrics, broadcast: on the public port too" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &config.metrics_file, .arg = "FILE",
	  .help = "write the metrics there every 10 seconds" },

	{ .kind = OPT_TITLE, .help = "Limits:" },
	{ .name = "client-queue", .kind = OPT_SIZE, .var = &config.client_queue, .arg = "SIZE",
	  .min = 1024, .max = 1ll << 32, .help = "bytes queued for a slow client (1M)" },
	{ .name = "connect-rate", .kind = OPT_CALL, .call = set_rate, .var = &config.connect_rate,
	  .arg = "N/TIME[:BURST]", .help = "connections from one address in a time (no limit)" },
	{ .name = "max-connections", .kind = OPT_INT, .var = &config.max_connections, .arg = "N",
	  .min = 1, .max = 10000000, .help = "connections at a time (descriptors less 64)" },
	{ .name = "max-connections-per-ip", .kind = OPT_INT, .var = &config.max_per_ip, .arg = "N",
	  .min = 1, .max = 10000000, .help = "connections from one address at a time (no limit)" },
	{ .name = "max-handshakes", .kind = OPT_INT, .var = &config.max_handshakes, .arg = "N",
	  .min = 1, .max = 1000000, .help = "requests being looked at at a time (1024)" },
	{ .name = "max-invalid", .kind = OPT_INT, .var = &config.max_invalid, .arg = "N",
	  .min = 0, .max = 60000, .help = "invalid messages of a connection (10)" },
	{ .name = "max-message", .kind = OPT_SIZE, .var = &config.max_message, .arg = "SIZE",
	  .min = 125, .max = 1 << 30, .help = "longest message of a client (1M)" },
	{ .name = "max-patterns", .kind = OPT_INT, .var = &config.max_patterns, .arg = "N",
	  .min = 0, .max = 60000, .help = "wildcard subscriptions of a connection (10)" },
	{ .name = "max-rooms", .kind = OPT_INT, .var = &config.max_rooms, .arg = "N",
	  .min = 0, .max = 60000, .help = "rooms of a connection (100)" },
	{ .name = "message-rate", .kind = OPT_CALL, .call = set_rate, .var = &config.message_rate,
	  .arg = "N/TIME[:BURST]", .help = "messages from a connection, 0 for no limit (100/1s:200)" },
	{ .name = "queue-total", .kind = OPT_SIZE, .var = &config.queue_total, .arg = "SIZE",
	  .min = 1024, .max = 1ll << 44, .help = "bytes queued for all clients (256M)" },
	{ .name = "slow", .kind = OPT_CALL, .call = set_slow, .arg = "HOW",
	  .help = "when a queue is full: close, drop or block[:TIME] (close)" },

	{ .kind = OPT_TITLE, .help = "Life:" },
	{ .name = "deflate", .kind = OPT_FLAG, .var = &config.deflate,
	  .help = "compress for clients that offer it" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &config.drain_ms, .arg = "TIME",
	  .min = 0, .max = 86400000, .help = "time to end in after the first signal (5s)" },
	{ .name = "ping-interval", .kind = OPT_DURATION, .var = &config.ping_interval_ms,
	  .arg = "TIME", .min = 0, .max = 86400000, .help = "ping clients so often, 0 for never (30s)" },
	{ .name = "ping-timeout", .kind = OPT_DURATION, .var = &config.ping_timeout_ms,
	  .arg = "TIME", .min = 50, .max = 86400000, .help = "and cut them when no pong comes (10s)" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "ws-serve",
	.synopsis = "[options] [[ADDRESS:]PORT | PATH]",
	.about = "A WebSocket server: commands in, events out, one JSON line each.",
	.options = options,
};

/* No line is longer than --max-line says, or 16 MiB: nor is one with a client's message.
 * As a string every byte of it may need an escape. */
static void
check_max_message(void)
{
	int64_t line = config.max_line > LINE_MAX_DEFAULT ? config.max_line : LINE_MAX_DEFAULT;
	int64_t body = config.payload == REC_TEXT ? config.max_message * 2
		: config.max_message / 3 * 4;

	if (body + EVENT_FRAME > line)
		opt_fail("an event with a message of --max-message may be too long for a line: "
		    "give --max-line %lldk", (long long)((body + EVENT_FRAME) / 1024 + 1));
}

const struct config *
options_parse(int argc, char **argv)
{
	int n = opt_parse(&table, argc, argv);

	if (n > 1)
		opt_fail("more than one address: %s", argv[1]);
	config.address = n ? argv[0] : NULL;
	config.refuse_close = refuse_how == 1;
	config.stdout_drop = stdout_how == 1;
	if (config.auth && !*config.auth)
		opt_fail("--auth is empty");
	if (config.handler && !*config.handler)
		opt_fail("--handler is empty");
	if (config.control && !*config.control)
		opt_fail("--control is empty");
	if (config.auth_cookie && !config.origins.n)
		opt_fail("--auth-cookie needs --origin: any page could use the cookie");
	if (!config.auth && (config.auth_message_ms || config.guests || config.auth_cookie ||
	    config.auth_headers.n || config.refuse_close))
		opt_fail("%s needs --auth", config.auth_message_ms ? "--auth-message"
			: config.guests ? "--guests" : config.auth_cookie ? "--auth-cookie"
			: config.auth_headers.n ? "--auth-header" : "--refuse close");
	if (!config.cert != !config.key)
		opt_fail("%s needs %s", config.cert ? "--cert" : "--key", config.cert ? "--key" : "--cert");
	if (config.admin_open && config.admin_token_file)
		opt_fail("--admin-open and --admin-token-file contradict each other");
	if (config.expose & ~HTTP_OPEN && !config.admin_open && !config.admin_token_file)
		opt_fail("--expose stats or broadcast needs --admin-token-file or --admin-open");
	if (config.raw && config.raw_all)
		opt_fail("--raw and --raw-all contradict each other");
	if (config.acks && (config.raw || config.raw_all))
		opt_fail("--acks needs commands: lines of %s have no tag",
		    config.raw ? "--raw" : "--raw-all");
	if (config.control_mode >= 0 && !config.control)
		opt_fail("--control-mode needs --control");
	if (config.control_mode < 0)
		config.control_mode = 0600;
	if (config.queue_total < config.client_queue)
		opt_fail("--queue-total is less than --client-queue");
	check_max_message();
	return &config;
}
