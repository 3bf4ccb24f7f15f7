/* Slow peers: cmd/ws-serve/pace.c. */
#include "unit.h"

#include "../../cmd/ws-serve/pace.c"

enum { SECOND = 1000000 };

TEST(who_moves_nothing_has_the_slack_and_no_more)
{
	struct pace p;

	pace_begin(&p, 0, 5);
	CHECK(pace_left(&p, 0, 5) == PACE_SLACK_US);
	CHECK(pace_left(&p, 0, 5 + PACE_SLACK_US - 1) == 1);
	CHECK(pace_left(&p, 0, 5 + PACE_SLACK_US) == 0);
}

TEST(a_byte_now_and_then_does_not_keep_a_place)
{
	struct pace p;
	int64_t now = 0;
	uint64_t moved = 0;

	pace_begin(&p, 0, now);
	while (pace_left(&p, moved, now)) {
		now += SECOND;
		moved++;
	}
	CHECK(now >= 30 * SECOND && now <= 31 * SECOND);
}

TEST(who_keeps_the_rate_goes_on_for_ever)
{
	struct pace p;
	int64_t now = 0;

	pace_begin(&p, 0, now);
	/* In lumps, as a kernel takes it. */
	for (uint64_t moved = 0; moved < 100000000; now += 20 * SECOND) {
		moved += 20 * PACE_RATE;
		CHECK(pace_left(&p, moved, now) > 20 * SECOND);
	}
	/* A little less is found out. */
	pace_begin(&p, 0, now = 0);
	for (uint64_t moved = 0; now < 7200ll * SECOND && pace_left(&p, moved, now); now += SECOND)
		moved += PACE_RATE - 10;
	CHECK(now > 3000ll * SECOND && now < 3100ll * SECOND);
}

TEST(much_at_once_buys_no_more_than_the_slack)
{
	struct pace p;

	pace_begin(&p, 0, 0);
	CHECK(pace_left(&p, UINT64_MAX, 29 * SECOND) == PACE_SLACK_US);
	CHECK(pace_left(&p, UINT64_MAX, 59 * SECOND) == 0);
}

TEST(bytes_that_are_taken_back_count_as_none)
{
	struct pace p;

	pace_begin(&p, 1000, 0);
	CHECK(pace_left(&p, 10, 20 * SECOND) == 10 * SECOND);
	CHECK(pace_left(&p, 1000, 20 * SECOND) == 10 * SECOND);
	CHECK(pace_left(&p, 1000 + PACE_RATE, 20 * SECOND) == 11 * SECOND);
}

int
main(void)
{
	RUN(who_moves_nothing_has_the_slack_and_no_more);
	RUN(a_byte_now_and_then_does_not_keep_a_place);
	RUN(who_keeps_the_rate_goes_on_for_ever);
	RUN(much_at_once_buys_no_more_than_the_slack);
	RUN(bytes_that_are_taken_back_count_as_none);
	return unit_done();
}
