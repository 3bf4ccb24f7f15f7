#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "config.h"
#include "exit.h"
#include "io.h"
#include "js.h"
#include "line.h"
#include "mem.h"
#include "msg.h"
#include "num.h"
#include "require.h"

enum { FILE_MAX = 256 << 20, TRACKS_MAX = 16 << 20 };

static struct config config = {
	.connections = 1, .in_flight = 256, .timeout = 10000, .reconnect_delay = 1000,
	.max_message = 1 << 20, .window = 16, .rooms = 1, .duration = 10000, .linger = 2000,
	.storm_share = 100,
};
static struct opt_list requirements;
static int find;
static struct opt_list message_texts, subscribe_texts;
static const char *tokens_file, *messages_file, *on_open_file;
static bool echo, fanout, idle;
static double total_rate;
static bool rate_given;

/* --- values of their own kind --- */

/* "20", "0.5", "20/s", "600/1m" to a number per second; -1 when malformed. */
static double
per_second(const char *text)
{
	double v;
	const char *end = num_decimal(text, &v);
	int64_t ms = 1000;

	if (!end)
		return -1;
	if (*end == '/') {
		const char *time = end + 1;

		if (strchr("smh", time[0]) && time[0] && !time[1])
			ms = time[0] == 's' ? 1000 : time[0] == 'm' ? 60000 : 3600000;
		else if (num_duration(time, &ms) || ms < 1)
			return -1;
	} else if (*end) {
		return -1;
	}
	v = v * 1000 / (double)ms;
	return v <= 1e9 ? v : -1;
}

static const char *
set_rate(const struct opt *opt, const char *value)
{
	double *rate = opt->var, v;

	config.saturate = strcmp(value, "max") == 0;
	v = config.saturate ? 0 : per_second(value);
	if (v < 0 || (v == 0 && !config.saturate))
		return "not a rate such as 20, 0.5/s, 600/1m or max";
	total_rate = config.rate_each = 0;
	*rate = v;
	rate_given = true;
	return NULL;
}

static const char *
set_ramp(const struct opt *opt, const char *value)
{
	(void)opt;
	config.ramp = per_second(value);
	return config.ramp > 0 ? NULL : "not a number per second such as 500/s";
}

static const char *
set_fanout(const struct opt *opt, const char *value)
{
	(void)opt;
	fanout = true;
	config.to_sender = value && strcmp(value, "all") == 0;
	return value && !config.to_sender && strcmp(value, "others") != 0
	    ? "not others or all" : NULL;
}

static const char *
add_header(const struct opt *opt, const char *value)
{
	const char *colon = strchr(value, ':');

	if (!colon || colon == value || strpbrk(value, "\r\n"))
		return "not a header such as \"Name: value\"";
	for (const char *p = value; p < colon; p++)
		if (*p == ' ' || *p == '\t')
			return "not a header such as \"Name: value\"";
	return opt_append(opt, value);
}

static const char *
set_header_value(const struct opt *opt, const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return "not visible ASCII characters";
	*(const char **)opt->var = value;
	return NULL;
}

