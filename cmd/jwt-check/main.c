/* jwt-check - tokens in, verdicts out. */
#include <stdlib.h>
#include <time.h>

#include "exit.h"
#include "filter.h"
#include "js.h"
#include "jwk.h"
#include "metrics.h"
#include "msg.h"
#include "now.h"
#include "num.h"
#include "opt.h"
#include "rec.h"
#include "sig.h"
#include "tok.h"

static struct {
	struct jwk_sources keys;
	struct tok_policy policy;
	int64_t now_ms; /* -1: the clock's */
	int64_t max_line, drain_ms;
	const char *metrics_file;
} o = { .keys = { .warn = msg_warn }, .now_ms = -1, .max_line = LINE_MAX_DEFAULT, .drain_ms = 5000 };

static const char *
set_algs(const struct opt *opt, const char *value)
{
	(void)opt;
	return jwk_alg_list(value, &o.keys.algs) ? "no list of algorithms such as RS256,ES256" : NULL;
}

static const char *
set_now(const struct opt *opt, const char *value)
{
	struct timespec t;
	int64_t s;

	(void)opt;
	if (num_int(value, &s) == 0) {
		if (s < 0 || s > TOK_TIME_MAX)
			return "not between 0 and 253402300799";
		o.now_ms = s * 1000;
		return NULL;
	}
	if (rec_time(slice_str(value), &t) || t.tv_sec < 0)
		return "neither seconds since 1970 nor a time as in RFC 3339";
	o.now_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	return NULL;
}

static const char *
add_require(const struct opt *opt, const char *value)
{
	if (!*value || *value == '=')
		return "no claim is named";
	if (o.policy.requires.n == TOK_REQUIRES)
		return "more than 64 of them";
	return opt_append(opt, value);
}

static const char *
add_rename(const struct opt *opt, const char *value)
{
	const char *eq = strchr(value, '=');

	if (!eq || eq == value || !eq[1])
		return "not of the form NAME=CLAIM";
	for (int i = 0; i < o.policy.renames.n; i++)
		if (strncmp(o.policy.renames.v[i], value, (size_t)(eq - value) + 1) == 0)
			return "a second claim of that name";
	return opt_append(opt, value);
}

