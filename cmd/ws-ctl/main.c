#include <string.h>

#include "ask.h"
#include "ctl.h"
#include "feed.h"
#include "num.h"
#include "opt.h"

static struct config config = {
	.wait_ms = -1,
	.drain_ms = 5000,
	.max_line = LINE_MAX_DEFAULT,
	.window = 16 << 20,
	.code = 4003,
};
static bool wait_given;

static const char *
set_wait(const struct opt *opt, const char *value)
{
	(void)opt;
	wait_given = true;
	config.wait_ms = -1;
	if (strcmp(value, "forever") == 0)
		return NULL;
	return num_duration(value, &config.wait_ms) || config.wait_ms > 365 * 86400000ll ?
	    "not a duration such as 500ms, 30s or 5m, and not forever" : NULL;
}

/* The server reads these durations; a wrong one is found here already. */
static const char *
set_duration(const struct opt *opt, const char *value)
{
	int64_t ms;

	*(const char **)opt->var = value;
	return num_duration(value, &ms) ? "not a duration such as 500ms, 30s or 5m" : NULL;
}

static const char *
set_code(const struct opt *opt, const char *value)
{
	(void)opt;
	if (num_int(value, &config.code) ||
	    !(config.code == 1000 || (config.code >= 3000 && config.code <= 4999)))
		return "not 1000 and not between 3000 and 4999";
	return NULL;
}

static const char *
set_reason(const struct opt *opt, const char *value)
{
	(void)opt;
	config.reason = value;
	return strlen(value) > 123 ? "longer than 123 bytes" : NULL;
}

static const struct opt options[] = {
	{ .name = "count", .letter = 'n', .kind = OPT_INT, .var = &config.count, .arg = "COUNT",
	  .min = 1, .max = INT64_MAX, .help = "watch, events: end after so many lines" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &config.drain_ms, .arg = "TIME",
	  .max = 86400000, .help = "time to feed what is left after the first signal (5s)" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &config.max_line, .arg = "SIZE", .min = 64,
	  .max = 1 << 30, .help = "longest line of stdin (16M)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &config.metrics_file, .arg = "FILE",
	  .help = "feeding: write counters there every 10 s, as Prometheus text" },
	{ .name = "timeout", .kind = OPT_DURATION, .var = &config.timeout_ms, .arg = "TIME",
	  .max = 86400000, .help = "end after this, with 124 if not all was done" },
	{ .name = "wait", .letter = 'w', .kind = OPT_CALL, .call = set_wait, .arg = "TIME",
	  .help = "how long a server may be away (feeding: forever; else 0)" },
	{ .name = "window", .kind = OPT_SIZE, .var = &config.window, .arg = "SIZE", .min = 1024,
	  .max = 1ll << 32, .help = "bytes of lines kept for servers that are away (16M)" },
	{ .kind = OPT_TITLE, .help = "kick:" },
	{ .name = "block", .letter = 'b', .kind = OPT_CALL, .call = set_duration,
	  .var = &config.block, .arg = "TIME", .help = "let them not come back for so long" },
	{ .name = "code", .kind = OPT_CALL, .call = set_code, .arg = "CODE",
	  .help = "close code: 1000, or 3000 to 4999 (4003)" },
	{ .name = "reason", .kind = OPT_CALL, .call = set_reason, .arg = "TEXT",
	  .help = "tell them why" },
	{ .name = "spread", .kind = OPT_CALL, .call = set_duration, .var = &config.spread,
	  .arg = "TIME", .help = "close many over so long a time" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "ws-ctl",
	.synopsis = "[options] SOCKET... [COMMAND [ARGUMENT...]]",
	.about = "Feeds and controls running ws-serve processes over their control sockets:\n"
	    "lines of stdin, or one of the commands events, get, kick, reload and watch.",
	.options = options,
};

int
main(int argc, char **argv)
{
	int n = opt_parse(&table, argc, argv), sockets = 0;

	while (sockets < n && !ask_is_command(argv[sockets]))
		sockets++;
	if (!sockets)
		opt_fail("no socket given");
	if ((config.block || config.reason || config.spread) &&
	    (sockets == n || strcmp(argv[sockets], "kick") != 0))
		opt_fail("--%s goes with kick", config.block ? "block"
			: config.reason ? "reason" : "spread");
	if (sockets == n)
		return feed(&config, argv, n);
	if (config.metrics_file)
		opt_fail("--metrics-file goes with feeding, not with %s", argv[sockets]);
	if (!wait_given)
		config.wait_ms = 0;
	return ask(&config, argv, sockets, argv + sockets, n - sockets);
}
