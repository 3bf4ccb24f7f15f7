#include "rules.h"

#include "unit.h"

/* An identity out of a user ("" and NULL: not authenticated) and claims. */
static struct rules_identity
who(const char *user, const char *claims)
{
	return (struct rules_identity){ user != NULL, slice_str(user ? user : ""),
		slice_str(claims ? claims : "") };
}

static struct rules *
parse(const char *text)
{
	struct buf why = { 0 };
	struct rules *r = rules_parse(unit_guard(slice_str(text)), "rooms", &why);

	if (!r)
		printf("# %s\n", buf_cstr(&why)), abort();
	buf_free(&why);
	return r;
}

static enum rules_verdict
ask(const struct rules *r, const char *room, const char *user, const char *claims)
{
	struct rules_identity id = who(user, claims);
	struct rules_answer a = rules_ask(r, unit_guard(slice_str(room)), user ? &id : NULL);

	CHECK((a.reason == NULL) == (a.verdict == RULES_GRANTED));
	return a.verdict;
}

#define YES    RULES_GRANTED
#define NO     RULES_REFUSED
#define NOROOM RULES_INVALID_ROOM

static const char example[] =
    "# PATTERN      OPTIONS\n"
    "#!/this/too is a comment\n"
    "#\n"
    "user:{user}    auto\r\n"
    "  role:{role}    auto lower # who does what\n"
    "admin.#        {role}=ADMIN\n"
    "\n"
    "chat:*\tpublish relay\n"
    "news           publish:{role}=EDITOR|ADMIN\n"
    "payments\n"
    "payment:*\n"
    "broadcast      auto anyone";

