#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

double
servers_cpu(const struct opt_list *pids)
{
	double seconds = 0;

	for (int i = 0; i < pids->n; i++) {
		clockid_t clock;
		struct timespec t;

		if (clock_getcpuclockid((pid_t)strtol(pids->v[i], NULL, 10), &clock) == 0 &&
		    clock_gettime(clock, &t) == 0)
			seconds += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
	return seconds;
}

double
servers_memory(const struct opt_list *pids)
{
	double pages = 0;

	for (int i = 0; i < pids->n; i++) {
		char path[64];
		unsigned long resident;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/statm", pids->v[i]);
		f = fopen(path, "r");
		if (f && fscanf(f, "%*u %lu", &resident) == 1)
			pages += (double)resident;
		if (f)
			fclose(f);
	}
	return pages * (double)sysconf(_SC_PAGESIZE);
}
