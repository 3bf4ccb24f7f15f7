/* heap - counts what a program has on its heap, for tests that ask whether it leaks.
 *
 *     HEAP=FOLDER LD_PRELOAD=heap.so PROGRAM
 *
 * FOLDER/PID holds three numbers of 8 bytes that are always current: blocks that are
 * allocated, their bytes, and the most bytes that there have been. What the program starts
 * is not counted. Built with AddressSanitizer for programs that are; these need
 * ASAN_OPTIONS=verify_asan_link_order=0 with it. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
	_Atomic long long blocks, bytes, peak;
};

/* Until there is a file: what the loader and other constructors allocate. */
static struct counts early, *counts = &early;

static void
came(size_t n)
{
	long long now = atomic_fetch_add(&counts->bytes, (long long)n) + (long long)n;
	long long peak = atomic_load(&counts->peak);

	atomic_fetch_add(&counts->blocks, 1);
	while (now > peak && !atomic_compare_exchange_weak(&counts->peak, &peak, now))
		;
}

static void
went(size_t n)
{
	atomic_fetch_sub(&counts->bytes, (long long)n);
	atomic_fetch_sub(&counts->blocks, 1);
}

#ifdef __SANITIZE_ADDRESS__

int __sanitizer_install_malloc_and_free_hooks(void (*malloced)(const volatile void *, size_t),
    void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static void
malloced(const volatile void *p, size_t n)
{
	if (p)
		came(n);
}

static void
freed(const volatile void *p)
{
	if (p)
		went(__sanitizer_get_allocated_size(p));
}

static void
hook(void)
{
	__sanitizer_install_malloc_and_free_hooks(malloced, freed);
}

#else

/* glibc's own, so that nothing has to be looked up, which allocates. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static void *
counted(void *p)
{
	if (p)
		came(malloc_usable_size(p));
	return p;
}

void *
malloc(size_t n)
{
	return counted(__libc_malloc(n));
}

void *
calloc(size_t count, size_t size)
{
	return counted(__libc_calloc(count, size));
}

void
free(void *p)
{
	if (p)
		went(malloc_usable_size(p));
	__libc_free(p);
}

void *
realloc(void *p, size_t n)
{
	size_t before = p ? malloc_usable_size(p) : 0;
	void *new = __libc_realloc(p, n);

	/* A size of 0 frees; otherwise NULL leaves all as it was. */
	if (p && (new || n == 0))
		went(before);
	return counted(new);
}

void *
memalign(size_t alignment, size_t n)
{
	return counted(__libc_memalign(alignment, n));
}

void *
aligned_alloc(size_t alignment, size_t n)
{
	return memalign(alignment, n);
}

int
posix_memalign(void **p, size_t alignment, size_t n)
{
	void *new = memalign(alignment, n);

	if (!new)
		return ENOMEM;
	*p = new;
	return 0;
}

static void
hook(void)
{
}

#endif

__attribute__((constructor)) static void
heap_start(void)
{
	const char *folder = getenv("HEAP");
	char path[4096];
	struct counts *file;
	int fd;

	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/%ld", folder, (long)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *file)) {
		perror(path);
		abort();
	}
	file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (file == MAP_FAILED) {
		perror(path);
		abort();
	}
	file->blocks = early.blocks;
	file->bytes = early.bytes;
	file->peak = early.peak;
	counts = file;
	hook();
	unsetenv("LD_PRELOAD");
	unsetenv("HEAP");
}
