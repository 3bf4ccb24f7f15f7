#include "wheel.h"

#include "unit.h"

struct timer {
	struct wheel_node node;
	int fired;
	int64_t again_us; /* set it again for then, once */
	struct timer *victim;
};

static struct wheel wheel;

static void
fire(void *ctx, struct wheel_node *n)
{
	struct timer *t = (struct timer *)n;

	++*(int *)ctx;
	t->fired++;
	if (t->again_us) {
		wheel_set(&wheel, &t->node, t->again_us);
		t->again_us = 0;
	}
	if (t->victim)
		wheel_clear(&t->victim->node);
}

TEST(timers_fire_in_their_tick_and_never_early)
{
	struct timer t[100] = { 0 };
	int total = 0;

	wheel_init(&wheel, 0);
	for (int i = 0; i < 100; i++)
		wheel_set(&wheel, &t[i].node, (int64_t)i * 7919 * 100);
	for (int64_t now = 0; now < 100 * 791900 + 2 * WHEEL_TICK_US; now += 10000) {
		wheel_run(&wheel, now, fire, &total);
		for (int i = 0; i < 100; i++) {
			int64_t due = (int64_t)i * 791900;

			if (now < due)
				CHECK(t[i].fired == 0);
			if (now >= due + 2 * WHEEL_TICK_US)
				CHECK(t[i].fired == 1);
		}
	}
	CHECK(total == 100);
	CHECK(wheel_next(&wheel) == -1);
}

TEST(a_timer_beyond_the_ring_waits_its_turn)
{
	struct timer t = { 0 };
	int total = 0;
	int64_t ring = (int64_t)WHEEL_SLOTS * WHEEL_TICK_US, due = 3 * ring + 12345;

	wheel_init(&wheel, 0);
	wheel_set(&wheel, &t.node, due);
	for (int64_t now = 0; now < due; now += ring / 10)
		wheel_run(&wheel, now, fire, &total);
	CHECK(total == 0 && wheel_next(&wheel) >= 0);
	wheel_run(&wheel, due + 2 * WHEEL_TICK_US, fire, &total);
	CHECK(total == 1);
}

TEST(timers_can_be_moved_cleared_and_set_again_while_others_fire)
{
	struct timer a = { .again_us = 5000000 }, b = { 0 }, c = { 0 };
	int total = 0;

	wheel_init(&wheel, 0);
	a.victim = &b;
	wheel_set(&wheel, &a.node, 1000);
	wheel_set(&wheel, &b.node, 1000);
	wheel_set(&wheel, &c.node, 1000);
	wheel_set(&wheel, &c.node, 9000000);
	wheel_run(&wheel, 1000000, fire, &total);
	CHECK(total == 1 && a.fired == 1 && b.fired == 0 && c.fired == 0);
	wheel_run(&wheel, 6000000, fire, &total);
	CHECK(total == 2 && a.fired == 2);
	wheel_run(&wheel, 10000000, fire, &total);
	CHECK(c.fired == 1);
}

TEST(a_long_sleep_loses_no_timer)
{
	struct timer t[50] = { 0 };
	int total = 0;

	wheel_init(&wheel, 0);
	for (int i = 0; i < 50; i++)
		wheel_set(&wheel, &t[i].node, (int64_t)i * 1000000);
	wheel_run(&wheel, 3600ll * 1000000, fire, &total);
	CHECK(total == 50);
}

TEST(the_next_look_is_never_late)
{
	struct timer t = { 0 };
	int total = 0;

	wheel_init(&wheel, 123456789);
	wheel_set(&wheel, &t.node, 123456789 + 777777);
	while (!total) {
		int64_t next = wheel_next(&wheel);

		CHECK(next <= 123456789 + 777777 + 2 * WHEEL_TICK_US);
		wheel_run(&wheel, next, fire, &total);
	}
	CHECK(total == 1);
}

int
main(void)
{
	RUN(timers_fire_in_their_tick_and_never_early);
	RUN(a_timer_beyond_the_ring_waits_its_turn);
	RUN(timers_can_be_moved_cleared_and_set_again_while_others_fire);
	RUN(a_long_sleep_loses_no_timer);
	RUN(the_next_look_is_never_late);
	return unit_done();
}
