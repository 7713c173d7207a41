/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines of the real world, best first. */
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "reactor/reactor.h"

static const struct {
	const char *name;
	int (*make)(struct reactor **out, struct log *log);
} engines[] = {
	{"uring", reactor_new_uring},
	{"epoll", reactor_new_epoll},
};

const char *reactor_engine_name(size_t i)
{
	return i < ARRAY_SIZE(engines) ? engines[i].name : NULL;
}

int reactor_new_engine(struct reactor **out, const char *name, struct log *log)
{
	int err = -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		if (name && strcmp(name, engines[i].name))
			continue;
		err = engines[i].make(out, log);
		if (!err || name)
			return err;
		log_warning(log,
			    "the kernel does not let us use the %s engine (%s); another one, "
			    "slower, takes over",
			    engines[i].name, strerror(-err));
	}
	return err;
}
