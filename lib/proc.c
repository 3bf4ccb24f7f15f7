#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "io.h"

/* In the child: nothing but what is safe between fork and exec. */
static _Noreturn void
become(const char *command, int in, int out)
{
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	/* Out of the way first: a pipe may have got descriptor 0 or 1. */
	in = fcntl(in, F_DUPFD, 3);
	out = fcntl(out, F_DUPFD, 3);
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
	    close_range(3, ~0U, 0) == 0)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int
proc_start(struct proc *p, const char *command)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, saved;

	*p = (struct proc){ .pid = -1, .in = -1, .out = -1 };
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || io_own(to[1]) || io_own(from[0]))
		goto fail;
	p->pid = fork();
	if (p->pid < 0)
		goto fail;
	if (p->pid == 0)
		become(command, to[0], from[1]);
	/* In both, so that the group is there whoever comes first. */
	setpgid(p->pid, p->pid);
	close(to[0]);
	close(from[1]);
	p->in = to[1];
	p->out = from[0];
	return 0;
fail:
	saved = errno;
	for (int i = 0; i < 2; i++) {
		if (to[i] >= 0)
			close(to[i]);
		if (from[i] >= 0)
			close(from[i]);
	}
	errno = saved;
	return -1;
}

void
proc_close(struct proc *p)
{
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	p->in = p->out = -1;
}
