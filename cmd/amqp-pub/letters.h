/* letters - what could not be delivered: kept in the file of --dead-letter, one record a
 * line with the reason, and told on stderr, not more than once a minute for each key. */
#ifndef LETTERS_H
#define LETTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "side.h"

enum { LETTERS_KEYS = 256 }; /* keys whose last report is remembered */

struct letters {
	struct side side;
	struct letters_key {
		uint64_t hash;
		int64_t next_ms;  /* when it may be told again */
		uint64_t silent;  /* not told since */
	} keys[LETTERS_KEYS];
};

/* path NULL: no file. A file that cannot be opened ends the program with exit code 2. */
void letters_open(struct letters *l, const char *path);

/* Flush, and open the path again: the file may have been moved away. */
void letters_reopen(struct letters *l);

/* Keep a line (an empty slice: it was not kept, too long) with the reason. False when
 * there is no file. */
bool letters_put(struct letters *l, struct slice line, uint64_t number, const char *reason);

/* Tell why a message was not delivered ("no queue took the message"), with its exchange and
 * key unless key.p is NULL; but not more than once a minute for the same. */
void letters_tell(struct letters *l, const char *what, struct slice exchange, struct slice key,
    uint64_t number);

void letters_flush(struct letters *l);
void letters_close(struct letters *l);

#endif
