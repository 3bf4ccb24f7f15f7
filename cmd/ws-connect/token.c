#include "token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

void
token_init(struct token *t, const struct options *o)
{
	*t = (struct token){ .o = o, .command = { -1, -1, -1 } };
}

/* Anything else could smuggle lines into the request. */
static enum token_status
check(struct token *t)
{
	while (t->value.n && slice_blank(t->value.p[t->value.n - 1]))
		t->value.n--;
	if (!t->value.n)
		t->why = "the token is empty";
	else if (t->value.n > TOKEN_MAX)
		t->why = "the token is longer than 16 KiB";
	else
		t->why = NULL;
	for (size_t i = 0; i < t->value.n && !t->why; i++)
		if (t->value.p[i] <= ' ' || t->value.p[i] >= 0x7f)
			t->why = "the token has a blank or a character that is not ASCII";
	return t->why ? TOKEN_FAILED : TOKEN_READY;
}

enum token_status
token_start(struct token *t)
{
	struct buf swap = t->used;

	token_stop(t);
	t->used = t->value;
	t->value = swap;
	buf_clear(&t->value);
	if (t->o->token_file) {
		if (io_secret_file(t->o->token_file, &t->value) == 0)
			return check(t);
		t->why = errno == ENODATA ? "the token is empty" : strerror(errno);
		return TOKEN_FAILED;
	}
	if (t->o->token_command) {
		if (proc_start(&t->command, t->o->token_command)) {
			t->why = strerror(errno);
			return TOKEN_FAILED;
		}
		close(t->command.in); /* it is told nothing */
		t->command.in = -1;
		return TOKEN_WAIT;
	}
	return TOKEN_READY;
}

enum token_status
token_step(struct token *t)
{
	int status;

	while (t->command.out >= 0) {
		ssize_t n = io_read(t->command.out, buf_reserve(&t->value, 4096), 4096);

		if (n < 0 && errno == EAGAIN)
			return TOKEN_WAIT;
		if (n > 0)
			t->value.n += (size_t)n;
		if (n <= 0 || t->value.n > TOKEN_MAX + 4096)
			proc_close(&t->command);
	}
	switch (waitpid(t->command.pid, &status, WNOHANG)) {
	case 0:
		return TOKEN_WAIT;
	case -1:
		status = -1;
		break;
	}
	t->command.pid = -1;
	if (status != 0) {
		t->why = "the token command failed";
		return TOKEN_FAILED;
	}
	return check(t);
}

bool
token_is_new(const struct token *t)
{
	return !slice_eq(buf_view(&t->value), buf_view(&t->used));
}

void
token_stop(struct token *t)
{
	proc_close(&t->command);
	if (t->command.pid > 0) {
		kill(-t->command.pid, SIGKILL);
		while (waitpid(t->command.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	t->command.pid = -1;
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
