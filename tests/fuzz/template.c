/* Fuzzing: a template, and a record behind the first line end. Every word of the key that
 * came from the record is one word. */
#include <stdint.h>
#include <stdlib.h>

#include "template.h"

enum { MEMBERS = 64 };

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size }, text = slice_cut(&rest, '\n'), where;
	struct js_member m[MEMBERS];
	struct buf source = { 0 }, key = { 0 };
	const char *why = NULL;
	struct template *t;
	int n = js_object(rest, m, MEMBERS, NULL);

	buf_slice(&source, text);
	t = template_parse(buf_cstr(&source), &why);
	if (t && n >= 0 && template_fill(t, m, n, &key, &why, &where) == 0) {
		size_t dots = 0;

		if (key.n > TEMPLATE_KEY_MAX)
			abort();
		/* Without {=…} the key has no dot that the template does not have. */
		for (size_t i = 0; i < key.n; i++)
			dots += key.p[i] == '.';
		if (!strstr(source.p, "{="))
			for (const char *p = source.p; *p; p++)
				if (*p == '.' && dots)
					dots--;
		if (!strstr(source.p, "{=") && dots)
			abort();
	}
	template_free(t);
	buf_free(&source);
	buf_free(&key);
	return 0;
}
