/* SPDX-License-Identifier: BSD-2-Clause */
/* What a daemon hands over: each descriptor has one owner, and none is a standard stream. */
#include <errno.h>
#include <string.h>
#include "daemon/handover.h"
#include "fuzz.h"

#define MOST 64

struct owners {
	int fds[MOST];
	size_t count, handed;
};

static void own(struct owners *o, int fd)
{
	MUST(fd > 2);
	for (size_t i = 0; i < o->count; i++)
		MUST(o->fds[i] != fd);
	if (o->count < MOST)
		o->fds[o->count++] = fd;
}

static void handed(void *ctx, const struct handed *h)
{
	struct owners *o = ctx;
	o->handed++;
	MUST(h->name);
	own(o, h->fd);
	MUST(h->lock == -1 || h->kind == INHERITED_DISK);
	if (h->lock != -1)
		own(o, h->lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owners o = {0};
	struct buf config;
	buf_init(&config, 4096);
	int err = handover_read((const char *)data, size, &config, handed, &o);
	MUST(err <= 0);
	MUST(err ? !o.handed : o.handed);
	buf_free(&config);
	return 0;
}
