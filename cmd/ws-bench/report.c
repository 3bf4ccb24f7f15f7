#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double percents[] = { 50, 75, 90, 95, 99, 99.9, 99.99 };
enum { PERCENTS = sizeof(percents) / sizeof(*percents), CELL = 9 };

static const char *const works[] = { "ping", "echo", "fanout", "send", "stream", "idle" };

/* --- pieces --- */

void
report_count(struct buf *b, uint64_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			buf_byte(b, ',');
		buf_byte(b, digits[i]);
	}
}

/* Three significant digits of v, as "1.23", "12.3" or "123". */
static void
put_digits(struct buf *b, double v)
{
	buf_fmt(b, "%.*f", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v);
}

void
report_latency(struct buf *b, double ms)
{
	if (ms < 0.9995) {
		put_digits(b, ms * 1e3);
		buf_str(b, "us");
	} else if (ms < 999.5) {
		put_digits(b, ms);
		buf_str(b, "ms");
	} else {
		put_digits(b, ms / 1e3);
		buf_str(b, "s");
	}
}

static void
put_rate(struct buf *b, uint64_t n, double seconds)
{
	double rate = seconds > 0 ? (double)n / seconds : 0;

	if (rate > 0 && rate < 99.5) {
		put_digits(b, rate);
		buf_str(b, "/s");
	} else {
		report_count(b, (uint64_t)llround(rate));
		buf_str(b, "/s");
	}
}

/* Pad what was added since `from` to the right edge of a cell. */
static void
align(struct buf *b, size_t from, size_t width)
{
	size_t length = b->n - from, more = length < width ? width - length : 1;

	buf_reserve(b, more);
	memmove(b->p + from + more, b->p + from, length);
	memset(b->p + from, ' ', more);
	b->n += more;
}

static void
put_cell(struct buf *b, const char *text)
{
	size_t from = b->n;

	buf_str(b, text);
	align(b, from, CELL);
}

static void
put_latency_cell(struct buf *b, double ns)
{
	size_t from = b->n;

	report_latency(b, ns / 1e6);
	align(b, from, CELL);
}

void
report_number(struct buf *b, const struct requirement *q, double value, bool known)
{
	buf_fmt(b, "%s ", q->name);
	if (!known)
		buf_str(b, "not measured");
	else if (stats_is_latency(q->name))
		report_latency(b, value);
	else
		buf_fmt(b, "%.12g", value);
}

/* --- for people --- */

static void
text_head(struct buf *b, const struct config *o, const struct stats *s)
{
	url_put_shown(b, &o->url);
	buf_str(b, ": ");
	report_count(b, (uint64_t)o->connections);
	buf_fmt(b, " connection%s, %s, %.1f s%s\n\n", o->connections == 1 ? "" : "s",
	    works[o->work], s->seconds, s->interrupted ? " (interrupted)" : "");
}

static void
text_item(struct buf *b, uint64_t n, const char *what, bool always)
{
	if (!n && !always)
		return;
	if (b->p[b->n - 1] != ' ')
		buf_str(b, ", ");
	report_count(b, n);
	buf_fmt(b, " %s", what);
}

static void
text_counters(struct buf *b, const struct stats *s)
{
	const struct counters *n = &s->all;

	buf_str(b, "connections  ");
	text_item(b, n->opened, "opened", true);
	buf_fmt(b, ", ready after %.2f s", s->ready_seconds);
	text_item(b, n->failed, "failed", false);
	text_item(b, n->dropped, "dropped", false);
	buf_str(b, "\nmessages     ");
	text_item(b, n->sent, "sent", true);
	buf_str(b, " (");
	put_rate(b, s->sent_in_time, s->seconds);
	buf_str(b, "), ");
	report_count(b, n->received);
	buf_str(b, " received (");
	put_rate(b, s->received_in_time, s->seconds);
	buf_str(b, ")");
	text_item(b, n->unsent, "not sent in time", false);
	if (n->expected) {
		buf_str(b, "\nof these     ");
		text_item(b, n->expected, "expected", true);
		text_item(b, n->delivered, "came", true);
		text_item(b, stats_missing(n), "lost", true);
		text_item(b, n->duplicated, "duplicated", true);
		text_item(b, n->reordered, "out of order", true);
		text_item(b, n->given_up, "given up with their connection", false);
	}
	if (n->unexpected) {
		buf_str(b, "\n             ");
		text_item(b, n->unexpected, "unexpected", true);
	}
	if (n->storms) {
		buf_str(b, "\nstorms       ");
		report_count(b, n->storms);
		buf_str(b, ", all back after ");
		report_latency(b, (double)s->max_recovery / 1e6);
		buf_str(b, " at most");
	}
	buf_str(b, "\n");
}

