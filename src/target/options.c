/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "config/args.h"
#include "target/target.h"

int target_take_engine(struct target_options *o, const char *value, char *why, size_t why_size)
{
	const char *name;
	for (size_t i = 0; (name = reactor_engine_name(i)); i++) {
		if (!strcmp(value, name)) {
			o->engine = name;
			return 0;
		}
	}
	snprintf(why, why_size, "--engine: \"%.40s\" is not an engine; there are uring and epoll",
		 value);
	return -EINVAL;
}

int target_take_reactors(struct target_options *o, const char *value, char *why, size_t why_size)
{
	return args_number("reactors", value, TARGET_REACTORS_MAX, &o->reactors, why, why_size);
}

int target_take_limit(struct target_options *o, const char *value, char *why, size_t why_size)
{
	char name[64];
	const char *equals = strchr(value, '=');
	size_t len = equals ? (size_t)(equals - value) : 0;
	if (!len || len >= sizeof(name)) {
		snprintf(why, why_size,
			 "--limit: \"%.60s\" is not NAME=VALUE, like login_timeout=30", value);
		return -EINVAL;
	}
	memcpy(name, value, len);
	name[len] = 0;
	return config_limits_set(&o->limits, name, equals + 1, why, why_size);
}

int target_options_verify(const struct target_options *o, char *why, size_t why_size)
{
	if (o->reactors > o->limits.memory_limit / TARGET_REACTOR_MEMORY) {
		snprintf(why, why_size,
			 "--reactors %u: each needs %u MiB of memory_limit; with --limit "
			 "memory_limit=%uM there is enough",
			 o->reactors, TARGET_REACTOR_MEMORY >> 20,
			 o->reactors * (TARGET_REACTOR_MEMORY >> 20));
		return -EINVAL;
	}
	return config_limits_verify(&o->limits, why, why_size);
}

unsigned target_reactors(const struct target_options *o)
{
	cpu_set_t cpus;
	uint64_t most = MIN(o->limits.memory_limit / TARGET_REACTOR_MEMORY, TARGET_REACTORS_MAX);
	if (o->reactors)
		return o->reactors;
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	return (unsigned)MAX(MIN((uint64_t)CPU_COUNT(&cpus), most), UINT64_C(1));
}
