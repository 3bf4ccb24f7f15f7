/* mistakes - what is wrong in a routes file, collected, then shown in the order of its
 * lines, each once:
 *   gateway.routes:7:21: syntax error, unexpected '}'
 *       {to: .x}}
 *               ^                                                                   */
#ifndef MISTAKES_H
#define MISTAKES_H

#include <stddef.h>

#include "routes.h"

struct mistakes {
	struct mistake {
		char *file; /* NULL: the routes file */
		unsigned line, column;
		char *why;
	} *v;
	size_t n;
};

void mistakes_add(struct mistakes *m, struct slice file, unsigned line, unsigned column,
    struct slice why);

/* Show all on stderr; `name` is the routes file's. */
void mistakes_show(struct mistakes *m, const char *name, const struct routes *r);

void mistakes_free(struct mistakes *m);

#endif