static const char *const token_places[] = { "header", "query", "protocol", "message", NULL };
static const char *const find_what[] = { "nothing", "max-rate", "max-connections", NULL };

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Connections:" },
	{ .name = "cacert", .kind = OPT_STRING, .var = &config.cacert, .arg = "FILE",
	  .help = "CA certificates (PEM) instead of the system's" },
	{ .name = "cert", .kind = OPT_STRING, .var = &config.cert, .arg = "FILE",
	  .help = "client certificate (PEM)" },
	{ .name = "connections", .letter = 'c', .kind = OPT_INT, .var = &config.connections, .arg = "N",
	  .min = 1, .max = CONNECTIONS_MAX, .help = "how many connections (1)" },
	{ .name = "handshakes", .kind = OPT_INT, .var = &config.in_flight, .arg = "N", .min = 1,
	  .max = CONNECTIONS_MAX, .help = "connections being opened at a time, at most (256)" },
	{ .name = "header", .letter = 'H', .kind = OPT_CALL, .call = add_header, .var = &config.headers,
	  .arg = "LINE", .flags = OPT_ORDERED, .help = "further header of the request; repeatable" },
	{ .name = "insecure", .letter = 'k', .kind = OPT_FLAG, .var = &config.insecure,
	  .help = "do not check the server's certificate" },
	{ .name = "key", .kind = OPT_STRING, .var = &config.key, .arg = "FILE",
	  .help = "private key of the client certificate, PEM (in --cert)" },
	{ .name = "on-open", .kind = OPT_STRING, .var = &on_open_file, .arg = "FILE",
	  .help = "send these lines first on each connection" },
	{ .name = "origin", .kind = OPT_CALL, .call = set_header_value, .var = &config.origin,
	  .arg = "ORIGIN", .help = "Origin header" },
	{ .name = "ramp", .kind = OPT_CALL, .call = set_ramp, .arg = "N/s",
	  .help = "open so many a second (as fast as it goes)" },
	{ .name = "reconnect", .kind = OPT_FLAG, .var = &config.reconnect,
	  .help = "open lost connections again" },
	{ .name = "reconnect-delay", .kind = OPT_DURATION, .var = &config.reconnect_delay,
	  .arg = "TIME", .max = INT64_MAX / SECOND,
	  .help = "after half to all of this time (1s)" },
	{ .name = "source", .kind = OPT_STRING, .var = &config.source, .arg = "LIST",
	  .help = "source addresses, taken in turn: A,B,C or A-B" },
	{ .name = "subprotocol", .kind = OPT_CALL, .call = set_header_value, .var = &config.protocol,
	  .arg = "NAME", .help = "sub-protocol to offer" },
	{ .name = "subscribe", .kind = OPT_CALL, .call = opt_append, .var = &subscribe_texts,
	  .arg = "CHANNEL", .flags = OPT_ORDERED,
	  .help = "subscribe each connection; a template; repeatable" },
	{ .name = "timeout", .kind = OPT_DURATION, .var = &config.timeout, .arg = "TIME", .min = 1,
	  .max = 3600000, .help = "for opening and subscribing a connection (10s)" },
	{ .name = "token-in", .kind = OPT_CHOICE, .var = &config.token_in, .arg = "PLACE",
	  .choices = token_places, .help = "header, query, protocol or message (header)" },
	{ .name = "tokens", .kind = OPT_STRING, .var = &tokens_file, .arg = "FILE",
	  .help = "tokens, one a line, taken in turn" },
	{ .kind = OPT_TITLE, .help = "Messages:" },
	{ .name = "binary", .kind = OPT_FLAG, .var = &config.binary, .help = "send binary messages" },
	{ .name = "duration", .letter = 'd', .kind = OPT_DURATION, .var = &config.duration,
	  .arg = "TIME", .max = INT64_MAX / SECOND,
	  .help = "how long to send; 0: until told to stop (10s)" },
	{ .name = "echo", .kind = OPT_FLAG, .var = &echo,
	  .help = "the server returns each message to its sender" },
	{ .name = "fanout", .kind = OPT_CALL, .call = set_fanout, .arg = "TO",
	  .flags = OPT_OPTIONAL, .help = "each goes to the sender's room: others (default) or all" },
	{ .name = "feed", .kind = OPT_STRING, .var = &config.feed, .arg = "PATH",
	  .help = "fan-out of lines written to this socket, FIFO or file" },
	{ .name = "idle", .kind = OPT_FLAG, .var = &idle, .help = "send nothing" },
	{ .name = "linger", .kind = OPT_DURATION, .var = &config.linger, .arg = "TIME",
	  .max = INT64_MAX / SECOND, .help = "wait so long for what is still on its way (2s)" },
	{ .name = "max-message", .kind = OPT_SIZE, .var = &config.max_message, .arg = "SIZE",
	  .min = 1024, .max = 1 << 30, .help = "longest message taken (1M)" },
	{ .name = "message", .letter = 'm', .kind = OPT_CALL, .call = opt_append,
	  .var = &message_texts, .arg = "TEMPLATE", .flags = OPT_ORDERED,
	  .help = "what to send; repeatable, in turn" },
	{ .name = "messages", .kind = OPT_STRING, .var = &messages_file, .arg = "FILE",
	  .help = "the same, a line each; - is standard input" },
	{ .name = "rate", .letter = 'r', .kind = OPT_CALL, .call = set_rate, .var = &config.rate_each,
	  .arg = "N|max", .help = "messages a second of each sender (1)" },
	{ .name = "rooms", .kind = OPT_INT, .var = &config.rooms, .arg = "N", .min = 1,
	  .max = CONNECTIONS_MAX, .help = "connections are spread over so many rooms (1)" },
	{ .name = "senders", .kind = OPT_INT, .var = &config.senders_asked, .arg = "N", .min = 1,
	  .max = CONNECTIONS_MAX, .help = "connections that send (all; fan-out: one a room)" },
	{ .name = "size", .kind = OPT_SIZE, .var = &config.size, .arg = "SIZE", .min = 1,
	  .max = 1 << 28, .help = "bytes of a message, which {pad} makes up" },
	{ .name = "total-rate", .kind = OPT_CALL, .call = set_rate, .var = &total_rate,
	  .arg = "N|max", .help = "messages a second of all senders together" },
	{ .name = "warmup", .kind = OPT_DURATION, .var = &config.warmup, .arg = "TIME",
	  .max = INT64_MAX / SECOND, .help = "messages of this time do not count for latency (0)" },
	{ .name = "window", .kind = OPT_INT, .var = &config.window, .arg = "N", .min = 1, .max = 1 << 20,
	  .help = "with max: messages of a sender on their way (16)" },
	{ .kind = OPT_TITLE, .help = "Trouble:" },
	{ .name = "slow", .kind = OPT_INT, .var = &config.slow, .arg = "N", .min = 0,
	  .max = CONNECTIONS_MAX, .help = "so many of the connections do not read" },
	{ .name = "slow-rate", .kind = OPT_SIZE, .var = &config.slow_rate, .arg = "SIZE",
	  .help = "or read so many bytes a second" },
	{ .name = "storm", .kind = OPT_DURATION, .var = &config.storm, .arg = "TIME", .min = 1,
	  .max = 86400000, .help = "drop connections so often; all of them come back" },
	{ .name = "storm-share", .kind = OPT_INT, .var = &config.storm_share, .arg = "PERCENT",
	  .min = 1, .max = 100, .help = "per cent of the connections (100)" },
	{ .kind = OPT_TITLE, .help = "Results:" },
	{ .name = "every", .kind = OPT_DURATION, .var = &config.every, .arg = "TIME", .min = 10,
	  .max = 86400000, .help = "write a line of JSON so often" },
	{ .name = "find", .kind = OPT_CHOICE, .var = &find, .arg = "WHAT",
	  .choices = find_what, .help = "max-rate or max-connections that meet --require" },
	{ .name = "json", .kind = OPT_FLAG, .var = &config.json, .help = "write the report as JSON" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &config.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ .name = "require", .kind = OPT_CALL, .call = opt_append, .var = &requirements,
	  .arg = "NUMBER<N", .flags = OPT_ORDERED,
	  .help = "such as 'rtt.p99<100ms' or 'lost=0'; exit 1 if not" },
	{ 0 },
};

