#include "hist.h"

#include <math.h>

#include "unit.h"

static const double percents[] = { 0, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 100 };
enum { PERCENTS = sizeof(percents) / sizeof(*percents), VALUES = 100000 };

static uint64_t state = 1;

static uint64_t
random64(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The exact percentile by nearest rank, of sorted values. */
static uint64_t
exact(const uint64_t *v, size_t n, double percent)
{
	size_t rank = (size_t)ceil(percent / 100 * (double)n - 1e-6);

	return v[rank ? rank - 1 : 0];
}

static void
compare_with_exact(uint64_t *v, size_t n)
{
	struct hist h = { 0 };
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		hist_add(&h, v[i]);
		sum += (double)v[i];
	}
	qsort(v, n, sizeof(*v), compare);
	for (int i = 0; i < PERCENTS; i++) {
		uint64_t want = exact(v, n, percents[i]), got = hist_percentile(&h, percents[i]);

		CHECK(got >= want);
		CHECK((double)(got - want) <= (double)want / 1000);
	}
	CHECK(h.count == n);
	CHECK(h.min == v[0]);
	CHECK(h.max == v[n - 1]);
	CHECK(hist_percentile(&h, 0) == v[0]);
	CHECK(hist_percentile(&h, 100) == v[n - 1]);
	CHECK(fabs(hist_mean(&h) - sum / (double)n) < 1e-6 * sum / (double)n);
	hist_free(&h);
}

static uint64_t values[VALUES];

TEST(evenly_spread_values_have_their_exact_percentiles_to_three_digits)
{
	for (size_t i = 0; i < VALUES; i++)
		values[i] = 1 + random64() % 1000000000;
	compare_with_exact(values, VALUES);
}

TEST(values_over_twelve_decades_have_their_exact_percentiles_to_three_digits)
{
	for (size_t i = 0; i < VALUES; i++)
		values[i] = (uint64_t)exp((double)(random64() % 1000000) / 1000000 * log(1e12));
	compare_with_exact(values, VALUES);
}

TEST(a_long_tail_has_its_exact_percentiles_to_three_digits)
{
	for (size_t i = 0; i < VALUES; i++)
		values[i] = i % 1000 ? 200000 + random64() % 1000 : 1000000000 + random64() % 1000000;
	compare_with_exact(values, VALUES);
}

TEST(few_values_have_exact_percentiles)
{
	for (size_t n = 1; n <= 20; n++) {
		for (size_t i = 0; i < n; i++)
			values[i] = random64() % 5000000;
		compare_with_exact(values, n);
	}
}

TEST(small_values_are_exact)
{
	struct hist h = { 0 };

	for (uint64_t v = 0; v < 2048; v++)
		hist_add(&h, v);
	for (unsigned i = 1; i <= 2048; i++)
		CHECK(hist_percentile(&h, 100.0 * i / 2048) == i - 1);
	hist_free(&h);
}

TEST(every_power_of_two_and_its_neighbours_stay_within_a_thousandth)
{
	for (unsigned bit = 1; bit < HIST_MAX_BITS; bit++)
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (1ull << bit) + (uint64_t)(int64_t)d;
			struct hist h = { 0 };

			hist_add(&h, v);
			hist_add(&h, 1ull << 60); /* so that the edge is not cut to the maximum */
			uint64_t got = hist_percentile(&h, 50);

			CHECK(got >= v && (double)(got - v) <= (double)v / 1000);
			hist_free(&h);
		}
}

TEST(values_beyond_the_range_are_counted_and_the_maximum_is_exact)
{
	struct hist h = { 0 };

	hist_add(&h, UINT64_MAX);
	hist_add(&h, 1ull << HIST_MAX_BITS);
	CHECK(h.count == 2);
	CHECK(hist_percentile(&h, 99) == UINT64_MAX);
	CHECK(hist_percentile(&h, 0) == 1ull << HIST_MAX_BITS);
	hist_free(&h);
}

TEST(an_empty_one_answers_zero)
{
	struct hist h = { 0 }, other = { 0 };

	CHECK(hist_percentile(&h, 50) == 0);
	CHECK(hist_mean(&h) == 0);
	hist_merge(&h, &other);
	CHECK(h.count == 0);
	hist_reset(&h);
	hist_free(&h);
}

TEST(merging_equals_adding_all_to_one)
{
	struct hist all = { 0 }, a = { 0 }, b = { 0 };

	for (int i = 0; i < 10000; i++) {
		uint64_t v = random64() % 100000000;

		hist_add(&all, v);
		hist_add(i % 3 ? &a : &b, v);
	}
	hist_merge(&a, &b);
	CHECK(a.count == all.count && a.min == all.min && a.max == all.max);
	for (int i = 0; i < PERCENTS; i++)
		CHECK(hist_percentile(&a, percents[i]) == hist_percentile(&all, percents[i]));
	hist_free(&all);
	hist_free(&a);
	hist_free(&b);
}

TEST(reset_forgets_all_values)
{
	struct hist h = { 0 };

	hist_add(&h, 7);
	hist_reset(&h);
	CHECK(h.count == 0 && h.min == 0 && h.max == 0);
	hist_add(&h, 9);
	CHECK(hist_percentile(&h, 1) == 9 && h.min == 9 && hist_mean(&h) == 9);
	hist_free(&h);
}

int
main(void)
{
	RUN(evenly_spread_values_have_their_exact_percentiles_to_three_digits);
	RUN(values_over_twelve_decades_have_their_exact_percentiles_to_three_digits);
	RUN(a_long_tail_has_its_exact_percentiles_to_three_digits);
	RUN(few_values_have_exact_percentiles);
	RUN(small_values_are_exact);
	RUN(every_power_of_two_and_its_neighbours_stay_within_a_thousandth);
	RUN(values_beyond_the_range_are_counted_and_the_maximum_is_exact);
	RUN(an_empty_one_answers_zero);
	RUN(merging_equals_adding_all_to_one);
	RUN(reset_forgets_all_values);
	return unit_done();
}
