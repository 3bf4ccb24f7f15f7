#include "num.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

int
num_int(const char *text, int64_t *value)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)text[*text == '-' || *text == '+']))
		return -1;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || *end)
		return -1;
	*value = v;
	return 0;
}

const char *
num_decimal(const char *text, double *value)
{
	const char *behind = text + strspn(text, "0123456789.");
	char *end;
	double v;

	if (!isdigit((unsigned char)*text))
		return NULL;
	/* It takes 0x10, 1e3 and 1.2.3 as well, or a part of them: then it ends elsewhere. */
	v = strtod(text, &end);
	if (end != behind)
		return NULL;
	*value = v;
	return behind;
}

struct unit {
	const char *name;
	double factor;
};

/* "1.5m" with one of the units; the result is rounded to an integer. */
static int
scaled(const char *text, const struct unit *units, int64_t *value)
{
	double v;
	const char *unit = num_decimal(text, &v);

	if (!unit)
		return -1;
	for (; units->name; units++)
		if (strcmp(unit, units->name) == 0) {
			v *= units->factor;
			if (v > 9e15)
				return -1;
			*value = (int64_t)llround(v);
			return 0;
		}
	return -1;
}

int
num_duration(const char *text, int64_t *ms)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1e3 }, { "m", 60e3 },
		{ "h", 3600e3 }, { "d", 86400e3 }, { NULL, 0 } };

	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	return scaled(text, units, ms);
}

int
num_delays(const char *text, int64_t *min_ms, int64_t *max_ms)
{
	const char *dots = strstr(text, "..");
	char *first = mem_copy(text, dots ? (size_t)(dots - text) : strlen(text));
	int64_t min, max;
	int rc = num_duration(first, &min) || num_duration(dots ? dots + 2 : first, &max) ? -1 : 0;

	free(first);
	if (rc || min < 1 || max < min || max > 86400000)
		return -1;
	*min_ms = min;
	*max_ms = max;
	return 0;
}

int
num_size(const char *text, int64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1024 }, { "K", 1024 },
		{ "M", 1048576 }, { "G", 1073741824 }, { NULL, 0 } };

	return scaled(text, units, bytes);
}

int
num_rate(const char *text, struct num_rate *rate)
{
	struct num_rate r = { 0 };
	char *copy = mem_str(text), *slash = strchr(copy, '/'), *colon;
	int rc = -1;

	if (!slash)
		goto out;
	*slash = '\0';
	colon = strchr(slash + 1, ':');
	if (colon)
		*colon = '\0';
	if (num_int(copy, &r.count) || r.count < 1 || num_duration(slash + 1, &r.per_ms) ||
	    r.per_ms < 1)
		goto out;
	r.burst = r.count;
	if (colon && (num_int(colon + 1, &r.burst) || r.burst < 1))
		goto out;
	*rate = r;
	rc = 0;
out:
	free(copy);
	return rc;
}
