/* ask - one command for all the servers: get, kick, reload, and watch and events, which
 * go on. */
#ifndef ASK_H
#define ASK_H

#include "ctl.h"

/* True if `word` is one of the commands. */
bool ask_is_command(const char *word);

/* Run the command in words[0], with its arguments behind it. Returns the exit code:
 * EXIT_NO when no server has what was asked for, EXIT_USAGE when one refused. Wrong
 * arguments end the program. */
int ask(const struct config *config, char **paths, int n, char **words, int count);

#endif
