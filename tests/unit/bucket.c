#include "bucket.h"

#include "backoff.h"
#include "unit.h"

static const struct num_rate rate = { .count = 10, .per_ms = 1000, .burst = 20 };

TEST(a_full_bucket_gives_its_burst_and_then_the_rate)
{
	struct bucket b = { 0 };
	int64_t now = 5000000;

	for (int i = 0; i < 20; i++)
		CHECK(bucket_take(&b, &rate, 1, now));
	CHECK(!bucket_take(&b, &rate, 1, now));
	CHECK(bucket_wait(&b, &rate, 1, now) == 100000);
	CHECK(!bucket_take(&b, &rate, 1, now + 99999));
	CHECK(bucket_take(&b, &rate, 1, now + 100000));
	CHECK(!bucket_take(&b, &rate, 1, now + 100000));
	CHECK(bucket_take(&b, &rate, 20, now + 100000000));
}

TEST(several_tokens_are_taken_together_or_not_at_all)
{
	struct bucket b = { 0 };

	CHECK(bucket_take(&b, &rate, 15, 1));
	CHECK(!bucket_take(&b, &rate, 6, 1));
	CHECK(bucket_take(&b, &rate, 5, 1));
	CHECK(!bucket_take(&b, &rate, 21, 1000000000));
}

TEST(no_count_is_no_limit)
{
	struct bucket b = { 0 };
	struct num_rate none = { 0 };

	CHECK(bucket_take(&b, &none, 1000000, 0));
	CHECK(bucket_wait(&b, &none, 1000000, 0) == 0);
}

TEST(backoff_doubles_between_its_bounds_and_begins_anew)
{
	struct backoff b = { .min_ms = 100, .max_ms = 1000 };

	CHECK(backoff_next(&b, 0) == 100);
	CHECK(backoff_next(&b, 0) == 200);
	CHECK(backoff_next(&b, 0) == 400);
	CHECK(backoff_next(&b, 0) == 800);
	CHECK(backoff_next(&b, 0) == 1000);
	for (int i = 0; i < 100; i++)
		CHECK(backoff_next(&b, 0) == 1000);
	backoff_reset(&b);
	CHECK(backoff_next(&b, 0) == 100);
}

TEST(jitter_takes_off_its_share_at_most)
{
	struct backoff b = { .min_ms = 1000, .max_ms = 1000, .jitter = 20 };

	CHECK(backoff_next(&b, 0) == 1000);
	CHECK(backoff_next(&b, UINT32_MAX) == 800);
	CHECK(backoff_next(&b, UINT32_MAX / 2) >= 899 && backoff_next(&b, UINT32_MAX / 2) <= 901);
}

int
main(void)
{
	RUN(a_full_bucket_gives_its_burst_and_then_the_rate);
	RUN(several_tokens_are_taken_together_or_not_at_all);
	RUN(no_count_is_no_limit);
	RUN(backoff_doubles_between_its_bounds_and_begins_anew);
	RUN(jitter_takes_off_its_share_at_most);
	return unit_done();
}
