/* Routing keys from templates. */
#include "template.h"
#include "unit.h"

static const char record[] = "{\"event\":\"message\",\"n\":1.50,\"yes\":true,\"nil\":null,"
	"\"empty\":\"\",\"data\":{\"type\":\"a.b c*#%\\u0001\\u007f\",\"list\":[1],\"deep\":{\"x\":\"y\"}},"
	"\"key\":\"a.b.#\",\"e\":\"\303\251\"}";

/* A template, and the key or why there is none. */
static const struct {
	const char *text, *key, *why;
} cases[] = {
	{ "", "", NULL },
	{ "a.b", "a.b", NULL },
	{ "client.{event}", "client.message", NULL },
	{ "{event}{n}", "message1%2E50", NULL },
	{ "{yes}", "true", NULL },
	{ "{e}", "\303\251", NULL },
	{ "{data.type}", "a%2Eb%20c%2A%23%25%01%7F", NULL },
	{ "{data.deep.x}.z", "y.z", NULL },
	{ "{=key}", "a.b.#", NULL },
	{ "{key}", "a%2Eb%2E%23", NULL },
	{ "{room|none}", "none", NULL },
	{ "{room|a.b}", "a.b", NULL },
	{ "{room|}", "", NULL },
	{ "{event|none}", "message", NULL },
	{ "{nil|x}.{empty|x}.{data|x}.{data.list|x}", "x.x.x.x", NULL },
	{ "{=room|x}", "x", NULL },
	{ "{{{event}}}", "{message}", NULL },
	{ "{room}", NULL, "a value is missing" },
	{ "a.{nil}", NULL, "a value is missing" },
	{ "a.{empty}", NULL, "a value is missing" },
	{ "a.{data}", NULL, "a value is missing" },
};

TEST(templates_are_filled_with_one_word_a_value)
{
	struct js_member m[32];
	int n = js_object(slice_str(record), m, 32, NULL);

	CHECK(n > 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *why = NULL;
		struct template *t = template_parse(cases[i].text, &why);
		struct slice where = { 0 };
		struct buf key = { 0 };
		const char *want = cases[i].key;

		CHECK(t != NULL);
		if (!t)
			continue;
		buf_byte(&key, '>');
		if (template_fill(t, m, n, &key, &why, &where) == 0)
			CHECK_SLICE(slice_from(buf_view(&key), 1), slice_str(want ? want : "(none)"));
		else
			CHECK(cases[i].why && !strcmp(why, cases[i].why) && key.n == 1);
		buf_free(&key);
		template_free(t);
	}
}

TEST(malformed_templates_are_refused)
{
	static const char *const bad[] = { "{", "}", "a}", "{}", "{=}", "{|x}", "{.a}", "{a.}",
		"{a{b}", "{a", "{{a}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *why = NULL;
		struct template *t = template_parse(bad[i], &why);

		if (t)
			printf("# taken: %s\n", bad[i]);
		CHECK(!t && why);
		template_free(t);
	}
}

TEST(a_key_has_255_bytes_at_most)
{
	char text[400], line[1300];
	struct js_member m[2];
	const char *why = NULL;
	struct slice where;

	for (int n = 254; n <= 257; n++) {
		struct template *t;
		struct buf key = { 0 };

		memset(text, 'a', sizeof(text));
		text[n] = '\0';
		snprintf(line, sizeof(line), "{\"v\":\"%s\"}", text);
		t = template_parse("{v}", &why);
		CHECK(js_object(slice_str(line), m, 2, NULL) == 1);
		CHECK((template_fill(t, m, 1, &key, &why, &where) == 0) == (n <= 255));
		CHECK(key.n == (n <= 255 ? (size_t)n : 0));
		buf_free(&key);
		template_free(t);
	}
}

int
main(void)
{
	RUN(templates_are_filled_with_one_word_a_value);
	RUN(malformed_templates_are_refused);
	RUN(a_key_has_255_bytes_at_most);
	return unit_done();
}