/* --- files --- */

/* The lines of a file, which stays in memory. */
static int64_t
read_lines(const char *what, const char *path, struct slice **lines)
{
	struct buf b = { 0 };
	struct slice rest;
	int64_t n = 0;

	if (io_read_file(strcmp(path, "-") ? path : "/dev/stdin", FILE_MAX, &b))
		msg_die(EXIT_HOST, "cannot read %s: %s", path, strerror(errno));
	rest = buf_view(&b);
	*lines = NULL;
	while (rest.n) {
		struct slice line = slice_cut(&rest, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (!line.n)
			continue;
		if ((n & (n - 1)) == 0)
			*lines = mem_resize(*lines, (size_t)(n ? 2 * n : 1), sizeof(**lines));
		(*lines)[n++] = line;
	}
	if (!n)
		opt_fail("%s: nothing in %s", what, path);
	return n;
}

/* Who a token is for: userId or sub of a JWT, so that {user} fits; else its number. It
 * is not verified: that is the server's affair. */
static struct slice
user_of_token(struct slice token, int64_t number)
{
	struct buf claims = { 0 }, name = { 0 }, scratch = { 0 };
	struct slice val;

	slice_cut(&token, '.');
	if (!base64url_get(&claims, slice_cut(&token, '.')) && js_valid(buf_view(&claims), NULL)) {
		val = js_get(slice_trim(buf_view(&claims)), S("userId"));
		if (js_type(val) == JS_NONE)
			val = js_get(slice_trim(buf_view(&claims)), S("sub"));
		if (js_type(val) == JS_NUMBER)
			buf_slice(&name, val);
		else
			buf_slice(&name, js_text(val, &scratch));
	}
	if (!name.n)
		buf_fmt(&name, "user-%lld", (long long)number);
	buf_free(&claims);
	buf_free(&scratch);
	return buf_view(&name);
}

static void
read_tokens(void)
{
	config.ntokens = read_lines("--tokens", tokens_file, &config.tokens);
	config.users = mem_zero((size_t)config.ntokens, sizeof(*config.users));
	for (int64_t i = 0; i < config.ntokens; i++) {
		struct slice t = config.tokens[i];

		for (size_t k = 0; k < t.n; k++)
			if ((unsigned char)t.p[k] <= ' ' || (unsigned char)t.p[k] >= 0x7f)
				opt_fail("--tokens: line %lld of %s is not a token", (long long)i + 1,
				    tokens_file);
		config.users[i] = user_of_token(t, i);
	}
}

/* --- templates --- */

static void
add_template(struct stencil **list, int *n, struct slice text)
{
	*list = mem_resize(*list, (size_t)*n + 1, sizeof(**list));
	stencil_init(&(*list)[(*n)++], text);
}

static void
add_option_templates(struct stencil **list, int *n, const char *option, const struct opt_list *l)
{
	for (int i = 0; i < l->n; i++) {
		struct slice unknown = stencil_unknown(slice_str(l->v[i]));

		if (unknown.n)
			opt_fail("%s: unknown %.*s: %s", option, (int)unknown.n, unknown.p, l->v[i]);
		add_template(list, n, slice_str(l->v[i]));
	}
}

static void
add_file_templates(struct stencil **list, int *n, const char *option, const char *path)
{
	struct slice *lines;
	int64_t count = read_lines(option, path, &lines);

	for (int64_t i = 0; i < count; i++)
		add_template(list, n, lines[i]);
	free(lines);
}

static void
default_templates(void)
{
	static const char *const texts[] = {
		[WORK_PING] = "{\"type\":\"ping\",\"correlationId\":\"{id}\"}",
		[WORK_ECHO] = "{\"id\":\"{id}\",\"pad\":\"{pad}\"}",
		[WORK_FANOUT] = "{\"type\":\"message\",\"room\":\"bench:{room}\","
		    "\"data\":{\"id\":\"{id}\",\"pad\":\"{pad}\"}}",
	};
	const char *text = config.work <= WORK_FANOUT ? texts[config.work] : NULL;

	if (config.feed)
		text = "{\"to\":\"bench:{room}\",\"data\":{\"id\":\"{id}\",\"pad\":\"{pad}\"}}";
	if (config.nmessages || !text)
		return;
	add_template(&config.messages, &config.nmessages, slice_str(text));
	if (!config.nsubscribe && !config.non_open && config.work == WORK_FANOUT)
		add_template(&config.subscribe, &config.nsubscribe, S("bench:{room}"));
}

/* --- what fits together --- */

static void
choose_work(void)
{
	bool own = message_texts.n || messages_file;

	if (echo + (fanout || config.feed) + idle > 1)
		opt_fail("only one of --echo, --fanout or --feed, and --idle");
	if (config.feed && config.to_sender)
		opt_fail("--feed has no sender for --fanout=all");
	config.work = idle ? WORK_IDLE : echo ? WORK_ECHO : fanout || config.feed ? WORK_FANOUT
	    : own ? WORK_SEND : WORK_PING;
	if (config.work == WORK_SEND && messages_file && !strcmp(messages_file, "-") && !rate_given)
		config.work = WORK_STREAM;
	if (config.work == WORK_IDLE && (own || rate_given))
		opt_fail("--idle sends no messages");
	if (message_texts.n && messages_file)
		opt_fail("only one of --message and --messages");
}

static void
check_messages(void)
{
	bool id = true, pad = false;

	for (int i = 0; i < config.nmessages; i++) {
		id = id && stencil_has(&config.messages[i], PART_ID);
		pad = pad || stencil_has(&config.messages[i], PART_PAD);
	}
	if (config.work <= WORK_FANOUT && !id)
		opt_fail("each message needs an {id}, by which its answers are known");
	if (config.size && !pad && config.work != WORK_STREAM)
		opt_fail("--size needs a message with {pad}");
}

void
config_resize(struct config *o, int64_t connections)
{
	int64_t readers = connections - o->slow, senders = o->senders_asked;

	o->connections = connections;
	if (!senders)
		senders = o->work == WORK_FANOUT ? o->rooms : readers;
	o->senders = senders < readers ? senders : readers;
	if (o->rate_each > 0)
		o->rate = o->rate_each * (double)(o->feed ? 1 : o->senders);
}

static void
check_numbers(void)
{
	if (config.slow >= config.connections)
		opt_fail("--slow: more than all but one of the connections: %lld", (long long)config.slow);
	if (config.rooms > config.connections)
		opt_fail("--rooms: more than connections: %lld", (long long)config.rooms);
	if (config.senders_asked > config.connections - config.slow)
		opt_fail("--senders: more than connections that read: %lld",
		    (long long)config.senders_asked);
	if (config.ntokens && config.token_in == TOKEN_PROTOCOL && config.protocol)
		opt_fail("only one of --token-in protocol and --subprotocol");
	if (config.warmup && config.duration && config.warmup >= config.duration)
		opt_fail("--warmup is not shorter than --duration");
	if (config.key && !config.cert)
		opt_fail("--key needs --cert");
	if (config.slow_rate && !config.slow)
		opt_fail("--slow-rate needs --slow");
	if (config.work == WORK_FANOUT &&
	    config.connections * ((config.senders + config.rooms - 1) / config.rooms) > TRACKS_MAX)
		opt_fail("--senders: too many for so many connections in a room");
	if (find && !requirements.n)
		opt_fail("--find needs --require");
	if (find && (config.every || !config.duration || config.work == WORK_STREAM))
		opt_fail("--find goes with neither --every, --duration 0 nor standard input");
	if (find == FIND_RATE && (config.saturate || config.work == WORK_IDLE))
		opt_fail("--find max-rate needs a rate to begin with");
}

void
options_parse(struct bench_options *o, int argc, char **argv)
{
	static const struct opt_table table = { "ws-bench", "[options] URL",
		"Puts load on a WebSocket server and measures it.", options };
	int n = opt_parse(&table, argc, argv);
	const char *why;

	if (n != 1)
		opt_fail(n ? "more than one URL" : "no URL");
	config.url_text = argv[0];
	if (url_parse(argv[0], &config.url, &why))
		opt_fail("%s: %s", why, argv[0]);
	if (config.url.scheme == URL_HTTP)
		opt_fail("not a ws, wss or ws+unix URL: %s", argv[0]);
	if (!url_secure(&config.url) && (config.cacert || config.cert || config.insecure))
		opt_fail("--cacert, --cert and --insecure are for wss:// only");
	choose_work();
	if (tokens_file)
		read_tokens();
	add_option_templates(&config.messages, &config.nmessages, "--message", &message_texts);
	if (messages_file && config.work != WORK_STREAM)
		add_file_templates(&config.messages, &config.nmessages, "--messages", messages_file);
	add_option_templates(&config.subscribe, &config.nsubscribe, "--subscribe", &subscribe_texts);
	if (on_open_file)
		add_file_templates(&config.on_open, &config.non_open, "--on-open", on_open_file);
	default_templates();
	check_messages();
	if (!rate_given && config.work <= WORK_SEND)
		config.rate_each = 1;
	config.rate = total_rate;
	if (config.subscribe && config.nsubscribe > 1000)
		opt_fail("--subscribe: more than 1000");
	config_resize(&config, config.connections);
	check_numbers();
	/* Milliseconds so far. */
	config.timeout *= MS;
	config.reconnect_delay *= MS;
	config.duration *= MS;
	config.warmup *= MS;
	config.linger *= MS;
	config.storm *= MS;
	config.every *= MS;
	*o = (struct bench_options){ config, requirements, find };
}
