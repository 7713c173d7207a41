/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "attach/in_use.h"
#include "attach/links.h"
#include "attach/rights_priv.h"

#define LOOKS   10
#define LOOK_MS 50

#define CLAIM_MS      10000
#define CLAIM_LOOK_MS 10

int rights_fail(struct rights_answer *answer, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(answer->why, sizeof(answer->why), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(answer->why))
		snprintf(answer->why + n, sizeof(answer->why) - (size_t)n, ": %s", strerror(-err));
	return err;
}

/* Who uses it, for as long as that may be udev or its like, which look at it for a moment. */
int rights_check_unused(const struct rights_slot *s, struct rights_answer *answer)
{
	char who[ATTACH_WHY / 2] = "";
	const struct timespec little = {.tv_nsec = LOOK_MS * 1000000L};
	for (int looks = LOOKS; looks; looks--) {
		int device = open(s->path, O_RDONLY | O_EXCL | O_CLOEXEC);
		bool alone = device >= 0 || errno != EBUSY;
		if (device >= 0)
			close(device);
		if (!in_use_by(&in_use_system, s->path, who, sizeof(who)) && alone)
			return 0;
		nanosleep(&little, NULL);
	}
	snprintf(answer->why, sizeof(answer->why), "%s is in use: %s", s->path,
		 who[0] ? who : "somebody has it open for himself alone");
	return -EBUSY;
}

void rights_set_queue(const struct rights_slot *s, const char *what, const char *value)
{
	char name[ATTACH_PATH + 64];
	snprintf(name, sizeof(name), "/sys/block/%s/queue/%s", s->path + sizeof("/dev/") - 1, what);
	CLEANUP(fd) int fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		return;
}

void rights_set_rotational(const struct rights_slot *s, bool rotational)
{
	rights_set_queue(s, "rotational", rotational ? "1" : "0");
}

/* --- orders */

struct job {
	struct rights_holder *h;
	struct rights_slot *slot;
	const struct rights_order *order;
	const int *files;
	unsigned file_count;
	struct rights_answer *answer;
	int *file;
};

static int no_device(const struct job *j)
{
	return rights_fail(j->answer, -ENODEV, "there is no device in slot %u", j->order->slot);
}

static int do_fuse_mount(const struct job *j)
{
	return rights_fuse_mount(j->slot, j->answer, j->file);
}

static int do_fuse_abort(const struct job *j)
{
	return rights_fuse_abort(j->slot, j->answer);
}

static int do_fuse_kept(const struct job *j)
{
	return rights_fuse_kept(j->h, j->slot, j->answer, j->file);
}

static int do_loop_start(const struct job *j)
{
	return rights_loop_start(j->slot, j->order, j->answer);
}

static int do_nbd_start(const struct job *j)
{
	return rights_nbd_start(j->slot, j->order, j->files, j->file_count, j->answer);
}

static int do_nbd_take_over(const struct job *j)
{
	return rights_nbd_take_over(j->slot, j->order, j->files, j->file_count, j->answer);
}

static int do_ublk_add(const struct job *j)
{
	return rights_ublk_add(j->slot, j->order, j->answer, j->file);
}

static int do_ublk_recover(const struct job *j)
{
	return rights_ublk_recover(j->slot, j->answer, j->file);
}

static int do_ublk_run(const struct job *j)
{
	return rights_ublk_run(j->slot, j->order, j->answer);
}

static int do_ublk_delete(const struct job *j)
{
	return rights_ublk_delete(j->slot, j->answer);
}

static int do_change(const struct job *j)
{
	if (!j->slot->device)
		return no_device(j);
	return j->slot->device->change(j->slot, j->order, j->answer);
}

/* What it is called beside its own name. It is there without that as well, so what fails is only said. */
static void make_links(const struct job *j)
{
	for (size_t i = 0; i < ATTACH_LINKS; i++) {
		const char *name = j->order->links[i];
		if (!name[0] || j->slot->links[i][0])
			continue;
		if (!links_make(j->h->dev, name, j->slot->path, j->answer->why,
				sizeof(j->answer->why)))
			snprintf(j->slot->links[i], RIGHTS_NAME, "%s", name);
	}
}

