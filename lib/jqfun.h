/* jqfun - functions in C that jqx.h adds to the language of jq: drop_nulls, last_word,
 * now_iso and word(n) of ws-routes(5). */
#ifndef JQFUN_H
#define JQFUN_H

#include <jv.h>

/* Which one is meant is told by the number of values it is called with: the first is the
 * input, the second the argument if there is one, the others do not count. */
enum { JQFUN_DROP_NULLS = 1, JQFUN_LAST_WORD, JQFUN_NOW_ISO, JQFUN_WORD, JQFUN_VALUES = JQFUN_WORD };

/* The result, or an invalid value with a message. Consumes the n values. */
jv jqfun_call(jv *value, unsigned n);

#endif
