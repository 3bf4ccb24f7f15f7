/* life - how ws-serve ends and reloads, the table "life and death" of wsutils(7).
 *
 * The first SIGTERM or SIGINT, the end of stdin or of stdout drains: no one is let in
 * any more; commands that are still coming in a pipe are carried out, for half of
 * --drain at most; then connections are closed with 1001, spread over what is left (10
 * ms each when there are few); what is queued goes out first. The second signal ends
 * the process at once. */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>

struct server;

void life_new(struct server *s);
void life_free(struct server *s);

/* Run the loop until all is over; returns the exit code. */
int life_run(struct server *s);

/* Stdin has ended, one that counts. */
void life_input_ended(struct server *s);

/* Stdout cannot be written any more: drain, exit code 6. */
void life_fail(struct server *s);

/* The reader of stdout has gone, and with --acks that is who begins the pipeline: its end
 * comes down to our stdin a little later, as a rule. Drain; it is a failure, told, when
 * neither that nor a signal has come before the patience for commands is over. */
void life_acks_unread(struct server *s);

/* A connection has gone. */
void life_conn_gone(struct server *s);

bool life_draining(const struct server *s);

/* True when it serves: not draining, its commands still come, an authenticator runs. */
bool life_ready(const struct server *s);

#endif