static void
text_spectrum(struct buf *b, const char *name, const struct hist *h)
{
	size_t from;

	if (!h->count)
		return;
	buf_fmt(b, "%-10s", name);
	from = b->n;
	report_count(b, h->count);
	align(b, from, 12);
	put_latency_cell(b, (double)h->min);
	put_latency_cell(b, hist_mean(h));
	for (int i = 0; i < PERCENTS; i++)
		put_latency_cell(b, (double)hist_percentile(h, percents[i]));
	put_latency_cell(b, (double)h->max);
	buf_byte(b, '\n');
}

static void
text_latencies(struct buf *b, const struct latencies *l)
{
	char name[16];

	if (!l->connect.count && !l->rtt.count && !l->delivery.count)
		return;
	buf_fmt(b, "\n%-10s%12s", "latency", "count");
	put_cell(b, "min");
	put_cell(b, "mean");
	for (int i = 0; i < PERCENTS; i++) {
		snprintf(name, sizeof(name), "p%g", percents[i]);
		put_cell(b, name);
	}
	put_cell(b, "max");
	buf_byte(b, '\n');
	text_spectrum(b, "connect", &l->connect);
	text_spectrum(b, "rtt", &l->rtt);
	text_spectrum(b, "delivery", &l->delivery);
}

static void
text_errors(struct buf *b, const struct stats *s)
{
	if (!s->nkinds)
		return;
	buf_str(b, "\nerrors\n");
	for (int i = 0; i < s->nkinds; i++) {
		size_t from = b->n;

		report_count(b, s->kinds[i].n);
		align(b, from, 10);
		buf_fmt(b, "  %s\n", s->kinds[i].name);
	}
}

static void
text_verdicts(struct buf *b, const struct stats *s, const struct verdicts *q)
{
	if (q->n)
		buf_str(b, "\nrequired\n");
	for (int i = 0; i < q->n; i++) {
		double value;
		bool known, met = require_met(&q->v[i], s, &value, &known);

		buf_fmt(b, "  %-8s  %s  (", met ? "met" : "NOT MET", q->v[i].text);
		report_number(b, &q->v[i], value, known);
		buf_str(b, ")\n");
	}
}

/* What the client itself may have spoilt. */
static void
text_self(struct buf *b, const struct stats *s)
{
	if (s->seconds <= 0)
		return;
	buf_fmt(b, "\nws-bench     %.0f %% of one core", s->cpu_seconds / s->seconds * 100);
	if (s->max_lag) {
		buf_str(b, ", sent at most ");
		report_latency(b, (double)s->max_lag / 1e6);
		buf_str(b, " late");
	}
	buf_byte(b, '\n');
}

void
report_text(struct buf *b, const struct config *o, const struct stats *s,
    const struct verdicts *q)
{
	text_head(b, o, s);
	text_counters(b, s);
	text_latencies(b, &s->past);
	text_errors(b, s);
	text_self(b, s);
	text_verdicts(b, s, q);
}

void
report_progress(struct buf *b, const struct run *r, size_t width)
{
	static const char *const phases[] = { "opening", "working", "waiting", "closing" };
	const struct counters *n = &r->stats.all;
	uint64_t now = r->client.now;
	size_t from = b->n;

	buf_fmt(b, "%s", phases[r->phase]);
	if (r->phase == PHASE_WORK && r->config->duration)
		buf_fmt(b, " %.0f of %.0f s", (double)(now - r->begin) / SECOND,
		    (double)r->config->duration / SECOND);
	buf_str(b, "  ");
	text_item(b, r->client.up, "open", true);
	text_item(b, n->sent, "sent", n->sent != 0);
	text_item(b, n->received, "received", n->received != 0);
	text_item(b, n->errors, "errors", false);
	if (r->stats.fresh.rtt.count || r->stats.past.rtt.count) {
		const struct hist *h = r->stats.fresh.rtt.count ? &r->stats.fresh.rtt
		    : &r->stats.past.rtt;

		buf_str(b, ", rtt p99 ");
		report_latency(b, (double)hist_percentile(h, 99) / 1e6);
	}
	if (b->n - from > width)
		b->n = from + width;
}
