/* A room, a pattern, a user, claims and a rooms file, a line each and the rest: no
 * subscription grants a room that would be refused, and no room from the start. */
#include "rules.h"

#include <stdint.h>
#include <stdlib.h>

#include "js.h"
#include "fuzz.h"

struct asked {
	const struct rules *rules;
	const struct rules_identity *id;
};

static void
granted(void *ctx, struct slice room)
{
	struct asked *asked = ctx;

	need(rules_ask(asked->rules, room, asked->id).verdict == RULES_GRANTED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size);
	struct slice room = slice_cut(&rest, '\n'), pattern = slice_cut(&rest, '\n');
	struct slice user = slice_cut(&rest, '\n'), claims = slice_cut(&rest, '\n');
	struct rules_identity id = { .authenticated = true, .user = user };
	struct buf why = { 0 };
	struct rules *r = rules_parse(rest, "fuzz", &why);
	const char *reason;

	need(r || why.n);
	if (js_valid(claims, NULL) && js_type(slice_trim(claims)) == JS_OBJECT)
		id.claims = claims;
	if (r) {
		struct rules_answer answer = rules_ask(r, room, &id);
		struct topic *t = topic_compile(pattern, TOPIC_ROOM, &reason);

		need((answer.verdict == RULES_GRANTED) == !answer.reason);
		need(!answer.publish || answer.verdict == RULES_GRANTED);
		need(rules_ask(r, room, NULL).verdict != RULES_GRANTED || answer.verdict == RULES_GRANTED);
		if (t && rules_ask_pattern(r, t, &id).verdict == RULES_GRANTED &&
		    topic_match(t, room) && !topic_name_error(room))
			need(answer.verdict == RULES_GRANTED);
		rules_auto(r, &id, granted, &(struct asked){ r, &id });
		topic_free(t);
	}
	rules_free(r);
	buf_free(&why);
	return 0;
}
