/* A --config file, and words of a command line before it: whatever stands there is taken
 * or ends the program with code 2 and a message, and what is taken is in range. */
#include <stdlib.h>

/* Options last as long as the program, which a mistake ends: here both are one run. */
_Noreturn void fuzz_exit(int status);
void *fuzz_realloc(void *p, size_t n);
void fuzz_free(void *p);
ssize_t fuzz_write(int fd, const void *p, size_t n);

static void *
fuzz_calloc(size_t n, size_t size)
{
	void *p = fuzz_realloc(NULL, n * size);

	__builtin_memset(p, 0, n * size);
	return p;
}

#define exit fuzz_exit
#define malloc(n) fuzz_realloc(NULL, n)
#define calloc fuzz_calloc
#define realloc fuzz_realloc
#define free fuzz_free
#include "../../lib/buf.c"
#include "../../lib/mem.c"
#define write fuzz_write
#include "../../lib/msg.c"
#undef write
#include "../../lib/num.c"
#include "../../lib/opt.c"
#undef exit
#undef malloc
#undef calloc
#undef realloc
#undef free

#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "js.h"
#include "slice.h"

enum { WORDS = 16 };

#include "fuzz.h"

static jmp_buf back;

/* All that is allocated, so that it can be freed. */
struct block {
	struct block *next, **at;
};

static struct block *blocks;

void
fuzz_free(void *p)
{
	struct block *b = p ? (struct block *)p - 1 : NULL;

	if (!b)
		return;
	*b->at = b->next;
	if (b->next)
		b->next->at = b->at;
	free(b);
}

void *
fuzz_realloc(void *p, size_t n)
{
	struct block *b = p ? (struct block *)p - 1 : NULL, *grown = realloc(b, sizeof(*b) + n);

	need(grown != NULL);
	if (!b) {
		*grown = (struct block){ blocks, &blocks };
		blocks = grown;
	} else {
		*grown->at = grown;
	}
	if (grown->next)
		grown->next->at = &grown->next;
	return grown + 1;
}

void
fuzz_exit(int status)
{
	need(status == EXIT_USAGE || (status == EXIT_DONE && (want_help || want_table || want_version)));
	longjmp(back, 1);
}

/* A message: one line of UTF-8 in which nothing can disturb a terminal or a log. */
ssize_t
fuzz_write(int fd, const void *p, size_t n)
{
	struct slice line = slice_of(p, n);

	need(fd == STDERR_FILENO && n && line.p[n - 1] == '\n');
	line.n--;
	need(utf8_valid(line) && (!as_json || js_valid(line, NULL)));
	for (size_t i = 0; i < line.n; i++)
		need((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
	return (ssize_t)n;
}

static bool flag;
static int choice;
static int64_t number, duration, bytes;
static const char *string, *optional;
static struct opt_list list;

static const char *
set_pair(const struct opt *opt, const char *value)
{
	(void)opt;
	return strchr(value, '=') ? NULL : "not NAME=VALUE";
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Options:" },
	{ .name = "flag", .letter = 'f', .kind = OPT_FLAG, .var = &flag },
	{ .name = "choice", .letter = 'c', .kind = OPT_CHOICE, .var = &choice, .arg = "WHICH",
	  .choices = (const char *const[]){ "one", "two", NULL } },
	{ .name = "number", .letter = 'n', .kind = OPT_INT, .var = &number, .arg = "N", .min = -5, .max = 5 },
	{ .name = "time", .letter = 't', .kind = OPT_DURATION, .var = &duration, .arg = "TIME", .max = 60000 },
	{ .name = "size", .letter = 's', .kind = OPT_SIZE, .var = &bytes, .arg = "SIZE", .min = 1, .max = 1 << 20 },
	{ .name = "string", .kind = OPT_STRING, .var = &string, .arg = "TEXT" },
	{ .name = "optional", .letter = 'o', .kind = OPT_STRING, .var = &optional, .arg = "TEXT",
	  .flags = OPT_OPTIONAL },
	{ .name = "list", .letter = 'l', .kind = OPT_CALL, .call = opt_append, .var = &list, .arg = "TEXT",
	  .flags = OPT_ORDERED },
	{ .name = "pair", .kind = OPT_CALL, .call = set_pair, .arg = "NAME VALUE", .flags = OPT_PAIR },
	{ 0 },
};

static const struct opt_table fuzz_table = { "fuzz", "[options]", "Options for a fuzzer.", options };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct slice rest = slice_of((const char *)data, size), words = slice_cut(&rest, '\n');
	struct buf copy = { 0 };
	char *argv[WORDS + 4] = { (char *)"fuzz", (char *)"--config", path };
	int argc = 3, n = 0;

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		/* --help is for nobody. */
		need(freopen("/dev/null", "w", stdout) != NULL);
		msg_init("fuzz");
	}
	need(ftruncate(fd, 0) == 0 && pwrite(fd, rest.p, rest.n, 0) == (ssize_t)rest.n);
	buf_slice(&copy, words);
	for (char *p = strtok(buf_cstr(&copy), " "); p && argc < WORDS; p = strtok(NULL, " "))
		argv[argc++] = p;
	number = duration = 0;
	bytes = 1;
	choice = verbose = 0;
	want_help = want_table = want_version = quiet = log_json = false;
	list = (struct opt_list){ 0 };
	if (setjmp(back) == 0) {
		n = opt_parse(&fuzz_table, argc, argv);
		need(n >= 0 && n < argc && !argv[n]);
		need(number >= -5 && number <= 5 && duration >= 0 && duration <= 60000);
		need(bytes >= 1 && bytes <= 1 << 20 && (choice == 0 || choice == 1));
	}
	while (blocks)
		fuzz_free(blocks + 1);
	return 0;
}
