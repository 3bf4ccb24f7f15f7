/* feed - the lines of stdin to all the servers. Nothing is lost that was taken: a line is
 * kept until each server has confirmed it, and sent again after a reconnect. */
#ifndef FEED_H
#define FEED_H

#include "ctl.h"

/* Returns the exit code: EXIT_PARTIAL when a server rejected lines or lines were too
 * long, EXIT_NETWORK when a server was given up. */
int feed(const struct config *config, char **paths, int n);

#endif
