#include "event.h"

enum name { NAME_OTHER, NAME_KEY, NAME_CHANNEL, NAME_EVENT, NAME_DATA, NAME_TIME, NAME_TAG, NAMES };

static const struct slice names[NAMES] = {
	[NAME_KEY] = { "key", 3 }, [NAME_CHANNEL] = { "channel", 7 }, [NAME_EVENT] = { "event", 5 },
	[NAME_DATA] = { "data", 4 }, [NAME_TIME] = { "time", 4 }, [NAME_TAG] = { "tag", 3 },
};

static bool
is(struct slice key, enum name i)
{
	return key.p[0] == names[i].p[0] && slice_eq(key, names[i]);
}

static enum name
name_of(struct slice key)
{
	switch (key.n) {
	case 3:
		return is(key, NAME_KEY) ? NAME_KEY : is(key, NAME_TAG) ? NAME_TAG : NAME_OTHER;
	case 4:
		return is(key, NAME_DATA) ? NAME_DATA : is(key, NAME_TIME) ? NAME_TIME : NAME_OTHER;
	case 5:
		return is(key, NAME_EVENT) ? NAME_EVENT : NAME_OTHER;
	case 7:
		return is(key, NAME_CHANNEL) ? NAME_CHANNEL : NAME_OTHER;
	default:
		break;
	}
	/* With an escape ("\u006bey") a name has eight bytes at least. */
	if (key.n >= 8 && slice_find(key, '\\') < key.n)
		for (enum name i = NAME_KEY; i < NAMES; i++)
			if (js_key_is(key, names[i]))
				return i;
	return NAME_OTHER;
}

/* The text of a string or number; p NULL when it is neither. */
static struct slice
scalar_text(struct slice val, struct buf *scratch)
{
	switch (js_type(val)) {
	case JS_STRING:
		return js_text(val, scratch);
	case JS_NUMBER:
		return val;
	default:
		return slice_of(NULL, 0);
	}
}

static struct slice
message_subject(struct slice event, struct slice data, struct buf *scratch)
{
	struct buf type_buf = { 0 };
	struct slice type = js_text(js_get(data, S("type")), &type_buf);
	size_t before = scratch->n;

	if (!slice_is(event, "message") || !type.p) {
		buf_free(&type_buf);
		return event;
	}
	buf_str(scratch, "message.");
	buf_slice(scratch, type);
	buf_free(&type_buf);
	return slice_of(scratch->p + before, scratch->n - before);
}

static void
find_subject(struct event *e, const struct slice *value, const char *path)
{
	static const enum name order[] = { NAME_KEY, NAME_CHANNEL, NAME_EVENT };
	struct slice text = { NULL, 0 };

	e->subject = slice_of("", 0);
	e->dots = false;
	if (path) {
		text = scalar_text(js_path(e->line, slice_str(path)), &e->scratch);
		if (text.p)
			e->subject = text;
		e->dots = slice_is(slice_str(path), "key");
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		text = js_text(value[order[i]], &e->scratch);
		if (!text.p)
			continue;
		e->dots = order[i] == NAME_KEY;
		e->subject = order[i] == NAME_EVENT
			? message_subject(text, value[NAME_DATA], &e->scratch) : text;
		return;
	}
}

int
event_read(struct event *e, struct slice line, const char *path, struct js_error *error)
{
	struct slice value[NAMES] = { 0 };

	e->members = js_object(line, e->member, EVENT_MEMBERS, error);
	if (e->members < 0)
		return -1;
	buf_clear(&e->scratch);
	e->line = line;
	for (int i = 0; i < e->members; i++) {
		enum name n = name_of(e->member[i].key);

		if (n)
			value[n] = e->member[i].val;
	}
	e->time = value[NAME_TIME];
	e->tag = value[NAME_TAG];
	e->bare = e->tag.n && e->members == 1 + (e->time.n > 0);
	find_subject(e, value, path);
	return 0;
}
