#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "js.h"
#include "unit.h"

static struct buf said;

/* What `say` writes to stderr, in a child; returns its exit code. */
static int
hear(void (*say)(const char *text), const char *text)
{
	int fds[2], status;
	pid_t pid;
	ssize_t n;

	fflush(stdout);
	if (pipe(fds) || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		msg_init("tool");
		say(text);
		_exit(77);
	}
	close(fds[1]);
	buf_clear(&said);
	while ((n = read(fds[0], buf_reserve(&said, 8192), 8192)) > 0)
		said.n += (size_t)n;
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
error(const char *text)
{
	msg_error("a %s", text);
}

static void
die(const char *text)
{
	errno = ENOENT;
	msg_die(6, "cannot open %s: %s", text, strerror(errno));
}

static void
warn_as_json(const char *text)
{
	msg_setup(MSG_WARNING, true);
	msg_warn("%s", text);
	msg_info("never seen");
}

static void
debug(const char *text)
{
	msg_debug("%s", text);
	msg_info("%s", text);
	msg_warn("%s", text);
	msg_setup(MSG_DEBUG, false);
	msg_debug("%s", text);
	msg_setup(MSG_ERROR, false);
	msg_warn("%s", text);
	msg_error("%s", text);
}

/* The full pipe is read only after two messages. */
static void
warn_into_a_full_pipe(const char *text)
{
	char bytes[4096];
	int heard = dup(2), fds[2];
	size_t full = 0;
	ssize_t n;

	alarm(60);
	if (heard < 0 || msg_lost() || pipe(fds) || fcntl(fds[1], F_SETFL, O_NONBLOCK))
		abort();
	memset(bytes, 'x', sizeof bytes);
	while ((n = write(fds[1], bytes, sizeof bytes)) > 0)
		full += (size_t)n;
	fcntl(fds[1], F_SETFL, 0);
	dup2(fds[1], 2);
	msg_never_wait();
	msg_warn("one");
	msg_debug("nor is this one counted");
	msg_warn("two");
	while (full && (n = read(fds[0], bytes, full < sizeof bytes ? full : sizeof bytes)) > 0)
		full -= (size_t)n;
	msg_error("%s", text);
	msg_error("%s", text);
	if (msg_lost() != 2)
		abort();
	close(fds[1]);
	close(2);
	while ((n = read(fds[0], bytes, sizeof bytes)) > 0) {
		if (write(heard, bytes, (size_t)n) != n)
			abort();
	}
}

TEST(a_message_is_one_line_with_the_program_before_it)
{
	CHECK(hear(error, "b") == 77);
	CHECK_SLICE(buf_view(&said), S("tool: a b\n"));
	CHECK(hear(die, "x") == 6);
	CHECK_SLICE(buf_view(&said), S("tool: cannot open x: No such file or directory\n"));
}

TEST(levels_decide_what_is_shown)
{
	CHECK(hear(debug, "m") == 77);
	CHECK_SLICE(buf_view(&said), S("tool: m\ntool: m\ntool: m\n"));
}

TEST(what_could_disturb_a_terminal_is_escaped)
{
	hear(error, "\x1b[31m\n\x7f\xc2\x9b" "caf\xc3\xa9\xff\"\\");
	CHECK_SLICE(buf_view(&said), S("tool: a \\x1b[31m\\x0a\\x7f\\x9bcaf\xc3\xa9\\xff\"\\\n"));
}

TEST(messages_can_be_lines_of_json)
{
	struct buf scratch = { 0 };
	struct slice line;

	CHECK(hear(warn_as_json, "a \"b\" \\ \x1b \xff caf\xc3\xa9") == 77);
	line = buf_view(&said);
	CHECK(js_valid(line, NULL));
	CHECK_SLICE(js_text(js_get(line, S("level")), &scratch), S("warning"));
	CHECK_SLICE(js_text(js_get(line, S("program")), &scratch), S("tool"));
	CHECK_SLICE(js_text(js_get(line, S("message")), &scratch),
	    S("a \"b\" \\ \x1b \xc3\xbf caf\xc3\xa9"));
	buf_free(&scratch);
}

TEST(a_long_message_is_cut_and_stays_a_line)
{
	char text[10000];

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hear(error, text);
	CHECK(said.n <= 4096 && said.p[said.n - 1] == '\n');
	CHECK(slice_find(buf_view(&said), '\n') == said.n - 1);
	hear(warn_as_json, text);
	CHECK(said.n <= 4096 && js_valid(buf_view(&said), NULL));
}

TEST(a_full_pipe_loses_messages_and_says_how_many)
{
	CHECK(hear(warn_into_a_full_pipe, "three") == 77);
	CHECK_SLICE(buf_view(&said), S("tool: 2 messages before this one were lost: "
	    "stderr was not read\ntool: three\ntool: three\n"));
}

int
main(void)
{
	RUN(a_message_is_one_line_with_the_program_before_it);
	RUN(levels_decide_what_is_shown);
	RUN(what_could_disturb_a_terminal_is_escaped);
	RUN(messages_can_be_lines_of_json);
	RUN(a_long_message_is_cut_and_stays_a_line);
	RUN(a_full_pipe_loses_messages_and_says_how_many);
	buf_free(&said);
	return unit_done();
}
