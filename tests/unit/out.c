#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "sig.h"
#include "unit.h"

static bool
is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Everything that can be read now. */
static size_t
drain(int fd, struct buf *into)
{
	size_t before = into->n;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((n = read(fd, buf_reserve(into, 65536), 65536)) > 0)
		into->n += (size_t)n;
	return into->n - before;
}

TEST(lines_are_collected_and_written_in_bulk)
{
	struct buf got = { 0 };
	struct out o;
	int fds[2];

	if (pipe(fds))
		abort();
	out_init(&o, fds[1]);
	buf_str(&o.b, "a");
	CHECK(out_line(&o) == 0 && out_pending(&o) == 2 && drain(fds[0], &got) == 0);
	CHECK(out_flush(&o) == 0 && out_pending(&o) == 0 && drain(fds[0], &got) == 2);
	memset(buf_reserve(&o.b, OUT_HIGH), 'x', OUT_HIGH);
	o.b.n += OUT_HIGH - 2;
	CHECK(out_line(&o) == 0 && out_pending(&o) == OUT_HIGH - 1);
	CHECK(out_line(&o) == 0 && out_pending(&o) == 0 && drain(fds[0], &got) == OUT_HIGH);
	out_free(&o);
	buf_free(&got);
	close(fds[0]);
	close(fds[1]);
}

TEST(an_error_sticks)
{
	struct out o;
	int fd = open("/dev/full", O_WRONLY);

	out_init(&o, fd);
	buf_str(&o.b, "a");
	CHECK(out_line(&o) == 0);
	CHECK(out_flush(&o) == -1 && o.error == ENOSPC);
	CHECK(out_line(&o) == -1 && out_flush(&o) == -1 && o.error == ENOSPC);
	out_free(&o);
	close(fd);
}

TEST(a_reader_that_went_away_is_epipe)
{
	struct out o;
	int fds[2];

	if (pipe(fds))
		abort();
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	out_init(&o, fds[1]);
	CHECK(out_line(&o) == 0 && out_flush(&o) == -1 && o.error == EPIPE);
	out_free(&o);
	CHECK(out_init_async(&o, fds[1]) == 0);
	buf_str(&o.b, "a");
	CHECK(out_push(&o) == -1 && o.error == EPIPE);
	out_free(&o);
	close(fds[1]);
}

/* Fill what takes no more, then read it empty: nothing is lost, repeated or reordered,
 * and the description that others share keeps its mode. */
static void
push_through(int from, int to)
{
	enum { TOTAL = 4 << 20 };
	struct buf got = { 0 };
	struct out o;
	size_t sent = 0;
	int stalls = 0;

	CHECK(out_init_async(&o, from) == 0);
	CHECK(o.fd != from && fcntl(o.fd, F_GETFD) & FD_CLOEXEC);
	while (got.n < TOTAL) {
		int left;

		while (sent < TOTAL && out_pending(&o) < 1 << 20)
			buf_byte(&o.b, (char)(sent++ * 7 >> 3));
		left = out_push(&o);
		CHECK(left >= 0 && (left == 1) == (out_pending(&o) == 0));
		if (left == 0) {
			stalls++;
			CHECK(out_push(&o) == 0);
		}
		if (left < 0 || drain(to, &got) == 0)
			break;
	}
	CHECK(got.n == TOTAL && stalls > 0);
	for (size_t i = 0; i < got.n; i++)
		if (got.p[i] != (char)(i * 7 >> 3)) {
			unit_ok = false;
			break;
		}
	CHECK(!is_nonblocking(from));
	out_free(&o);
	buf_free(&got);
}

TEST(a_full_pipe_is_never_waited_for)
{
	int fds[2];

	if (pipe(fds))
		abort();
	push_through(fds[1], fds[0]);
	close(fds[0]);
	close(fds[1]);
}

TEST(a_full_socket_is_never_waited_for)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	push_through(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

TEST(a_file_is_written_at_once)
{
	char name[] = "/tmp/wsutils-out-XXXXXX";
	int fd = mkstemp(name);
	struct buf got = { 0 };
	struct out o;

	CHECK(out_init_async(&o, fd) == 0);
	buf_str(&o.b, "abc");
	CHECK(out_push(&o) == 1);
	out_free(&o);
	lseek(fd, 0, SEEK_SET);
	CHECK(drain(fd, &got) == 3);
	buf_free(&got);
	close(fd);
	unlink(name);
}

TEST(a_closed_descriptor_is_an_error)
{
	struct out o;
	int fds[2];

	if (pipe(fds))
		abort();
	close(fds[0]);
	close(fds[1]);
	CHECK(out_init_async(&o, fds[1]) == -1 && errno == EBADF);
}

/* Runs in a child: the handlers and the timer are the whole process's. */
TEST(a_stalled_reader_holds_up_the_end_only_for_the_time_to_drain)
{
	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		int fds[2], status;
		pid_t pid;

		if (pipe(fds) || (pid = fork()) < 0)
			abort();
		if (pid == 0) {
			struct out o;

			sig_init(50);
			out_init(&o, fds[1]);
			if (nonblocking)
				fcntl(fds[1], F_SETFL, O_NONBLOCK);
			o.b.n = 1 << 20;
			o.b.p = calloc(1, o.b.n);
			o.b.cap = o.b.n;
			kill(getpid(), SIGTERM);
			_exit(out_flush(&o) == -1 && o.error == EINTR && sig_drained() ? 0 : 1);
		}
		/* Ten seconds; then it hangs. */
		int ended = 0;

		for (int i = 0; i < 1000 && !(ended = waitpid(pid, &status, WNOHANG)); i++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		if (!ended) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
		CHECK(ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
		close(fds[0]);
		close(fds[1]);
	}
}

int
main(void)
{
	RUN(lines_are_collected_and_written_in_bulk);
	RUN(an_error_sticks);
	RUN(a_reader_that_went_away_is_epipe);
	RUN(a_full_pipe_is_never_waited_for);
	RUN(a_full_socket_is_never_waited_for);
	RUN(a_file_is_written_at_once);
	RUN(a_closed_descriptor_is_an_error);
	RUN(a_stalled_reader_holds_up_the_end_only_for_the_time_to_drain);
	return unit_done();
}
