/* jwt-sign - tokens for tests and load. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "exit.h"
#include "io.h"
#include "js.h"
#include "jwk.h"
#include "mem.h"
#include "msg.h"
#include "num.h"
#include "opt.h"
#include "out.h"
#include "rec.h"
#include "tok.h"

enum { MEMBERS = 1024, CLAIMS_FILE_MAX = 1 << 20 };

/* A claim of the command line, borrowed from there. */
struct claim {
	struct slice name;
	const char *value; /* may have %d */
	bool text;         /* a string even where it looks like JSON */
};

static struct {
	struct jwk_sources keys;
	int alg; /* enum jwk_alg, -1: what fits the key */
	const char *kid;
	const char *claims_file;
	struct claim *claims;
	int n_claims;
	struct opt_list audiences;
	const char *exp, *nbf, *now;
	bool no_iat;
	int64_t count;
} o = { .keys = { .sign = true, .warn = msg_warn }, .alg = -1, .count = -1 };

static const char *
set_alg(const struct opt *opt, const char *value)
{
	(void)opt;
	o.alg = jwk_alg_find(slice_str(value));
	return o.alg < 0 ? "no algorithm such as HS256 or EdDSA" : NULL;
}

static struct claim *
find_claim(struct slice name)
{
	for (int i = 0; i < o.n_claims; i++)
		if (slice_eq(o.claims[i].name, name))
			return &o.claims[i];
	return NULL;
}

static void
set_claim(struct slice name, const char *value, bool text)
{
	struct claim *c = find_claim(name);

	if (!c) {
		o.claims = mem_resize(o.claims, (size_t)o.n_claims + 1, sizeof(*o.claims));
		c = &o.claims[o.n_claims++];
	}
	*c = (struct claim){ name, value, text };
}

/* NAME=VALUE: JSON where VALUE is JSON, else a string. */
static const char *
add_claim(const struct opt *opt, const char *value)
{
	struct slice rest = slice_str(value), name = slice_cut(&rest, '=');

	(void)opt;
	if (!name.n || rest.p == name.p + name.n)
		return "not of the form NAME=VALUE";
	set_claim(name, rest.p, false);
	return NULL;
}

/* An option that is a claim of its own; which one is in opt->var. */
static const char *
add_text(const struct opt *opt, const char *value)
{
	set_claim(slice_str(opt->var), value, true);
	return NULL;
}

static char iss[] = "iss", sub[] = "sub";

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Key (exactly one is used):" },
	{ .name = "alg", .kind = OPT_CALL, .call = set_alg, .arg = "NAME",
	  .help = "the algorithm (the first that fits the key)" },
	{ .name = "jwks", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.sets, .arg = "FILE",
	  .help = "a private key of a JWK set; --kid says which" },
	{ .name = "key-encoding", .kind = OPT_CHOICE, .var = &o.keys.encoding,
	  .choices = jwk_encodings, .arg = "FORM",
	  .help = "the secret is raw, base64 or base64url (raw)" },
	{ .name = "key-env", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.envs, .arg = "NAME",
	  .help = "a secret or private PEM key in an environment variable" },
	{ .name = "key-file", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.files, .arg = "FILE",
	  .help = "a secret or private PEM key in a file" },
	{ .name = "kid", .kind = OPT_STRING, .var = &o.kid, .arg = "NAME",
	  .help = "kid of the header; with --jwks also the key's name" },
	{ .name = "strict", .kind = OPT_FLAG, .var = &o.keys.strict,
	  .help = "refuse a secret shorter than the hash" },
	{ .kind = OPT_TITLE, .help = "Claims (with --count, %d is the number of the token):" },
	{ .name = "audience", .kind = OPT_CALL, .call = opt_append, .var = &o.audiences, .arg = "NAME",
	  .help = "aud; several make a list" },
	{ .name = "claim", .letter = 'c', .kind = OPT_CALL, .call = add_claim, .arg = "NAME=VALUE",
	  .flags = OPT_ORDERED, .help = "a claim, a string unless VALUE is JSON; repeatable" },
	{ .name = "claims-file", .kind = OPT_STRING, .var = &o.claims_file, .arg = "FILE",
	  .help = "a JSON object with claims, under those of the options" },
	{ .name = "exp", .kind = OPT_STRING, .var = &o.exp, .arg = "TIME",
	  .help = "ends that long from now: 1h, -5m; or at @SECONDS" },
	{ .name = "issuer", .kind = OPT_CALL, .call = add_text, .var = iss, .arg = "NAME",
	  .help = "iss" },
	{ .name = "nbf", .kind = OPT_STRING, .var = &o.nbf, .arg = "TIME",
	  .help = "begins that long from now, or at @SECONDS" },
	{ .name = "no-iat", .kind = OPT_FLAG, .var = &o.no_iat, .help = "leave out iat, which is now" },
	{ .name = "now", .kind = OPT_STRING, .var = &o.now, .arg = "TIME",
	  .help = "what now is, in seconds or as in RFC 3339 (the clock's)" },
	{ .name = "sub", .kind = OPT_CALL, .call = add_text, .var = sub, .arg = "NAME", .help = "sub" },
	{ .kind = OPT_TITLE, .help = "Output:" },
	{ .name = "count", .letter = 'n', .kind = OPT_INT, .var = &o.count, .arg = "COUNT", .min = 1,
	  .max = 100000000, .help = "as many tokens, one a line (1)" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "jwt-sign",
	.synopsis = "[options]",
	.about = "Make signed tokens, for tests and load.",
	.options = options,
};

