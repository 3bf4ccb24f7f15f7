/* require - thresholds on a run's numbers: "rtt.p99<100ms", "lost=0",
 * "sent_rate>=5000". Pure. */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <stdbool.h>

#include "stats.h"

enum { REQUIRE_NAME_MAX = 32 };

enum require_op { REQUIRE_LT, REQUIRE_LE, REQUIRE_EQ, REQUIRE_NE, REQUIRE_GE, REQUIRE_GT };

struct requirement {
	const char *text; /* as it was given; borrowed */
	char name[REQUIRE_NAME_MAX];
	enum require_op op;
	double value; /* milliseconds for latencies */
};

/* NULL, or static text that says why it is none. Latencies need a unit: us, ms, s or m. */
const char *require_parse(const char *text, struct requirement *q);

/* Whether a run meets it. *value is the run's number, *known false when there is none
 * (nothing of the kind was measured); then it is not met. */
bool require_met(const struct requirement *q, const struct stats *s, double *value, bool *known);

#endif
