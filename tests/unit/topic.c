#include "topic.h"

#include "unit.h"

static struct topic *
make(const char *pattern, unsigned flags)
{
	const char *why = NULL;
	struct topic *t = topic_compile(unit_guard(slice_str(pattern)), flags, &why);

	if (!t)
		printf("# %s: %s\n", pattern, why), abort();
	return t;
}

TEST(room_names_are_checked)
{
	static const char *const good[] = { "a", "user:u1", "a.b:c", "caf\xc3\xa9", ".", "a..b",
		"user:\xc2\xa0x", "a@b.c", "\xf0\x9f\x98\x80" };
	static const char *const bad[] = { "", "*", "a.*", "a#", "{user}", "a}", "a b", "a\tb", "a\n",
		"\x7f", "\x01", "\xc2\x85", "\xff", "\xc3", "\xed\xa0\x80" };
	char longest[TOPIC_NAME + 1];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (topic_name_error(unit_guard(slice_str(good[i]))))
			printf("# refused: %s\n", good[i]), unit_ok = false;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!topic_name_error(unit_guard(slice_str(bad[i]))))
			printf("# accepted: %s\n", bad[i]), unit_ok = false;
	CHECK(topic_name_error(S("a\0b")));
	memset(longest, 'a', sizeof(longest));
	CHECK(!topic_name_error(slice_of(longest, TOPIC_NAME)));
	CHECK(topic_name_error(slice_of(longest, TOPIC_NAME + 1)));
}

TEST(comments_are_told_from_patterns)
{
	CHECK(topic_comment(S("#")));
	CHECK(topic_comment(S("# x")));
	CHECK(topic_comment(S("#\tx")));
	CHECK(topic_comment(S("#!/usr/bin/x")));
	CHECK(!topic_comment(S("#.a")));
	CHECK(!topic_comment(S("##")));
	CHECK(!topic_comment(S("")));
	CHECK(!topic_comment(S("a #")));
}

TEST(malformed_patterns_are_refused)
{
	static const struct {
		const char *pattern;
		unsigned flags;
	} t[] = {
		{ "a*", 0 }, { "*a", 0 }, { "a.b#", 0 }, { "***", 0 }, { "#*", 0 }, { "a:**b", 0 },
		{ "", TOPIC_ROOM }, { "a b", TOPIC_ROOM }, { "a\x01", TOPIC_ROOM },
		{ "{user}", TOPIC_ROOM }, { "a{", TOPIC_ROOM }, { "\xff.*", TOPIC_ROOM },
		{ "\xc2\x80", TOPIC_ROOM }, { "{}", TOPIC_CLAIMS }, { "{", TOPIC_CLAIMS },
		{ "}", TOPIC_CLAIMS }, { "a{b}", TOPIC_CLAIMS }, { "{b}a", TOPIC_CLAIMS },
		{ "{a}{b}", TOPIC_CLAIMS }, { "{{a}}", TOPIC_CLAIMS }, { "{a.b", TOPIC_CLAIMS },
		{ "{a*}", TOPIC_CLAIMS }, { "x.{a.b}c", TOPIC_CLAIMS },
	};
	const char *why;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct topic *c;

		why = NULL;
		c = topic_compile(unit_guard(slice_str(t[i].pattern)), t[i].flags, &why);
		if (c || !why)
			printf("# accepted or unexplained: %s\n", t[i].pattern), unit_ok = false;
		topic_free(c);
	}
}

TEST(a_pattern_has_63_words_at_most)
{
	char text[2 * TOPIC_WORDS + 2];
	const char *why = NULL;
	struct topic *c;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '.' : '*';
	c = topic_compile(slice_of(text, 2 * TOPIC_WORDS - 1), 0, &why);
	CHECK(c && c->n == TOPIC_WORDS);
	CHECK(c && topic_match(c, slice_of(text, 2 * TOPIC_WORDS - 1)));
	CHECK(c && !topic_match(c, slice_of(text, 2 * TOPIC_WORDS + 1)));
	topic_free(c);
	CHECK(!topic_compile(slice_of(text, 2 * TOPIC_WORDS + 1), 0, &why) && why);
}

