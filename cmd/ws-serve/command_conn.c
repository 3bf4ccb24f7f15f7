/* What is done to connections: join, leave, close, block. */
#include "command_private.h"

#include <stdlib.h>

#include "conn.h"
#include "conn_end.h"
#include "member.h"
#include "num.h"
#include "server.h"

enum { REASON_MOST = 123 };

bool
command_blocked(const struct server *s, struct slice user, struct slice remote)
{
	const struct blocks *b = &s->commands->blocks;
	int64_t now = server_now_us(s);
	struct peer_address key;
	struct slice address;

	if (!b->table.n)
		return false;
	address = blocks_address(remote, &key);
	return (user.n && blocks_has(b, BLOCK_USER, user, now)) ||
	    (address.n && blocks_has(b, BLOCK_ADDRESS, address, now));
}

/* Join or leave. */
static int64_t
move(struct command *c, bool joining)
{
	struct slice room = command_text(c, joining ? W_JOIN : W_LEAVE);
	struct conn **list;
	const char *why = NULL;
	int64_t n, reached = 0;
	struct buf name = { 0 };

	if ((c->why = command_room_error(room)))
		return -1;
	if (!command_only(c, WORD(W_CONN) | WORD(W_USER) | WORD(W_JOIN) | WORD(W_LEAVE)))
		return command_fail(c, joining ? "join goes with conn or user and nothing else"
			: "leave goes with conn or user and nothing else");
	/* Looking up the target may move the buffer that the name stands in. */
	buf_slice(&name, room);
	n = command_connections(c, &list);
	for (int64_t i = 0; i < n; i++) {
		const char *refused = NULL;

		if (joining)
			refused = member_add(list[i], buf_view(&name));
		else
			member_remove(list[i], buf_view(&name));
		if (refused)
			why = refused;
		else
			reached++;
	}
	free(list);
	buf_free(&name);
	if (why && !reached)
		return command_fail(c, why);
	return n < 0 ? -1 : reached;
}

int64_t
command_join(struct command *c)
{
	return move(c, true);
}

int64_t
command_leave(struct command *c)
{
	return move(c, false);
}

static bool
duration_of(struct command *c, enum word w, int64_t *ms)
{
	struct slice text;
	char copy[32];

	*ms = 0;
	if (!c->v[w].n)
		return true;
	text = command_text(c, w);
	if (!text.p || text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return strlen(copy) == text.n && num_duration(copy, ms) == 0 && *ms <= 365 * 86400000ll;
}

static void
block(struct command *c, enum block_kind kind, struct slice name, int64_t ms)
{
	int64_t now = server_now_us(c->server);

	blocks_add(&c->server->commands->blocks, kind, name, now + ms * 1000, now);
}

/* Block the connections by their users, else by their addresses. False when none of them
 * has either. */
static bool
block_all(struct command *c, struct conn *const *list, int64_t n, int64_t ms)
{
	int64_t blocked = 0;

	for (int64_t i = 0; i < n; i++) {
		struct peer_address key;
		struct slice user = conn_user(list[i]), name = user;

		if (!user.n)
			name = blocks_address(slice_str(list[i]->remote), &key);
		if (name.n) {
			block(c, user.n ? BLOCK_USER : BLOCK_ADDRESS, name, ms);
			blocked++;
		}
	}
	return blocked || !n;
}

int64_t
command_close(struct command *c)
{
	const uint32_t allowed = WORDS_TARGET | WORD(W_EXCEPT) | WORD(W_CLOSE) | WORD(W_REASON) |
		WORD(W_BLOCK) | WORD(W_SPREAD);
	struct slice reason = slice_of("", 0);
	struct buf copy = { 0 };
	int64_t code, block_ms, spread_ms, n;
	struct conn **list;

	if (!js_int(c->v[W_CLOSE], &code) || !(code == 1000 || (code >= 3000 && code <= 4999)))
		return command_fail(c, "close is not 1000 and not between 3000 and 4999");
	if (c->v[W_REASON].n) {
		reason = command_text(c, W_REASON);
		if (!reason.p || reason.n > REASON_MOST)
			return command_fail(c, "reason is not a string of at most 123 bytes");
	}
	buf_slice(&copy, reason);
	if (!command_only(c, allowed))
		c->why = "close has members that do not belong to it";
	else if (!duration_of(c, W_BLOCK, &block_ms))
		c->why = "block is not a duration such as \"10m\"";
	else if (!duration_of(c, W_SPREAD, &spread_ms))
		c->why = "spread is not a duration such as \"30s\"";
	n = c->why ? -1 : command_connections(c, &list);
	if (n < 0)
		goto out;
	/* A user can be kept out before it ever came. */
	if (block_ms && c->v[W_USER].n)
		block(c, BLOCK_USER, command_text(c, W_USER), block_ms);
	if (block_ms && !block_all(c, list, n, block_ms)) {
		n = command_fail(c, "there is neither a user nor an address to block");
	} else {
		for (int64_t i = 0; i < n; i++) {
			if (spread_ms)
				conn_close_later(list[i], spread_ms, (unsigned)code, buf_view(&copy));
			else
				conn_close(list[i], (unsigned)code, buf_view(&copy));
		}
	}
	free(list);
out:
	buf_free(&copy);
	return n;
}
