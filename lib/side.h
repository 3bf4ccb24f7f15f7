/* side - a file that lines are appended to beside stdout: --dead-letter, --unmatched.
 * What cannot be written there ends the program, for it would be lost. */
#ifndef SIDE_H
#define SIDE_H

#include "out.h"

struct side {
	const char *path; /* NULL: not asked for */
	const char *name; /* of the option, for messages */
	struct out out;
};

/* Open s->path for appending (created with mode 0600). A failure is exit code 2. */
void side_open(struct side *s);

/* Flush, and open the path again: the file may have been moved away. */
void side_reopen(struct side *s);

/* End the line in s->out.b. */
void side_line(struct side *s);

void side_flush(struct side *s);

#endif
