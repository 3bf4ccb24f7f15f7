/* ws-connect - a WebSocket client: a line in is a message out, a message in is a line
 * out. Here are its options; session.c does the work. */
#include <signal.h>
#include <string.h>

#include "http.h"
#include "line.h"
#include "msg.h"
#include "num.h"
#include "opt.h"
#include "session.h"

static struct options o = {
	.max_line = LINE_MAX_DEFAULT, .max_message = LINE_MAX_DEFAULT, .linger = -1, .drain = 5000,
	.delay_min = 1000, .delay_max = 30000, .jitter = 50, .queue = 1 << 20,
	.ping_interval = 30000, .ping_timeout = 10000, .connect_timeout = 20000,
};
static const char *proxy;

static const char *
set_reconnect(const struct opt *opt, const char *value)
{
	(void)opt;
	if (!value)
		o.reconnect = 10;
	else if (strcmp(value, "forever") == 0)
		o.reconnect = INT64_MAX;
	else if (num_int(value, &o.reconnect) || o.reconnect < 0)
		return "neither a number of attempts nor \"forever\"";
	return NULL;
}

static const char *
set_delay(const struct opt *opt, const char *value)
{
	(void)opt;
	return num_delays(value, &o.delay_min, &o.delay_max)
	    ? "not a range of durations such as 1s..30s, from 1ms to a day" : NULL;
}

static const char *
add_header(const struct opt *opt, const char *value)
{
	static const char *const ours[] = { "connection", "upgrade", "sec-websocket-key",
		"sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol" };
	struct slice line = slice_str(value), name = slice_cut(&line, ':');

	if (!strchr(value, ':') || !http_token(name) || !http_value(line))
		return "not of the form \"Name: value\"";
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (http_is(name, ours[i]))
			return "part of the handshake itself";
	return opt_append(opt, value);
}

static const char *
add_subprotocol(const struct opt *opt, const char *value)
{
	return http_token(slice_str(value)) ? opt_append(opt, value) : "not a token";
}

static const char *
add_match(const struct opt *opt, const char *value)
{
	return strchr(value, '=') > value ? opt_append(opt, value) : "not of the form PATH=VALUE";
}

static const char *const places[] = { "header", "query", "protocol", "message", NULL };
static const char *const fulls[] = { "block", "drop", NULL };
static int queue_full;
static int64_t linger = -1;
static bool has_linger;

