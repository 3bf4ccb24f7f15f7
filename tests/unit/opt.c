#include "opt.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "buf.h"
#include "exit.h"
#include "msg.h"
#include "unit.h"

static bool flag;
static const char *string;
static int64_t number, wait_ms, size;
static int choice;
static struct opt_list list;
static const char *const colours[] = { "red", "green", NULL };

static const char *
refuse_x(const struct opt *opt, const char *value)
{
	(void)opt;
	return value && strcmp(value, "x") == 0 ? "no x" : NULL;
}

static const struct opt options[] = {
	{ .name = "flag", .letter = 'f', .kind = OPT_FLAG, .var = &flag, .help = "a flag" },
	{ .name = "string", .letter = 's', .kind = OPT_STRING, .var = &string, .arg = "TEXT", .help = "text" },
	{ .name = "number", .letter = 'n', .kind = OPT_INT, .var = &number, .arg = "N", .min = 1, .max = 9,
	  .help = "1 to 9" },
	{ .kind = OPT_TITLE, .help = "More:" },
	{ .name = "wait", .kind = OPT_DURATION, .var = &wait_ms, .arg = "TIME", .help = "a duration" },
	{ .name = "size", .kind = OPT_SIZE, .var = &size, .arg = "SIZE", .max = 1024, .help = "a size" },
	{ .name = "colour", .kind = OPT_CHOICE, .var = &choice, .choices = colours, .arg = "WHICH",
	  .help = "red or green" },
	{ .name = "each", .letter = 'e', .kind = OPT_CALL, .call = opt_append, .var = &list, .arg = "X",
	  .flags = OPT_ORDERED, .help = "repeatable" },
	{ .name = "maybe", .kind = OPT_CALL, .call = refuse_x, .arg = "X", .flags = OPT_OPTIONAL,
	  .help = "not x" },
	{ 0 },
};
static const struct opt_table table = { "opt-test", "[options] [FILE]", "Tests options.", options };

static char *argv[16];
static char arguments[512];

/* Parse words separated by blanks, in a child that prints what came of it. Returns its
 * exit code; *said is its stdout and stderr. */
static int
parse(const char *words, struct buf *said)
{
	int fds[2], argc = 1, status;
	pid_t pid;
	ssize_t n;

	fflush(stdout); /* or the child says it again */
	if (pipe(fds) || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		snprintf(arguments, sizeof(arguments), "%s", words);
		argv[0] = arguments + sizeof(arguments) - 1;
		for (char *p = strtok(arguments, " "); p; p = strtok(NULL, " "))
			argv[argc++] = p;
		argc = opt_parse(&table, argc, argv);
		printf("flag=%d string=%s number=%d wait=%d size=%d choice=%d", flag,
		    string ? string : "-", (int)number, (int)wait_ms, (int)size, choice);
		for (int i = 0; i < list.n; i++)
			printf(" each=%s", list.v[i]);
		for (int i = 0; i < argc; i++)
			printf(" [%s]", argv[i]);
		if (msg_shown(MSG_DEBUG))
			printf(" debug");
		if (!msg_shown(MSG_WARNING))
			printf(" quiet");
		fflush(stdout);
		_exit(0);
	}
	close(fds[1]);
	buf_clear(said);
	while ((n = read(fds[0], buf_reserve(said, 4096), 4096)) > 0)
		said->n += (size_t)n;
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define NOTHING "flag=0 string=- number=0 wait=0 size=0 choice=0"

static const struct {
	const char *words, *result;
} good[] = {
	{ "", NOTHING },
	{ "--flag --string=a --number 3 --wait 2s", "flag=1 string=a number=3 wait=2000 size=0 choice=0" },
	{ "-fsa -n3", "flag=1 string=a number=3 wait=0 size=0 choice=0" },
	{ "-fs a b", "flag=1 string=a number=0 wait=0 size=0 choice=0 [b]" },
	{ "--string= x", "flag=0 string= number=0 wait=0 size=0 choice=0 [x]" },
	{ "--string --flag", "flag=0 string=--flag number=0 wait=0 size=0 choice=0" },
	{ "a --size 1k b -- --flag c", "flag=0 string=- number=0 wait=0 size=1024 choice=0 [a] [b] [--flag] [c]" },
	{ "- --colour green", "flag=0 string=- number=0 wait=0 size=0 choice=1 [-]" },
	{ "-e 1 --each=2 -e3", NOTHING " each=1 each=2 each=3" },
	{ "--maybe x", NOTHING " [x]" }, { "--maybe=y", NOTHING }, { "--wait 0", NOTHING },
	{ "-n 2 -n 5", "flag=0 string=- number=5 wait=0 size=0 choice=0" },
	{ "-vv", NOTHING " debug" }, { "--quiet -v", NOTHING " quiet" }, { "--verbose --verbose", NOTHING " debug" },
};

TEST(options_are_read_in_every_spelling)
{
	struct buf said = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK(parse(good[i].words, &said) == 0);
		CHECK_SLICE(buf_view(&said), slice_str(good[i].result));
	}
	buf_free(&said);
}

