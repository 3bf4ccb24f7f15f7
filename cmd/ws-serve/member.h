/* member - how a client gets into rooms and out of them, by the rules; the parts of
 * client.h that join and leave. */
#ifndef MEMBER_H
#define MEMBER_H

#include <stdbool.h>

#include "rules.h"
#include "slice.h"
#include "spell.h"

struct conn;

/* The error code of a verdict that does not grant. */
enum code member_refusal(enum rules_verdict v);

/* Try to join a room or a pattern; reported when it is new there (*fresh). NULL, or why
 * not (static) with *code. */
const char *member_join(struct conn *c, struct slice room, enum code *code, bool *fresh);

/* Leave it, reported. False when it was not there. */
bool member_leave(struct conn *c, struct slice name);

#endif
