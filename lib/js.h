/* js - JSON text as slices: a strict scanner (RFC 8259) and writers. Nothing is copied:
 * a value is the slice of its text, so numbers keep their digits and objects their
 * order. Pure; only js_text and the writers allocate, in the caller's buffer.
 *
 * Strict means: no NaN, no leading zeros, no comments, no byte order mark, valid UTF-8
 * throughout, nothing behind the value but blanks, nesting of JS_DEPTH at most. Lone
 * surrogates in \u escapes are allowed by the grammar and decode to U+FFFD. */
#ifndef JS_H
#define JS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

enum { JS_DEPTH = 512 };

struct js_error {
	size_t at;       /* offset of the offending byte */
	const char *why; /* static text, such as "unterminated string" */
};

enum js_type { JS_NONE, JS_NULL, JS_FALSE, JS_TRUE, JS_NUMBER, JS_STRING, JS_ARRAY, JS_OBJECT };

/* A member of an object. The key is the text between its quotes, escapes and all. */
struct js_member {
	struct slice key, val;
};

/* --- hostile text --- */

/* True if `text` is one JSON value and blanks; else *e says where and why (e may be
 * NULL). Time: linear. */
bool js_valid(struct slice text, struct js_error *e);

/* Validate the first value of `text`, which others may follow: *val is that value. Returns
 * how many bytes it took with the blanks before and behind it, or 0 with *e set. */
size_t js_first(struct slice text, struct slice *val, struct js_error *e);

/* Validate `text` as one object and split it into its members, in one pass. Returns
 * their number, or -1 with *e set (also when there are more than `most`). */
int js_object(struct slice text, struct js_member *m, size_t most, struct js_error *e);

/* --- values known to be valid --- */

/* The kind of a value; JS_NONE for an empty slice. */
enum js_type js_type(struct slice val);

/* Walk over an object or array: start with js_walk(val), then js_next until false. For
 * an array, key is empty. */
struct js_walk {
	const char *p, *end;
	bool object;
};
struct js_walk js_walk(struct slice val);
bool js_next(struct js_walk *w, struct slice *key, struct slice *val);

/* True if the raw key, unescaped, is `name`. */
bool js_key_is(struct slice key, struct slice name);

/* The member `name` of an object (the last of several): its value, or an empty slice
 * (JS_NONE) when there is none or `obj` is no object. */
struct slice js_get(struct slice obj, struct slice name);

/* The same among members split by js_object. */
struct slice js_pick(const struct js_member *m, int n, struct slice name);

/* A value by a path of member names, "data.user.id"; empty slice when there is none. */
struct slice js_path(struct slice obj, struct slice path);

/* A string value as bytes: borrowed from the text when it has no escapes, else decoded
 * behind what *scratch holds (the slice lasts until scratch grows again). An empty
 * slice with p NULL when val is no string. */
struct slice js_text(struct slice val, struct buf *scratch);

/* The same for a raw key. */
struct slice js_key_text(struct slice key, struct buf *scratch);

/* An integer that fits, written without fraction or exponent. False otherwise. */
bool js_int(struct slice val, int64_t *v);

/* Any number, as the nearest double. False when val is no number. */
bool js_double(struct slice val, double *v);

/* The first byte from p on that is more than a plain character of a string: '"', '\\', a
 * control character, or not ASCII; else `end`. */
const char *js_skip_plain(const char *p, const char *end);

/* --- writing --- */

/* A string in quotes. Bytes that are not UTF-8 become U+FFFD. */
void js_put_string(struct buf *b, struct slice s);

/* The value's text with line ends in its white space made blanks, so that it stands on
 * one line; otherwise byte for byte. */
void js_put_flat(struct buf *b, struct slice val);

/* "name":  with a comma before it unless an object or array has just been opened. */
void js_put_key(struct buf *b, const char *name);

/* js_put_key and a string, an integer, or a value as js_put_flat writes it. */
void js_put_member(struct buf *b, const char *name, struct slice string);
void js_put_member_int(struct buf *b, const char *name, int64_t v);
void js_put_member_raw(struct buf *b, const char *name, struct slice val);

#endif
