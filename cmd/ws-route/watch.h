/* watch - has the routes file, or a module in a folder of -L, changed? By inotify(7) on
 * the folders, so that a file that is replaced by another is seen too. */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

struct watch {
	int fd;
	const char *path; /* borrowed */
	struct stat seen; /* what the file was when watch_changed last looked */
};

/* Begin to watch `path` and the *.jq and *.json files in `folders` (ends with NULL).
 * 0, or -1 with errno. */
int watch_init(struct watch *w, const char *path, const char *const *folders);

/* Called when w->fd can be read: true when something has changed since the last call. */
bool watch_changed(struct watch *w);

#endif
