#include "auth_line.h"

#include "mem.h"

enum { USER_MOST = 1024, CLAIMS_MOST = 64 << 10 };

/* Reasons that an authenticator may give, those of jwt-check(1) among them. Whatever else
 * it writes is "refused": a token must not come out here. */
static const char *const reasons[] = {
	"expired", "not yet valid", "issued in the future", "bad signature", "empty signature",
	"wrong algorithm", "algorithm none", "no algorithm", "unknown key", "wrong issuer",
	"no issuer", "wrong audience", "no audience", "unknown critical header", "not three parts",
	"malformed", "no user", "user is not a name", "missing claim", "wrong claim", "revoked",
	"unknown user", "missing token", "empty token", "too long", NULL,
};

/* A granting answer's members. NULL, or what is wrong with them. */
static const char *
read_identity(const struct js_member *m, int n, struct buf *scratch, struct identity *id)
{
	struct slice user = js_pick(m, n, S("user")), claims = js_pick(m, n, S("claims"));
	struct slice expires = js_pick(m, n, S("expires"));

	id->authenticated = true;
	if (user.n && js_type(user) != JS_NULL) {
		struct slice text = js_text(user, scratch);
		int64_t number;

		/* Users may be numbered: then its digits are the name. */
		if (js_int(user, &number))
			text = user;
		if (!text.p || !text.n || text.n > USER_MOST)
			return "user is neither a string of 1 to 1024 bytes nor an integer";
		for (size_t i = 0; i < text.n; i++)
			if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
				return "user has control characters";
		id->user = mem_copy(text.p, text.n);
	}
	if (claims.n && js_type(claims) != JS_NULL) {
		struct buf flat = { 0 };

		if (js_type(claims) != JS_OBJECT || claims.n > CLAIMS_MOST)
			return "claims is not an object of at most 64 KiB";
		js_put_flat(&flat, claims);
		id->claims = mem_copy(flat.p, flat.n);
		buf_free(&flat);
	}
	if (expires.n && js_type(expires) != JS_NULL) {
		double seconds;

		if (!js_double(expires, &seconds) || !(seconds > 0))
			return "expires is not a time in seconds";
		/* Nothing expires later than the clock can say. */
		id->expires = seconds > 9e12 ? 0 : (int64_t)(seconds * 1000);
	}
	return NULL;
}

/* The first of several reasons ("expired; wrong audience") that is a known one; what
 * follows it ("missing claim role") is not repeated. */
static const char *
fixed_reason(struct slice error, struct buf *scratch)
{
	struct slice text = js_text(error, scratch);

	while (text.n) {
		struct slice one = slice_trim(slice_cut(&text, ';'));

		for (int i = 0; reasons[i]; i++) {
			struct slice known = slice_str(reasons[i]);

			if (slice_starts(one, known) && (one.n == known.n || one.p[known.n] == ' '))
				return reasons[i];
		}
	}
	return "refused";
}

const char *
auth_line_answer(const struct js_member *m, int n, struct buf *scratch,
    struct auth_answer *answer)
{
	struct slice ok = js_pick(m, n, S("ok"));
	const char *why;

	*answer = (struct auth_answer){ .result = AUTH_REFUSED, .reason = "refused" };
	if (js_type(ok) == JS_FALSE) {
		answer->reason = fixed_reason(js_pick(m, n, S("error")), scratch);
		return NULL;
	}
	if (js_type(ok) != JS_TRUE)
		return "ok is neither true nor false";
	why = read_identity(m, n, scratch, &answer->id);
	if (why) {
		identity_free(&answer->id);
		return why;
	}
	answer->result = AUTH_GRANTED;
	return NULL;
}

void
auth_line_put(struct buf *b, uint64_t id, const struct auth_question *q)
{
	buf_clear(b);
	buf_byte(b, '{');
	js_put_member_int(b, "id", (int64_t)id);
	js_put_member(b, "token", q->token);
	js_put_member(b, "remote", q->remote);
	js_put_member(b, "path", q->path);
	if (q->field_count) {
		js_put_key(b, "headers");
		buf_byte(b, '{');
		for (int i = 0; i < q->field_count; i++) {
			if (i)
				buf_byte(b, ',');
			js_put_string(b, q->fields[i].name);
			buf_byte(b, ':');
			js_put_string(b, q->fields[i].value);
		}
		buf_byte(b, '}');
	}
	buf_byte(b, '}');
}