static const struct {
	const char *rules, *room, *user, *claims;
	enum rules_verdict verdict;
} asked[] = {
	{ example, "user:u1", "u1", NULL, YES }, { example, "user:u2", "u1", NULL, NO },
	{ example, "user.u1", "u1", NULL, YES }, { example, "user:u1", NULL, NULL, NO },
	{ example, "user", "u1", NULL, NOROOM }, { example, "user:", "u1", NULL, NO },
	{ example, "user:u1:x", "u1", NULL, NO }, { example, "user:U1", "u1", NULL, NO },
	{ example, "role:admin", "u1", "{\"role\":\"ADMIN\"}", YES },
	{ example, "role:ADMIN", "u1", "{\"role\":\"ADMIN\"}", NO },
	{ example, "role:admin", "u1", "{\"role\":[\"x\",\"Admin\"]}", YES },
	{ example, "role:admin", "u1", "{}", NO },
	{ example, "admin", "u1", "{\"role\":\"ADMIN\"}", YES },
	{ example, "admin.a:b", "u1", "{\"role\":\"ADMIN\"}", YES },
	{ example, "admin.a", "u1", "{\"role\":\"admin\"}", NO },
	{ example, "admin.a", "u1", NULL, NO }, { example, "admin.a", NULL, NULL, NO },
	{ example, "chat:7", "u1", NULL, YES }, { example, "chat:7:8", "u1", NULL, NOROOM },
	{ example, "payments", "u1", NULL, YES }, { example, "payments", NULL, NULL, NO },
	{ example, "broadcast", NULL, NULL, YES }, { example, "other", "u1", NULL, NOROOM },
	{ example, "", "u1", NULL, NOROOM }, { example, "chat:*", "u1", NULL, NOROOM },
	{ example, "chat:{user}", "u1", NULL, NOROOM }, { example, "chat: 7", "u1", NULL, NOROOM },
	{ "", "a", "u1", NULL, NOROOM },
	/* The value stands as it is, separators included. */
	{ "user:{user}", "user:a.b@c:d", "a.b@c:d", NULL, YES },
	{ "user:{user}", "user:a:b@c:d", "a.b@c:d", NULL, NO },
	{ "user:{user}.x", "user:a.b.x", "a.b", NULL, YES },
	{ "{user}:{user}", "a.b:a.b", "a.b", NULL, YES },
	{ "{user}:{user}", "a.b:a.c", "a.b", NULL, NO },
	{ "**.x", "x", "u1", NULL, YES },
	/* Numbers as their text, nested claims, arrays. */
	{ "t:{org.id}:**", "t:9007199254740993:a:b", "u", "{\"org\":{\"id\":9007199254740993}}", YES },
	{ "t:{org.id}:**", "t:9007199254740992", "u", "{\"org\":{\"id\":9007199254740993}}", NO },
	{ "t:{org.id}", "t:1", "u", "{\"org.id\":1}", NO },
	{ "t:{v}", "t:true", "u", "{\"v\":true}", YES }, { "t:{v}", "t:null", "u", "{\"v\":null}", NO },
	{ "t:{v}", "t:1e2", "u", "{\"v\":[1e2,{},[3]]}", YES }, { "t:{v}", "t:3", "u", "{\"v\":[[3]]}", NO },
	{ "t:{v}", "t:a", "u", "{\"v\":\"\\u0061\"}", YES }, { "t:{v}", "t:v", "u", "{\"v\":{\"v\":\"v\"}}", NO },
	{ "t:{v}", "t:b", "u", "{\"v\":\"a\",\"v\":\"b\"}", YES },
	/* Values that fit nothing. */
	{ "t:{v}", "t:", "u", "{\"v\":\"\"}", NO }, { "t:{v}", "t:", "u", NULL, NO },
	{ "t:{v}", "t:x", "u", "{\"v\":\"*\"}", NO }, { "t:{v}", "t:x", "u", "{\"v\":\"#\"}", NO },
	{ "t:{user}", "t:", "", NULL, NO },
	/* The first rule that fits decides. */
	{ "a\na {role}=X", "a", "u", NULL, YES }, { "a {role}=X\na", "a", "u", NULL, NO },
	{ "user:{user}\n**", "user:u2", "u1", NULL, NO }, { "user:{user}\n**", "x", "u1", NULL, YES },
	{ "**\nuser:{user}", "user:u2", "u1", NULL, YES },
	/* All requirements, some of their values. */
	{ "a {x}=1|2 {y}=3", "a", "u", "{\"x\":2,\"y\":3}", YES },
	{ "a {x}=1|2 {y}=3", "a", "u", "{\"x\":2}", NO }, { "a {x}=1|2", "a", "u", "{\"x\":\"1|2\"}", NO },
	{ "a {x}=1", "a", "u", "{\"x\":[3,\"1\"]}", YES }, { "a {user}=u|v", "a", "v", NULL, YES },
	{ "a {user}=u|v", "a", "w", NULL, NO }, { "a {x}=a=b", "a", "u", "{\"x\":\"a=b\"}", YES },
	{ "a {x}=Admin lower", "a", "u", "{\"x\":\"aDMIN\"}", YES },
	{ "a {x}=Admin", "a", "u", "{\"x\":\"aDMIN\"}", NO },
	{ "a {x}=1 anyone", "a", NULL, "{\"x\":1}", NO },
	{ "user:{user} anyone", "user:u1", NULL, NULL, NO },
};

TEST(the_first_rule_that_fits_decides)
{
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		struct rules *r = parse(asked[i].rules);
		enum rules_verdict got = ask(r, asked[i].room, asked[i].user, asked[i].claims);

		if (got != asked[i].verdict)
			printf("# case %zu, %s: %d\n", i, asked[i].room, got), unit_ok = false;
		rules_free(r);
	}
}

