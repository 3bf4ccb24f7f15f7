/* now - the time as one number. */
#ifndef NOW_H
#define NOW_H

#include <stdint.h>
#include <time.h>

/* The clock that only goes forward; its zero means nothing. */
static inline int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t
now_us(void)
{
	return now_ns() / 1000;
}

static inline int64_t
now_ms(void)
{
	return now_ns() / 1000000;
}

/* Unix time, in milliseconds. */
static inline int64_t
now_unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Processor time of this process, all threads, in nanoseconds. */
static inline int64_t
now_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
