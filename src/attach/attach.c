/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct attach_method *const methods[] = {
	&attach_ublk,
	&attach_nbd,
	&attach_fuse,
	&attach_nbd_socket,
};

const struct attach_method *attach_method(size_t i)
{
	return i < ARRAY_SIZE(methods) ? methods[i] : NULL;
}

const struct attach_method *attach_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

static const struct attach_method *choose_named(const char *via, char *why, size_t why_size)
{
	const struct attach_method *m = attach_find(via);
	if (m)
		return m->probe(why, why_size) ? NULL : m;
	int n = snprintf(why, why_size, "there is no method \"%.32s\"; there are:", via);
	for (size_t i = 0; i < ARRAY_SIZE(methods) && n > 0 && (size_t)n < why_size; i++)
		n += snprintf(why + n, why_size - (size_t)n, "%s %s", i ? "," : "",
			      methods[i]->name);
	return NULL;
}

const struct attach_method *attach_choose(const char *via, char *why, size_t why_size)
{
	if (via)
		return choose_named(via, why, why_size);
	int n = snprintf(why, why_size, "no method makes a block device here");
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		char reason[ATTACH_WHY];
		if (methods[i]->by_name_only)
			continue;
		if (!methods[i]->probe(reason, sizeof(reason)))
			return methods[i];
		if (n > 0 && (size_t)n < why_size)
			n += snprintf(why + n, why_size - (size_t)n, "; %s: %s", methods[i]->name,
				      reason);
	}
	return NULL;
}

/* It stands in messages, in paths of sysfs and in what clients send. */
static bool is_good_name(const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return len > 0 && len < sizeof(((struct attach *)NULL)->name);
}

int attach_start(struct attach **out, const struct attach_method *m, const struct attach_options *o,
		 char *why, size_t why_size)
{
	*out = NULL;
	if (!is_good_name(o->name)) {
		snprintf(why, why_size, "a name of 1 to 63 printable characters is needed");
		return -EINVAL;
	}
	if (o->keep && (!m->takes_over || strcmp(o->keep->method, m->name))) {
		snprintf(why, why_size, "%s: what was attached by %.15s cannot be taken over",
			 m->name, o->keep->method);
		return -EOPNOTSUPP;
	}
	int err = m->start(out, o, why, why_size);
	if (err)
		return err;
	attach_init(*out, m, o);
	return 0;
}

void attach_init(struct attach *a, const struct attach_method *m, const struct attach_options *o)
{
	a->method = m;
	a->o = *o;
	snprintf(a->name, sizeof(a->name), "%s", o->name);
	snprintf(a->keep.method, sizeof(a->keep.method), "%s", m->name);
	a->o.name = a->name;
}

void attach_stop(struct attach *a, bool force, attach_result *stopped, void *ctx)
{
	a->stopped = stopped;
	a->stopped_ctx = ctx;
	a->stopping = true;
	a->why[0] = 0;
	a->method->stop(a, force);
}

void attach_leave(struct attach *a, attach_result *left, void *ctx)
{
	disk_unwatch(&a->watch);
	a->stopped = left;
	a->stopped_ctx = ctx;
	a->stopping = true;
	a->method->leave(a);
}

const char *attach_mortal(const struct attach_method *m, const struct attach_keep *keep)
{
	if (!m->takes_over)
		return "its clients have to connect again";
	return m->mortal ? m->mortal(keep) : NULL;
}

void attach_free(struct attach *a)
{
	if (!a)
		return;
	disk_unwatch(&a->watch);
	a->method->free(a);
}

void attach_set_why(struct attach *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
}

void attach_say_ready(struct attach *a, int err)
{
	a->is_ready = !err;
	a->o.ready(a, a->o.ctx, err, a->why);
}

void attach_say_stopped(struct attach *a, int err)
{
	a->stopping = false;
	a->stopped(a, a->stopped_ctx, err, a->why);
}

void attach_say_lost(struct attach *a)
{
	if (a->o.lost)
		a->o.lost(a, a->o.ctx, a->why);
}
