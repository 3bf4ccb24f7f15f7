/* The report and its intervals for programs. Latencies are milliseconds. */
#include <math.h>
#include <stdio.h>

#include "js.h"
#include "rec.h"
#include "report.h"

static const double percents[] = { 50, 75, 90, 95, 99, 99.9, 99.99, 99.999 };

static void
put_double(struct buf *b, const char *name, double v)
{
	js_put_key(b, name);
	buf_fmt(b, "%.3f", v);
}

static void
put_hist(struct buf *b, const char *name, const struct hist *h)
{
	char key[16];

	js_put_key(b, name);
	buf_byte(b, '{');
	js_put_member_int(b, "count", (int64_t)h->count);
	if (h->count) {
		put_double(b, "min", (double)h->min / 1e6);
		put_double(b, "mean", hist_mean(h) / 1e6);
		for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
			snprintf(key, sizeof(key), "p%g", percents[i]);
			put_double(b, key, (double)hist_percentile(h, percents[i]) / 1e6);
		}
		put_double(b, "max", (double)h->max / 1e6);
	}
	buf_byte(b, '}');
}

static void
put_latencies(struct buf *b, const struct latencies *l)
{
	put_hist(b, "connect", &l->connect);
	put_hist(b, "rtt", &l->rtt);
	put_hist(b, "delivery", &l->delivery);
}

static void
put_errors(struct buf *b, const struct stats *s)
{
	js_put_key(b, "kinds");
	buf_byte(b, '{');
	for (int i = 0; i < s->nkinds; i++)
		js_put_member_int(b, s->kinds[i].name, (int64_t)s->kinds[i].n);
	buf_byte(b, '}');
}

static bool
put_verdicts(struct buf *b, const struct stats *s, const struct verdicts *q)
{
	bool all = true;

	js_put_key(b, "require");
	buf_byte(b, '[');
	for (int i = 0; i < q->n; i++) {
		double value = 0;
		bool known, met = require_met(&q->v[i], s, &value, &known);

		buf_str(b, i ? ",{" : "{");
		js_put_member(b, "requirement", slice_str(q->v[i].text));
		js_put_key(b, "value");
		if (known)
			buf_fmt(b, "%.12g", value);
		else
			buf_str(b, "null");
		js_put_member_raw(b, "met", met ? S("true") : S("false"));
		buf_byte(b, '}');
		all = all && met;
	}
	buf_byte(b, ']');
	return all;
}

void
report_json(struct buf *b, const struct config *o, const struct stats *s,
    const struct verdicts *q)
{
	struct buf url = { 0 };
	bool met;

	url_put_shown(&url, &o->url);
	buf_byte(b, '{');
	js_put_member(b, "event", S("report"));
	rec_put_now(b);
	js_put_member(b, "url", buf_view(&url));
	js_put_member_int(b, "connections", o->connections);
	put_double(b, "seconds", s->seconds);
	put_double(b, "ready_seconds", s->ready_seconds);
	for (const struct counter_name *c = counter_names; c->name; c++)
		js_put_member_int(b, c->name, (int64_t)stats_counter(&s->all, c));
	put_double(b, "sent_rate", s->seconds > 0 ? (double)s->sent_in_time / s->seconds : 0);
	put_double(b, "received_rate", s->seconds > 0 ? (double)s->received_in_time / s->seconds : 0);
	js_put_member_int(b, "bytes_in", (int64_t)s->bytes_in);
	js_put_member_int(b, "bytes_out", (int64_t)s->bytes_out);
	if (s->all.storms)
		put_double(b, "recovery", (double)s->max_recovery / 1e6);
	put_latencies(b, &s->past);
	put_errors(b, s);
	put_double(b, "max_lag", (double)s->max_lag / 1e6);
	put_double(b, "cpu_seconds", s->cpu_seconds);
	met = put_verdicts(b, s, q);
	js_put_member_raw(b, "met", met ? S("true") : S("false"));
	buf_byte(b, '}');
	buf_free(&url);
}

void
report_interval(struct buf *b, const struct run *r, double seconds)
{
	static const char *const phases[] = { "open", "work", "linger", "close" };
	const struct stats *s = &r->stats;

	buf_byte(b, '{');
	js_put_member(b, "event", S("interval"));
	rec_put_now(b);
	js_put_member(b, "phase", slice_str(phases[r->phase]));
	put_double(b, "seconds", seconds);
	js_put_member_int(b, "open", r->client.up);
	for (const struct counter_name *c = counter_names; c->name; c++) {
		int64_t was = (int64_t)stats_counter(&s->at_interval, c);

		/* What is missing at the moment may yet come. */
		if (c->offset >= 0)
			js_put_member_int(b, c->name, (int64_t)stats_counter(&s->all, c) - was);
	}
	js_put_member_int(b, "outstanding", (int64_t)stats_missing(&s->all));
	put_latencies(b, &s->fresh);
	buf_byte(b, '}');
}
