/* Files beneath a folder: cmd/ws-serve/static.c. The kernel's way of staying beneath it
 * (openat2) and our own, for kernels that have none, must agree. */
#include "unit.h"

#include "../../cmd/ws-serve/request.c"
#include "../../cmd/ws-serve/static.c"

static char root[] = "/tmp/static.XXXXXX";
static int dir;

static void
make_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void
make_tree(void)
{
	char path[256];

	CHECK(mkdtemp(root) != NULL);
	snprintf(path, sizeof path, "%s/sub", root);
	mkdir(path, 0755);
	make_file("index.html", "root");
	make_file("sub/index.html", "sub");
	make_file("sub/a.JS", "js");
	make_file(".hidden", "no");
	snprintf(path, sizeof path, "%s/link", root);
	CHECK(symlink("index.html", path) == 0);
	snprintf(path, sizeof path, "%s/out", root);
	CHECK(symlink("/etc", path) == 0);
	snprintf(path, sizeof path, "%s/fifo", root);
	CHECK(mkfifo(path, 0644) == 0);
	dir = static_open(root);
	CHECK(dir >= 0);
}

static void
remove_tree(void)
{
	static const char *const names[] = { "sub/index.html", "sub/a.JS", "sub", "index.html",
		".hidden", "link", "out", "fifo", "" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[256];

		snprintf(path, sizeof path, "%s/%s", root, names[i]);
		remove(path);
	}
	close(dir);
}

static int
status_of(const char *path, struct static_file *file)
{
	int status = static_find(dir, unit_guard(slice_str(path)), file);

	if (status == 200)
		close(file->fd);
	return status;
}

TEST(paths_lead_to_files_or_nowhere)
{
	static const struct {
		int status;
		const char *path;
	} cases[] = {
		{ 200, "/" }, { 200, "/index.html" }, { 200, "/sub/" }, { 200, "/sub/a.JS" },
		{ 200, "/%73ub/a%2EJS" }, { 200, "/sub%2fa.JS" }, { 301, "/sub" },
		{ 404, "" }, { 404, "x" }, { 404, "//" }, { 404, "//etc/passwd" }, { 404, "/.hidden" },
		{ 404, "/%2ehidden" }, { 404, "/sub/../index.html" }, { 404, "/.." }, { 404, "/." },
		{ 404, "/sub/./a.JS" }, { 404, "/sub//a.JS" }, { 404, "/link" }, { 404, "/out/passwd" },
		{ 404, "/fifo" }, { 404, "/none" }, { 404, "/index.html/" }, { 404, "/index.html%00" },
		{ 404, "/%" }, { 404, "/%4" }, { 404, "/%gg" }, { 404, "/%2e%2e%2findex.html" },
	};
	struct static_file file;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = status_of(cases[i].path, &file);

		if (status != cases[i].status)
			printf("# %s: %d\n", cases[i].path, status);
		CHECK(status == cases[i].status);
	}
}

TEST(size_and_type_are_told)
{
	struct static_file file;

	CHECK(status_of("/sub/a.JS", &file) == 200);
	CHECK(file.size == 2 && strcmp(file.type, "text/javascript; charset=utf-8") == 0);
	CHECK(status_of("/", &file) == 200);
	CHECK(file.size == 4 && strcmp(file.type, "text/html; charset=utf-8") == 0);
}

TEST(a_path_of_any_length_is_no_danger)
{
	char path[8192];
	struct static_file file;

	for (size_t n = PATH_BYTES - 16; n < PATH_BYTES + 16; n++) {
		memset(path, 'a', n);
		path[0] = '/';
		path[n] = '\0';
		CHECK(status_of(path, &file) == 404);
		path[n - 1] = '/';
		CHECK(status_of(path, &file) == 404);
	}
}

TEST(without_openat2_the_same_is_found)
{
	static const char *const paths[] = { "index.html", "sub/index.html", "sub/a.JS", "sub", "link",
		"out/passwd", "none", "sub/none", "index.html/x", "fifo" };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int a = open_beneath(dir, paths[i]), b = open_by_parts(dir, paths[i]);

		if ((a >= 0) != (b >= 0))
			printf("# %s: %d, %d\n", paths[i], a, b);
		CHECK((a >= 0) == (b >= 0));
		if (a >= 0)
			close(a);
		if (b >= 0)
			close(b);
	}
}

TEST(a_file_is_no_folder_to_serve)
{
	char path[256];

	snprintf(path, sizeof path, "%s/index.html", root);
	CHECK(static_open(path) == -1);
}

int
main(void)
{
	make_tree();
	RUN(paths_lead_to_files_or_nowhere);
	RUN(size_and_type_are_told);
	RUN(a_path_of_any_length_is_no_danger);
	RUN(without_openat2_the_same_is_found);
	RUN(a_file_is_no_folder_to_serve);
	remove_tree();
	return unit_done();
}
