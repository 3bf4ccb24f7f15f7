/* deflate - permessage-deflate (RFC 7692) without libwebsockets' own, whose 4.1.6 reads
 * a buffer after the write has returned and aborts when a client's data fill its buffer
 * to the last byte. lws is only told that the extension is on and passes messages as
 * they are; packing and unpacking whole messages is done here. Both sides begin each
 * message anew (no context takeover), so a connection costs no memory for it. */
#ifndef DEFLATE_H
#define DEFLATE_H

#include <libwebsockets.h>

#include "buf.h"
#include "slice.h"

enum { DEFLATE_MIN = 256 }; /* bytes; shorter messages are not worth it, and go plain */

/* The extension to offer, for lws_context_creation_info.extensions. */
extern const struct lws_extension deflate_extensions[];

/* The wsi for which the extension was set up last; the owner sets it to NULL before. */
extern struct lws *deflate_wsi;

/* Append `message` packed, as it stands in a frame with RSV1. */
void deflate_pack(struct buf *out, struct slice message);

enum deflate_status { DEFLATE_OK, DEFLATE_BAD, DEFLATE_TOO_BIG };

/* Append what `packed`, the payload of a whole message, unpacks to; `most` bytes at
 * most, and no more than that is ever held. */
enum deflate_status deflate_unpack(struct buf *out, struct slice packed, size_t most);

#endif