TEST(hostile_values_fit_nothing)
{
	static const char *const users[] = { "a b", "a\tb", "a*", "#", "**", "*", " ", "\n", "a\x7f",
		"{user}", "\xff", "a\xc2\x85" };
	struct rules *r = parse("user:{user} auto\na {user}=x");
	char longest[RULES_VALUE + 2], room[300];

	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		snprintf(room, sizeof(room), "user:%s", users[i]);
		CHECK(ask(r, room, users[i], NULL) != YES);
		CHECK(ask(r, "user:x", users[i], NULL) != YES);
	}
	memset(longest, 'a', sizeof(longest));
	longest[RULES_VALUE] = '\0';
	snprintf(room, sizeof(room), "user:%s", longest);
	CHECK(ask(r, room, longest, NULL) == YES);
	longest[RULES_VALUE] = 'a';
	longest[RULES_VALUE + 1] = '\0';
	snprintf(room, sizeof(room), "user:%s", longest);
	CHECK(ask(r, room, longest, NULL) == NO);
	rules_free(r);
}

TEST(only_some_members_may_publish)
{
	struct rules *r = parse(example);
	struct rules_identity u = who("u", "{\"role\":\"USER\"}"), editor = who("e", "{\"role\":\"EDITOR\"}");
	struct rules_answer a = rules_ask(r, S("chat:7"), &u);

	CHECK(a.publish && a.relay && !a.automatic);
	CHECK(!rules_ask(r, S("chat:7"), NULL).publish);
	a = rules_ask(r, S("news"), &u);
	CHECK(a.verdict == YES && !a.publish && !a.relay);
	CHECK(rules_ask(r, S("news"), &editor).publish);
	CHECK(!rules_ask(r, S("payments"), &editor).publish);
	CHECK(rules_ask(r, S("broadcast"), NULL).automatic);
	CHECK(rules_ask(r, S("user:e"), NULL).automatic);
	rules_free(r);
}

static const struct {
	const char *text, *why;
} mistakes[] = {
	{ "a b", "rooms:1: an unknown option: 'b'" },
	{ "# x\n\na atuo\n", "rooms:3: an unknown option: 'atuo'" },
	{ "a\n#.b\n", "rooms:2: a pattern that begins with '#' is written with '**': '#.b'" },
	{ "#a", "rooms:1: a pattern that begins with '#' is written with '**': '#a'" },
	{ "a #b", "rooms:1: an unknown option: '#b'" },
	{ "a*", "rooms:1: '*', '**' and '#' must be words of their own: 'a*'" },
	{ "a{b}", "rooms:1: '{claim}' must be a word of its own: 'a{b}'" },
	{ "a:*:{b} auto", "rooms:1: 'auto' needs the name of a room, not a pattern: 'auto'" },
	{ "** auto", "rooms:1: 'auto' needs the name of a room, not a pattern: 'auto'" },
	{ "a auto auto", "rooms:1: a repeated option: 'auto'" },
	{ "a publish publish:{x}=1", "rooms:1: a repeated option: 'publish:{x}=1'" },
	{ "a relay", "rooms:1: 'relay' needs 'publish': 'relay'" },
	{ "a lower", "rooms:1: 'lower' needs a {claim}: 'lower'" },
	{ "a {x}", "rooms:1: a requirement names a value: '{x}'" },
	{ "a {x}=", "rooms:1: a requirement names a value: '{x}='" },
	{ "a {x}=1|", "rooms:1: a requirement names a value: '{x}=1|'" },
	{ "a {x}=|1", "rooms:1: a requirement names a value that no claim can have: '{x}=|1'" },
	{ "a {x}=*", "rooms:1: a requirement names a value that no claim can have: '{x}=*'" },
	{ "a {}=1", "rooms:1: a requirement is {claim}=VALUE|VALUE: '{}=1'" },
	{ "a {x=1", "rooms:1: a requirement is {claim}=VALUE|VALUE: '{x=1'" },
	{ "a {{x}}=1", "rooms:1: a requirement is {claim}=VALUE|VALUE: '{{x}}=1'" },
	{ "a publish:x=1", "rooms:1: a requirement is {claim}=VALUE|VALUE: 'publish:x=1'" },
	{ "a publish:", "rooms:1: a requirement is {claim}=VALUE|VALUE: 'publish:'" },
	{ "a Auto", "rooms:1: an unknown option: 'Auto'" },
	{ "\xff", "rooms:1: a pattern is UTF-8: '\xff'" },
};

