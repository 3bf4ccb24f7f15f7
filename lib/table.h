/* table - a hash table of pointers: open addressing, half to three quarters full. The
 * items stay their owners'; the table keeps the hash that it was given (hash.h, for keys
 * that strangers choose). {0} is a valid empty one. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	struct table_slot {
		uint64_t hash;
		void *item; /* NULL: free */
	} *slots;
	size_t n, cap; /* cap is a power of two or 0 */
};

/* The item with this hash for which is(item, key) says true; NULL: none. */
void *table_find(const struct table *t, uint64_t hash,
    bool (*is)(const void *item, const void *key), const void *key);

/* Add an item that is not in it yet. */
void table_add(struct table *t, uint64_t hash, void *item);

/* Take it out, by its address. False when it was not there. */
bool table_remove(struct table *t, uint64_t hash, const void *item);

void table_free(struct table *t);

#endif
