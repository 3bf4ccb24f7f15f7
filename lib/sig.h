/* sig - signals as a descriptor, and the end of a tool in two steps.
 * The first SIGINT or SIGTERM asks for an orderly end within `drain_ms`; the second one
 * ends the process at once, by that signal. SIGHUP asks for a reload when the process
 * has no controlling terminal, otherwise for the end. For tools with a poll loop of
 * their own; those on libev use its watchers. */
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

/* What SIGHUP means for this process: true for reload. Fixed when first asked. */
bool sig_hup_reloads(void);

/* End as by that signal, for a caller that has cleaned up. */
_Noreturn void sig_die(int signo);

#endif
