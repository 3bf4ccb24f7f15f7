/* find - the highest load that is still borne. Pure but for what the trial does. */
#ifndef FIND_H
#define FIND_H

#include <stdbool.h>

struct find_range {
	double start; /* the first load tried, above 0 */
	double least, most;
	bool whole;   /* loads are whole numbers */
};

enum trial { TRIAL_MET, TRIAL_NOT_MET, TRIAL_STOP };

/* Double the load while it is borne, halve it while it is not, then halve the interval
 * between the two until it is within a twentieth (or, for whole numbers, closed). Returns
 * the highest load that was borne, 0 when none was or TRIAL_STOP came before. */
double find_max(const struct find_range *range, enum trial (*trial)(void *ctx, double load),
    void *ctx);

#endif