TEST(mistakes_are_named_with_their_line)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct buf why = { 0 };
		struct rules *r = rules_parse(unit_guard(slice_str(mistakes[i].text)), "rooms", &why);

		CHECK(!r);
		CHECK_SLICE(buf_view(&why), slice_str(mistakes[i].why));
		rules_free(r);
		buf_free(&why);
	}
}

TEST(a_file_that_cannot_be_read_is_named)
{
	struct buf why = { 0 };

	CHECK(!rules_load("/nonexistent/rooms", &why));
	CHECK_SLICE(buf_view(&why), S("cannot read /nonexistent/rooms: No such file or directory"));
	buf_free(&why);
}

static void
list(void *ctx, struct slice room)
{
	buf_slice(ctx, room);
	buf_byte(ctx, ' ');
}

static const struct {
	const char *rules, *user, *claims, *rooms;
} automatic[] = {
	{ example, "u1", "{\"role\":\"ADMIN\"}", "user:u1 role:admin broadcast " },
	{ example, "u1", "{\"role\":[\"B\",\"A\",\"b\",2]}", "user:u1 role:b role:a role:2 broadcast " },
	{ example, "u1", NULL, "user:u1 broadcast " }, { example, NULL, NULL, "broadcast " },
	{ example, "a*", "{\"role\":[\"\",\" \",\"#\",{},null]}", "broadcast " },
	{ "t:{a}:x:{b} auto", "u", "{\"a\":[1,2],\"b\":[3,4]}", "t:1:x:3 t:1:x:4 t:2:x:3 t:2:x:4 " },
	{ "t:{a}.{b} auto", "u", "{\"a\":1}", "" }, { "{user}.x auto", "a:b", NULL, "a:b.x " },
	{ "a auto {x}=1\nb auto", "u", NULL, "b " }, { "a auto {x}=1\nb auto", "u", "{\"x\":1}", "a b " },
	/* What an earlier rule refuses, and what two rules give. */
	{ "user:* {x}=1\nuser:{user} auto", "u", NULL, "" },
	{ "user:*\nuser:{user} auto\nuser:u auto", "u", NULL, "user:u " },
};

TEST(automatic_rooms_come_in_the_order_of_the_rules)
{
	for (size_t i = 0; i < sizeof(automatic) / sizeof(*automatic); i++) {
		struct rules *r = parse(automatic[i].rules);
		struct rules_identity id = who(automatic[i].user, automatic[i].claims);
		struct buf rooms = { 0 };

		rules_auto(r, automatic[i].user ? &id : NULL, list, &rooms);
		CHECK_SLICE(buf_view(&rooms), slice_str(automatic[i].rooms));
		buf_free(&rooms);
		rules_free(r);
	}
}

static void
tally(void *ctx, struct slice room)
{
	(void)room;
	++*(int *)ctx;
}

TEST(an_array_gives_32_rooms_at_most)
{
	struct rules *r = parse("t:{a} auto");
	struct buf claims = { 0 };
	struct rules_identity id;
	int n = 0;

	buf_str(&claims, "{\"a\":[0");
	for (int i = 1; i < 40; i++)
		buf_fmt(&claims, ",%d", i);
	buf_str(&claims, "]}");
	id = who("u", buf_cstr(&claims));
	rules_auto(r, &id, tally, &n);
	CHECK(n == RULES_AUTO);
	CHECK(ask(r, "t:39", "u", claims.p) == YES);
	buf_free(&claims);
	rules_free(r);
}

