/* outcome - what becomes of a line: confirmed, returned, refused, given up; and the
 * acknowledgement of its tag. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "state.h"

enum { PUB_END_MS = 2000 }; /* that the end of a pipeline may take to come down to us */

/* The line makes no message; p->why says why. */
void outcome_reject(struct pub *p, struct entry *e);

/* The confirm in p->rmq: the broker has taken the messages, or not. */
void outcome_confirm(struct pub *p, bool taken);

/* The return in p->rmq.message. */
void outcome_return(struct pub *p);

/* The channel was closed: true when a message was too large for the broker, which names
 * the size. It is the first of that size, and is given up; those before it were taken. */
bool outcome_too_large(struct pub *p);

/* Lines that are settled leave the window, in their order. */
void outcome_release(struct pub *p);

/* Write the acknowledgements: one for all, since only the last counts, so that a slow
 * reader lets none pile up. */
void outcome_write_acks(struct pub *p);

/* Who reads the acknowledgements has gone. It is the tap that begins the pipeline: as a
 * rule its end comes down the pipeline as well, a little later and behind the last lines,
 * which are still delivered. p->input_due is set. */
void outcome_acks_gone(struct pub *p);

/* It is p->input_due, and the input has not ended. If its writer has gone, what is left
 * in it is waited for; otherwise this ends the program as SIGPIPE does. */
void outcome_input_due(struct pub *p);

#endif
