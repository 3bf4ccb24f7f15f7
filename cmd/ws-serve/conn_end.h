/* conn_end - how a connection ends, and the event that tells it. */
#ifndef CONN_END_H
#define CONN_END_H

#include <stdint.h>

#include "slice.h"

struct conn;

enum { CONN_CLOSE_MS = 5000 };

/* End it: what is queued goes out first, then a close frame with `code` (1000, 1001,
 * 1007 to 1014, 3000 to 4999) and `reason` (at most 123 bytes are used). It leaves its
 * rooms at once, and is cut when the peer does not answer in CONN_CLOSE_MS. */
void conn_close(struct conn *c, unsigned code, struct slice reason);

/* The same without what is queued: for one that does not read. */
void conn_abandon(struct conn *c, unsigned code, struct slice reason);

/* Close it at a random moment within the next within_ms, unless that was to be anyway. */
void conn_close_later(struct conn *c, int64_t within_ms, unsigned code, struct slice reason);

/* Cut it without a close frame; reported as 1006 with `reason`. */
void conn_cut(struct conn *c, const char *reason);

/* One that is closing already: do not wait for its peer any more. Not from within a
 * callback of its own. */
void conn_kill(struct conn *c);

/* Remember how it ended, for the `close` event; the first call counts. */
void conn_note_close(struct conn *c, unsigned code, struct slice reason);

/* lws begins to close it, by itself or for us: nothing may follow its close frame. The
 * peer has CONN_CLOSE_MS to answer that, unless its time runs already. */
void conn_ending(struct conn *c);

/* lws has closed it: it is reported and forgotten. */
void conn_closed(struct conn *c);

#endif