static int do_stop(const struct job *j)
{
	struct rights_slot *s = j->slot;
	int err = s->device ? s->device->stop(s, j->order, j->answer) : 0;
	if (err)
		return err;
	for (size_t i = 0; i < ATTACH_LINKS; i++) {
		if (s->links[i][0])
			links_remove(j->h->dev, s->links[i], s->path);
		s->links[i][0] = 0;
	}
	rights_let_go(j->h, s);
	s->device = NULL;
	return 0;
}

static const struct kind {
	int (*run)(const struct job *j);
	bool at_any_time; /* beside another one of the slot */
} kinds[RIGHTS_KINDS] = {
	[RIGHTS_FUSE_MOUNT] = {do_fuse_mount, false},
	[RIGHTS_FUSE_ABORT] = {do_fuse_abort, true},
	[RIGHTS_FUSE_KEPT] = {do_fuse_kept, true},
	[RIGHTS_LOOP_START] = {do_loop_start, false},
	[RIGHTS_NBD_START] = {do_nbd_start, false},
	[RIGHTS_NBD_TAKE_OVER] = {do_nbd_take_over, false},
	[RIGHTS_UBLK_ADD] = {do_ublk_add, false},
	[RIGHTS_UBLK_RECOVER] = {do_ublk_recover, false},
	[RIGHTS_UBLK_RUN] = {do_ublk_run, false},
	[RIGHTS_UBLK_DELETE] = {do_ublk_delete, false},
	[RIGHTS_CHANGE] = {do_change, false},
	[RIGHTS_STOP] = {do_stop, false},
};

/* --- slots */

/* Under the lock, which it lets go of meanwhile. What is under way in a slot belongs to a process that has ended, or is
 * a change that soon ends. */
static int wait_for_slot(struct rights_holder *h, const struct rights_slot *s)
{
	const struct timespec little = {.tv_nsec = CLAIM_LOOK_MS * 1000000L};
	for (int ms = 0; s->busy && ms < CLAIM_MS; ms += CLAIM_LOOK_MS) {
		pthread_mutex_unlock(&h->lock);
		nanosleep(&little, NULL);
		pthread_mutex_lock(&h->lock);
	}
	return s->busy ? -EAGAIN : 0;
}

int rights_claim(struct rights_holder *h, uint32_t i, bool at_any_time, struct rights_slot **out)
{
	int err = 0;
	pthread_mutex_lock(&h->lock);
	if (!h->slots[i]) {
		h->slots[i] = calloc(1, sizeof(**out));
		if (h->slots[i])
			h->slots[i]->fuse = h->slots[i]->mount = -1;
	}
	*out = h->slots[i];
	if (!*out)
		err = -ENOMEM;
	else if (!at_any_time)
		err = wait_for_slot(h, *out);
	if (!err && !at_any_time)
		(*out)->busy = true;
	pthread_mutex_unlock(&h->lock);
	return err;
}

void rights_release(struct rights_holder *h, struct rights_slot *s)
{
	pthread_mutex_lock(&h->lock);
	s->published = s->device != NULL;
	if (s->published)
		rights_describe(s, &s->kept);
	s->busy = false;
	pthread_mutex_unlock(&h->lock);
}

void rights_let_go(struct rights_holder *h, struct rights_slot *s)
{
	pthread_mutex_lock(&h->lock);
	s->published = false;
	rights_fuse_close(s);
	pthread_mutex_unlock(&h->lock);
}

/* Texts end, and names of links stay where they belong. */
static bool is_well_formed(const struct rights_order *o, unsigned file_count)
{
	if (o->kind >= RIGHTS_KINDS || o->slot >= RIGHTS_SLOTS || file_count > RIGHTS_FILES ||
	    !memchr(o->name, 0, sizeof(o->name)))
		return false;
	for (size_t i = 0; i < ATTACH_LINKS; i++)
		if (!memchr(o->links[i], 0, RIGHTS_NAME) ||
		    (o->links[i][0] && !links_good_name(o->links[i])))
			return false;
	return true;
}

