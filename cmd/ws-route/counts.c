#include "counts.h"

#include <stdio.h>

#include "metrics.h"
#include "msg.h"

typedef unsigned long long ull;

void
counts_report(struct pass *p)
{
	msg_warn("%llu lines, %llu events, %llu rejected, %llu without a route, %llu written",
	    (ull)p->lines, (ull)p->events, (ull)p->rejected, (ull)p->unrouted, (ull)p->written);
	for (size_t i = 0; i < router_count(p->router); i++) {
		const struct route *r = router_route(p->router, i);

		msg_warn("%s:%u: %s: %llu runs, %llu outputs, %llu errors, %.3f ms, %.1f us a run",
		    router_name(p->router), r->line, r->patterns, (ull)r->runs, (ull)r->outputs,
		    (ull)r->errors, (double)r->ns / 1e6,
		    r->runs ? (double)r->ns / 1e3 / (double)r->runs : 0.0);
	}
}

/* --- metrics --- */

static double
runs(const struct route *r)
{
	return (double)r->runs;
}

static double
outputs(const struct route *r)
{
	return (double)r->outputs;
}

static double
errors(const struct route *r)
{
	return (double)r->errors;
}

static double
seconds(const struct route *r)
{
	return (double)r->ns / 1e9;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct route *r);
} per_route[] = {
	{ "ws_route_runs_total", "Events that a route took", runs },
	{ "ws_route_outputs_total", "Lines that a route wrote", outputs },
	{ "ws_route_errors_total", "Events that a route rejected", errors },
	{ "ws_route_seconds_total", "Time spent in a route", seconds },
};

void
counts_metrics(struct buf *b, void *ctx)
{
	struct pass *p = ctx;
	struct buf labels = { 0 };

	metrics_table(b, (struct metric[]){
		{ "ws_route_lines_total", METRICS_COUNTER, "Lines read", &p->lines },
		{ "ws_route_events_total", METRICS_COUNTER, "Lines that are events", &p->events },
		{ "ws_route_rejected_total", METRICS_COUNTER, "Bad lines and errors of routes",
		  &p->rejected },
		{ "ws_route_unmatched_total", METRICS_COUNTER, "Events that no route takes",
		  &p->unrouted },
		{ "ws_route_written_total", METRICS_COUNTER, "Lines written", &p->written },
		{ 0 },
	});
	for (size_t k = 0; k < sizeof(per_route) / sizeof(*per_route); k++) {
		metrics_family(b, per_route[k].name, METRICS_COUNTER, per_route[k].help);
		for (size_t i = 0; i < router_count(p->router); i++) {
			const struct route *r = router_route(p->router, i);
			char line[16];

			snprintf(line, sizeof(line), "%u", r->line);
			buf_clear(&labels);
			metrics_label(&labels, "route", slice_str(r->patterns));
			metrics_label(&labels, "line", slice_str(line));
			metrics_sample(b, per_route[k].name, buf_cstr(&labels), per_route[k].value(r));
		}
	}
	buf_free(&labels);
}