/* --- the key --- */

/* The key that --kid names; a key that has no name may be given one by it. */
static struct jwk *
choose_key(const struct jwk_set *set)
{
	for (size_t i = 0; i < set->n && o.kid; i++)
		if (jwk_kid(set->v[i]).p && slice_is(jwk_kid(set->v[i]), o.kid))
			return set->v[i];
	if (set->n > 1 && !o.kid)
		opt_fail("several keys: --kid says which");
	if (o.kid && (set->n > 1 || jwk_kid(set->v[0]).p))
		opt_fail("no key has the kid %s", o.kid);
	return set->v[0];
}

static void
load_keys(struct jwk_set *set)
{
	struct buf why = { 0 };

	if (o.alg >= 0)
		o.keys.algs = 1u << o.alg;
	if (jwk_load(set, &o.keys, &why))
		msg_die(EXIT_USAGE, "%s", buf_cstr(&why));
	buf_free(&why);
}

/* --- the claims --- */

/* A time as of --exp, in seconds. */
static int64_t
when(const char *option, const char *text, int64_t now)
{
	const char *p = *text == '-' || *text == '+' ? text + 1 : text;
	int64_t v;

	if (*text == '@') {
		if (num_int(text + 1, &v))
			opt_fail("--%s: no number of seconds: %s", option, text);
		return v;
	}
	if (num_duration(p, &v))
		opt_fail("--%s: neither a duration such as 1h or -5m nor @SECONDS: %s", option, text);
	return now + (*text == '-' ? -v : v) / 1000;
}

static int64_t
what_now(void)
{
	struct timespec t;
	int64_t s;

	if (!o.now)
		return (int64_t)time(NULL);
	if (num_int(o.now, &s) == 0)
		return s;
	if (rec_time(slice_str(o.now), &t))
		opt_fail("--now: neither seconds since 1970 nor a time as in RFC 3339: %s", o.now);
	return (int64_t)t.tv_sec;
}

/* `text` with the number in the place of %d and one % for %%; as it is without --count. */
static void
expand(struct buf *b, const char *text, int64_t number)
{
	for (; *text; text++) {
		if (o.count > 0 && text[0] == '%' && text[1] == 'd') {
			buf_u64(b, (unsigned long long)number);
			text++;
		} else {
			if (o.count > 0 && text[0] == '%' && text[1] == '%')
				text++;
			buf_byte(b, *text);
		}
	}
}

static bool
by_option(struct slice key)
{
	for (int i = 0; i < o.n_claims; i++)
		if (js_key_is(key, o.claims[i].name))
			return true;
	return false;
}

/* A claim that another option than --claim makes, unless --claim makes it too. */
static void
set_number(struct slice name, int64_t value)
{
	struct buf b = { 0 };

	if (find_claim(name))
		return;
	buf_fmt(&b, "%lld", (long long)value);
	set_claim(name, buf_cstr(&b), false); /* lives as long as the program */
}