static const char *
set_linger(const struct opt *opt, const char *value)
{
	(void)opt;
	has_linger = true;
	return num_duration(value, &linger) ? "not a duration such as 500ms, 30s or 5m" : NULL;
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Lines:" },
	{ .name = "binary", .letter = 'b', .kind = OPT_FLAG, .var = &o.binary,
	  .help = "send lines as binary messages" },
	{ .name = "json-seq", .kind = OPT_FLAG, .var = &o.json_seq,
	  .help = "read JSON values, however they are broken into lines" },
	{ .name = "match", .letter = 'm', .kind = OPT_CALL, .call = add_match, .var = &o.match,
	  .arg = "PATH=VALUE", .flags = OPT_ORDERED,
	  .help = "take only messages whose member PATH is VALUE" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &o.max_line, .arg = "SIZE",
	  .min = 1, .max = 1 << 30, .help = "longest line, either way (16M)" },
	{ .name = "max-message", .kind = OPT_SIZE, .var = &o.max_message, .arg = "SIZE",
	  .min = 1, .max = 256 << 20, .help = "longest message, either way (16M)" },
	{ .name = "null", .letter = '0', .kind = OPT_FLAG, .var = &o.nul,
	  .help = "as --raw, with NUL instead of line ends" },
	{ .name = "payload", .kind = OPT_CHOICE, .var = &o.payload, .arg = "auto|text|base64",
	  .choices = rec_forms, .help = "form of messages in records (auto)" },
	{ .name = "raw", .kind = OPT_FLAG, .var = &o.raw, .help = "write messages as they are" },
	{ .name = "records", .letter = 'j', .kind = OPT_FLAG, .var = &o.records,
	  .help = "read and write records, not messages" },

	{ .kind = OPT_TITLE, .help = "The end:" },
	{ .name = "count", .letter = 'n', .kind = OPT_INT, .var = &o.count, .arg = "COUNT",
	  .min = 1, .max = INT64_MAX, .help = "end after COUNT messages" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &o.drain, .arg = "TIME",
	  .help = "time for input and output after the first signal (5s)" },
	{ .name = "idle-timeout", .kind = OPT_DURATION, .var = &o.idle_timeout, .arg = "TIME",
	  .help = "end when no message has come for TIME" },
	{ .name = "linger", .kind = OPT_CALL, .call = set_linger, .arg = "TIME",
	  .help = "after the end of input, end TIME after the last message" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &o.metrics, .arg = "FILE",
	  .help = "write counters for Prometheus to FILE every 10 s" },
	{ .name = "timeout", .kind = OPT_DURATION, .var = &o.timeout, .arg = "TIME",
	  .help = "end after TIME, with exit code 124" },

	{ .kind = OPT_TITLE, .help = "Session:" },
	{ .name = "jitter", .kind = OPT_INT, .var = &o.jitter, .arg = "PERCENT",
	  .min = 0, .max = 100, .help = "per cent taken off a delay at random (50)" },
	{ .name = "on-open", .kind = OPT_STRING, .var = &o.on_open, .arg = "FILE",
	  .help = "send the lines of FILE first, on each connection" },
	{ .name = "ping-interval", .kind = OPT_DURATION, .var = &o.ping_interval, .arg = "TIME",
	  .help = "send a ping that often (30s); 0: none" },
	{ .name = "ping-timeout", .kind = OPT_DURATION, .var = &o.ping_timeout, .arg = "TIME",
	  .min = 1, .max = 86400000, .help = "give up when nothing comes in TIME after a ping (10s)" },
	{ .name = "queue", .kind = OPT_SIZE, .var = &o.queue, .arg = "SIZE",
	  .min = 1, .max = 1 << 30, .help = "messages that wait to be sent (1M)" },
	{ .name = "queue-full", .kind = OPT_CHOICE, .var = &queue_full, .arg = "block|drop",
	  .choices = fulls, .help = "stop reading, or drop the oldest (block)" },
	{ .name = "reconnect", .letter = 'r', .kind = OPT_CALL, .call = set_reconnect,
	  .arg = "N|forever", .flags = OPT_OPTIONAL,
	  .help = "connect again, N times in a row at most (10)" },
	{ .name = "reconnect-delay", .kind = OPT_CALL, .call = set_delay, .arg = "MIN..MAX",
	  .help = "delays before that, doubled each time (1s..30s)" },
	{ .name = "subscribe", .letter = 's', .kind = OPT_CALL, .call = opt_append,
	  .var = &o.subscribe, .arg = "CHANNEL", .flags = OPT_ORDERED,
	  .help = "subscribe to CHANNEL on each connection" },
	{ .name = "token-command", .kind = OPT_STRING, .var = &o.token_command, .arg = "COMMAND",
	  .help = "run COMMAND for a token, before each attempt" },
	{ .name = "token-file", .letter = 't', .kind = OPT_STRING, .var = &o.token_file,
	  .arg = "FILE", .help = "read a token from FILE, before each attempt" },
	{ .name = "token-in", .kind = OPT_CHOICE, .var = &o.token_in,
	  .arg = "header|query|protocol|message", .choices = places,
	  .help = "where the token goes (header)" },

	{ .kind = OPT_TITLE, .help = "Connection:" },
	{ .name = "cacert", .kind = OPT_STRING, .var = &o.cacert, .arg = "FILE",
	  .help = "certificate authorities to trust, PEM (the system's)" },
	{ .name = "cert", .letter = 'E', .kind = OPT_STRING, .var = &o.cert, .arg = "FILE",
	  .help = "client certificate, PEM" },
	{ .name = "connect-timeout", .kind = OPT_DURATION, .var = &o.connect_timeout,
	  .arg = "TIME", .min = 1, .max = 86400000, .help = "time for an attempt to connect (20s)" },
	{ .name = "deflate", .kind = OPT_FLAG, .var = &o.deflate,
	  .help = "offer permessage-deflate" },
	{ .name = "header", .letter = 'H', .kind = OPT_CALL, .call = add_header,
	  .var = &o.headers, .arg = "'NAME: VALUE'", .flags = OPT_ORDERED,
	  .help = "send this header" },
	{ .name = "insecure", .letter = 'k', .kind = OPT_FLAG, .var = &o.insecure,
	  .help = "do not check the server's certificate" },
	{ .name = "key", .kind = OPT_STRING, .var = &o.key, .arg = "FILE",
	  .help = "key of --cert, PEM (the certificate's file)" },
	{ .name = "origin", .letter = 'o', .kind = OPT_STRING, .var = &o.origin, .arg = "ORIGIN",
	  .help = "send an Origin header" },
	{ .name = "proxy", .letter = 'x', .kind = OPT_STRING, .var = &proxy, .arg = "URL",
	  .help = "connect through this HTTP proxy" },
	{ .name = "subprotocol", .letter = 'p', .kind = OPT_CALL, .call = add_subprotocol,
	  .var = &o.subprotocols, .arg = "NAME", .flags = OPT_ORDERED,
	  .help = "ask for this subprotocol" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "ws-connect",
	.synopsis = "[options] URL",
	.about = "A WebSocket client: a line in is a message out, a message in is a line out.",
	.options = options,
};

/* What contradicts itself. */
static void
check(void)
{
	if (o.nul)
		o.raw = true;
	o.queue_drop = queue_full == 1;
	o.linger = linger;
	if (o.records && o.raw)
		opt_fail("--records excludes --raw and --null");
	if (o.records && (o.binary || o.json_seq))
		opt_fail("--records excludes --binary and --json-seq");
	if (o.json_seq && o.nul)
		opt_fail("--json-seq excludes --null");
	if (o.payload && !o.records)
		opt_fail("--payload needs --records");
	if (o.token_file && o.token_command)
		opt_fail("--token-file excludes --token-command");
	if (o.token_in && !o.token_file && !o.token_command)
		opt_fail("--token-in needs --token-file or --token-command");
	if (o.key && !o.cert)
		opt_fail("--key needs --cert");
	if (o.origin && !http_value(slice_str(o.origin)))
		opt_fail("--origin: a control character");
}

static void
parse_urls(const char *text)
{
	const char *why;

	/* A URL that cannot be taken apart is not shown: it may hold a secret anywhere. */
	if (url_parse(text, &o.url, &why))
		opt_fail("the URL: %s", why);
	if (o.url.scheme == URL_HTTP)
		opt_fail("the URL: the scheme is none of ws, wss, ws+unix, wss+unix");
	if (!url_secure(&o.url) && (o.cacert || o.cert || o.insecure))
		opt_fail("--cacert, --cert and --insecure are for wss:// only");
	url_put_shown(&o.shown, &o.url);
	buf_cstr(&o.shown);
	if (!proxy)
		return;
	if (url_parse(proxy, &o.proxy, &why) || o.proxy.scheme != URL_HTTP)
		opt_fail("--proxy: %s", why ? why : "no http:// URL");
	if (o.url.socket)
		opt_fail("--proxy: not for a Unix socket");
}

int
main(int argc, char **argv)
{
	int n = opt_parse(&table, argc, argv);

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	if (n != 1)
		opt_fail(n ? "more than one URL" : "the URL is missing");
	check();
	parse_urls(argv[0]);
	return session_run(&o);
}
