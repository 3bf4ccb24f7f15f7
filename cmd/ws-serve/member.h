/* member - how a client gets into rooms and out of them, by the rules. */
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

/* The same for others (commands): as if it had asked, but without a reply when nothing
 * changes. NULL, or a static reason why it may not. */
const char *member_add(struct conn *c, struct slice room);
void member_remove(struct conn *c, struct slice room);

/* Put it into the rooms of the `auto` rules. tell: report and say each new one. */
void member_join_auto(struct conn *c, bool tell);

/* The rules or its identity have changed: it leaves what is refused now and joins what
 * is new, told and reported. */
void member_recheck(struct conn *c);

#endif
