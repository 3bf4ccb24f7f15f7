/* routes - the routes file, taken apart: ws-routes(5).
 * Lines at the margin are patterns, `def`, `import …` and `include …`; indented lines are
 * the jq source below them. Pure, but for memory. */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "slice.h"
#include "topic.h"

enum {
	ROUTES_SIZE = 16 << 20,   /* longest file, bytes */
	ROUTES_MOST = 65536,      /* blocks of a file */
	ROUTES_PATTERN = 4096,    /* longest pattern, bytes */
};

struct routes_pattern {
	struct slice text;    /* without quotes; in routes.strings when quoted, else in the file */
	unsigned line;
	struct topic *dots;   /* for subjects whose words '.' alone separates (AMQP keys) */
	struct topic *words;  /* for all others */
};

/* A `def` block or a route. */
struct routes_block {
	bool is_def;
	bool broken;             /* its source is missing or not whole, as reported */
	unsigned header;         /* line of `def` or of the first pattern, from 1 */
	unsigned first, last;    /* lines of its source */
	size_t pattern, patterns; /* in routes.pattern */
};

struct routes {
	struct slice text;  /* the file, borrowed */
	struct slice *line; /* its lines, without their ends */
	unsigned lines;
	unsigned *import;   /* lines with import and include */
	size_t imports;
	struct routes_block *block;
	size_t blocks;
	struct routes_pattern *pattern;
	size_t patterns;
	char **strings;     /* texts of quoted patterns */
	size_t nstrings;
};

/* A mistake in the file: line, column in bytes from 1 (0: the line as a whole). `why` is
 * valid during the call. */
typedef void routes_report(void *ctx, unsigned line, unsigned column, const char *why);

/* Parse `text`, which must last as long as *r. 0, or -1 when anything was reported; all
 * mistakes are. Release *r in both cases. */
int routes_parse(struct slice text, struct routes *r, routes_report *report, void *ctx);
void routes_free(struct routes *r);

#endif