static const struct {
	const char *words, *message;
} bad[] = {
	{ "--fla", "unknown option --fla" }, { "--flagg", "unknown option --flagg" }, { "-x", "unknown option -x" },
	{ "-fx", "unknown option -x" }, { "--flag=1", "--flag takes no value" },
	{ "--string", "--string needs TEXT" }, { "-fs", "-s needs TEXT" },
	{ "--number 0", "--number: not between 1 and 9: 0" }, { "-n 10", "-n: not between 1 and 9: 10" },
	{ "-n 1k", "-n: not a whole number: 1k" },
	{ "--wait 5", "--wait: not a duration such as 500ms, 30s or 5m: 5" },
	{ "--size 2k", "--size: not between 0 and 1024: 2k" },
	{ "--size 2kb", "--size: not a size such as 4096, 64k or 1M: 2kb" },
	{ "--colour blue", "--colour: not one of red, green: blue" }, { "--maybe=x", "--maybe: no x: x" },
	{ "--config /nonexistent", "--config: No such file or directory: /nonexistent" },
	{ "--string a\x1b[31m --colour \x1b", "--colour: not one of red, green: \\x1b" },
};

TEST(a_mistake_is_one_line_and_exit_code_2)
{
	struct buf said = { 0 }, want = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(parse(bad[i].words, &said) == EXIT_USAGE);
		buf_clear(&want);
		buf_fmt(&want, "opt-test: %s; see opt-test --help\n", bad[i].message);
		CHECK_SLICE(buf_view(&said), buf_view(&want));
	}
	buf_free(&said);
	buf_free(&want);
}

TEST(help_and_version_answer_whatever_else_is_wrong)
{
	static const char *const words[] = { "--help", "-h", "--wrong -h", "-n 99 --help", "-xh --config /no",
		"--number --help --help" };
	struct buf said = { 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		CHECK(parse(words[i], &said) == 0);
		CHECK(slice_starts(buf_view(&said), S("usage: opt-test [options] [FILE]\nTests options.\n")));
		CHECK(strstr(buf_cstr(&said), "  -n, --number N") && strstr(said.p, "\nMore:\n"));
		CHECK(strstr(said.p, "--maybe[=X]") && strstr(said.p, "--config FILE"));
	}
	CHECK(parse("-V", &said) == 0);
	CHECK_SLICE(buf_view(&said), S("opt-test " VERSION "\n"));
	CHECK(parse("-- --help", &said) == 0);
	CHECK_SLICE(buf_view(&said), S(NOTHING " [--help]"));
	buf_free(&said);
}

static void
put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) == EOF || fclose(f))
		abort();
}

TEST(the_environment_yields_to_files_and_files_to_arguments)
{
	char path[] = "/tmp/wsutils-opt-XXXXXX", words[128];
	struct buf said = { 0 };

	close(mkstemp(path));
	put_file(path, "# comment\n\n  number 4 \nstring from the file\n--flag\neach 1\neach 2");
	setenv("OPT_TEST_NUMBER", "3", 1);
	setenv("OPT_TEST_WAIT", "1s", 1);
	setenv("OPT_TEST_COLOUR", "", 1);
	setenv("OPT_TEST_EACH", "9", 1);
	setenv("OPT_TEST_OTHER", "ignored", 1);
	CHECK(parse("", &said) == 0);
	CHECK_SLICE(buf_view(&said), S("flag=0 string=- number=3 wait=1000 size=0 choice=0"));
	snprintf(words, sizeof(words), "-n 5 --config %s", path);
	CHECK(parse(words, &said) == 0);
	CHECK_SLICE(buf_view(&said), S("flag=1 string=from the file number=5 wait=1000 size=0 choice=0"
	    " each=1 each=2"));
	setenv("OPT_TEST_FLAG", "maybe", 1);
	CHECK(parse("", &said) == EXIT_USAGE);
	CHECK_SLICE(buf_view(&said), S("opt-test: OPT_TEST_FLAG: not yes or no: maybe; see opt-test --help\n"));
	setenv("OPT_TEST_FLAG", "No", 1);
	CHECK(parse("", &said) == 0);
	unsetenv("OPT_TEST_FLAG");
	unsetenv("OPT_TEST_NUMBER");
	unsetenv("OPT_TEST_WAIT");
	unlink(path);
	buf_free(&said);
}

TEST(a_mistake_in_a_file_is_named_with_its_line)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{ "flag\nnumbr 4\n", ":2: numbr: unknown option" }, { "number\n", ":1: number: needs a value" },
		{ "number x", ":1: number: not a whole number: x" }, { "help\n", ":1: help: unknown option" },
		{ "config x\n", ":1: config: unknown option" }, { "flag perhaps", ":1: flag: not yes or no: perhaps" },
		{ "verbose 3", ":1: verbose: takes no value" }, { "n 3", ":1: n: unknown option" },
	};
	char path[] = "/tmp/wsutils-opt-XXXXXX", words[128];
	struct buf said = { 0 }, want = { 0 };

	close(mkstemp(path));
	snprintf(words, sizeof(words), "--config %s", path);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		put_file(path, t[i].text);
		CHECK(parse(words, &said) == EXIT_USAGE);
		buf_clear(&want);
		buf_fmt(&want, "opt-test: %s%s; see opt-test --help\n", path, t[i].message);
		CHECK_SLICE(buf_view(&said), buf_view(&want));
	}
	unlink(path);
	buf_free(&said);
	buf_free(&want);
}

int
main(void)
{
	RUN(options_are_read_in_every_spelling);
	RUN(a_mistake_is_one_line_and_exit_code_2);
	RUN(help_and_version_answer_whatever_else_is_wrong);
	RUN(the_environment_yields_to_files_and_files_to_arguments);
	RUN(a_mistake_in_a_file_is_named_with_its_line);
	return unit_done();
}
