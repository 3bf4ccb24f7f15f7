#include "rec.h"

#include <stdio.h>

#include "base64.h"
#include "utf8.h"

/* The first and the last second that RFC 3339 can write. */
#define YEAR_0    ((time_t)-62167219200)
#define YEAR_9999 ((time_t)253402300799)

const char *const rec_forms[] = { "auto", "text", "base64", NULL };

void
rec_put_payload(struct buf *b, struct slice body, enum rec_form form, bool binary)
{
	if (!binary && form == REC_AUTO && js_valid(body, NULL)) {
		js_put_member_raw(b, "data", slice_trim(body));
	} else if (!binary && form != REC_BASE64 && utf8_valid(body)) {
		js_put_member(b, "text", body);
	} else {
		js_put_key(b, "base64");
		buf_byte(b, '"');
		base64_put(b, body);
		buf_byte(b, '"');
	}
}

int
rec_payload(const struct js_member *m, int n, struct buf *scratch, struct rec_payload *payload,
    const char **why)
{
	*payload = (struct rec_payload){ 0 };
	for (int i = 0; i < n; i++) {
		enum rec_kind kind = js_key_is(m[i].key, S("data")) ? REC_DATA
			: js_key_is(m[i].key, S("text")) ? REC_IS_TEXT
			: js_key_is(m[i].key, S("base64")) ? REC_BINARY : REC_NONE;

		if (kind == REC_NONE)
			continue;
		if (payload->kind != REC_NONE) {
			*why = "more than one of data, text and base64";
			return -1;
		}
		payload->kind = kind;
		if (kind == REC_DATA) {
			payload->bytes = m[i].val;
			continue;
		}
		payload->bytes = js_text(m[i].val, scratch);
		if (!payload->bytes.p) {
			*why = kind == REC_IS_TEXT ? "text is not a string" : "base64 is not a string";
			return -1;
		}
		if (kind == REC_BINARY) {
			struct buf copy = { 0 };
			size_t before;

			/* The text may stand in scratch itself, which grows. */
			buf_slice(&copy, payload->bytes);
			before = scratch->n;
			if (base64_get(scratch, buf_view(&copy))) {
				buf_free(&copy);
				*why = "base64 is malformed";
				return -1;
			}
			buf_free(&copy);
			payload->bytes = slice_of(scratch->p + before, scratch->n - before);
		}
	}
	return 0;
}

void
rec_put_time(struct buf *b, struct timespec t)
{
	static _Thread_local time_t cached;
	static _Thread_local char text[32];

	/* RFC 3339 has four digits for the year. */
	if (t.tv_sec < YEAR_0)
		t = (struct timespec){ .tv_sec = YEAR_0 };
	else if (t.tv_sec > YEAR_9999)
		t = (struct timespec){ .tv_sec = YEAR_9999 };
	/* The date is computed once a second: gmtime and strftime cost more than a line. */
	if (t.tv_sec != cached || !*text) {
		struct tm tm;

		gmtime_r(&t.tv_sec, &tm);
		/* The remainders are the numbers themselves; they tell the compiler so. */
		snprintf(text, sizeof(text), "\"%04u-%02u-%02uT%02u:%02u:%02u.",
		    (tm.tm_year + 1900u) % 10000, (tm.tm_mon + 1u) % 100,
		    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
		cached = t.tv_sec;
	}
	buf_str(b, text);
	long us = t.tv_nsec / 1000;
	char digits[6];

	for (int i = 5; i >= 0; i--, us /= 10)
		digits[i] = (char)('0' + us % 10);
	buf_add(b, digits, 6);
	buf_add(b, "Z\"", 2);
}

void
rec_put_now(struct buf *b)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	js_put_key(b, "time");
	rec_put_time(b, now);
}

/* n digits at *p as a number; moves *p. -1 when they are not there. */
static int
digits(struct slice *s, int n)
{
	int v = 0;

	if (s->n < (size_t)n)
		return -1;
	for (int i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return -1;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = slice_from(*s, (size_t)n);
	return v;
}

static bool
sign(struct slice *s, const char *any)
{
	/* Not strchr: a NUL byte is no sign. */
	if (!s->n || !memchr(any, s->p[0], strlen(any)))
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* Days of a month; both counted as in struct tm. */
static int
month_days(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = year + 1900;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return days[month] + (month == 1 && leap);
}

int
rec_time(struct slice s, struct timespec *t)
{
	struct tm tm = { 0 };
	long ns = 0, scale = 100000000, offset = 0;

	if ((tm.tm_year = digits(&s, 4) - 1900) < -1900 || !sign(&s, "-") ||
	    (tm.tm_mon = digits(&s, 2) - 1) < 0 || tm.tm_mon > 11 || !sign(&s, "-") ||
	    (tm.tm_mday = digits(&s, 2)) < 1 ||
	    tm.tm_mday > month_days(tm.tm_year, tm.tm_mon) || !sign(&s, "Tt ") ||
	    (tm.tm_hour = digits(&s, 2)) < 0 || tm.tm_hour > 23 || !sign(&s, ":") ||
	    (tm.tm_min = digits(&s, 2)) < 0 || tm.tm_min > 59 || !sign(&s, ":") ||
	    (tm.tm_sec = digits(&s, 2)) < 0 || tm.tm_sec > 60)
		return -1;
	if (sign(&s, ".")) {
		int d, n = 0;

		for (; (d = digits(&s, 1)) >= 0; n++) {
			ns += d * scale;
			scale /= 10;
		}
		if (n == 0)
			return -1;
	}
	if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
		int way = s.p[0] == '-' ? -1 : 1, h, m;

		s = slice_from(s, 1);
		if ((h = digits(&s, 2)) < 0 || h > 23 || !sign(&s, ":") || (m = digits(&s, 2)) < 0 ||
		    m > 59)
			return -1;
		offset = way * (h * 3600L + m * 60L);
	} else if (!sign(&s, "Zz")) {
		return -1;
	}
	if (s.n)
		return -1;
	t->tv_sec = timegm(&tm) - offset;
	t->tv_nsec = ns;
	return 0;
}
