/* tty - the interactive terminal, on libedit: a line being edited at the bottom, and
 * what happens above it. One at a time, since a process has one terminal. */
#ifndef TTY_H
#define TTY_H

#include <stdbool.h>

#include "slice.h"

struct tty;

/* True when standard input and output are a terminal that can be edited on, and this
 * process is in its foreground. */
bool tty_possible(void);

/* Take the terminal over; it is given back by tty_free, and when the process exits. */
struct tty *tty_new(void);
void tty_free(struct tty *t);

/* Standard input is readable. */
void tty_read(struct tty *t);

/* The next line that was typed in full, until the next call of anything here; shown with
 * its time. False when there is none. */
bool tty_take(struct tty *t, struct slice *line);

/* Control-D on an empty line, or the terminal is gone. */
bool tty_ended(const struct tty *t);

/* Show text on lines of its own above what is being typed, with the time and a sign:
 * '<' came, '*' happened. Control characters are shown escaped. */
void tty_show(struct tty *t, char sign, struct slice text);

/* The terminal has changed its size, or the process was stopped and goes on: called
 * once in every turn of the loop. */
void tty_signals(struct tty *t);

#endif
