/* Whatever is given as a key is refused or becomes a key with algorithms of its kind. */
#include <stdint.h>
#include <stdlib.h>

#include "js.h"
#include "jwk_key.h"
#include "fuzz.h"

static void
look_at(struct jwk *key, const char *why)
{
	if (!key && !why)
		abort();
	if (key && (!key->algs || (key->kind == JWK_SECRET) != (key->pkey == NULL) ||
		(key->kind == JWK_SECRET && !key->secret.n)))
		abort();
	jwk_free(key);
}

static void
as_json(struct slice val, bool sign)
{
	const char *why = NULL;
	bool harmless;
	struct jwk *key = jwk_from_json(val, sign, &why, &harmless);

	look_at(key, why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size), none, val;
	const char *why = NULL;
	struct jwk *key;

	if (js_valid(text, NULL)) {
		text = slice_trim(text);
		as_json(text, false);
		as_json(text, true);
		for (struct js_walk w = js_walk(js_get(text, S("keys"))); js_next(&w, &none, &val);)
			as_json(val, false);
	} else {
		key = jwk_from_pem(text, &why);
		look_at(key, why);
	}
	jwk_published(text);
	return 0;
}
