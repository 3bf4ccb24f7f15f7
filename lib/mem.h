/* mem - allocation that does not fail: when memory is out, the program ends with
 * exit code 6, since no tool survives that usefully. Release with free(3). */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

/* n bytes, not initialised; n may be 0 (a pointer to free all the same). */
void *mem_alloc(size_t n);

/* count * size bytes of zeros; a product that overflows counts as out of memory. */
void *mem_zero(size_t count, size_t size);

/* As realloc(3) for count * size bytes; the product is checked as in mem_zero. */
void *mem_resize(void *p, size_t count, size_t size);

/* A terminated copy of n bytes, or of a string. */
char *mem_copy(const char *p, size_t n);
char *mem_str(const char *s);

#endif
