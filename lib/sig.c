#include "sig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "exit.h"
#include "msg.h"

static int fds[2] = { -1, -1 };
static struct itimerval limit;
static volatile sig_atomic_t stopping, drained, reload, report;

static void
wake(void)
{
	int saved = errno;

	/* A full pipe is as good a wake-up as one more byte. */
	if (write(fds[1], "", 1) < 0)
		errno = saved;
}

static void
on_stop(int signo)
{
	(void)signo;
	stopping = 1;
	/* A second signal of any kind ends the process. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (sig_hup() == SIG_HUP_ENDS)
		signal(SIGHUP, SIG_DFL);
	if (limit.it_value.tv_sec || limit.it_value.tv_usec)
		setitimer(ITIMER_REAL, &limit, NULL);
	wake();
}

static void
on_alarm(int signo)
{
	(void)signo;
	drained = 1;
	wake();
}

static void
on_hup(int signo)
{
	if (sig_hup() == SIG_HUP_RELOADS) {
		reload = 1;
		wake();
	} else {
		on_stop(signo);
	}
}

static void
on_usr1(int signo)
{
	(void)signo;
	report = 1;
	wake();
}

/* No SA_RESTART: a tool blocked on its output must look up when asked to end. */
static void
catch(int signo, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(signo, &sa, NULL);
}

enum sig_hup
sig_hup(void)
{
	static bool asked;
	static enum sig_hup answer;
	struct sigaction old;
	int tty;

	if (asked)
		return answer;
	asked = true;
	tty = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		answer = SIG_HUP_RELOADS;
	else if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		answer = SIG_HUP_IGNORED;
	else
		answer = SIG_HUP_ENDS;
	if (tty >= 0)
		close(tty);
	return answer;
}

void
sig_init(int64_t drain_ms)
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		msg_die(EXIT_HOST, "cannot make a pipe: %s", strerror(errno));
	limit.it_value.tv_sec = drain_ms / 1000;
	limit.it_value.tv_usec = drain_ms % 1000 * 1000;
	/* Repeated, since one alarm may fall just before a blocking call. */
	limit.it_interval.tv_usec = 100000;
	catch(SIGALRM, on_alarm);
	catch(SIGINT, on_stop);
	catch(SIGTERM, on_stop);
	if (sig_hup() != SIG_HUP_IGNORED)
		catch(SIGHUP, on_hup);
}

int
sig_fd(void)
{
	return fds[0];
}

void
sig_clear(void)
{
	char sink[64];

	while (read(fds[0], sink, sizeof(sink)) > 0)
		;
}

bool
sig_stopping(void)
{
	return stopping;
}

bool
sig_drained(void)
{
	return drained;
}

bool
sig_reload(void)
{
	bool was = reload;

	reload = 0;
	return was;
}

void
sig_want_report(void)
{
	catch(SIGUSR1, on_usr1);
}

bool
sig_report(void)
{
	bool was = report;

	report = 0;
	return was;
}

void
sig_die(int signo)
{
	sigset_t set;

	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signo);
	_exit(128 + signo);
}
