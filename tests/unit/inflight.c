/* Which acknowledgements may reach the broker. */
#include "inflight.h"
#include "unit.h"

TEST(an_ack_covers_all_before_it)
{
	struct inflight f;
	uint64_t tag;

	inflight_init(&f, 10);
	for (uint64_t i = 1; i <= 5; i++)
		CHECK(inflight_add(&f) == i);
	CHECK(inflight_ack(&f, 3, &tag) == INFLIGHT_OK && tag == 3);
	CHECK(f.out == 2);
	CHECK(inflight_ack(&f, 3, &tag) == INFLIGHT_STALE);
	CHECK(inflight_ack(&f, 1, &tag) == INFLIGHT_STALE);
	CHECK(inflight_ack(&f, 6, &tag) == INFLIGHT_UNKNOWN);
	CHECK(inflight_ack(&f, 0, &tag) == INFLIGHT_UNKNOWN);
	CHECK(inflight_ack(&f, 5, &tag) == INFLIGHT_OK && tag == 5);
	inflight_free(&f);
}

TEST(tags_of_an_older_connection_are_stale_and_the_brokers_begin_anew)
{
	struct inflight f;
	uint64_t tag;

	inflight_init(&f, 10);
	inflight_add(&f);
	inflight_add(&f);
	inflight_restart(&f);
	CHECK(f.out == 0);
	CHECK(inflight_ack(&f, 2, &tag) == INFLIGHT_STALE);
	CHECK(inflight_reject(&f, 1, &tag) == INFLIGHT_STALE);
	CHECK(inflight_add(&f) == 3);
	CHECK(inflight_ack(&f, 3, &tag) == INFLIGHT_OK && tag == 1);
	inflight_free(&f);
}

/* The broker closes the channel for an ack of a tag it does not wait for, with "multiple"
 * too: the highest that is still out must be named. */
TEST(an_ack_up_to_a_rejected_one_names_the_last_that_is_out)
{
	struct inflight f;
	uint64_t tag;

	inflight_init(&f, 10);
	for (int i = 0; i < 4; i++)
		inflight_add(&f);
	CHECK(inflight_reject(&f, 3, &tag) == INFLIGHT_OK && tag == 3);
	CHECK(inflight_reject(&f, 3, &tag) == INFLIGHT_STALE);
	CHECK(inflight_ack(&f, 3, &tag) == INFLIGHT_OK && tag == 2);
	CHECK(inflight_reject(&f, 4, &tag) == INFLIGHT_OK && tag == 4);
	CHECK(inflight_ack(&f, 4, &tag) == INFLIGHT_STALE);
	CHECK(f.out == 0);
	inflight_free(&f);
}

TEST(no_more_are_out_than_allowed_and_places_are_used_again)
{
	struct inflight f;
	uint64_t tag;

	inflight_init(&f, 2);
	for (uint64_t round = 0; round < 5; round++) {
		CHECK(inflight_add(&f) && inflight_add(&f));
		CHECK(inflight_add(&f) == 0);
		CHECK(inflight_reject(&f, 2 * round + 1, &tag) == INFLIGHT_OK);
		CHECK(inflight_ack(&f, 2 * round + 2, &tag) == INFLIGHT_OK && tag == 2 * round + 2);
	}
	inflight_free(&f);
}

int
main(void)
{
	RUN(an_ack_covers_all_before_it);
	RUN(tags_of_an_older_connection_are_stale_and_the_brokers_begin_anew);
	RUN(an_ack_up_to_a_rejected_one_names_the_last_that_is_out);
	RUN(no_more_are_out_than_allowed_and_places_are_used_again);
	return unit_done();
}
