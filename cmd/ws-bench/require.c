#include "require.h"

#include <string.h>

#include "num.h"

static const struct {
	const char *text;
	enum require_op op;
} ops[] = { /* the longer ones first */
	{ "<=", REQUIRE_LE }, { ">=", REQUIRE_GE }, { "!=", REQUIRE_NE }, { "==", REQUIRE_EQ },
	{ "<", REQUIRE_LT }, { ">", REQUIRE_GT }, { "=", REQUIRE_EQ },
};

static const char *
parse_latency(const char *unit, double *ms)
{
	if (strcmp(unit, "us") == 0)
		*ms /= 1e3;
	else if (strcmp(unit, "s") == 0)
		*ms *= 1e3;
	else if (strcmp(unit, "m") == 0)
		*ms *= 60e3;
	else if (strcmp(unit, "ms") != 0)
		return "a latency needs a unit: us, ms, s or m";
	return NULL;
}

const char *
require_parse(const char *text, struct requirement *q)
{
	static const struct stats none;
	size_t n = strcspn(text, "<>=!");
	const char *rest = text + n, *unit;
	bool known;
	double v;

	*q = (struct requirement){ .text = text };
	if (n >= REQUIRE_NAME_MAX)
		return "no number of that name";
	memcpy(q->name, text, n);
	if (!stats_number(&none, q->name, &v, &known))
		return "no number of that name";
	n = 0;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops) && !n; i++)
		if (strncmp(rest, ops[i].text, strlen(ops[i].text)) == 0) {
			q->op = ops[i].op;
			n = strlen(ops[i].text);
		}
	if (!n)
		return "needs one of < <= = != >= >";
	unit = num_decimal(rest + n, &q->value);
	if (!unit)
		return "not a number behind the sign";
	if (stats_is_latency(q->name))
		return parse_latency(unit, &q->value);
	return *unit ? "this number has no unit" : NULL;
}

bool
require_met(const struct requirement *q, const struct stats *s, double *value, bool *known)
{
	if (!stats_number(s, q->name, value, known) || !*known)
		return false;
	switch (q->op) {
	case REQUIRE_LT:
		return *value < q->value;
	case REQUIRE_LE:
		return *value <= q->value;
	case REQUIRE_EQ:
		return *value == q->value;
	case REQUIRE_NE:
		return *value != q->value;
	case REQUIRE_GE:
		return *value >= q->value;
	case REQUIRE_GT:
		return *value > q->value;
	}
	return false;
}
