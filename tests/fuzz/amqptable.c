/* Fuzzing: properties as a broker sends them, to JSON and back to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "amqpprops.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice wire = { (const char *)data, size };
	struct buf json = { 0 }, back = { 0 };
	struct amqpprops p = { 0 };
	const char *why;

	buf_byte(&json, '{');
	if (amqpprops_to_json(&json, wire) == 0) {
		buf_byte(&json, '}');
		if (!js_valid(buf_view(&json), NULL)
			|| amqpprops_read(js_get(buf_view(&json), S("properties")), &p, &why))
			abort();
		p.json[PROP_HEADERS] = js_get(buf_view(&json), S("headers"));
		if (amqpprops_to_wire(&back, &p, (struct slice){ 0 }, &why)
			|| !slice_eq(buf_view(&back), wire))
			abort();
	}
	buf_free(&json);
	buf_free(&back);
	return 0;
}
