/* identity - who somebody is, as the authenticator said it. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Owned by its connection; {0}: nobody is known. */
struct identity {
	bool authenticated;
	char *user;      /* NULL: none */
	char *claims;    /* a JSON object, NULL: none */
	int64_t expires; /* Unix time in milliseconds, 0: never */
};

static inline void
identity_free(struct identity *id)
{
	free(id->user);
	free(id->claims);
	*id = (struct identity){ 0 };
}

#endif
