/* rules_table - what the reading of a rooms file (rules_read.c) and the asking (rules.c)
 * share. */
#ifndef RULES_TABLE_H
#define RULES_TABLE_H

#include "rules.h"

enum rule_option {
	RULE_AUTO = 1,
	RULE_LOWER = 2,
	RULE_ANYONE = 4,
	RULE_PUBLISH = 8,
	RULE_RELAY = 16,
};

/* {claim}=A|B */
struct requirement {
	struct slice claim, values;
};

struct rule {
	struct topic *topic;
	unsigned options;
	bool claims;                /* the pattern has a {claim} */
	struct requirement publish; /* claim.n 0: none */
	struct requirement *need;
	size_t needs;
};

struct rules {
	char *text; /* what the requirements point into */
	struct rule *rule;
	size_t n;
	struct topic_index *index; /* struct rule by pattern */
};

/* The next of the values A|B|C. */
static inline bool
rules_next_value(struct slice *values, struct slice *value)
{
	if (values->n == 0)
		return false;
	*value = slice_cut(values, '|');
	return true;
}

/* What may be the value of a claim: room names could be made of it. */
static inline bool
rules_is_value(struct slice value)
{
	return value.n <= RULES_VALUE && !topic_name_error(value);
}

#endif
