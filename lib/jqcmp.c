#include "jqcmp.h"

#include <dlfcn.h>
#include <jv.h>
#include <stdbool.h>
#include <stdlib.h>

#include "jqnum.h"
#include "mem.h"

/* All functions with libjq's names consume their arguments, as all of libjq's do. */

static int (*libjq_cmp)(jv, jv);
static int (*libjq_equal)(jv, jv);

int
jqcmp_init(void)
{
	/* A data pointer is no function pointer in C; POSIX says it can be copied. */
	*(void **)&libjq_cmp = dlsym(RTLD_NEXT, "jv_cmp");
	*(void **)&libjq_equal = dlsym(RTLD_NEXT, "jv_equal");
	return libjq_cmp && libjq_equal ? 0 : -1;
}

static bool
both_read(jv a, jv b, const struct jqnum **x, const struct jqnum **y)
{
	return a.u.number == b.u.number && (*x = jqnum_of(a)) && (*y = jqnum_of(b));
}

/* Arrays and objects are compared here too: inside libjq such calls are direct. */

static int
arrays_equal(jv a, jv b)
{
	int n = jv_array_length(jv_copy(a)), same = n == jv_array_length(jv_copy(b));

	for (int i = 0; i < n && same; i++)
		same = jv_equal(jv_array_get(jv_copy(a), i), jv_array_get(jv_copy(b), i));
	return same;
}

static int
objects_equal(jv a, jv b)
{
	int same = jv_object_length(jv_copy(a)) == jv_object_length(jv_copy(b));

	for (int i = jv_object_iter(a); jv_object_iter_valid(a, i) && same;
	    i = jv_object_iter_next(a, i)) {
		jv v = jv_object_get(jv_copy(b), jv_object_iter_key(a, i));

		same = jv_is_valid(v) && jv_equal(jv_object_iter_value(a, i), jv_copy(v));
		jv_free(v);
	}
	return same;
}

int
jv_equal(jv a, jv b)
{
	jv_kind kind = jv_get_kind(a);
	const struct jqnum *x, *y;
	int same;

	if (kind != jv_get_kind(b))
		return libjq_equal(a, b);
	if (kind == JV_KIND_NUMBER && both_read(a, b, &x, &y))
		return jqnum_order(x, y) == 0;
	if (kind != JV_KIND_ARRAY && kind != JV_KIND_OBJECT)
		return libjq_equal(a, b);
	if (jv_identical(jv_copy(a), jv_copy(b)))
		same = 1;
	else
		same = kind == JV_KIND_ARRAY ? arrays_equal(a, b) : objects_equal(a, b);
	jv_free(a);
	jv_free(b);
	return same;
}

static int
array_order(jv a, jv b)
{
	int n = jv_array_length(jv_copy(a)), m = jv_array_length(jv_copy(b)), r = 0;

	for (int i = 0; i < n && i < m && !r; i++)
		r = jv_cmp(jv_array_get(jv_copy(a), i), jv_array_get(jv_copy(b), i));
	return r ? r : (n > m) - (n < m);
}

/* First by the sorted names, then by the values in the order of the names. */
static int
object_order(jv a, jv b)
{
	jv names = jv_keys(jv_copy(a));
	int r = jv_cmp(jv_copy(names), jv_keys(jv_copy(b))), n = jv_array_length(jv_copy(names));

	for (int i = 0; i < n && !r; i++) {
		jv name = jv_array_get(jv_copy(names), i);

		r = jv_cmp(jv_object_get(jv_copy(a), jv_copy(name)), jv_object_get(jv_copy(b), name));
	}
	jv_free(names);
	return r;
}

int
jv_cmp(jv a, jv b)
{
	jv_kind kind = jv_get_kind(a);
	const struct jqnum *x, *y;
	int r;

	if (kind != jv_get_kind(b))
		return libjq_cmp(a, b);
	if (kind == JV_KIND_NUMBER && both_read(a, b, &x, &y))
		return jqnum_order(x, y);
	if (kind != JV_KIND_ARRAY && kind != JV_KIND_OBJECT)
		return libjq_cmp(a, b);
	r = kind == JV_KIND_ARRAY ? array_order(a, b) : object_order(a, b);
	jv_free(a);
	jv_free(b);
	return r;
}

/* --- sorting --- */

struct entry {
	jv object, key;
	int index;
};

/* Stable. */
static int
entry_order(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int r = jv_cmp(jv_copy(a->key), jv_copy(b->key));

	return r ? r : a->index - b->index;
}

static struct entry *
sorted(jv objects, jv keys, int n)
{
	struct entry *e = mem_alloc((size_t)n * sizeof(*e));

	for (int i = 0; i < n; i++)
		e[i] = (struct entry){ jv_array_get(jv_copy(objects), i),
			jv_array_get(jv_copy(keys), i), i };
	jv_free(objects);
	jv_free(keys);
	qsort(e, (size_t)n, sizeof(*e), entry_order);
	return e;
}

jv
jv_sort(jv objects, jv keys)
{
	int n = jv_array_length(jv_copy(objects));
	struct entry *e = sorted(objects, keys, n);
	jv result = jv_array();

	for (int i = 0; i < n; i++) {
		result = jv_array_append(result, e[i].object);
		jv_free(e[i].key);
	}
	free(e);
	return result;
}

jv
jv_group(jv objects, jv keys)
{
	int n = jv_array_length(jv_copy(objects));
	struct entry *e = sorted(objects, keys, n);
	jv result = jv_array(), group = jv_array();

	for (int i = 0; i < n; i++) {
		if (i && !jv_equal(jv_copy(e[i - 1].key), jv_copy(e[i].key))) {
			result = jv_array_append(result, group);
			group = jv_array();
		}
		group = jv_array_append(group, e[i].object);
	}
	for (int i = 0; i < n; i++)
		jv_free(e[i].key);
	free(e);
	if (n)
		return jv_array_append(result, group);
	jv_free(group);
	return result;
}
