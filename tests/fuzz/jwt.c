/* A token is judged whatever its bytes are; a good one has a claims object, and is good
 * again. The key is the one of RFC 7515 A.1, so that the corpus has a good token. */
#include <stdint.h>
#include <stdlib.h>

#include "base64.h"
#include "js.h"
#include "jwk_key.h"
#include "tok.h"
#include "fuzz.h"

static const char *const names[] = { "role", "aud=x", "a.b.c=1" };
static const char *const renames[] = { "role=http://example.com/is_root", "r=a.b" };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tok_policy policy;
	static struct tok *plain, *asking;
	static struct jwk *key;
	static struct jwk_set set;
	static const struct tok_policy nothing;
	struct slice token = slice_of((const char *)data, size);
	struct tok_verdict v, again;
	struct buf b = { 0 };

	if (!key) {
		struct buf secret = { 0 };

		base64url_get(&secret, S("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
			"PS4hcgUuTwjAzZr1Z9CAow"));
		key = jwk_new_secret(&secret);
		set = (struct jwk_set){ &key, 1 };
		policy.requires = (struct opt_list){ (const char **)names, 3 };
		policy.renames = (struct opt_list){ (const char **)renames, 2 };
		plain = tok_new(&nothing);
		asking = tok_new(&policy);
	}
	tok_check(asking, &set, token, 1300819379000, &v);
	tok_put_error(&b, asking, &v);
	if ((b.n == 0) != tok_good(&v))
		abort();
	buf_clear(&b);
	if (v.claims.n)
		tok_put_claims(&b, asking, &v);
	/* Names that stand once stand once after renaming. */
	if (b.n && !(v.faults >> TOK_PAYLOAD_TWICE & 1)) {
		struct buf scratch = { 0 };

		if (!js_valid(buf_view(&b), NULL) || !tok_unique(buf_view(&b), &scratch))
			abort();
		buf_free(&scratch);
	}
	tok_check(plain, &set, token, 1300819379000, &v);
	if (tok_good(&v) && js_type(v.claims) != JS_OBJECT)
		abort();
	tok_check(plain, &set, token, 1300819379000, &again);
	if (v.faults != again.faults || v.expires != again.expires)
		abort();
	buf_free(&b);
	return 0;
}
