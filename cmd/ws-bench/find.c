#include "find.h"

#include <math.h>

static const double PRECISION = 1.05;

/* The next load between the best that was met and the worst that was not; 0 when they
 * are close enough. */
static double
between(const struct find_range *range, double met, double failed)
{
	double load = (met + failed) / 2;

	if (failed <= met * PRECISION)
		return 0;
	if (!range->whole)
		return load;
	load = floor(load);
	return load > met ? load : 0;
}

double
find_max(const struct find_range *range, enum trial (*trial)(void *ctx, double load), void *ctx)
{
	double load = range->start, met = 0, failed = 0;

	while (load >= range->least && load <= range->most) {
		switch (trial(ctx, load)) {
		case TRIAL_STOP:
			return met;
		case TRIAL_MET:
			met = load;
			break;
		case TRIAL_NOT_MET:
			failed = load;
			break;
		}
		if (!failed)
			load = met < range->most ? fmin(met * 2, range->most) : 0;
		else if (!met)
			load = range->whole ? floor(failed / 2) : failed / 2;
		else
			load = between(range, met, failed);
	}
	return met;
}
