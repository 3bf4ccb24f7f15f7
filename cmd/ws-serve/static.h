/* static - files for browsers: regular files beneath one folder, found by the path of a
 * request. No symbolic link is followed, no name begins with a dot, nothing leads out. */
#ifndef STATIC_H
#define STATIC_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct static_file {
	int fd;           /* the caller's to close */
	int64_t size;
	int64_t modified; /* Unix time */
	const char *type; /* Content-Type */
};

/* Open the folder. A descriptor, or -1 with errno (ENOTDIR for a file). */
int static_open(const char *dir);

/* The file for `path`, as it stood in the request (it is percent-decoded here). A path
 * that ends in '/' means index.html. 200 with *file set; 301 when it is a folder and the
 * path lacks its '/'; 404 for all that is not to be served; 500 when the file is there
 * but cannot be opened. */
int static_find(int dir, struct slice path, struct static_file *file);

#endif
