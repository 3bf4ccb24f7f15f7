/* unit - a test program in C that prints TAP. Each test is one function:
 *
 *     TEST(a_bare_number_is_no_duration) { CHECK(num_duration("5", &ms) == -1); }
 *     int main(void) { RUN(a_bare_number_is_no_duration); return unit_done(); }
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slice.h"

static int unit_count, unit_failures;
static bool unit_ok;

#define TEST(name) static void name(void)

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			unit_ok = false; \
		} \
	} while (0)

/* Two slices are equal; shows both when not. */
#define CHECK_SLICE(got, want) \
	do { \
		struct slice g_ = (got), w_ = (want); \
		if (!slice_eq(g_, w_)) { \
			printf("# %s:%d: got \"%.*s\", want \"%.*s\"\n", __FILE__, __LINE__, \
			    (int)g_.n, g_.p, (int)w_.n, w_.p); \
			unit_ok = false; \
		} \
	} while (0)

#define RUN(test) unit_run(#test, test)

static inline void
unit_run(const char *name, void (*test)(void))
{
	unit_ok = true;
	test();
	printf("%sok %d ", unit_ok ? "" : "not ", ++unit_count);
	for (; *name; name++)
		putchar(*name == '_' ? ' ' : *name);
	putchar('\n');
	fflush(stdout);
	if (!unit_ok)
		unit_failures++;
}

static inline int
unit_done(void)
{
	printf("1..%d\n", unit_count);
	return unit_failures ? 1 : 0;
}

/* A copy of `s` whose last byte is the last of a page, with an unmapped page behind it:
 * a parser that reads one byte too many crashes. Valid until the next call. */
static inline struct slice
unit_guard(struct slice s)
{
	static char *map;
	static size_t size;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (s.n + page - 1) / page * page + page;

	if (map)
		munmap(map, size);
	map = mmap(NULL, size = n + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		abort();
	mprotect(map + n, page, PROT_NONE);
	if (s.n)
		memcpy(map + n - s.n, s.p, s.n);
	return slice_of(map + n - s.n, s.n);
}

#endif
