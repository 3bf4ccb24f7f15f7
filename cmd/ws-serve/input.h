/* input - stdin: commands, or with --raw messages, and what its end means. The end of a
 * pipe, FIFO or socket drains the server unless --stay; /dev/null, a terminal, a closed
 * or a regular file never end it. A terminal is not read from the background. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>

struct server;

void input_new(struct server *s);
void input_free(struct server *s);

/* True while somebody may still write commands whose loss would be noticed: a pipe, FIFO
 * or socket that has not ended. */
bool input_open(const struct server *s);

/* Read no more. */
void input_stop(struct server *s);

#endif
