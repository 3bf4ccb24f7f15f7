/* proxy - whose X-Forwarded-For is believed. Pure. */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>

#include "peers.h"
#include "slice.h"

struct proxy {
	struct proxy_net {
		struct peer_address net;
		int bits; /* of 128 */
	} *nets;
	int count;
	bool local; /* peers on a Unix socket are trusted */
};

/* Add "ADDRESS[/BITS]" or "unix". NULL, or a static reason why it is wrong. */
const char *proxy_add(struct proxy *p, const char *text);
void proxy_free(struct proxy *p);

bool proxy_trusts(const struct proxy *p, const struct peer_address *a);

/* The client's address out of the values of X-Forwarded-For, joined by commas: the
 * rightmost one that is not trusted itself, or the leftmost when all are. False when
 * there is none or an entry that has to be looked at is no address; then the request is
 * refused. *text is the address as it stood there, without port and brackets. */
bool proxy_client(const struct proxy *p, struct slice forwarded, struct peer_address *a,
    struct slice *text);

/* An IPv4 or IPv6 address, perhaps in brackets and with a port. False when it is none. */
bool proxy_address(struct slice text, struct peer_address *a, struct slice *bare);

#endif
