/* blocks - who may not come back for a while: {"close":…,"block":"10m"}. Users by name,
 * connections without a user by address. */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "peers.h"
#include "slice.h"
#include "table.h"

enum { BLOCKS_MOST = 65536 }; /* entries; beyond, the one that ends first is dropped */

struct blocks {
	struct table table;
};

enum block_kind { BLOCK_USER, BLOCK_ADDRESS };

/* Block until until_us (any monotonic clock); a longer block stays. */
void blocks_add(struct blocks *b, enum block_kind kind, struct slice name, int64_t until_us,
    int64_t now_us);
bool blocks_has(const struct blocks *b, enum block_kind kind, struct slice name, int64_t now_us);
void blocks_free(struct blocks *b);

/* What "10.0.0.7:51234" is blocked as, written into *key, which must last as long as the
 * slice that is returned: the address, of IPv6 its /64 as for other limits. Empty when it
 * is no address: a Unix socket is everybody's. */
struct slice blocks_address(struct slice remote, struct peer_address *key);

#endif
