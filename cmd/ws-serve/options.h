/* options - the option table of ws-serve. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "config.h"

/* Parse argv and environment into the one configuration, and check what contradicts
 * itself. A mistake ends the program with exit code 2. */
const struct config *options_parse(int argc, char **argv);

#endif
