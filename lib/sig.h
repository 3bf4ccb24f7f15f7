/* sig - signals as a descriptor, and the end of a tool in two steps.
 * The first SIGINT or SIGTERM asks for an orderly end within `drain_ms`; the second one
 * ends the process at once, by that signal. SIGHUP asks for a reload or for the end
 * (sig_hup). For tools with a poll loop of their own; those on libev use its watchers. */
#ifndef SIG_H
#define SIG_H

#include <stdbool.h>
#include <stdint.h>

/* Install the handlers. drain_ms 0: no limit. SIGPIPE is left to the default. */
void sig_init(int64_t drain_ms);

/* Readable when a signal has come in; sig_clear empties it. */
int sig_fd(void);
void sig_clear(void);

/* The end was asked for / the time for it has run out (system calls are interrupted
 * then, again and again). */
bool sig_stopping(void);
bool sig_drained(void);

/* True once for each reload asked for; likewise SIGUSR1 (a report is wanted), which is
 * caught only after sig_want_report. */
bool sig_reload(void);
void sig_want_report(void);
bool sig_report(void);

/* What SIGHUP means for this process. Fixed when first asked, before it is caught: after a
 * hang-up the terminal is gone. */
enum sig_hup {
	SIG_HUP_RELOADS, /* there is no controlling terminal */
	SIG_HUP_ENDS,    /* there is one */
	SIG_HUP_IGNORED, /* there is one, and it was ignored at the start, as by nohup(1) */
};
enum sig_hup sig_hup(void);

/* End as by that signal, for a caller that has cleaned up. */
_Noreturn void sig_die(int signo);

#endif
