/* num - numbers as people write them in options. Pure.
 * Each returns 0 and sets its result, or -1 and leaves it alone; nothing but the
 * number may stand in the text. */
#ifndef NUM_H
#define NUM_H

#include <stdint.h>

/* Decimal digits, perhaps with a sign. */
int num_int(const char *text, int64_t *value);

/* The number that text begins with, such as 20 or 0.5: digits, perhaps with a point, no
 * sign and no exponent. Returns what is behind it; NULL when there is none. */
const char *num_decimal(const char *text, double *value);

/* "500ms" "30s" "1.5m" "2h" "7d" to milliseconds, never negative. A bare number is
 * an error, "0" excepted. */
int num_duration(const char *text, int64_t *ms);

/* "1s..30s", or one duration for both, to milliseconds: from 1 ms to a day, the first not
 * longer than the second. */
int num_delays(const char *text, int64_t *min_ms, int64_t *max_ms);

/* "4096" "64k" "1M" "2G" to bytes: powers of 1024, never negative. */
int num_size(const char *text, int64_t *bytes);

/* "COUNT/TIME[:BURST]", as "100/1s:200"; without BURST it is COUNT. */
struct num_rate {
	int64_t count;
	int64_t per_ms; /* at least 1 */
	int64_t burst;
};
int num_rate(const char *text, struct num_rate *rate);

#endif