TEST(the_built_in_tables_are_those_of_the_manual)
{
	struct rules *with = rules_builtin(true), *without = rules_builtin(false);

	CHECK(ask(with, "user:u", "u", NULL) == YES && ask(with, "user:v", "u", NULL) == NO);
	CHECK(ask(with, "any.thing", "u", NULL) == YES && ask(with, "any.thing", NULL, NULL) == NO);
	CHECK(ask(with, "role:x", "u", "{\"role\":\"X\"}") == YES);
	CHECK(ask(with, "broadcast", NULL, NULL) == YES);
	CHECK(ask(without, "any.thing", NULL, NULL) == YES && ask(without, "user:u", NULL, NULL) == YES);
	CHECK(!rules_ask(without, S("x"), NULL).publish);
	rules_free(with);
	rules_free(without);
}

/* --- wildcard subscriptions --- */

static enum rules_verdict
subscribe(const struct rules *r, const char *pattern, const struct rules_identity *id)
{
	const char *why;
	struct topic *t = topic_compile(slice_str(pattern), TOPIC_ROOM, &why);
	struct rules_answer a = rules_ask_pattern(r, t, id);

	CHECK((a.reason == NULL) == (a.verdict == RULES_GRANTED));
	topic_free(t);
	return a.verdict;
}

static const struct {
	const char *rules, *pattern, *user, *claims;
	enum rules_verdict verdict;
} wanted[] = {
	{ "payment:*", "payment:*", "u", NULL, YES }, { "payment:*", "payment:#", "u", NULL, NO },
	{ "payment:*", "payment:*", NULL, NULL, NO }, { "payment:* anyone", "payment:*", NULL, NULL, YES },
	{ "payment:*", "other:*", "u", NULL, NOROOM }, { "", "#", "u", NULL, NOROOM },
	{ "**", "#", "u", NULL, YES }, { "user:{user}\n**", "#", "u", NULL, NO },
	{ "user:{user}\n**", "chat:*", "u", NULL, YES }, { "user:{user}\n**", "*:u", "u", NULL, YES },
	{ "user:{user}\n**", "*.chat", "u", NULL, NO }, { "user:{user}\n**", "user:*", "u", NULL, NO },
	{ "t:{org}:**", "t:acme:*", "u", "{\"org\":\"acme\"}", YES },
	{ "t:{org}:**", "t:acme:#", "u", "{\"org\":[\"x\",\"acme\"]}", YES },
	{ "t:{org}:**", "t:*:a", "u", "{\"org\":\"acme\"}", NO },
	{ "t:{org}:**", "t:a.b:*", "u", "{\"org\":\"a.b\"}", NO },
	{ "t:{org}:**", "t:acme:*", "u", NULL, NO },
	{ "a.b {x}=1\na.*", "a.*", "u", NULL, NO }, { "a.b {x}=1\na.*", "a.*", "u", "{\"x\":1}", YES },
	{ "a.*\na.b {x}=1", "a.*", "u", NULL, YES },
	/* The rule that would refuse is never asked. */
	{ "a.b\na.b {x}=1\na.*", "a.*", "u", NULL, YES },
	{ "a.b.#\n**.b.c {x}=1\na.#", "a.*.c", "u", NULL, YES },
	{ "a.*\nb.*", "*.x", "u", NULL, NO },
};

TEST(a_wildcard_is_granted_when_all_its_rooms_are)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		struct rules *r = parse(wanted[i].rules);
		struct rules_identity id = who(wanted[i].user, wanted[i].claims);
		enum rules_verdict got = subscribe(r, wanted[i].pattern, wanted[i].user ? &id : NULL);

		if (got != wanted[i].verdict)
			printf("# case %zu, %s: %d\n", i, wanted[i].pattern, got), unit_ok = false;
		rules_free(r);
	}
}

/* Tables out of every three of these, in both orders, against every subscription of up
 * to three words and every room of up to four, with both separators. */
static const char *const lines[] = { "a", "a.*", "a.#", "b.{user}", "{user}.a", "**.a {x}=1", "*.b {x}=2",
	"**", "a.{org}.**", "c anyone", "{org}.{user}" };
static const char *const words[] = { "a", "b", "c", "*", "#" };

