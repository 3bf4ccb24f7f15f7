#include "msg.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

/* A pipe in which poll finds room takes so much without waiting. */
enum { LINE = PIPE_BUF };

static const char *program = "wsutils";
static enum msg_level most = MSG_WARNING;
static bool as_json;
static bool never_wait;
static uint64_t lost, told; /* messages; those of them that a line told of */
static void (*before_message)(void), (*after_message)(void);

void
msg_init(const char *name)
{
	program = name;
}

const char *
msg_program(void)
{
	return program;
}

void
msg_setup(enum msg_level level, bool json)
{
	most = level;
	as_json = json;
}

void
msg_never_wait(void)
{
	never_wait = true;
}

uint64_t
msg_lost(void)
{
	return lost;
}

void
msg_hook(void (*before)(void), void (*after)(void))
{
	before_message = before;
	after_message = after;
}

bool
msg_shown(enum msg_level level)
{
	return level <= most;
}

/* Copy text to out (at most `room` bytes) with whatever could disturb a terminal or
 * a log escaped; for JSON also quotes and backslashes. Returns the bytes written. */
static size_t
escape(char *out, size_t room, const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
	size_t n = 0;

	while (p < end) {
		unsigned len = utf8_length(p, end);
		bool c1 = len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
		char tmp[8];
		size_t m;

		if (len == 0 || c1 || *p < 0x20 || *p == 0x7f) {
			m = (size_t)snprintf(tmp, sizeof(tmp), "\\%s%02x", as_json ? "u00" : "x",
			    c1 ? p[1] : p[0]);
			len = len ? len : 1;
		} else if (as_json && (*p == '"' || *p == '\\')) {
			tmp[0] = '\\';
			tmp[1] = (char)*p;
			m = 2;
		} else {
			memcpy(tmp, p, len);
			m = len;
		}
		if (n + m > room)
			break;
		memcpy(out + n, tmp, m);
		n += m;
		p += len;
	}
	return n;
}

/* Write `text` as one line. False when it could not be written. */
static bool
put_line(enum msg_level level, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[LINE];
	ssize_t written;
	size_t n;

	if (never_wait && (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT)))
		return false;
	if (as_json) {
		struct timespec now;
		struct tm tm;

		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		n = strftime(line, sizeof(line), "{\"time\":\"%Y-%m-%dT%H:%M:%S", &tm);
		n += (size_t)snprintf(line + n, sizeof(line) - n,
		    ".%06ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"",
		    now.tv_nsec / 1000, names[level], program);
	} else {
		n = (size_t)snprintf(line, sizeof(line), "%s: ", program);
	}
	n += escape(line + n, sizeof(line) - n - 4, text);
	if (as_json) {
		line[n++] = '"';
		line[n++] = '}';
	}
	line[n++] = '\n';
	while ((written = write(STDERR_FILENO, line, n)) < 0 && errno == EINTR)
		;
	return written >= 0;
}

static void __attribute__((format(printf, 2, 0)))
say(enum msg_level level, const char *fmt, va_list ap)
{
	char text[LINE];
	int saved = errno;

	if (!msg_shown(level))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (before_message)
		before_message();
	if (lost > told) {
		unsigned long long n = lost - told;
		char notice[100];

		snprintf(notice, sizeof(notice), "%llu message%s before this one %s lost: "
		    "stderr was not read", n, n == 1 ? "" : "s", n == 1 ? "was" : "were");
		if (put_line(MSG_WARNING, notice))
			told = lost;
	}
	/* A message that cannot be written has nowhere else to go. */
	if (lost > told || !put_line(level, text))
		lost++;
	if (after_message)
		after_message();
	errno = saved;
}

#define SAY(level) \
	do { \
		va_list ap; \
		va_start(ap, fmt); \
		say(level, fmt, ap); \
		va_end(ap); \
	} while (0)

void
msg_error(const char *fmt, ...)
{
	SAY(MSG_ERROR);
}

void
msg_warn(const char *fmt, ...)
{
	SAY(MSG_WARNING);
}

void
msg_info(const char *fmt, ...)
{
	SAY(MSG_INFO);
}

void
msg_debug(const char *fmt, ...)
{
	SAY(MSG_DEBUG);
}

void
msg_die(int status, const char *fmt, ...)
{
	SAY(MSG_ERROR);
	exit(status);
}
