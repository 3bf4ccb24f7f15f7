/* Two patterns and a name, a line each: what is said of the patterns holds for the name,
 * and the index agrees. */
#include "topic.h"

#include <stdlib.h>

#include "fuzz.h"

static void
count(void *ctx, void *value)
{
	(void)value;
	++*(size_t *)ctx;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size);
	unsigned flags = size ? data[0] & (TOPIC_DOTS | TOPIC_CLAIMS | TOPIC_ROOM) : 0;
	struct slice text_a, text_b;
	struct topic *a, *b;
	const char *why = NULL;

	rest = slice_from(rest, 1);
	text_a = slice_cut(&rest, '\n');
	text_b = slice_cut(&rest, '\n');
	a = topic_compile(text_a, flags, &why);
	need(a || why);
	b = topic_compile(text_b, flags, &why);
	if (topic_name_error(rest) == NULL)
		need(!topic_is_pattern(rest) && rest.n <= TOPIC_NAME);
	if (a && b) {
		struct topic_index *x = topic_index_new(flags);
		bool in_a = topic_match(a, rest), in_b = topic_match(b, rest);
		size_t found = 0;

		need(topic_covers(a, a) && topic_overlaps(a, b) == topic_overlaps(b, a));
		need(!in_a || !in_b || topic_overlaps(a, b));
		need(!topic_covers(a, b) || !in_b || in_a);
		topic_index_add(x, a, a);
		topic_index_add(x, b, b);
		topic_index_match(x, rest, count, &found);
		need(found == (size_t)in_a + in_b);
		need(topic_index_remove(x, a, a) && topic_index_count(x) == 1);
		need(topic_index_remove(x, b, b) && !topic_index_remove(x, b, b));
		topic_index_free(x);
	}
	topic_free(a);
	topic_free(b);
	return 0;
}
