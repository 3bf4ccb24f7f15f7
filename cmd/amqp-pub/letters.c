#include "letters.h"

#include <unistd.h>

#include "hash.h"
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

void
letters_tell(struct letters *l, const char *what, struct slice exchange, struct slice key,
    uint64_t number)
{
	int64_t now = now_ms();
	struct buf text = { 0 };
	struct letters_key *k;
	uint64_t h;

	buf_str(&text, what);
	if (key.p)
		buf_fmt(&text, " for key %.*s at exchange %.*s", (int)key.n, key.p, (int)exchange.n,
		    exchange.p);
	h = hash_bytes(buf_view(&text));
	k = &l->keys[h % LETTERS_KEYS];
	if (k->hash == h && now < k->next_ms) {
		k->silent++;
	} else {
		if (k->hash == h && k->silent)
			buf_fmt(&text, ", and %llu before it", (unsigned long long)k->silent);
		msg_warn("line %llu: %s", (unsigned long long)number, buf_cstr(&text));
		*k = (struct letters_key){ .hash = h, .next_ms = now + SILENCE_MS };
	}
	buf_free(&text);
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
