#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "msg.h"

static void *
checked(void *p)
{
	if (!p)
		msg_die(EXIT_HOST, "out of memory");
	return p;
}

void *
mem_alloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *
mem_zero(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *
mem_resize(void *p, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return checked(NULL);
	return checked(realloc(p, count && size ? count * size : 1));
}

char *
mem_copy(const char *p, size_t n)
{
	char *s = mem_alloc(n + 1);

	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
mem_str(const char *s)
{
	return mem_copy(s, strlen(s));
}
