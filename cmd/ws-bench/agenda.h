/* agenda - connections that are to be opened, by time: a binary heap. {0} is an empty
 * one. Pure. */
#ifndef AGENDA_H
#define AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda {
	struct entry {
		uint64_t due;
		uint32_t conn;
	} *entries;
	size_t n, cap;
};

void agenda_add(struct agenda *a, uint64_t due, uint32_t conn);

/* The earliest entry, of equal ones any; NULL when there is none. It lasts until the
 * next call. */
const struct entry *agenda_first(const struct agenda *a);

/* Remove the earliest one. */
void agenda_drop(struct agenda *a);

void agenda_free(struct agenda *a);

#endif
