/* fixture - tests that stand in files next to the routes (ws-routes(5)):
 *
 *   # a payment reaches its user
 *   < {"key":"payments.created","data":{"userId":"u1"}}
 *   > {"to":"user:u1"}
 *
 * '<' lines go in, '>' lines are what has to come out, a '!' line is the reason for which
 * a route has to reject the event. A case ends before the next '<' line, comment or empty
 * line. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "pass.h"

/* Run a file, or all *.test files of a folder, through pass->router. Differences and a
 * last line "N passed, N failed" go to stdout, with colour if asked for. The number of failed cases; -1 when a file
 * cannot be read or is none of these, as shown on stderr. */
int fixture_run(const char *path, struct pass *pass, bool colour);

#endif
