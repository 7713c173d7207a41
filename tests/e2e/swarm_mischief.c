/* SPDX-License-Identifier: BSD-2-Clause */
/* What initiators should not do, and do: at random, for the storm. */
#include "swarm.h"

static struct slot *any_busy(struct peer *p)
{
	struct slot *slot = &p->slots[draw(p->swarm, p->swarm->o.depth)];
	return slot->doing != IDLE ? slot : NULL;
}

static void abort_task(struct peer *p, uint8_t function)
{
	struct slot *slot = any_busy(p);
	if (slot)
		peer_manage(p, function, slot);
}

static void on_many(struct peer *p, uint8_t function)
{
	peer_manage(p, function, NULL);
}

static void leave(struct peer *p, uint8_t unused)
{
	peer_log_out(p);
}

static void hang_up(struct peer *p, uint8_t reset)
{
	const struct linger linger = {1, 0};
	if (reset)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	peer_drop(p);
}

/*
 * Like a host that has lost its power. The target has to find that out by itself. When it comes again as
 * somebody else nothing may be under way: the old session could carry it out at any later time.
 */
static void vanish(struct peer *p, uint8_t unused)
{
	struct epoll_event event = {.events = EPOLLRDHUP,
				    .data.u64 = (uint64_t)EVENT_GONE << 32 | (uint32_t)p->fd};
	bool busy = false;
	for (uint32_t i = 0; i < p->swarm->o.depth; i++)
		busy |= p->slots[i].doing != IDLE;
	p->life += !busy;
	epoll_ctl(p->swarm->epoll, EPOLL_CTL_MOD, p->fd, &event);
	p->swarm->gone++;
	peer_cleaned(p);
}

static const struct {
	unsigned weight;
	void (*act)(struct peer *p, uint8_t argument);
	uint8_t argument;
} mischiefs[] = {
	{30, abort_task, ISCSI_TMF_ABORT_TASK},
	{15, on_many, ISCSI_TMF_ABORT_TASK_SET},
	{5, on_many, ISCSI_TMF_CLEAR_TASK_SET},
	{15, on_many, ISCSI_TMF_LOGICAL_UNIT_RESET},
	{3, on_many, ISCSI_TMF_TARGET_WARM_RESET},
	{2, on_many, ISCSI_TMF_TARGET_COLD_RESET},
	{10, leave, 0},
	{5, hang_up, false},
	{10, hang_up, true},
	{5, vanish, 0},
};

void swarm_mischief(struct peer *p)
{
	unsigned at = draw(p->swarm, 100), i = 0;
	while (i < ARRAY_SIZE(mischiefs) - 1 && at >= mischiefs[i].weight)
		at -= mischiefs[i++].weight;
	mischiefs[i].act(p, mischiefs[i].argument);
}
