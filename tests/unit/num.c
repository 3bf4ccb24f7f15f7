#include "num.h"

#include "unit.h"

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} ints[] = {
	{ "0", true, 0 }, { "-5", true, -5 }, { "+5", true, 5 }, { "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 }, { "", false, 0 },
	{ "-", false, 0 }, { "--1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "1.5", false, 0 },
	{ "0x10", false, 0 }, { "1k", false, 0 },
}, durations[] = {
	{ "500ms", true, 500 }, { "30s", true, 30000 }, { "1.5m", true, 90000 }, { "2h", true, 7200000 },
	{ "7d", true, 604800000 }, { "0", true, 0 }, { "0s", true, 0 }, { "0.4ms", true, 0 },
	{ "5", false, 0 }, { "", false, 0 }, { "s", false, 0 }, { "-1s", false, 0 }, { "+1s", false, 0 },
	{ "1.2.3s", false, 0 }, { ".5s", false, 0 }, { "1e3s", false, 0 }, { "infs", false, 0 },
	{ "0x1s", false, 0 }, { "1 s", false, 0 }, { "1S", false, 0 }, { "1sec", false, 0 },
	{ "999999999999999999d", false, 0 },
}, sizes[] = {
	{ "0", true, 0 }, { "4096", true, 4096 }, { "64k", true, 65536 }, { "64K", true, 65536 },
	{ "1M", true, 1048576 }, { "2G", true, 2147483648 }, { "1.5k", true, 1536 }, { "1m", false, 0 },
	{ "1kB", false, 0 }, { "-1", false, 0 }, { "k", false, 0 }, { "", false, 0 }, { "1T", false, 0 },
	{ "99999999999999G", false, 0 },
};

#define CHECK_TABLE(table, parse) \
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) { \
		int64_t v = 77; \
		bool ok = parse(table[i].text, &v) == 0; \
		if (ok != table[i].ok || v != (ok ? table[i].value : 77)) \
			printf("# %s: %lld\n", table[i].text, (long long)v), unit_ok = false; \
	}

TEST(a_decimal_ends_where_its_digits_end)
{
	static const struct {
		const char *text, *behind; /* NULL: it is none */
		double value;
	} cases[] = { { "20", "", 20 }, { "0.5/s", "/s", 0.5 }, { "2x", "x", 2 }, { "7.", "", 7 },
		{ "1.5e", "e", 1.5 }, { "", NULL, 0 }, { ".5", NULL, 0 }, { "-1", NULL, 0 },
		{ "+1", NULL, 0 }, { " 1", NULL, 0 }, { "0x10", NULL, 0 }, { "1e3", NULL, 0 },
		{ "1.2.3", NULL, 0 }, { "inf", NULL, 0 }, { "nan", NULL, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double v = 0;
		const char *behind = num_decimal(cases[i].text, &v);

		CHECK(!behind == !cases[i].behind && v == cases[i].value);
		CHECK(!behind || strcmp(behind, cases[i].behind) == 0);
	}
}

TEST(delays_are_one_duration_or_two)
{
	static const char *const bad[] = { "", "..", "1s..", "..1s", "0..1s", "2s..1s", "5", "1s..25h",
		"1s...2s", "1s..2s..3s" };
	int64_t min = 7, max = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(num_delays(bad[i], &min, &max) == -1 && min == 7 && max == 7);
	CHECK(num_delays("1s..30s", &min, &max) == 0 && min == 1000 && max == 30000);
	CHECK(num_delays("5ms", &min, &max) == 0 && min == 5 && max == 5);
	CHECK(num_delays("1ms..24h", &min, &max) == 0 && min == 1 && max == 86400000);
}

TEST(whole_numbers_are_digits_and_a_sign)
{
	CHECK_TABLE(ints, num_int);
}

TEST(durations_have_a_unit)
{
	CHECK_TABLE(durations, num_duration);
}

TEST(sizes_count_in_1024)
{
	CHECK_TABLE(sizes, num_size);
}

TEST(rates_are_count_per_time_and_burst)
{
	static const char *const bad[] = { "", "100", "/1s", "0/1s", "-1/1s", "1/0", "1/5", "1/1s:",
		"1/1s:0", "1/1s:x", "1:2/1s", "1/1s:2:3", "1/1s/1s" };
	struct num_rate r = { 0 };

	CHECK(num_rate("100/1s:200", &r) == 0 && r.count == 100 && r.per_ms == 1000 && r.burst == 200);
	CHECK(num_rate("5/1m", &r) == 0 && r.count == 5 && r.per_ms == 60000 && r.burst == 5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		r.count = 77;
		if (num_rate(bad[i], &r) == 0 || r.count != 77)
			printf("# accepted: %s\n", bad[i]), unit_ok = false;
	}
}

int
main(void)
{
	RUN(delays_are_one_duration_or_two);
	RUN(a_decimal_ends_where_its_digits_end);
	RUN(whole_numbers_are_digits_and_a_sign);
	RUN(durations_have_a_unit);
	RUN(sizes_count_in_1024);
	RUN(rates_are_count_per_time_and_burst);
	return unit_done();
}
