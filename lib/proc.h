/* proc - start a shell command as a co-process: its stdin and stdout are pipes to us,
 * its stderr is ours. It runs in a process group of its own, with descriptors 0 to 2
 * only and all signals at their defaults. */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

struct proc {
	pid_t pid; /* and the number of its process group */
	int in;    /* write here: its stdin. Ours, non-blocking, close-on-exec */
	int out;   /* read here: its stdout. The same */
};

/* Start `command` with /bin/sh -c. 0, or -1 with errno and nothing left open. */
int proc_start(struct proc *p, const char *command);

/* Close our ends (those that are not -1 already). */
void proc_close(struct proc *p);

#endif
