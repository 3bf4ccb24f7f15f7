#include "filter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "sig.h"
#include "unit.h"

/* A filter in a child, with pipes to its stdin and from its stdout. It copies lines and
 * names the other events. */
struct child {
	pid_t pid;
	int in, out;
};

static _Noreturn void
copy(int64_t drain_ms)
{
	struct filter f = { 0 };
	struct slice line;

	filter_init(&f, 10, drain_ms);
	sig_want_report();
	buf_str(&f.out.b, "ready");
	out_line(&f.out);
	for (;;) {
		switch (filter_next(&f, &line)) {
		case FILTER_LINE:
			buf_slice(&f.out.b, line);
			break;
		case FILTER_TOO_LONG:
			buf_fmt(&f.out.b, "too long %d", (int)f.in.number);
			break;
		case FILTER_RELOAD:
			buf_str(&f.out.b, "reload");
			break;
		case FILTER_REPORT:
			buf_str(&f.out.b, "report");
			break;
		case FILTER_WATCH: /* nothing is watched */
			abort();
		case FILTER_END:
			buf_str(&f.out.b, "end");
			out_line(&f.out);
			filter_finish(&f);
			exit(0);
		}
		out_line(&f.out);
	}
}

/* Without a terminal of its own, so that SIGHUP means reload. */
static struct child
start(int64_t drain_ms)
{
	int in[2], out[2];
	struct child c;

	fflush(stdout);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || (c.pid = fork()) < 0)
		abort();
	if (c.pid == 0) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		copy(drain_ms);
	}
	close(in[0]);
	close(out[1]);
	c.in = in[1];
	c.out = out[0];
	return c;
}

/* Read until `text` has come, or the end. */
static bool
expect(struct child *c, const char *text)
{
	char got[256];
	size_t n = 0, want = strlen(text);
	ssize_t r;

	while (n < want && (r = read(c->out, got + n, want - n)) > 0)
		n += (size_t)r;
	if (n != want || memcmp(got, text, want) != 0) {
		printf("# got \"%.*s\", want \"%s\"\n", (int)n, got, text);
		return false;
	}
	return true;
}

static void
say(struct child *c, const char *text)
{
	CHECK(write(c->in, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Its wait status. */
static int
end(struct child *c)
{
	int status;

	if (c->in >= 0)
		close(c->in);
	waitpid(c->pid, &status, 0);
	if (c->out >= 0)
		close(c->out);
	return status;
}

TEST(output_is_flushed_before_it_waits)
{
	struct child c = start(0);

	CHECK(expect(&c, "ready\n"));
	say(&c, "a\nb");
	CHECK(expect(&c, "a\n"));
	say(&c, "c\n");
	CHECK(expect(&c, "bc\n"));
	close(c.in);
	c.in = -1;
	CHECK(expect(&c, "end\n"));
	CHECK(end(&c) == 0);
}

TEST(a_line_that_is_too_long_is_told_and_skipped)
{
	struct child c = start(0);

	CHECK(expect(&c, "ready\n"));
	say(&c, "a\n12345678901\nb\n");
	CHECK(expect(&c, "a\ntoo long 2\nb\n"));
	CHECK(end(&c) == 0);
}

TEST(signals_ask_for_a_reload_and_a_report)
{
	struct child c = start(0);

	CHECK(expect(&c, "ready\n"));
	kill(c.pid, SIGHUP);
	CHECK(expect(&c, "reload\n"));
	kill(c.pid, SIGUSR1);
	CHECK(expect(&c, "report\n"));
	CHECK(end(&c) == 0);
}

TEST(the_first_signal_lets_it_read_on_and_the_second_ends_it)
{
	struct child c = start(0);
	int status;

	CHECK(expect(&c, "ready\n"));
	kill(c.pid, SIGTERM);
	say(&c, "a\n");
	CHECK(expect(&c, "a\n"));
	kill(c.pid, SIGTERM);
	status = end(&c);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(the_time_to_drain_ends_it_in_order)
{
	struct child c = start(50);

	CHECK(expect(&c, "ready\n"));
	kill(c.pid, SIGINT);
	CHECK(expect(&c, "end\n"));
	CHECK(end(&c) == 0);
}

TEST(it_dies_of_sigpipe_when_its_reader_goes_even_while_idle)
{
	struct child c = start(0);
	int status;

	CHECK(expect(&c, "ready\n"));
	close(c.out);
	c.out = -1;
	waitpid(c.pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	close(c.in);
}

int
main(void)
{
	RUN(output_is_flushed_before_it_waits);
	RUN(a_line_that_is_too_long_is_told_and_skipped);
	RUN(signals_ask_for_a_reload_and_a_report);
	RUN(the_first_signal_lets_it_read_on_and_the_second_ends_it);
	RUN(the_time_to_drain_ends_it_in_order);
	RUN(it_dies_of_sigpipe_when_its_reader_goes_even_while_idle);
	return unit_done();
}