void rights_carry_out(struct rights_holder *h, const struct rights_order *order, const int *files,
		      unsigned file_count, struct rights_answer *answer, int *file)
{
	struct job j = {h, NULL, order, files, file_count, answer, file};
	memset(answer, 0, sizeof(*answer));
	*file = -1;
	if (!is_well_formed(order, file_count)) {
		answer->err = rights_fail(answer, -EBADMSG, "an order that is not well-formed");
		return;
	}
	const struct kind *kind = &kinds[order->kind];
	answer->err = rights_claim(h, order->slot, kind->at_any_time, &j.slot);
	if (answer->err) {
		rights_fail(answer, answer->err, "slot %u", order->slot);
		return;
	}
	answer->err = kind->run(&j);
	if (!answer->err && j.slot->device && !kind->at_any_time)
		make_links(&j);
	if (!kind->at_any_time)
		rights_release(h, j.slot);
}

int rights_holder_init(struct rights_holder *h, const char *dev)
{
	*h = (struct rights_holder){.dev = dev};
	return -pthread_mutex_init(&h->lock, NULL);
}

void rights_holder_free(struct rights_holder *h)
{
	for (size_t i = 0; i < RIGHTS_SLOTS; i++) {
		if (h->slots[i])
			rights_fuse_close(h->slots[i]);
		free(h->slots[i]);
	}
	pthread_mutex_destroy(&h->lock);
}

/* --- asking */

void rights_call_init(struct rights_call *call, const struct attach *a, enum rights_kind kind,
		      void (*done)(struct rights_call *call))
{
	const struct disk_traits *t = &a->o.disk->traits;
	memset(call, 0, sizeof(*call));
	call->order = (struct rights_order){
		.kind = kind,
		.slot = a->o.slot,
		.size = t->size,
		.block = t->logical_block,
		.physical = t->physical_block,
		.optimal = t->optimal_io,
		.discard = t->discard_granularity,
		.dead_timeout = a->o.dead_timeout,
		.pid = getpid(),
		.read_only = t->read_only,
		.rotational = t->rotational,
		.write_cache = t->write_cache,
		.fua = t->fua,
		.write_zeroes = t->write_zeroes,
	};
	snprintf(call->order.name, sizeof(call->order.name), "%s", a->name);
	for (size_t i = 0; i < ATTACH_LINKS; i++)
		if (a->o.links[i])
			snprintf(call->order.links[i], RIGHTS_NAME, "%s", a->o.links[i]);
	call->file = -1;
	call->done = done;
}

static void deliver(struct mail *m)
{
	struct rights_call *call = container_of(m, struct rights_call, mail);
	call->done(call);
}

static void *carry_out(void *arg)
{
	struct rights_call *call = arg;
	struct rights_here *here = call->priv[0];
	rights_carry_out(&here->holder, &call->order, call->files, call->file_count, &call->answer,
			 &call->file);
	reactor_post(here->r, &call->mail, deliver);
	return NULL;
}

static void submit(struct rights *r, struct rights_call *call)
{
	struct rights_here *here = container_of(r, struct rights_here, rights);
	pthread_attr_t attr;
	pthread_t thread;
	call->priv[0] = here;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attr, carry_out, call);
	pthread_attr_destroy(&attr);
	if (!err)
		return;
	call->answer.err = rights_fail(&call->answer, -err, "no thread for it");
	reactor_post(here->r, &call->mail, deliver);
}

int rights_here_init(struct rights_here *here, struct reactor *r, const char *dev)
{
	here->rights.submit = submit;
	here->r = r;
	return rights_holder_init(&here->holder, dev);
}

void rights_here_free(struct rights_here *here)
{
	rights_holder_free(&here->holder);
}
