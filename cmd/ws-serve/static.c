#include "static.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "request.h"
#include "url.h"

enum { PATH_BYTES = 1024 };

static const struct {
	const char *suffix, *type;
} types[] = {
	{ "html", "text/html; charset=utf-8" },
	{ "htm", "text/html; charset=utf-8" },
	{ "css", "text/css; charset=utf-8" },
	{ "js", "text/javascript; charset=utf-8" },
	{ "mjs", "text/javascript; charset=utf-8" },
	{ "json", "application/json" },
	{ "map", "application/json" },
	{ "webmanifest", "application/manifest+json" },
	{ "txt", "text/plain; charset=utf-8" },
	{ "md", "text/markdown; charset=utf-8" },
	{ "csv", "text/csv; charset=utf-8" },
	{ "xml", "application/xml" },
	{ "svg", "image/svg+xml" },
	{ "png", "image/png" },
	{ "jpg", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "gif", "image/gif" },
	{ "webp", "image/webp" },
	{ "avif", "image/avif" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "wasm", "application/wasm" },
	{ "pdf", "application/pdf" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
};

static const char *
type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++) {
		if (request_same(slice_str(dot + 1), slice_str(types[i].suffix)))
			return types[i].type;
	}
	return "application/octet-stream";
}

int
static_open(const char *dir)
{
	return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The request's path as one relative to the folder: "" for "/". False for what is never
 * served: empty components, names that begin with a dot ("." and ".." among them), NUL. */
static bool
relative(struct slice path, char out[PATH_BYTES])
{
	struct buf b = { .p = out, .cap = PATH_BYTES };
	struct slice rest;

	if (path.n == 0 || path.p[0] != '/' || path.n >= PATH_BYTES)
		return false;
	if (url_decode(&b, slice_from(path, 1)))
		return false;
	out[b.n] = '\0';
	if (strlen(out) != b.n)
		return false;
	rest = slice_of(out, b.n);
	while (rest.n) {
		struct slice name = slice_cut(&rest, '/');

		if (name.n == 0 || name.p[0] == '.')
			return false;
	}
	return true;
}

/* Without openat2 (kernels before 5.6, some sandboxes): one component at a time. */
static int
open_by_parts(int dir, const char *path)
{
	enum { FLAGS = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };
	int at = dir;

	for (;;) {
		char name[PATH_BYTES];
		const char *slash = strchr(path, '/');
		size_t n = slash ? (size_t)(slash - path) : strlen(path);
		int fd;

		memcpy(name, path, n);
		name[n] = '\0';
		fd = openat(at, name, slash ? O_PATH | O_DIRECTORY | FLAGS : O_RDONLY | FLAGS);
		if (at != dir)
			close(at);
		if (fd < 0 || !slash)
			return fd;
		at = fd;
		path = slash + 1;
	}
}

static int
open_beneath(int dir, const char *path)
{
	/* Not blocking: a FIFO must not hold us until its writer comes. */
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_by_parts(dir, path);
	return fd;
}

int
static_find(int dir, struct slice path, struct static_file *file)
{
	char name[PATH_BYTES + sizeof "index.html"];
	struct stat st;
	size_t n;

	if (!relative(path, name))
		return 404;
	n = strlen(name);
	if (n == 0 || name[n - 1] == '/')
		strcpy(name + n, "index.html");
	file->fd = open_beneath(dir, name);
	if (file->fd < 0)
		return errno == ENFILE || errno == EMFILE || errno == ENOMEM ? 503 : 404;
	if (fstat(file->fd, &st) || !S_ISREG(st.st_mode)) {
		close(file->fd);
		return S_ISDIR(st.st_mode) ? 301 : 404;
	}
	file->size = st.st_size;
	file->modified = st.st_mtime;
	file->type = type_of(name);
	return 200;
}
