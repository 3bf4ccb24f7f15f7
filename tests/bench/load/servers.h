/* servers - what the kernel says of the servers that are measured, all threads of all of
 * them. A process that is gone counts nothing. */
#ifndef LOAD_SERVERS_H
#define LOAD_SERVERS_H

#include "opt.h"

/* Seconds of processor time. */
double servers_cpu(const struct opt_list *pids);

/* Bytes of resident memory. */
double servers_memory(const struct opt_list *pids);

#endif
