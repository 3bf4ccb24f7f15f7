/* http_places - HTTP_CONNS requests at a time, shared out between client addresses, so
 * that nobody keeps others out by reading slowly, or by not reading at all. */
#include "http_private.h"

/* The one that has been here longest, of those that an address of this share has or, with
 * -1, of those that have taken their answer and only linger. NULL: there is none. */
static struct http_conn *
oldest(const struct http *h, int share)
{
	struct http_conn *found = NULL;

	/* The first of the list came last. */
	for (struct http_conn *c = h->first; c; c = c->next)
		if (share < 0 ? c->state == HTTP_LINGERING && http_conn_untaken(c) == 0
			: peers_share(&c->who) == (unsigned)share)
			found = c;
	return found;
}

bool
http_make_place(struct http *h, const struct http_conn *newcomer)
{
	uint16_t held[PEERS_SHARES] = { 0 };
	struct http_conn *victim;
	unsigned most = 0, own = peers_share(&newcomer->who);

	if (h->count < HTTP_CONNS)
		return true;
	victim = oldest(h, -1);
	if (victim) {
		http_conn_free(victim);
	} else {
		for (const struct http_conn *c = h->first; c; c = c->next) {
			unsigned share = peers_share(&c->who);

			if (++held[share] > held[most])
				most = share;
		}
		/* The newcomer's address would have no more with it than the other has without. */
		if (held[most] < held[own] + 2)
			return false;
		h->stats.displaced++;
		http_conn_cut(oldest(h, (int)most));
	}
	return true;
}