static const struct opt options[] = {
	{ .kind = OPT_TITLE, .help = "Keys (at least one is needed; files, variables and sets add up):" },
	{ .name = "alg", .kind = OPT_CALL, .call = set_algs, .arg = "LIST",
	  .help = "allow these algorithms only, as RS256,ES256 (what fits the key)" },
	{ .name = "jwks", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.sets, .arg = "FILE",
	  .help = "the keys of a JWK set; repeatable" },
	{ .name = "key-encoding", .kind = OPT_CHOICE, .var = &o.keys.encoding,
	  .choices = jwk_encodings, .arg = "FORM",
	  .help = "secrets are raw, base64 or base64url (raw)" },
	{ .name = "key-env", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.envs, .arg = "NAME",
	  .help = "a secret or PEM key in an environment variable; repeatable" },
	{ .name = "key-file", .kind = OPT_CALL, .call = opt_append, .var = &o.keys.files, .arg = "FILE",
	  .help = "a secret or PEM key in a file; repeatable" },
	{ .name = "strict", .kind = OPT_FLAG, .var = &o.keys.strict,
	  .help = "refuse secrets shorter than the hash" },
	{ .kind = OPT_TITLE, .help = "What a token must say:" },
	{ .name = "audience", .kind = OPT_CALL, .call = opt_append, .var = &o.policy.audiences,
	  .arg = "NAME", .help = "aud has this; repeatable: one of these" },
	{ .name = "issuer", .kind = OPT_CALL, .call = opt_append, .var = &o.policy.issuers,
	  .arg = "NAME", .help = "iss is this; repeatable: one of these" },
	{ .name = "leeway", .kind = OPT_DURATION, .var = &o.policy.leeway_ms, .arg = "TIME",
	  .max = 86400000, .help = "how far clocks may differ (0s)" },
	{ .name = "now", .kind = OPT_CALL, .call = set_now, .arg = "TIME",
	  .help = "judge as at this time, in seconds or as in RFC 3339" },
	{ .name = "require", .kind = OPT_CALL, .call = add_require, .var = &o.policy.requires,
	  .arg = "CLAIM[=VALUE]", .help = "this claim is there, with this value; repeatable" },
	{ .kind = OPT_TITLE, .help = "Verdicts:" },
	{ .name = "claim-as", .kind = OPT_CALL, .call = add_rename, .var = &o.policy.renames,
	  .arg = "NAME=CLAIM", .help = "put CLAIM into the claims as NAME; repeatable" },
	{ .name = "user-claim", .kind = OPT_STRING, .var = &o.policy.user_claim, .arg = "CLAIM",
	  .help = "the claim with the user's name (userId, else sub)" },
	{ .kind = OPT_TITLE, .help = "Stream:" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &o.drain_ms, .arg = "TIME", .max = 86400000,
	  .help = "read on after the first SIGTERM at most so long (5s)" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &o.max_line, .arg = "SIZE", .min = 1024,
	  .max = 1 << 30, .help = "longest line in and out (16M)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &o.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "jwt-check",
	.synopsis = "[options] [TOKEN]",
	.about = "Check signed tokens: lines with tokens in, lines with verdicts out; or one TOKEN.",
	.options = options,
};

/* What the tool is made of while it runs. */
static struct jwk_set keys;
static struct tok *checker;
static uint64_t good, refused, bad, reloads, failed_reloads;

static const struct metric metrics[] = {
	{ "jwt_check_good_total", METRICS_COUNTER, "Tokens that were good", &good },
	{ "jwt_check_refused_total", METRICS_COUNTER, "Tokens that were refused", &refused },
	{ "jwt_check_bad_lines_total", METRICS_COUNTER, "Lines that were neither token nor record",
	  &bad },
	{ "jwt_check_reloads_total", METRICS_COUNTER, "Reloads of the keys", &reloads },
	{ "jwt_check_failed_reloads_total", METRICS_COUNTER, "Reloads that kept the old keys",
	  &failed_reloads },
	{ 0 },
};

static int64_t
clock_ms(void)
{
	return o.now_ms >= 0 ? o.now_ms : now_unix_ms();
}

/* A reload never leaves the tool without keys, nor with half of them. */
static void
reload(void)
{
	struct jwk_set fresh = { 0 };
	struct buf why = { 0 };

	if (jwk_load(&fresh, &o.keys, &why)) {
		msg_error("the keys stay as they were: %s", buf_cstr(&why));
		failed_reloads++;
	} else {
		jwk_set_free(&keys);
		keys = fresh;
		reloads++;
		msg_info("%zu keys loaded", keys.n);
	}
	buf_free(&why);
}

/* The verdict's own members. */
static void
put_verdict(struct buf *b, const struct tok_verdict *v)
{
	js_put_key(b, "ok");
	buf_str(b, tok_good(v) ? "true" : "false");
	if (!tok_good(v)) {
		struct buf error = { 0 };

		tok_put_error(&error, checker, v);
		js_put_member(b, "error", buf_view(&error));
		buf_free(&error);
		return;
	}
	if (v->user.n)
		js_put_member_raw(b, "user", v->user);
	js_put_key(b, "claims");
	tok_put_claims(b, checker, v);
	if (v->expires >= 0)
		js_put_member_int(b, "expires", v->expires);
}

static void
bad_line(const struct filter *f, const char *why)
{
	msg_warn("line %llu: %s", (unsigned long long)f->in.number, why);
	bad++;
}

/* End the line that begins at `start` of the output, unless it is longer than allowed. */
static void
end_line(struct filter *f, size_t start, bool ok)
{
	if (f->out.b.n - start > (size_t)o.max_line) {
		f->out.b.n = start;
		bad_line(f, "its verdict is longer than --max-line");
		return;
	}
	if (ok)
		good++;
	else
		refused++;
	out_line(&f->out);
}

/* A member that a verdict has, so that the record's own one is left out. */
static bool
is_ours(struct slice key)
{
	static const struct slice ours[] = { { "ok", 2 }, { "user", 4 }, { "claims", 6 },
		{ "expires", 7 }, { "error", 5 } };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (js_key_is(key, ours[i]))
			return true;
	return false;
}

/* A record: its members but the token, then the verdict. */
static void
check_record(struct filter *f, struct slice line)
{
	static struct buf decoded;
	struct js_member m[REC_MEMBERS];
	struct js_error e;
	struct tok_verdict v;
	struct buf *b = &f->out.b;
	struct slice token = { 0 };
	size_t start = b->n;
	unsigned tokens = 0;
	const char *why = NULL;
	bool ok = false;
	int n = js_object(line, m, REC_MEMBERS, &e);

	if (n < 0) {
		msg_warn("line %llu: %s at byte %zu", (unsigned long long)f->in.number, e.why, e.at + 1);
		bad++;
		return;
	}
	buf_clear(&decoded);
	buf_byte(b, '{');
	for (int i = 0; i < n; i++) {
		if (js_key_is(m[i].key, S("token"))) {
			tokens++;
			token = js_text(m[i].val, &decoded);
		} else if (!is_ours(m[i].key)) {
			if (b->n > start + 1)
				buf_byte(b, ',');
			buf_byte(b, '"');
			buf_slice(b, m[i].key);
			buf_add(b, "\":", 2);
			js_put_flat(b, m[i].val);
		}
	}
	if (tokens != 1)
		why = tokens ? "more than one token" : "no token";
	else if (!token.n)
		why = token.p ? "no token" : "token is not a string";
	if (why) {
		js_put_key(b, "ok");
		buf_str(b, "false");
		js_put_member(b, "error", slice_str(why));
	} else {
		tok_check(checker, &keys, token, clock_ms(), &v);
		put_verdict(b, &v);
		ok = tok_good(&v);
	}
	buf_byte(b, '}');
	end_line(f, start, ok);
}

static void
check_bare(struct filter *f, struct slice token)
{
	struct tok_verdict v;
	size_t start = f->out.b.n;

	tok_check(checker, &keys, token, clock_ms(), &v);
	buf_byte(&f->out.b, '{');
	put_verdict(&f->out.b, &v);
	buf_byte(&f->out.b, '}');
	end_line(f, start, tok_good(&v));
}

static int
check_lines(void)
{
	struct filter f;
	struct slice line;

	filter_init(&f, (size_t)o.max_line, o.drain_ms);
	metrics_file_init(&f.metrics, o.metrics_file, metrics, NULL, NULL);
	sig_want_report();
	for (;;) {
		switch (filter_next(&f, &line)) {
		case FILTER_LINE:
			line = slice_trim(line);
			if (!line.n)
				bad_line(&f, "empty");
			else if (line.p[0] == '{')
				check_record(&f, line);
			else
				check_bare(&f, line);
			break;
		case FILTER_TOO_LONG:
			bad_line(&f, "longer than --max-line");
			break;
		case FILTER_RELOAD:
			reload();
			break;
		case FILTER_REPORT:
			msg_error("%llu tokens good, %llu refused, %llu lines bad",
			    (unsigned long long)good, (unsigned long long)refused,
			    (unsigned long long)bad);
			break;
		case FILTER_WATCH: /* nothing is watched */
			break;
		case FILTER_END:
			filter_finish(&f);
			out_free(&f.out);
			line_free(&f.in);
			return bad ? EXIT_PARTIAL : refused ? EXIT_NO : EXIT_DONE;
		}
	}
}

/* One token: its claims on stdout, or what is wrong with it on stderr. */
static int
check_argument(const char *token)
{
	struct tok_verdict v;
	struct buf error = { 0 };
	struct out out;

	tok_check(checker, &keys, slice_str(token), clock_ms(), &v);
	if (!tok_good(&v)) {
		tok_put_error(&error, checker, &v);
		msg_error("token refused: %s", buf_cstr(&error));
		buf_free(&error);
		return EXIT_NO;
	}
	out_init(&out, 1);
	tok_put_claims(&out.b, checker, &v);
	if (out_line(&out) || out_flush(&out))
		out_die(&out, "standard output");
	out_free(&out);
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	int n = opt_parse(&table, argc, argv), status;
	struct buf why = { 0 };

	if (n > 1)
		opt_fail("more than one token; give them on standard input");
	if (!o.keys.files.n && !o.keys.envs.n && !o.keys.sets.n)
		opt_fail("no key: give --key-file, --key-env or --jwks");
	if (jwk_load(&keys, &o.keys, &why))
		msg_die(EXIT_USAGE, "%s", buf_cstr(&why));
	checker = tok_new(&o.policy);
	status = n ? check_argument(argv[0]) : check_lines();
	tok_free(checker);
	jwk_set_free(&keys);
	return status;
}