static const struct {
	const char *pattern;
	unsigned flags;
	const char *name;
	bool fits;
} matches[] = {
	{ "a", 0, "a", true }, { "a", 0, "b", false }, { "a", 0, "a.b", false }, { "a", 0, "", false },
	{ "a.b", 0, "a.b", true }, { "a.b", 0, "a:b", true }, { "a:b", TOPIC_DOTS, "a:b", true },
	{ "a.b", TOPIC_DOTS, "a:b", false }, { "*", TOPIC_DOTS, "a:b", true },
	{ "*", 0, "a", true }, { "*", 0, "a.b", false }, { "*", 0, "", false }, { "*.*", 0, ".", true },
	{ "a.*", 0, "a.", true }, { "a.*", 0, "a", false }, { "*.b", 0, "a:b", true },
	{ "#", 0, "", true }, { "#", 0, "a", true }, { "**", 0, "a.b.c", true },
	{ "a.#", 0, "a", true }, { "a.#", 0, "a.b.c", true }, { "a.#", 0, "ab", false },
	{ "#.a", 0, "a", true }, { "#.a", 0, "b.a", true }, { "#.a", 0, "a.b", false },
	{ "a.#.b", 0, "a.b", true }, { "a.#.b", 0, "a.x.y.b", true }, { "a.#.b", 0, "a.b.x", false },
	{ "#.a.#", 0, "x.a.y", true }, { "#.a.#", 0, "x.y", false }, { "a.#.#", 0, "a", true },
	{ "*.#", 0, "", false }, { "#.*", 0, "a", true }, { "#.*.#", 0, "a.b", true },
	{ "#.a.*.a.#", 0, "a.a.b.a", true }, { "#.a.*.a.#", 0, "a.b.b.a", false },
	{ "user:{user}", TOPIC_CLAIMS, "user:x", true }, { "user:{user}", TOPIC_CLAIMS, "user", false },
	{ "user:{user}", TOPIC_CLAIMS, "user:", true }, { "user:{user}", TOPIC_CLAIMS, "user:a.b", true },
	{ "{a.b}.c", TOPIC_CLAIMS, "x.c", true }, { "{a.b}.c", TOPIC_CLAIMS, "x.y.c", true },
	{ "{a.b}.c", TOPIC_CLAIMS, "c", false }, { "{a}:{b}", TOPIC_CLAIMS, "x", false },
	{ "{a}:{b}", TOPIC_CLAIMS, "x:y:z", true },
	{ "{x}", 0, "{x}", true }, { "{x}", 0, "y", false }, { "", 0, "", true }, { "", 0, "a", false },
	{ "a b", 0, "a b", true },
};

TEST(names_fit_patterns)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		struct topic *t = make(matches[i].pattern, matches[i].flags);

		if (topic_match(t, unit_guard(slice_str(matches[i].name))) != matches[i].fits)
			printf("# %s and %s\n", matches[i].pattern, matches[i].name), unit_ok = false;
		topic_free(t);
	}
}

static void
count(void *ctx, void *value)
{
	(void)value;
	++*(int *)ctx;
}

TEST(the_index_agrees_with_matching_one_by_one)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		struct topic_index *x = topic_index_new(matches[i].flags);
		struct topic *t = make(matches[i].pattern, matches[i].flags);
		int n = 0;

		topic_index_add(x, t, x);
		topic_index_match(x, unit_guard(slice_str(matches[i].name)), count, &n);
		if (n != matches[i].fits)
			printf("# %s and %s\n", matches[i].pattern, matches[i].name), unit_ok = false;
		topic_free(t);
		topic_index_free(x);
	}
}

/* All patterns of up to three words out of these, and all names of up to six. */
static const char *const atoms[] = { "a", "b", "*", "#", "{x}" };
static const char *const letters[] = { "a", "b", "c" };

enum { PATTERNS = 5 + 25 + 125, NAMES = 1 + 3 + 9 + 27 + 81 + 243 + 729 };

static size_t
enumerate(char (*text)[16], const char *const *word, size_t words, size_t longest)
{
	size_t n = 0, from = 0;

	for (size_t i = 0; i < words; i++)
		strcpy(text[n++], word[i]);
	for (size_t length = 2; length <= longest; length++) {
		size_t to = n;

		for (; from < to; from++)
			for (size_t i = 0; i < words; i++)
				snprintf(text[n++], 16, "%.9s%c%.3s", text[from], i % 2 ? '.' : ':', word[i]);
	}
	return n;
}

static struct topic *pattern[PATTERNS];
static bool fits[PATTERNS][NAMES];
static char name[NAMES][16];

static void
make_universe(void)
{
	char text[PATTERNS][16];

	CHECK(enumerate(text, atoms, 5, 3) == PATTERNS);
	CHECK(enumerate(name + 1, letters, 3, 6) == NAMES - 1);
	for (size_t p = 0; p < PATTERNS; p++) {
		pattern[p] = make(text[p], TOPIC_CLAIMS);
		for (size_t i = 0; i < NAMES; i++)
			fits[p][i] = topic_match(pattern[p], slice_str(name[i]));
	}
}

TEST(overlaps_and_covers_agree_with_trying_all_names)
{
	for (size_t a = 0; a < PATTERNS; a++)
		for (size_t b = 0; b < PATTERNS; b++) {
			bool both = false, within = true;

			for (size_t i = 0; i < NAMES; i++) {
				both |= fits[a][i] && fits[b][i];
				within &= !fits[b][i] || fits[a][i];
			}
			if (topic_overlaps(pattern[a], pattern[b]) != both ||
			    topic_covers(pattern[a], pattern[b]) != within)
				printf("# %s and %s\n", pattern[a]->text, pattern[b]->text), unit_ok = false;
		}
}