static void
set_audience(void)
{
	struct buf b = { 0 };

	if (!o.audiences.n || find_claim(S("aud")))
		return;
	for (int i = 0; i < o.audiences.n; i++) {
		buf_byte(&b, i ? ',' : '[');
		js_put_string(&b, slice_str(o.audiences.v[i]));
	}
	buf_byte(&b, ']');
	if (o.audiences.n == 1)
		set_claim(S("aud"), o.audiences.v[0], true);
	else
		set_claim(S("aud"), mem_copy(b.p, b.n), false);
	buf_free(&b);
}

/* The members of the file that no option replaces, each followed by a comma. */
static void
read_file(struct buf *base, bool *has_iat)
{
	struct buf text = { 0 }, scratch = { 0 };
	struct js_member m[MEMBERS];
	struct js_error e;
	int n;

	if (io_read_file(o.claims_file, CLAIMS_FILE_MAX, &text))
		msg_die(EXIT_USAGE, "%s: %s", o.claims_file, strerror(errno));
	if ((n = js_object(buf_view(&text), m, MEMBERS, &e)) < 0)
		msg_die(EXIT_USAGE, "%s: %s at byte %zu", o.claims_file, e.why, e.at + 1);
	if (!tok_unique(buf_view(&text), &scratch))
		msg_die(EXIT_USAGE, "%s: a member stands twice", o.claims_file);
	for (int i = 0; i < n; i++) {
		if (by_option(m[i].key))
			continue;
		*has_iat = *has_iat || js_key_is(m[i].key, S("iat"));
		buf_byte(base, '"');
		buf_slice(base, m[i].key);
		buf_add(base, "\":", 2);
		js_put_flat(base, m[i].val);
		buf_byte(base, ',');
	}
	buf_free(&scratch);
	buf_free(&text);
}

/* Put together what the options say; *base becomes what comes from the file. */
static void
collect(struct buf *base)
{
	int64_t now = what_now();
	bool has_iat = o.no_iat;

	set_audience();
	if (o.nbf)
		set_number(S("nbf"), when("nbf", o.nbf, now));
	if (o.exp)
		set_number(S("exp"), when("exp", o.exp, now));
	if (o.claims_file)
		read_file(base, &has_iat);
	if (!has_iat)
		set_number(S("iat"), now);
}

/* All claims of one token. */
static void
put_claims(struct buf *b, struct slice base, struct buf *scratch, int64_t number)
{
	buf_byte(b, '{');
	buf_slice(b, base);
	for (int i = 0; i < o.n_claims; i++) {
		const struct claim *c = &o.claims[i];

		js_put_string(b, c->name);
		buf_byte(b, ':');
		buf_clear(scratch);
		expand(scratch, c->value, number);
		if (!c->text && js_valid(buf_view(scratch), NULL))
			js_put_flat(b, buf_view(scratch));
		else
			js_put_string(b, buf_view(scratch));
		buf_byte(b, ',');
	}
	if (b->p[b->n - 1] == ',')
		b->n--;
	buf_byte(b, '}');
}

int
main(int argc, char **argv)
{
	struct buf base = { 0 }, claims = { 0 }, scratch = { 0 };
	struct jwk_set set = { 0 };
	struct slice kid;
	struct jwk *key;
	struct out out;

	if (opt_parse(&table, argc, argv))
		opt_fail("no operand is expected: %s", argv[0]);
	if (!o.keys.files.n && !o.keys.envs.n && !o.keys.sets.n)
		opt_fail("no key: give --key-file, --key-env or --jwks");
	load_keys(&set);
	key = choose_key(&set);
	kid = o.kid ? slice_str(o.kid) : jwk_kid(key);
	if (o.alg < 0)
		o.alg = __builtin_ctz(jwk_algs(key));
	collect(&base);
	out_init(&out, 1);
	for (int64_t i = 1; i <= (o.count > 0 ? o.count : 1); i++) {
		buf_clear(&claims);
		put_claims(&claims, buf_view(&base), &scratch, i);
		if (tok_sign(key, (enum jwk_alg)o.alg, kid, buf_view(&claims), &out.b))
			msg_die(EXIT_HOST, "the key cannot sign by %s", jwk_alg_name((enum jwk_alg)o.alg));
		if (out_line(&out))
			out_die(&out, "standard output");
	}
	if (out_flush(&out))
		out_die(&out, "standard output");
	out_free(&out);
	jwk_set_free(&set);
	buf_free(&base);
	buf_free(&claims);
	buf_free(&scratch);
	return EXIT_DONE;
}
