/* jqcmp - libjq's comparisons, by digits where two numbers were read (jqnum.h).
 * This module's jv_equal, jv_cmp, jv_sort and jv_group stand before libjq's own, which
 * calls them by way of its linkage table: for ==, <, unique, group_by, sort, index and
 * the like. A computed number is still compared as a double. */
#ifndef JQCMP_H
#define JQCMP_H

/* Find libjq's own functions. 0, or -1. */
int jqcmp_init(void);

#endif
