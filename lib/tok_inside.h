/* tok_inside - what tok.c and tok_claims.c share. */
#ifndef TOK_INSIDE_H
#define TOK_INSIDE_H

#include "js.h"
#include "tok.h"

/* The shortest member, `"":1,`, is five bytes: more than that do not fit in a token. */
enum { TOK_MEMBERS = TOK_MAX / 4 * 3 / 5 + 1 };

/* What was read from a header. */
struct tok_header {
	uint64_t faults;
	int alg; /* enum jwk_alg, or -1 */
	bool has_kid;
	struct buf kid;
};

struct tok {
	const struct tok_policy *policy;
	struct js_member *members;
	struct buf header, payload, signature, scratch;
	/* Tokens of one issuer mostly have the same header: the last one is kept as it was
	 * encoded, with what it says. */
	struct buf last;
	struct tok_header head;
};

static inline uint64_t
tok_bit(enum tok_fault fault)
{
	return 1ull << fault;
}

/* Judge the claims in t->payload, and fill in what a verdict says of them. */
void tok_check_claims(struct tok *t, int64_t now_ms, struct tok_verdict *v);

#endif
