#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base64.h"
#include "js.h"
#include "jwk_key.h"

/* The key of one PEM block, or NULL. */
static EVP_PKEY *
from_block(const char *name, const unsigned char *der, long n, bool *has_private, const char **why)
{
	EVP_PKEY *pkey = NULL;

	*why = "a PEM block that cannot be read";
	if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
		pkey = d2i_PUBKEY(NULL, &der, n);
	} else if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, n);
	} else if (strcmp(name, PEM_STRING_X509) == 0) {
		X509 *cert = d2i_X509(NULL, &der, n);

		pkey = cert ? X509_get_pubkey(cert) : NULL;
		X509_free(cert);
	} else if (strcmp(name, PEM_STRING_PKCS8INF) == 0 || strcmp(name, PEM_STRING_RSA) == 0 ||
		strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0) {
		pkey = d2i_AutoPrivateKey(NULL, &der, n);
		*has_private = true;
	} else if (strcmp(name, PEM_STRING_PKCS8) == 0) {
		*why = "an encrypted private key";
	} else {
		*why = "PEM that is neither a key nor a certificate";
	}
	return pkey;
}

struct jwk *
jwk_from_pem(struct slice text, const char **why)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *pkey = NULL;
	bool has_private = false, bad = false;
	long n = 0;

	*why = "PEM that cannot be read";
	while (in && !bad && PEM_read_bio(in, &name, &header, &der, &n)) {
		/* openssl ecparam -genkey writes the curve in front of the key. */
		if (strcmp(name, PEM_STRING_ECPARAMETERS) == 0) {
			;
		} else if (*header) {
			*why = "an encrypted private key";
			bad = true;
		} else if (pkey) {
			/* A chain of certificates must not make each of its authorities an issuer. */
			*why = "more than one PEM key in a file";
			bad = true;
		} else if (!(pkey = from_block(name, der, n, &has_private, why))) {
			bad = true;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n);
	}
	BIO_free(in);
	ERR_clear_error();
	if (bad) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	if (!pkey)
		return NULL;
	*why = NULL;
	return jwk_new_pkey(pkey, has_private, why);
}

static bool
is_der(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p, *q = p;
	EVP_PKEY *pkey = NULL;
	X509 *cert = NULL;
	bool yes;

	if (s.n < 2 || p[0] != 0x30) /* all of them are a SEQUENCE */
		return false;
	if (!(pkey = d2i_PUBKEY(NULL, &q, (long)s.n))) {
		q = p;
		if (!(pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &q, (long)s.n))) {
			q = p;
			if (!(cert = d2i_X509(NULL, &q, (long)s.n))) {
				q = p;
				pkey = d2i_AutoPrivateKey(NULL, &q, (long)s.n);
			}
		}
	}
	yes = pkey || cert;
	EVP_PKEY_free(pkey);
	X509_free(cert);
	ERR_clear_error();
	return yes;
}

/* The body of a PEM file without its armour: base64 that decodes to DER. */
static bool
is_bare_pem(struct slice s)
{
	struct buf one_line = { 0 }, der = { 0 };
	bool yes;

	for (size_t i = 0; i < s.n; i++)
		if (!slice_blank(s.p[i]))
			buf_byte(&one_line, s.p[i]);
	yes = base64_get(&der, buf_view(&one_line)) == 0 && is_der(buf_view(&der));
	buf_free(&one_line);
	buf_free(&der);
	return yes;
}

const char *
jwk_published(struct slice s)
{
	struct slice text = slice_trim(s);

	if (memmem(s.p, s.n, "-----BEGIN", 10))
		return "PEM where a secret was expected";
	if (is_der(s))
		return "a DER key or certificate: convert it to PEM";
	if (is_bare_pem(s))
		return "PEM without its BEGIN and END lines";
	if (slice_starts(text, S("ssh-")) || slice_starts(text, S("ecdsa-sha2-")))
		return "an OpenSSH key: convert it to PEM";
	if (text.n && text.p[0] == '{' && js_valid(text, NULL))
		return "JSON: give a JWK set with --jwks";
	return NULL;
}
