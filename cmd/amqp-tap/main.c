/* amqp-tap - RabbitMQ to lines. See amqp-tap(1). */
#include <stdlib.h>

#include "exit.h"
#include "line.h"
#include "msg.h"
#include "sig.h"
#include "tap.h"

static struct topology topology = { .tap_limit = 64 << 20, .prefetch = 100 };
static struct broker_options broker_options = BROKER_DEFAULTS;
static struct tap_options opts = { .max_line = LINE_MAX_DEFAULT, .drain_ms = 5000 };
static bool firehose, requeue;
static int ack_choice = -1; /* enum tap_ack; -1: not given */
static const char *const acks[] = { "write", "stdin", "none", NULL };

static const char *
add_exchange(const struct opt *opt, const char *value)
{
	(void)opt;
	return topology_exchange(&topology, value);
}

static const char *
add_key(const struct opt *opt, const char *value)
{
	(void)opt;
	return topology_key(&topology, value);
}

static const char *
add_match(const struct opt *opt, const char *value)
{
	(void)opt;
	return topology_match(&topology, value);
}

static const char *
add_declare(const struct opt *opt, const char *value)
{
	(void)opt;
	return topology_declare(&topology, value);
}

static const char *
add_argument(const struct opt *opt, const char *value)
{
	(void)opt;
	return topology_argument(&topology, value);
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "What to listen to:" },
	{ .name = "declare", .kind = OPT_FLAG, .var = &topology.declare,
	  .help = "declare the queue, if it is not there" },
	{ .name = "declare-exchange", .kind = OPT_CALL, .call = add_declare, .arg = "TYPE[:durable]",
	  .flags = OPT_ORDERED, .help = "declare the exchange before it" },
	{ .name = "durable", .kind = OPT_FLAG, .var = &topology.durable,
	  .help = "declare a durable queue" },
	{ .name = "exchange", .letter = 'e', .kind = OPT_CALL, .call = add_exchange, .arg = "NAME",
	  .flags = OPT_ORDERED, .help = "tap this exchange; repeatable" },
	{ .name = "firehose", .kind = OPT_FLAG, .var = &firehose,
	  .help = "tap the broker's tracer (rabbitmqctl trace_on)" },
	{ .name = "match-header", .kind = OPT_CALL, .call = add_match, .arg = "NAME=VALUE",
	  .flags = OPT_ORDERED, .help = "bind by header to the exchange before it" },
	{ .name = "offset", .kind = OPT_STRING, .var = &topology.offset, .arg = "WHERE",
	  .help = "begin a stream at first, last, next, a number or a time (next)" },
	{ .name = "queue", .letter = 'q', .kind = OPT_STRING, .var = &topology.queue, .arg = "NAME",
	  .help = "consume this queue; with -e it is declared and bound" },
	{ .name = "queue-arg", .kind = OPT_CALL, .call = add_argument, .arg = "NAME=VALUE",
	  .flags = OPT_ORDERED, .help = "an argument of the declared queue; repeatable" },
	{ .name = "routing-key", .letter = 'r', .kind = OPT_CALL, .call = add_key, .arg = "KEY",
	  .flags = OPT_ORDERED, .help = "bind with KEY to the exchange before it; repeatable" },
	{ .name = "tap-limit", .kind = OPT_SIZE, .var = &topology.tap_limit, .arg = "SIZE",
	  .help = "the broker keeps so much for a slow tap, oldest dropped; 0: all (64M)" },
	{ .kind = OPT_TITLE, .help = "Acknowledgements:" },
	{ .name = "ack", .kind = OPT_CHOICE, .var = &ack_choice, .choices = acks, .arg = "WHEN",
	  .help = "write: when the line is written; stdin: as told; none (write)" },
	{ .name = "prefetch", .kind = OPT_INT, .var = &topology.prefetch, .arg = "COUNT",
	  .min = 1, .max = UINT16_MAX, .help = "messages out at a time (100)" },
	{ .name = "requeue", .kind = OPT_FLAG, .var = &requeue,
	  .help = "look at the queue and leave it as it is" },
	{ .kind = OPT_TITLE, .help = "Output and end:" },
	{ .name = "count", .letter = 'n', .kind = OPT_INT, .var = &opts.count, .arg = "COUNT",
	  .min = 1, .max = INT64_MAX, .help = "end after COUNT messages" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &opts.drain_ms, .arg = "TIME",
	  .help = "after a signal wait so long for a slow reader (5s)" },
	{ .name = "duration", .letter = 'd', .kind = OPT_DURATION, .var = &opts.duration_ms,
	  .arg = "TIME", .help = "end after TIME" },
	{ .name = "idle-timeout", .kind = OPT_DURATION, .var = &opts.idle_ms, .arg = "TIME",
	  .help = "end when no message came for TIME; 124 with -n" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &opts.max_line, .arg = "SIZE",
	  .min = 4096, .max = 1 << 30, .help = "longest line (16M)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &opts.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ .name = "payload", .kind = OPT_CHOICE, .var = &opts.form, .choices = rec_forms,
	  .arg = "FORM", .help = "auto, text or base64 (auto)" },
	{ .name = "timeout", .kind = OPT_DURATION, .var = &opts.timeout_ms, .arg = "TIME",
	  .help = "give up after TIME, with 124" },
	BROKER_OPTIONS(broker_options),
	{ 0 },
};

static const struct opt_table table = {
	.program = "amqp-tap",
	.synopsis = "[options] -e EXCHANGE [-r KEY] | -q QUEUE",
	.about = "Write the messages of a RabbitMQ broker as lines of JSON.",
	.options = options,
};

static void
check_options(void)
{
	bool ack_given = ack_choice >= 0;
	const char *why;

	if (firehose) {
		if (topology.n || topology.queue)
			opt_fail("--firehose is a tap of its own: not with -e or -q");
		topology_exchange(&topology, "amq.rabbitmq.trace");
		topology_key(&topology, "#");
	}
	opts.ack = requeue ? TAP_HOLD : ack_given ? (enum tap_ack)ack_choice
		: topology.queue ? TAP_WRITE : TAP_NONE;
	if (!topology.queue && (ack_given || requeue))
		opt_fail("--ack and --requeue need -q: a tap has nothing to acknowledge");
	if (requeue && ack_given)
		opt_fail("--requeue acknowledges nothing: not with --ack");
	if (requeue && topology.offset)
		opt_fail("--requeue: a stream stays as it is anyhow");
	topology.no_ack = opts.ack == TAP_NONE;
	/* To look at all of a queue, all of it must be out. */
	if (requeue)
		topology.prefetch = 0;
	if ((why = topology_check(&topology)))
		opt_fail("%s", why);
}

int
main(int argc, char **argv)
{
	struct broker broker;
	int code;

	if (opt_parse(&table, argc, argv))
		opt_fail("unexpected operand: %s", argv[0]);
	check_options();
	broker_init(&broker, &broker_options, (size_t)opts.max_line, sig_stopping);
	code = tap_run(&opts, &topology, &broker);
	topology_free(&topology);
	broker_free(&broker);
	return code;
}