static size_t
enumerate(char (*text)[16], size_t kinds, size_t longest, bool both)
{
	size_t n = 0, from = 0;

	for (size_t i = 0; i < kinds; i++)
		strcpy(text[n++], words[i]);
	for (size_t length = 2; length <= longest; length++)
		for (size_t to = n; from < to; from++)
			for (size_t i = 0; i < kinds * (both ? 2 : 1); i++)
				snprintf(text[n++], 16, "%.9s%c%.3s", text[from],
				    i < kinds ? '.' : ':', words[i % kinds]);
	return n;
}

enum { SUBS = 5 + 25 + 125, ROOMS = 3 + 3 * 6 + 3 * 36 + 3 * 216 };

static char sub[SUBS][16], room[ROOMS][16];
static bool fits[SUBS][ROOMS];

/* Returns how many subscriptions were refused although each room in sight is granted. */
static size_t
compare(const struct rules *r, const char *table, const struct rules_identity *id)
{
	bool granted[ROOMS];
	size_t missed = 0;

	for (size_t i = 0; i < ROOMS; i++)
		granted[i] = rules_ask(r, slice_str(room[i]), id).verdict == YES;
	for (size_t s = 0; s < SUBS; s++) {
		bool all = true, got = subscribe(r, sub[s], id) == YES;

		for (size_t i = 0; i < ROOMS && all; i++)
			all = !fits[s][i] || granted[i];
		if (got && !all)
			printf("# %s is granted under\n# %s\n", sub[s], table), unit_ok = false;
		missed += all && !got;
	}
	return missed;
}

TEST(no_wildcard_grants_what_its_rooms_do_not)
{
	static const struct {
		const char *user, *claims;
	} ids[] = { { NULL, NULL }, { "b", NULL }, { "a", "{\"x\":[1,2],\"org\":\"c\"}" },
		{ "a.b", "{\"x\":2,\"org\":[\"a\",\"b:c\"]}" } };
	enum { LINES = sizeof(lines) / sizeof(*lines) };
	size_t asked_for = 0, missed = 0;

	CHECK(enumerate(sub, 5, 3, false) == SUBS);
	CHECK(enumerate(room, 3, 4, true) == ROOMS);
	for (size_t s = 0; s < SUBS; s++) {
		const char *why;
		struct topic *t = topic_compile(slice_str(sub[s]), TOPIC_ROOM, &why);

		for (size_t i = 0; i < ROOMS; i++)
			fits[s][i] = topic_match(t, slice_str(room[i]));
		topic_free(t);
	}
	for (size_t k = 0; k < (size_t)LINES * LINES * LINES; k += 3) {
		char table[128];
		struct rules *r;

		snprintf(table, sizeof(table), "%s\n%s\n%s\n", lines[k / LINES / LINES],
		    lines[k / LINES % LINES], lines[k % LINES]);
		r = parse(table);
		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
			struct rules_identity id = who(ids[i].user, ids[i].claims);

			missed += compare(r, table, &id);
			asked_for += SUBS;
		}
		rules_free(r);
	}
	/* The rule is allowed to be careful, but not to refuse everything. */
	printf("# %zu of %zu refused with care\n", missed, asked_for);
	CHECK(missed * 50 < asked_for);
}

int
main(void)
{
	RUN(the_first_rule_that_fits_decides);
	RUN(hostile_values_fit_nothing);
	RUN(only_some_members_may_publish);
	RUN(mistakes_are_named_with_their_line);
	RUN(a_file_that_cannot_be_read_is_named);
	RUN(automatic_rooms_come_in_the_order_of_the_rules);
	RUN(an_array_gives_32_rooms_at_most);
	RUN(the_built_in_tables_are_those_of_the_manual);
	RUN(a_wildcard_is_granted_when_all_its_rooms_are);
	RUN(no_wildcard_grants_what_its_rooms_do_not);
	return unit_done();
}
