/* SPDX-License-Identifier: BSD-2-Clause */
/* Bugs of an initiator, planted from outside (--wrap), as in plant.c. */
#include <stdlib.h>
#include <string.h>
#include "nexus.h"
#include "device/priv.h"
#include "initiator/priv.h"

#define GHOST_DELAY (40 * NSEC_PER_MSEC)

enum nexus_plant nexus_plant;

const char *const nexus_plant_names[NEXUS_PLANTS] = {"none",       "retry-twice",    "new-isid",
						     "wrong-task", "early-retry",    "hasty-path",
						     "identity",   "behind-the-news"};

void __real_ini_task_reinstate_all(struct ini_session *s);
void __wrap_ini_task_reinstate_all(struct ini_session *s);
int __real_iscsi_login_initiator_init(struct iscsi_login_initiator *l,
				      const struct iscsi_login_config *c,
				      void (*random)(void *ctx, void *out, size_t len), void *ctx);
int __wrap_iscsi_login_initiator_init(struct iscsi_login_initiator *l,
				      const struct iscsi_login_config *c,
				      void (*random)(void *ctx, void *out, size_t len), void *ctx);
struct session; /* the target's */
void *__real_ini_tag_find(const struct ini_session *s, uint32_t tag, enum tag_kind kind);
void *__wrap_ini_tag_find(const struct ini_session *s, uint32_t tag, enum tag_kind kind);

bool __real_device_is_same(const struct device *d, const struct lu_facts *f);
bool __wrap_device_is_same(const struct device *d, const struct lu_facts *f);
uint32_t __real_session_heard(struct session *s, uint32_t cmdsn, uint32_t expstatsn);
uint32_t __wrap_session_heard(struct session *s, uint32_t cmdsn, uint32_t expstatsn);
void __real_device_kick(struct device *d);
void __wrap_device_kick(struct device *d);

/* A command that is issued once more, and of whose end nobody hears. */
struct ghost {
	struct list link;
	struct ini_task task;
	struct iovec iov;
	uint8_t data[DATA_MAX];
};

static struct list ghosts = {&ghosts, &ghosts};
static unsigned logins, finds;

static void ghost_free(struct ghost *g)
{
	list_del(&g->link);
	free(g);
}

void nexus_plant_begin(void)
{
	logins = finds = 0;
	while (!list_empty(&ghosts))
		ghost_free(list_first(&ghosts, struct ghost, link));
}

static void ghost_done(struct ini_task *task, int err)
{
	ghost_free(container_of(task, struct ghost, task));
}

static void haunt(struct ini_session *s, const struct ini_task *t)
{
	struct ghost *g = calloc(1, sizeof(*g));
	if (!g)
		abort();
	list_add_tail(&ghosts, &g->link);
	g->task = *t;
	memcpy(g->data, container_of(t, struct nexus_cmd, task)->data, t->out_len);
	g->iov = (struct iovec){g->data, t->out_len};
	g->task.out = &g->iov;
	g->task.out_count = 1;
	g->task.deadline = 0;
	g->task.done = ghost_done;
	g->task.state = TASK_DELAYED;
	g->task.not_before = s->now + GHOST_DELAY;
	list_init(&g->task.sending);
	list_add_tail(&s->delayed, &g->task.link);
	s->delay_check = MIN(s->delay_check, g->task.not_before);
}

void __wrap_ini_task_reinstate_all(struct ini_session *s)
{
	if (nexus_plant == NEXUS_RETRY_TWICE)
		list_for_each (it, &s->lost) {
			const struct ini_task *t = list_entry(it, struct ini_task, link);
			if (t->out_len && t->flags & INI_RETRY && !t->err && t->done != ghost_done)
				haunt(s, t);
		}
	while (nexus_plant == NEXUS_EARLY_RETRY && !list_empty(&s->lost)) {
		struct ini_task *t = list_first(&s->lost, struct ini_task, link);
		t->status = SCSI_GOOD;
		t->got = t->in_len;
		ini_task_fail(t, 0);
	}
	__real_ini_task_reinstate_all(s);
}

int __wrap_iscsi_login_initiator_init(struct iscsi_login_initiator *l,
				      const struct iscsi_login_config *c,
				      void (*random)(void *ctx, void *out, size_t len), void *ctx)
{
	struct iscsi_login_config other = *c;
	if (nexus_plant == NEXUS_NEW_ISID && random)
		other.isid[5] = (uint8_t)(other.isid[5] + logins++);
	return __real_iscsi_login_initiator_init(l, &other, random, ctx);
}

void *__wrap_ini_tag_find(const struct ini_session *s, uint32_t tag, enum tag_kind kind)
{
	void *of = __real_ini_tag_find(s, tag, kind);
	/* Now and then, the oldest that is under way. */
	if (nexus_plant == NEXUS_WRONG_TASK && of && kind == TAG_TASK &&
	    iscsi_opcode(&s->rx.bhs) == ISCSI_SCSI_RESPONSE && ++finds % 50 == 0)
		return list_first(&s->issued, struct ini_task, link);
	return of;
}

void __wrap_device_kick(struct device *d)
{
	if (nexus_plant == NEXUS_HASTY_PATH)
		list_for_each (it, &d->waiting)
			list_entry(it, struct dev_io, link)->unknown = false;
	__real_device_kick(d);
}

bool __wrap_device_is_same(const struct device *d, const struct lu_facts *f)
{
	return nexus_plant == NEXUS_IDENTITY || __real_device_is_same(d, f);
}

uint32_t __wrap_session_heard(struct session *s, uint32_t cmdsn, uint32_t expstatsn)
{
	return nexus_plant == NEXUS_BEHIND ? 0 : __real_session_heard(s, cmdsn, expstatsn);
}
