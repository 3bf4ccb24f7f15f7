/* msg - what a tool says to people, on stderr, one line each:
 *   ws-connect: cannot connect to ws://host/: connection refused
 * Lower case, no full stop, the object as it was given, the cause last. Control
 * characters and bytes that are not UTF-8 are escaped. The only module that writes
 * stderr. A line is one write(2), cut at 4 KiB. */
#ifndef MSG_H
#define MSG_H

#include <stdbool.h>
#include <stdint.h>

enum msg_level { MSG_ERROR, MSG_WARNING, MSG_INFO, MSG_DEBUG };

/* The program's name, as it stands before each message. Called first in main. */
void msg_init(const char *program);
const char *msg_program(void);

/* What is shown: levels up to `most` (--quiet: MSG_ERROR; default MSG_WARNING;
 * -v: MSG_INFO; -vv: MSG_DEBUG), as text or as JSON lines (--log-json). */
void msg_setup(enum msg_level most, bool json);
bool msg_shown(enum msg_level level);

/* From here on no message waits for the reader of stderr: what a pipe, socket or terminal
 * has no room for is lost, and a warning before the next line that is written says how
 * many were. For a server, which has better things to do. The descriptor, which others
 * may share, stays as it is; they can still fill a pipe between our look and our write. */
void msg_never_wait(void);

/* Messages that were lost, ever. */
uint64_t msg_lost(void);

/* Called before and after each message, so that an editor of lines on the same terminal
 * can put its line aside. NULL: none. */
void msg_hook(void (*before)(void), void (*after)(void));

void msg_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An error, and the end of the program with `status` (exit.h). atexit functions run. */
_Noreturn void msg_die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
