#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

extern char **environ;

void
token_init(struct token *t, const struct options *o)
{
	*t = (struct token){ .o = o, .fd = -1 };
}

/* Anything else could smuggle lines into the request. */
static enum token_status
check(struct token *t, const char **why)
{
	while (t->value.n && slice_blank(t->value.p[t->value.n - 1]))
		t->value.n--;
	if (!t->value.n)
		*why = "the token is empty";
	else if (t->value.n > TOKEN_MAX)
		*why = "the token is longer than 16 KiB";
	else
		*why = NULL;
	for (size_t i = 0; i < t->value.n && !*why; i++)
		if (t->value.p[i] <= ' ' || t->value.p[i] >= 0x7f)
			*why = "the token has a blank or a character that is not ASCII";
	return *why ? TOKEN_FAILED : TOKEN_READY;
}

/* sh -c in a process group of its own, with nothing but its three descriptors. */
static int
run(struct token *t)
{
	char *argv[] = { "sh", "-c", (char *)t->o->token_command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return errno;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fds[1], STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
	    POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	rc = posix_spawn(&t->pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		t->pid = 0;
	} else {
		t->fd = fds[0];
		io_own(t->fd);
	}
	return rc;
}

enum token_status
token_start(struct token *t, const char **why)
{
	struct buf swap = t->used;

	token_stop(t);
	t->used = t->value;
	t->value = swap;
	buf_clear(&t->value);
	if (t->o->token_file) {
		if (io_secret_file(t->o->token_file, &t->value) == 0)
			return check(t, why);
		*why = errno == ENODATA ? "the token is empty" : strerror(errno);
		return TOKEN_FAILED;
	}
	if (t->o->token_command) {
		int error = run(t);

		if (!error)
			return TOKEN_WAIT;
		*why = strerror(error);
		return TOKEN_FAILED;
	}
	return TOKEN_READY;
}

enum token_status
token_step(struct token *t, const char **why)
{
	int status;

	while (t->fd >= 0) {
		ssize_t n = io_read(t->fd, buf_reserve(&t->value, 4096), 4096);

		if (n < 0 && errno == EAGAIN)
			return TOKEN_WAIT;
		if (n > 0)
			t->value.n += (size_t)n;
		if (n <= 0 || t->value.n > TOKEN_MAX + 4096) {
			close(t->fd);
			t->fd = -1;
		}
	}
	switch (waitpid(t->pid, &status, WNOHANG)) {
	case 0:
		return TOKEN_WAIT;
	case -1:
		status = -1;
		break;
	}
	t->pid = 0;
	if (status != 0) {
		*why = "the token command failed";
		return TOKEN_FAILED;
	}
	return check(t, why);
}

bool
token_is_new(const struct token *t)
{
	return !slice_eq(buf_view(&t->value), buf_view(&t->used));
}

void
token_stop(struct token *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	if (t->pid > 0) {
		kill(-t->pid, SIGKILL);
		while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	t->pid = 0;
}

void
token_free(struct token *t)
{
	token_stop(t);
	OPENSSL_cleanse(t->value.p, t->value.cap);
	OPENSSL_cleanse(t->used.p, t->used.cap);
	buf_free(&t->value);
	buf_free(&t->used);
}
