#include "jqfun.h"

#include <time.h>

#include "buf.h"
#include "jqval.h"
#include "rec.h"
#include "topic.h"

/* Word n of a name, from 0; from the end, -1, when negative. False: there is none. */
static bool
nth_word(struct slice name, double n, struct slice *found)
{
	struct topic_words w = topic_words(name, 0);
	double i = 0;

	if (n < 0) {
		while (topic_next(&w, found))
			n++;
		w = topic_words(name, 0);
	}
	for (; topic_next(&w, found); i++)
		if (i <= n && n < i + 1)
			return true;
	return false;
}

static jv
word(jv name, jv n)
{
	jv result;

	if (jv_get_kind(name) != JV_KIND_STRING || jv_get_kind(n) != JV_KIND_NUMBER) {
		result = jv_invalid_with_msg(jv_string_fmt("word of %s and %s, not of string and number",
		    jv_kind_name(jv_get_kind(name)), jv_kind_name(jv_get_kind(n))));
	} else {
		struct slice w = { "", 0 };

		if (nth_word(jqval_string(name), jv_number_value(n), &w))
			result = jv_string_sized(w.p, (int)w.n);
		else
			result = jv_null();
	}
	jv_free(name);
	jv_free(n);
	return result;
}

static jv
last_word(jv name)
{
	jv result;

	if (jv_get_kind(name) != JV_KIND_STRING) {
		result = jv_invalid_with_msg(jv_string_fmt("last_word of %s, not of string",
		    jv_kind_name(jv_get_kind(name))));
	} else {
		struct slice s = jqval_string(name);
		size_t i = s.n;

		while (i && s.p[i - 1] != '.' && s.p[i - 1] != ':')
			i--;
		result = jv_string_sized(s.p + i, (int)(s.n - i));
	}
	jv_free(name);
	return result;
}

static jv
drop_nulls(jv object)
{
	jv result;

	if (jv_get_kind(object) != JV_KIND_OBJECT) {
		result = jv_invalid_with_msg(jv_string_fmt("drop_nulls of %s, not of object",
		    jv_kind_name(jv_get_kind(object))));
		jv_free(object);
		return result;
	}
	result = jv_copy(object);
	for (int i = jv_object_iter(object); jv_object_iter_valid(object, i);
	    i = jv_object_iter_next(object, i)) {
		jv v = jv_object_iter_value(object, i);

		if (jv_get_kind(v) == JV_KIND_NULL)
			result = jv_object_delete(result, jv_object_iter_key(object, i));
		jv_free(v);
	}
	jv_free(object);
	return result;
}

static jv
now_iso(void)
{
	struct buf b = { 0 };
	struct timespec now;
	jv v;

	clock_gettime(CLOCK_REALTIME, &now);
	rec_put_time(&b, now);
	v = jv_string_sized(b.p + 1, (int)b.n - 2);
	buf_free(&b);
	return v;
}

jv
jqfun_call(jv *value, unsigned n)
{
	jv input = jv_copy(value[0]), argument = n > 1 ? jv_copy(value[1]) : jv_null();

	for (unsigned i = 0; i < n; i++)
		jv_free(value[i]);
	if (n == JQFUN_WORD)
		return word(input, argument);
	jv_free(argument);
	switch (n) {
	case JQFUN_DROP_NULLS:
		return drop_nulls(input);
	case JQFUN_LAST_WORD:
		return last_word(input);
	default:
		jv_free(input);
		return now_iso();
	}
}
