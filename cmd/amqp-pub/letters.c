#include "letters.h"

#include <unistd.h>

#include "msg.h"
#include "now.h"
#include "rec.h"
#include "rmq.h"

enum { SILENCE_MS = 60000 };

void
letters_open(struct letters *l, const char *path)
{
	*l = (struct letters){ .side = { .path = path, .name = "dead-letter" } };
	side_open(&l->side);
}

void
letters_reopen(struct letters *l)
{
	side_reopen(&l->side);
}

bool
letters_put(struct letters *l, struct slice line, uint64_t number, const char *reason)
{
	struct buf *b = &l->side.out.b;

	if (!l->side.path)
		return false;
	buf_byte(b, '{');
	rec_put_now(b);
	js_put_member(b, "error", slice_str(reason));
	js_put_member_int(b, "line", (int64_t)number);
	if (line.p)
		rec_put_payload(b, line, REC_AUTO, false);
	buf_byte(b, '}');
	side_line(&l->side);
	return true;
}

/* FNV-1a over all three. Keys may be chosen by clients, and then collide on purpose: that
 * costs a report, no more. */
static uint64_t
hash(const char *what, struct slice exchange, struct slice key)
{
	struct slice all[] = { slice_str(what), exchange, key };
	uint64_t h = 14695981039346656037U;

	for (size_t k = 0; k < 3; k++) {
		for (size_t i = 0; i < all[k].n; i++)
			h = (h ^ (unsigned char)all[k].p[i]) * 1099511628211U;
		h = (h ^ 0xff) * 1099511628211U;
	}
	return h;
}

void
letters_tell(struct letters *l, const char *what, struct slice exchange, struct slice key,
    uint64_t number)
{
	uint64_t h = hash(what, exchange, key);
	struct letters_key *k = &l->keys[h % LETTERS_KEYS];
	int64_t now = now_ms();
	struct buf text = { 0 };

	if (k->hash == h && now < k->next_ms) {
		k->silent++;
		return;
	}
	buf_fmt(&text, "line %llu: %s", (unsigned long long)number, what);
	if (key.p)
		buf_fmt(&text, " for key %.*s at exchange %.*s", (int)key.n, key.p, (int)exchange.n,
		    exchange.p);
	if (k->hash == h && k->silent)
		buf_fmt(&text, ", and %llu before it", (unsigned long long)k->silent);
	msg_warn("%s", buf_cstr(&text));
	buf_free(&text);
	*k = (struct letters_key){ .hash = h, .next_ms = now + SILENCE_MS };
}

void
letters_flush(struct letters *l)
{
	side_flush(&l->side);
}

void
letters_close(struct letters *l)
{
	side_flush(&l->side);
	if (l->side.path)
		close(l->side.out.fd);
	buf_free(&l->side.out.b);
}
