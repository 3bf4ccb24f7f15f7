#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

static char folder[] = "/tmp/wsutils-io-XXXXXX";
static char path[sizeof(folder) + 8];

static void
put_file(struct slice bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
		abort();
	close(fd);
}

TEST(a_file_is_read_whole_up_to_the_limit)
{
	struct buf b = { 0 };
	char text[70000];

	memset(text, 'x', sizeof(text));
	put_file(slice_of(text, sizeof(text)));
	buf_str(&b, "a");
	CHECK(io_read_file(path, sizeof(text), &b) == 0 && b.n == 1 + sizeof(text) && b.p[0] == 'a');
	buf_clear(&b);
	CHECK(io_read_file(path, sizeof(text) - 1, &b) == -1 && errno == EFBIG);
	CHECK(io_read_file("/nonexistent", 9, &b) == -1 && errno == ENOENT);
	CHECK(io_read_file("/tmp", 9, &b) == -1 && errno == EISDIR);
	buf_free(&b);
}

TEST(a_secret_comes_without_its_line_end_and_is_never_empty)
{
	static const struct {
		struct slice file, secret;
	} good[] = { { S("key"), S("key") }, { S("key\n"), S("key") }, { S("key\r\n"), S("key") },
		{ S("a\nb\n\n"), S("a\nb\n") }, { S("a\0b"), S("a\0b") }, { S(" a "), S(" a ") } };
	static const struct slice bad[] = { S(""), S("\n"), S("\r\n") };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		put_file(good[i].file);
		buf_clear(&b);
		CHECK(io_secret_file(path, &b) == 0);
		CHECK_SLICE(buf_view(&b), good[i].secret);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_file(bad[i]);
		buf_clear(&b);
		CHECK(io_secret_file(path, &b) == -1 && errno == ENODATA && b.n == 0);
	}
	setenv("IO_TEST_SECRET", "s3\n", 1);
	buf_clear(&b);
	CHECK(io_secret_env("IO_TEST_SECRET", &b) == 0);
	CHECK_SLICE(buf_view(&b), S("s3"));
	buf_clear(&b);
	CHECK(io_secret_env("IO_TEST_NONE", &b) == -1 && errno == ENODATA);
	setenv("IO_TEST_SECRET", "", 1);
	CHECK(io_secret_env("IO_TEST_SECRET", &b) == -1 && errno == ENODATA);
	buf_free(&b);
}

TEST(a_file_is_replaced_whole_or_not_at_all)
{
	struct buf b = { 0 };

	put_file(S("old"));
	CHECK(io_replace_file(path, S("new content")) == 0);
	CHECK(io_read_file(path, 99, &b) == 0);
	CHECK_SLICE(buf_view(&b), S("new content"));
	CHECK(io_replace_file("/nonexistent/x", S("y")) == -1 && errno == ENOENT);
	/* A folder cannot be replaced by a file: the half-done file goes away. */
	unlink(path);
	mkdir(path, 0700);
	CHECK(io_replace_file(path, S("y")) == -1 && errno == EISDIR);
	CHECK(rmdir(path) == 0 && rmdir(folder) == 0 && mkdir(folder, 0700) == 0);
	buf_free(&b);
}

TEST(a_shared_description_keeps_its_mode)
{
	bool nonblocking;
	int fds[2], fd;

	if (pipe(fds))
		abort();
	fd = io_reopen(fds[0], O_RDONLY, &nonblocking);
	CHECK(fd > 2 && nonblocking && fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(write(fds[1], "x", 1) == 1 && io_read(fd, &(char){ 0 }, 1) == 1);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	fd = io_reopen(fds[0], O_RDONLY, &nonblocking);
	CHECK(fd > 2 && !nonblocking && !(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
	CHECK(io_own(fd) == 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	CHECK(io_reopen(fds[0], O_RDONLY, &nonblocking) == -1 && errno == EBADF);
	CHECK(io_own(fds[0]) == -1 && errno == EBADF);
}

TEST(a_descriptor_is_not_reopened_for_what_it_was_not_opened_for)
{
	bool nonblocking;
	int fds[2];

	if (pipe(fds))
		abort();
	CHECK(io_reopen(fds[0], O_WRONLY, &nonblocking) == -1 && errno == EBADF);
	CHECK(io_reopen(fds[1], O_RDONLY, &nonblocking) == -1 && errno == EBADF);
	close(fds[0]);
	close(fds[1]);
}

TEST(closed_standard_descriptors_are_filled)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		char c;

		closefrom(0); /* also what the caller, say make -j, has left open behind them */
		_exit(io_fill_standard() || read(0, &c, 1) != 0 || write(1, "x", 1) >= 0
			|| errno != EBADF || open("/dev/null", O_RDONLY) != 3);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

TEST(writing_goes_on_to_the_last_byte)
{
	enum { N = 1 << 20 };
	char *bytes = calloc(1, N);
	size_t got = 0;
	int fds[2];

	/* A description that somebody made non-blocking, and a reader that is slow. */
	if (pipe2(fds, 0) || fcntl(fds[1], F_SETFL, O_NONBLOCK))
		abort();
	if (fork() == 0) {
		close(fds[0]);
		_exit(io_write_all(fds[1], bytes, N) == 0 ? 0 : 1);
	}
	close(fds[1]);
	for (ssize_t n; (n = io_read(fds[0], bytes, 4096)) > 0;)
		got += (size_t)n;
	CHECK(got == N);
	CHECK(io_write_all(-1, bytes, 1) == -1 && errno == EBADF);
	close(fds[0]);
	free(bytes);
}

TEST(closed_standard_descriptors_are_dev_null)
{
	int kept = dup(STDIN_FILENO);
	struct stat in, null;

	close(STDIN_FILENO);
	CHECK(io_fill_standard() == 0);
	CHECK(fstat(STDIN_FILENO, &in) == 0 && stat("/dev/null", &null) == 0);
	CHECK(in.st_rdev == null.st_rdev);
	/* Those that are open stay as they are. */
	CHECK(dup2(kept, STDIN_FILENO) == STDIN_FILENO && fstat(kept, &null) == 0);
	CHECK(io_fill_standard() == 0);
	CHECK(fstat(STDIN_FILENO, &in) == 0 && in.st_ino == null.st_ino && in.st_dev == null.st_dev);
	close(kept);
}

int
main(void)
{
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/file", folder);
	RUN(a_file_is_read_whole_up_to_the_limit);
	RUN(a_secret_comes_without_its_line_end_and_is_never_empty);
	RUN(a_file_is_replaced_whole_or_not_at_all);
	RUN(a_shared_description_keeps_its_mode);
	RUN(a_descriptor_is_not_reopened_for_what_it_was_not_opened_for);
	RUN(closed_standard_descriptors_are_filled);
	RUN(writing_goes_on_to_the_last_byte);
	RUN(closed_standard_descriptors_are_dev_null);
	unlink(path);
	rmdir(folder);
	return unit_done();
}
