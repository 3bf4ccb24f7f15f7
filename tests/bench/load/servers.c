#include "servers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The file's content; "" when it cannot be read. */
static void
slurp(const char *pid, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *f;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, size - 1, f);
		fclose(f);
	}
	text[n] = '\0';
}

double
servers_cpu(const struct opt_list *pids)
{
	double ticks = 0;

	for (int i = 0; i < pids->n; i++) {
		char stat[1024], *after_name;
		unsigned long user, kernel;

		slurp(pids->v[i], "stat", stat, sizeof(stat));
		after_name = strrchr(stat, ')');
		if (after_name && sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		    &user, &kernel) == 2)
			ticks += (double)(user + kernel);
	}
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

double
servers_memory(const struct opt_list *pids)
{
	double pages = 0;

	for (int i = 0; i < pids->n; i++) {
		char statm[256];
		unsigned long resident;

		slurp(pids->v[i], "statm", statm, sizeof(statm));
		if (sscanf(statm, "%*u %lu", &resident) == 1)
			pages += (double)resident;
	}
	return pages * (double)sysconf(_SC_PAGESIZE);
}