TEST(what_is_within_a_third_pattern_agrees_with_trying_all_names)
{
	/* Every 31st of the triples; the step has no factor in common with the counts. */
	for (size_t k = 0; k < (size_t)PATTERNS * PATTERNS * PATTERNS; k += 31) {
		size_t a = k / PATTERNS / PATTERNS, b = k / PATTERNS % PATTERNS, c = k % PATTERNS;
		bool within = true;

		for (size_t i = 0; i < NAMES && within; i++)
			within = !fits[a][i] || !fits[b][i] || fits[c][i];
		if (topic_within(pattern[a], pattern[b], pattern[c]) != within)
			printf("# %s, %s and %s\n", pattern[a]->text, pattern[b]->text,
			    pattern[c]->text), unit_ok = false;
	}
}

TEST(a_set_of_words_takes_those_words_only)
{
	const struct slice set[] = { S("x"), S("y") };
	struct topic grant = { .n = 2, .word = { { .kind = TOPIC_LITERAL, .text = S("a") },
	    { .kind = TOPIC_SET, .set = set, .nset = 2 } } };
	struct topic *all = make("#", 0), *ax = make("a.x", 0), *az = make("a.z", 0), *any = make("a.*", 0);

	CHECK(topic_match(&grant, S("a:x")) && topic_match(&grant, S("a.y")));
	CHECK(!topic_match(&grant, S("a.z")) && !topic_match(&grant, S("a")));
	CHECK(topic_within(ax, all, &grant) && topic_within(any, ax, &grant));
	CHECK(!topic_within(az, all, &grant) && !topic_within(any, all, &grant));
	topic_free(all);
	topic_free(ax);
	topic_free(az);
	topic_free(any);
}

TEST(absurd_patterns_take_no_time)
{
	const char *why;
	char text[4 * 31], many[256];
	struct topic *t, *rule = make("#.a.*.*.*.*.*.*.*.*.*.*.*.*", 0);
	struct topic_index *x = topic_index_new(0);
	int n = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "#.a."[i % 4];
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? '.' : 'a';
	t = topic_compile(slice_of(text, sizeof(text) - 1), 0, &why);
	CHECK(topic_match(t, slice_of(many, 255)));
	many[254] = 'b';
	CHECK(!topic_match(t, slice_of(many, 255)));
	topic_index_add(x, t, NULL);
	topic_index_match(x, slice_of(many, 255), count, &n);
	CHECK(n == 0);
	CHECK(topic_covers(t, t));
	CHECK(!topic_covers(rule, t));
	topic_index_free(x);
	topic_free(t);
	topic_free(rule);
}

static void
mark(void *ctx, void *value)
{
	(void)ctx;
	++*(int *)value;
}

TEST(the_index_finds_what_fits_among_all_patterns)
{
	struct topic_index *x = topic_index_new(0);
	static int hit[PATTERNS];

	/* Twice, so that removing the first half of it leaves something. */
	for (int round = 0; round < 2; round++)
		for (size_t p = 0; p < PATTERNS; p++)
			topic_index_add(x, pattern[p], &hit[p]);
	CHECK(topic_index_count(x) == 2 * PATTERNS);
	for (int left = 2; left >= 0; left--) {
		for (size_t i = 0; i < NAMES; i++) {
			memset(hit, 0, sizeof(hit));
			topic_index_match(x, slice_str(name[i]), mark, NULL);
			for (size_t p = 0; p < PATTERNS; p++)
				if (hit[p] != left * fits[p][i])
					printf("# %s, %d times %s\n", name[i], hit[p], pattern[p]->text),
					    unit_ok = false;
		}
		for (size_t p = 0; p < PATTERNS && left; p++)
			CHECK(topic_index_remove(x, pattern[p], &hit[p]));
	}
	CHECK(topic_index_count(x) == 0);
	CHECK(!topic_index_remove(x, pattern[0], &hit[0]));
	topic_index_free(x);
}

TEST(the_index_grows_and_shrinks)
{
	enum { N = 20000 };
	struct topic_index *x = topic_index_new(TOPIC_DOTS);
	static int hit[N];
	char text[32];

	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < N; i++) {
			snprintf(text, sizeof(text), "room.%d.#", i);
			struct topic *t = make(text, TOPIC_DOTS);

			if (turn == 0)
				topic_index_add(x, t, &hit[i]);
			else
				CHECK(topic_index_remove(x, t, &hit[i]));
			topic_free(t);
		}
		topic_index_match(x, S("room.17.x"), mark, NULL);
		topic_index_match(x, S("room.19999"), mark, NULL);
		CHECK(hit[17] == 1 && hit[19999] == 1 && hit[18] == 0);
	}
	topic_index_free(x);
}

int
main(void)
{
	RUN(room_names_are_checked);
	RUN(comments_are_told_from_patterns);
	RUN(malformed_patterns_are_refused);
	RUN(a_pattern_has_63_words_at_most);
	RUN(names_fit_patterns);
	RUN(the_index_agrees_with_matching_one_by_one);
	make_universe();
	RUN(overlaps_and_covers_agree_with_trying_all_names);
	RUN(what_is_within_a_third_pattern_agrees_with_trying_all_names);
	RUN(a_set_of_words_takes_those_words_only);
	RUN(absurd_patterns_take_no_time);
	RUN(the_index_finds_what_fits_among_all_patterns);
	RUN(the_index_grows_and_shrinks);
	for (size_t p = 0; p < PATTERNS; p++)
		topic_free(pattern[p]);
	return unit_done();
}
