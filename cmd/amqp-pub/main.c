/* amqp-pub - lines to RabbitMQ. See amqp-pub(1). */
#include <stdlib.h>

#include "amqptable.h"
#include "exit.h"
#include "line.h"
#include "msg.h"
#include "pub.h"
#include "sig.h"

static struct broker_options broker_options = BROKER_DEFAULTS;
static struct pub_options opts = {
	.mandatory = true, .window = 1000, .max_line = LINE_MAX_DEFAULT, .drain_ms = 5000,
};
static const char *key;
static bool dry_run, no_mandatory;
static struct buf headers; /* a JSON object without its end */
static const char *const bodies[] = { "data", "record", NULL };

static const char *
add_header(const struct opt *opt, const char *value)
{
	struct buf json = { 0 };
	struct slice name;
	const char *why = amqptable_pair(value, &name, &json);

	(void)opt;
	if (!why) {
		buf_byte(&headers, headers.n ? ',' : '{');
		js_put_string(&headers, name);
		buf_byte(&headers, ':');
		buf_slice(&headers, buf_view(&json));
	}
	buf_free(&json);
	return why;
}

/* A property's value stays text where the property is text: type=5 is the type "5". */
static const char *
add_property(const struct opt *opt, const char *value)
{
	struct buf json = { 0 };
	struct slice name, rest = slice_str(value);
	const char *why = amqptable_pair(value, &name, &json);
	enum amqpprops_field f;

	(void)opt;
	if (why) {
		buf_free(&json);
		return why;
	}
	f = amqpprops_find(name);
	slice_cut(&rest, '=');
	if (f == PROP_COUNT) {
		why = "not the name of a property";
	} else if (!amqpprops_check(f, buf_view(&json), &why)) {
		why = NULL;
	} else {
		buf_clear(&json);
		js_put_string(&json, rest);
		if (!amqpprops_check(f, buf_view(&json), &why))
			why = NULL;
	}
	if (!why) /* kept as long as the program runs */
		opts.plan.defaults.json[f] = buf_view(&json);
	else
		buf_free(&json);
	return why;
}

static const char *
set_rate(const struct opt *opt, const char *value)
{
	(void)opt;
	if (num_rate(value, &opts.rate) || opts.rate.count < 1)
		return "not a rate such as 100/1s";
	return NULL;
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Where to:" },
	{ .name = "as-recorded", .kind = OPT_FLAG, .var = &opts.plan.as_recorded,
	  .help = "exchange and key of the record, where not given" },
	{ .name = "dry-run", .kind = OPT_FLAG, .var = &dry_run,
	  .help = "write what would be sent, and send nothing" },
	{ .name = "exchange", .letter = 'e', .kind = OPT_STRING, .var = &opts.plan.exchange,
	  .arg = "NAME", .help = "publish to this exchange" },
	{ .name = "no-mandatory", .kind = OPT_FLAG, .var = &no_mandatory,
	  .help = "let the broker drop what no queue takes" },
	{ .name = "queue", .letter = 'q', .kind = OPT_STRING, .var = &opts.plan.queue,
	  .arg = "NAME", .help = "publish to this queue" },
	{ .name = "routing-key", .letter = 'r', .kind = OPT_STRING, .var = &key, .arg = "TEMPLATE",
	  .help = "routing key, such as client.{event}.{room|none}" },
	{ .kind = OPT_TITLE, .help = "What:" },
	{ .name = "body", .kind = OPT_CHOICE, .var = &opts.plan.body, .choices = bodies,
	  .arg = "WHAT", .help = "data: the record's payload; record: the whole line (data)" },
	{ .name = "header", .letter = 'H', .kind = OPT_CALL, .call = add_header,
	  .arg = "NAME=VALUE", .flags = OPT_ORDERED,
	  .help = "a header for messages without it; repeatable" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &opts.max_line, .arg = "SIZE",
	  .min = 64, .max = 1 << 30, .help = "longest line (16M)" },
	{ .name = "property", .letter = 'p', .kind = OPT_CALL, .call = add_property,
	  .arg = "NAME=VALUE", .flags = OPT_ORDERED,
	  .help = "a property for messages without it; repeatable" },
	{ .name = "raw", .kind = OPT_FLAG, .var = &opts.plan.raw,
	  .help = "each line is a body, JSON or not" },
	{ .kind = OPT_TITLE, .help = "How:" },
	{ .name = "acks", .kind = OPT_FLAG, .var = &opts.acks,
	  .help = "write {\"tag\":N} when all up to that line are done" },
	{ .name = "dead-letter", .kind = OPT_STRING, .var = &opts.dead_letter, .arg = "FILE",
	  .help = "append what cannot be delivered to FILE" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &opts.drain_ms, .arg = "TIME",
	  .help = "after a signal go on so long at most (5s)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &opts.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ .name = "rate", .kind = OPT_CALL, .call = set_rate, .arg = "COUNT/TIME[:BURST]",
	  .help = "send no faster than this" },
	{ .name = "window", .kind = OPT_INT, .var = &opts.window, .arg = "COUNT", .min = 1,
	  .max = 1000000, .help = "messages sent and not yet confirmed (1000)" },
	BROKER_OPTIONS(broker_options),
	{ 0 },
};

static const struct opt_table table = {
	.program = "amqp-pub",
	.synopsis = "[options] -e EXCHANGE [-r TEMPLATE] | -q QUEUE | --as-recorded",
	.about = "Publish lines to a RabbitMQ broker, each confirmed.",
	.options = options,
};

static void
check_name(const char *option, const char *name)
{
	if (name && strlen(name) > 255)
		opt_fail("%s: longer than 255 bytes", option);
}

static void
check_options(void)
{
	struct message_plan *p = &opts.plan;
	const char *why;
	struct buf wire = { 0 };

	if (key) {
		p->key = template_parse(key, &why);
		if (!p->key)
			opt_fail("--routing-key: %s: %s", why, key);
	}
	check_name("--exchange", p->exchange);
	check_name("--queue", p->queue);
	if (p->queue && (p->exchange || key || p->as_recorded))
		opt_fail("--queue is the whole address: not with -e, -r or --as-recorded");
	if (!p->queue && !p->exchange && !p->as_recorded)
		opt_fail("where to? give -e EXCHANGE, -q QUEUE or --as-recorded");
	if (p->raw && (p->as_recorded || p->body != BODY_DATA || (p->key && !template_fixed(p->key))))
		opt_fail("--raw lines have no members: not with --as-recorded, --body or a template");
	if (p->raw && opts.acks)
		opt_fail("--raw lines have no tags: not with --acks");
	if (dry_run && opts.acks)
		opt_fail("--dry-run acknowledges nothing: not with --acks");
	if (dry_run && opts.dead_letter)
		opt_fail("--dry-run delivers nothing, nor keeps it: not with --dead-letter");
	opts.mandatory = !no_mandatory;
	if (headers.n) {
		buf_byte(&headers, '}');
		p->headers = buf_view(&headers);
		if (amqptable_from_json(&wire, p->headers, &why))
			opt_fail("--header: %s", why);
		buf_free(&wire);
	}
}

int
main(int argc, char **argv)
{
	struct broker broker;
	int code;

	if (opt_parse(&table, argc, argv))
		opt_fail("unexpected operand: %s", argv[0]);
	check_options();
	if (dry_run)
		return pub_dry_run(&opts);
	broker_init(&broker, &broker_options, (size_t)opts.max_line, sig_drained);
	code = pub_run(&opts, &broker);
	template_free(opts.plan.key);
	broker_free(&broker);
	return code;
}
