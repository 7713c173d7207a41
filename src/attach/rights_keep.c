/* SPDX-License-Identifier: BSD-2-Clause */
/* From one holder of devices to the next, which is another process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach/links.h"
#include "attach/rights_priv.h"

static const struct rights_device *const kinds[] = {
	&rights_ublk_device,
	&rights_nbd_device,
	&rights_loop_device,
};

static const struct rights_device *kind_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->kind, name))
			return kinds[i];
	return NULL;
}

void rights_describe(const struct rights_slot *s, struct rights_kept *out)
{
	*out = (struct rights_kept){
		.number = s->number,
		.queues = s->queues,
		.encoded = s->encoded,
		.resizes = s->resizes,
		.fuse_dev = s->fuse_dev,
	};
	snprintf(out->kind, sizeof(out->kind), "%s", s->device->kind);
	memcpy(out->path, s->path, sizeof(out->path));
	memcpy(out->name, s->name, sizeof(out->name));
	memcpy(out->links, s->links, sizeof(out->links));
}

bool rights_keep(struct rights_holder *h, uint32_t slot, struct rights_kept *out,
		 int files[RIGHTS_KEPT_FILES])
{
	*out = (struct rights_kept){.kind = ""};
	files[RIGHTS_KEPT_FUSE] = files[RIGHTS_KEPT_MOUNT] = -1;
	if (slot >= RIGHTS_SLOTS)
		return false;
	pthread_mutex_lock(&h->lock);
	const struct rights_slot *s = h->slots[slot];
	bool there = s && s->published;
	if (there) {
		*out = s->kept;
		files[RIGHTS_KEPT_FUSE] = s->fuse;
		files[RIGHTS_KEPT_MOUNT] = s->mount;
	}
	pthread_mutex_unlock(&h->lock);
	return there;
}

static void fill(struct rights_slot *s, const struct rights_kept *kept)
{
	s->number = kept->number;
	s->queues = kept->queues;
	s->encoded = kept->encoded;
	s->resizes = kept->resizes;
	s->fuse_dev = kept->fuse_dev;
	memcpy(s->path, kept->path, sizeof(s->path));
	memcpy(s->name, kept->name, sizeof(s->name));
	memcpy(s->links, kept->links, sizeof(s->links));
}

/* A loop device whose disk has gone: whoever uses it has had his errors, and it goes with the last of them. */
static void end_it(const struct rights_holder *h, struct rights_slot *s)
{
	const struct rights_order by_force = {.force = true};
	struct rights_answer answer;
	memset(&answer, 0, sizeof(answer));
	(void)s->device->stop(s, &by_force, &answer);
	for (size_t i = 0; i < ATTACH_LINKS; i++)
		if (s->links[i][0])
			links_remove(h->dev, s->links[i], s->path);
}

static int take(const struct rights_holder *h, struct rights_slot *s,
		const struct rights_kept *kept, const int files[RIGHTS_KEPT_FILES], char *why,
		size_t why_size)
{
	const struct rights_device *device = kind_of(kept->kind);
	const bool loop = device == &rights_loop_device;
	if (!device || s->device || s->ublk || s->fuse >= 0) {
		snprintf(why, why_size, "%s", device ? "its slot is taken" : "no such device");
		return -EINVAL;
	}
	fill(s, kept);
	s->device = device;
	if (!device->is_there(s)) {
		snprintf(why, why_size, "%s is not there any more", kept->path);
		return -ENODEV;
	}
	if (loop && (files[RIGHTS_KEPT_FUSE] < 0 || files[RIGHTS_KEPT_MOUNT] < 0)) {
		end_it(h, s);
		snprintf(why, why_size,
			 "%s: nobody has kept its connection to FUSE: whoever used it got errors",
			 kept->path);
		return -ENOTCONN;
	}
	if (loop) {
		s->fuse = files[RIGHTS_KEPT_FUSE];
		s->mount = files[RIGHTS_KEPT_MOUNT];
	}
	s->ublk = device == &rights_ublk_device;
	return 0;
}

int rights_take(struct rights_holder *h, uint32_t slot, const struct rights_kept *kept,
		const int files[RIGHTS_KEPT_FILES], char *why, size_t why_size)
{
	struct rights_slot *s;
	int err = slot < RIGHTS_SLOTS ? rights_claim(h, slot, false, &s) : -EINVAL;
	if (err) {
		snprintf(why, why_size, "slot %u: %s", slot, strerror(-err));
		return err;
	}
	err = take(h, s, kept, files, why, why_size);
	if (err) {
		s->device = NULL;
		s->fuse_dev = 0;
		memset(s->links, 0, sizeof(s->links));
	}
	rights_release(h, s);
	return err;
}
