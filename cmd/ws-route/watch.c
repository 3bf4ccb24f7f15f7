#include "watch.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "mem.h"

/* A file that was written counts when it is closed, whole. */
enum { EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO };

static int
watch_folder_of(int fd, const char *path)
{
	char *copy = mem_str(path);
	int wd = inotify_add_watch(fd, dirname(copy), EVENTS);

	free(copy);
	return wd < 0 ? -1 : 0;
}

int
watch_init(struct watch *w, const char *path, const char *const *folders)
{
	char target[PATH_MAX];

	*w = (struct watch){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .path = path };
	if (w->fd < 0 || watch_folder_of(w->fd, path))
		return -1;
	/* Where a link leads is best effort: the link itself is watched. */
	if (realpath(path, target))
		watch_folder_of(w->fd, target);
	for (; *folders; folders++)
		if (inotify_add_watch(w->fd, *folders, EVENTS) < 0)
			return -1;
	stat(path, &w->seen);
	return 0;
}

static bool
file_changed(struct watch *w)
{
	struct stat now;

	if (stat(w->path, &now) < 0)
		return false;
	if (now.st_ino == w->seen.st_ino && now.st_dev == w->seen.st_dev &&
	    now.st_size == w->seen.st_size && now.st_ctim.tv_sec == w->seen.st_ctim.tv_sec &&
	    now.st_ctim.tv_nsec == w->seen.st_ctim.tv_nsec)
		return false;
	w->seen = now;
	return true;
}

static bool
is_module(const char *name)
{
	size_t n = strlen(name);

	return (n > 3 && !strcmp(name + n - 3, ".jq")) || (n > 5 && !strcmp(name + n - 5, ".json"));
}

bool
watch_changed(struct watch *w)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool modules = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			/* The folder of the routes file may be one of -L as well. */
			modules = modules || (e->len && is_module(e->name));
			p += sizeof(*e) + e->len;
		}
	}
	/* Whatever the name: a link may have been turned. */
	return file_changed(w) || modules;
}
