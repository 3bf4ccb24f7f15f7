#include "stats.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "num.h"

enum { COMPUTED = -1 };

const struct counter_name counter_names[] = {
	{ "opened", offsetof(struct counters, opened) },
	{ "failed", offsetof(struct counters, failed) },
	{ "dropped", offsetof(struct counters, dropped) },
	{ "sent", offsetof(struct counters, sent) },
	{ "unsent", offsetof(struct counters, unsent) },
	{ "received", offsetof(struct counters, received) },
	{ "expected", offsetof(struct counters, expected) },
	{ "delivered", offsetof(struct counters, delivered) },
	{ "lost", COMPUTED },
	{ "duplicated", offsetof(struct counters, duplicated) },
	{ "reordered", offsetof(struct counters, reordered) },
	{ "unexpected", offsetof(struct counters, unexpected) },
	{ "errors", offsetof(struct counters, errors) },
	{ "storms", offsetof(struct counters, storms) },
	{ 0 },
};

uint64_t
stats_counter(const struct counters *c, const struct counter_name *which)
{
	uint64_t v;

	if (which->offset == COMPUTED)
		return stats_missing(c);
	memcpy(&v, (const char *)c + which->offset, sizeof(v));
	return v;
}

uint64_t
stats_missing(const struct counters *c)
{
	uint64_t come = c->delivered + c->given_up;

	return c->expected > come ? c->expected - come : 0;
}

void
stats_error(struct stats *s, const char *kind)
{
	s->all.errors++;
	for (int i = 0; i < s->nkinds; i++)
		if (strcmp(s->kinds[i].name, kind) == 0) {
			s->kinds[i].n++;
			return;
		}
	if (s->nkinds == STATS_KINDS) {
		s->kinds[STATS_KINDS - 1].n++;
		return;
	}
	if (s->nkinds == STATS_KINDS - 1)
		kind = "other";
	snprintf(s->kinds[s->nkinds].name, STATS_KIND_MAX, "%s", kind);
	s->kinds[s->nkinds++].n = 1;
}

void
stats_interval(struct stats *s)
{
	hist_merge(&s->past.connect, &s->fresh.connect);
	hist_merge(&s->past.rtt, &s->fresh.rtt);
	hist_merge(&s->past.delivery, &s->fresh.delivery);
	hist_reset(&s->fresh.connect);
	hist_reset(&s->fresh.rtt);
	hist_reset(&s->fresh.delivery);
	s->at_interval = s->all;
}

static void
free_latencies(struct latencies *l)
{
	hist_free(&l->connect);
	hist_free(&l->rtt);
	hist_free(&l->delivery);
}

void
stats_free(struct stats *s)
{
	free_latencies(&s->past);
	free_latencies(&s->fresh);
}

/* The histogram that a name such as "rtt.p99" begins with, and what is behind the dot. */
static const struct hist *
find_hist(const struct stats *s, const char *name, const char **rest)
{
	const char *dot = strchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : 0;

	*rest = dot ? dot + 1 : NULL;
	if (n == 7 && !memcmp(name, "connect", n))
		return &s->past.connect;
	if (n == 3 && !memcmp(name, "rtt", n))
		return &s->past.rtt;
	if (n == 8 && !memcmp(name, "delivery", n))
		return &s->past.delivery;
	return NULL;
}

static bool
hist_number(const struct hist *h, const char *what, double *ns)
{
	const char *end;
	double percent;

	if (strcmp(what, "min") == 0) {
		*ns = (double)h->min;
	} else if (strcmp(what, "max") == 0) {
		*ns = (double)h->max;
	} else if (strcmp(what, "mean") == 0) {
		*ns = hist_mean(h);
	} else {
		if (what[0] != 'p' || !(end = num_decimal(what + 1, &percent)) || *end || percent > 100)
			return false;
		*ns = (double)hist_percentile(h, percent);
	}
	return true;
}

bool
stats_is_latency(const char *name)
{
	static const struct stats none;
	const char *rest;
	double ns;
	const struct hist *h = find_hist(&none, name, &rest);

	return (h && hist_number(h, rest, &ns)) || strcmp(name, "recovery") == 0;
}

/* Numbers that say nothing unless something was expected: a run that sent nothing has
 * not shown that nothing gets lost. */
static bool
counts_expected(const char *name)
{
	return strcmp(name, "delivered") == 0 || strcmp(name, "lost") == 0 ||
	    strcmp(name, "duplicated") == 0 || strcmp(name, "reordered") == 0;
}

bool
stats_number(const struct stats *s, const char *name, double *value, bool *known)
{
	const char *rest;
	const struct hist *h = find_hist(s, name, &rest);

	*known = true;
	if (h && strcmp(rest, "count") == 0) {
		*value = (double)h->count;
		return true;
	}
	if (h) {
		*known = h->count != 0;
		if (!hist_number(h, rest, value))
			return false;
		*value /= 1e6;
		return true;
	}
	for (const struct counter_name *c = counter_names; c->name; c++)
		if (strcmp(name, c->name) == 0) {
			*value = (double)stats_counter(&s->all, c);
			*known = !counts_expected(name) || s->all.expected != 0;
			return true;
		}
	*known = s->seconds > 0;
	if (strcmp(name, "recovery") == 0) {
		*known = s->all.storms != 0;
		*value = (double)s->max_recovery / 1e6;
	} else if (strcmp(name, "sent_rate") == 0) {
		*value = *known ? (double)s->sent_in_time / s->seconds : 0;
	} else if (strcmp(name, "received_rate") == 0) {
		*value = *known ? (double)s->received_in_time / s->seconds : 0;
	} else {
		return false;
	}
	return true;
}
