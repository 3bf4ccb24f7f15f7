#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "io.h"
#include "msg.h"
#include "now.h"

void
metrics_family(struct buf *b, const char *name, enum metrics_type type, const char *help)
{
	buf_fmt(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type == METRICS_COUNTER ? "counter" : "gauge");
}

void
metrics_sample(struct buf *b, const char *name, const char *labels, double value)
{
	buf_str(b, name);
	if (labels && *labels)
		buf_fmt(b, "{%s}", labels);
	/* Integers in full: counters of bytes soon have more digits than %g shows. */
	if (value == floor(value) && fabs(value) < 9007199254740992.0)
		buf_fmt(b, " %.0f\n", value);
	else
		buf_fmt(b, " %.9g\n", value);
}

void
metrics_label(struct buf *b, const char *name, struct slice value)
{
	if (b->n)
		buf_byte(b, ',');
	buf_fmt(b, "%s=\"", name);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\n') {
			buf_str(b, "\\n");
			continue;
		}
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_byte(b, '\\');
		buf_byte(b, value.p[i]);
	}
	buf_byte(b, '"');
}

void
metrics_value(struct buf *b, const char *name, enum metrics_type type, const char *help,
    double value)
{
	metrics_family(b, name, type, help);
	metrics_sample(b, name, NULL, value);
}

void
metrics_summary(struct buf *b, const char *name, const char *help, double sum, double count)
{
	buf_fmt(b, "# HELP %s %s\n# TYPE %s summary\n%s_sum %.9g\n%s_count %.0f\n", name, help,
	    name, name, sum, name, count);
}

void
metrics_table(struct buf *b, const struct metric *m)
{
	for (; m->name; m++)
		metrics_value(b, m->name, m->type, m->help, (double)*m->value);
}

void
metrics_file_init(struct metrics_file *f, const char *path, const struct metric *table,
    void (*render)(struct buf *b, void *ctx), void *ctx)
{
	*f = (struct metrics_file){ .path = path, .table = table, .render = render, .ctx = ctx };
	/* The first one at once, so that a tool that runs is seen to run. */
	f->next_ms = now_ms();
}

static void
write_file(struct metrics_file *f)
{
	buf_clear(&f->text);
	if (f->table)
		metrics_table(&f->text, f->table);
	if (f->render)
		f->render(&f->text, f->ctx);
	if (io_replace_file(f->path, buf_view(&f->text)) == 0) {
		f->failed = false;
	} else if (!f->failed) {
		msg_warn("cannot write metrics file \"%s\": %s", f->path, strerror(errno));
		f->failed = true;
	}
}

int
metrics_file_wait(const struct metrics_file *f)
{
	int64_t left;

	if (!f->path)
		return -1;
	left = f->next_ms - now_ms();
	return left > 0 ? (int)left : 0;
}

void
metrics_file_tick(struct metrics_file *f)
{
	if (!f->path || metrics_file_wait(f) > 0)
		return;
	write_file(f);
	f->next_ms = now_ms() + METRICS_EVERY_MS;
}

void
metrics_file_finish(struct metrics_file *f)
{
	if (f->path)
		write_file(f);
	buf_free(&f->text);
	f->path = NULL;
}
