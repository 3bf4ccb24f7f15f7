/* session - one WebSocket after the other: connect, talk, connect again, end. */
#ifndef SESSION_H
#define SESSION_H

#include "options.h"

/* Run until the end. Returns the exit code. */
int session_run(const struct options *o);

#endif
