#include "table.h"

#include "unit.h"

struct item {
	int key;
	bool in;
};

static bool
is(const void *item, const void *key)
{
	return ((const struct item *)item)->key == *(const int *)key;
}

/* Few hashes for many keys, so that runs are long and wrap around. */
static uint64_t
hash(int key)
{
	return (uint64_t)(key % 37) * 3;
}

TEST(what_was_added_is_found_until_it_is_removed)
{
	static struct item items[3000];
	struct table t = { 0 };
	unsigned random = 1;
	size_t n = 0;

	for (int i = 0; i < 3000; i++)
		items[i].key = i;
	for (int step = 0; step < 40000; step++) {
		struct item *one;

		random = random * 1103515245 + 12345;
		one = &items[random / 65536 % (step % 1000 < 500 ? 60 : 3000)];
		if (one->in) {
			CHECK(table_remove(&t, hash(one->key), one));
			n--;
		} else {
			table_add(&t, hash(one->key), one);
			n++;
		}
		one->in = !one->in;
		CHECK(t.n == n);
		if (step % 97 == 0)
			for (int i = 0; i < 3000; i += 7)
				CHECK((table_find(&t, hash(i), is, &i) == &items[i]) == items[i].in);
	}
	for (int i = 0; i < 3000; i++)
		if (items[i].in)
			CHECK(table_remove(&t, hash(i), &items[i]));
	CHECK(t.n == 0);
	table_free(&t);
}

TEST(an_empty_table_has_nothing)
{
	struct table t = { 0 };
	int key = 1;

	CHECK(table_find(&t, 1, is, &key) == NULL);
	CHECK(!table_remove(&t, 1, &t));
	table_free(&t);
}

int
main(void)
{
	RUN(what_was_added_is_found_until_it_is_removed);
	RUN(an_empty_table_has_nothing);
	return unit_done();
}
