/* Fuzzing: URLs of brokers. What is shown holds no password. */
#include <stdint.h>
#include <stdlib.h>

#include "rmq_url.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmq_url u;
	const char *why;

	if (rmq_url_parse(slice_of((const char *)data, size), &u, &why) == 0
		&& (!u.host || !u.vhost || !u.port || strchr(u.shown, '@')))
		abort();
	rmq_url_free(&u);
	return 0;
}
