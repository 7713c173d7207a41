/* SPDX-License-Identifier: BSD-2-Clause */
/* The LU's side of its gates: who may pass, and how the LU is had for oneself. */
#include <stdlib.h>
#include "scsi/gate.h"

/* --- closing */

bool scsi_gates_are_shut(const struct scsi_lu *lu)
{
	list_for_each (it, &lu->gates)
		if (list_entry(it, struct scsi_gate, link)->state != SCSI_GATE_SHUT)
			return false;
	return true;
}

/* Those whose time has come; one of them may bring passes out again, by ending a task. */
static void let_in(struct scsi_lu *lu)
{
	while (!list_empty(&lu->entering) && scsi_gates_are_shut(lu)) {
		struct scsi_entry *e = list_first(&lu->entering, struct scsi_entry, link);

		list_del(&e->link);
		e->enter(e);
	}
	if (!list_empty(&lu->entering))
		scsi_gate_close(lu);
}

/* A task of the gate is in the LU's hands now, with what it has at the store. */
void scsi_gate_adopt(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	io->itl = scsi_nexus_itl_of(io->nexus, scsi_io_lun(io), lu);
	/* Whatever it would have to wait for has waited for it, or will. */
	list_add_tail(&lu->tasks, &io->task);
	scsi_order_count(io);
	if (io->state == SCSI_IO_STORE) {
		bs_share(lu->bs);
		lu->stats.inflight++;
	}
}

static void closed_here(struct mail *m)
{
	struct scsi_gate *gate = container_of(m, struct scsi_gate, mail);
	struct scsi_lu *lu = gate->lu;

	while (!list_empty(&gate->home)) {
		struct scsi_io *io = list_first(&gate->home, struct scsi_io, task);

		list_del(&io->task);
		scsi_gate_adopt(io);
	}
	gate->state = SCSI_GATE_SHUT;
	bs_unshare(lu->bs, true);
	let_in(lu);
	scsi_lu_stir(lu);
}

/* On the other side. */
static void close_there(struct mail *m)
{
	struct scsi_gate *gate = container_of(m, struct scsi_gate, mail);

	gate->round++;
	list_for_each (it, &gate->tasks) {
		list_entry(it, struct scsi_io, task)->gate = NULL;
		count_add(&gate->stats.inflight, -UINT64_C(1));
	}
	list_splice_tail(&gate->home, &gate->tasks);
	reactor_post(gate->lu->reactor, m, closed_here);
}

void scsi_gate_close(struct scsi_lu *lu)
{
	list_for_each (it, &lu->gates) {
		struct scsi_gate *gate = list_entry(it, struct scsi_gate, link);

		if (gate->state != SCSI_GATE_OPEN)
			continue;
		gate->state = SCSI_GATE_CLOSING;
		reactor_post(gate->reactor, &gate->mail, close_there);
	}
}

/* --- entering */

bool scsi_gate_enter(struct scsi_lu *lu, struct scsi_entry *e, void (*enter)(struct scsi_entry *e))
{
	list_init(&e->link);
	if (list_empty(&lu->entering) && scsi_gates_are_shut(lu))
		return false;
	e->enter = enter;
	list_add_tail(&lu->entering, &e->link);
	scsi_gate_close(lu);
	return true;
}

void scsi_gate_leave(struct scsi_entry *e)
{
	list_del(&e->link);
}

/* It changes what others see of the LU, or must have all the others before or behind it. */
static bool is_alone(const struct scsi_io *io)
{
	unsigned flags = io->cmd->flags;

	return (flags & SCSI_CMD_ALONE) ||
	       ((flags & SCSI_CMD_UNMAPS) && io->lu->bs->unmaps_alone) ||
	       (io->attr != SCSI_SIMPLE && io->attr != SCSI_UNTAGGED);
}

static void begin(struct scsi_entry *e)
{
	scsi_begin(container_of(e, struct scsi_io, entry));
}

bool scsi_gate_wait(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	io->alone = is_alone(io);
	if (list_empty(&lu->entering) && !io->alone)
		return false;
	return scsi_gate_enter(lu, &io->entry, begin);
}

/* --- passes */

static bool is_calm(const struct scsi_lu *lu, const struct scsi_itl *itl)
{
	/* A change of reservations happens also when its task was aborted, and counts no more. */
	return !scsi_ua_pending(itl) && !itl->leaves && !lu->alone && !lu->pr.change &&
	       !lu->waiting && !lu->order_hold && !lu->fences && list_empty(&lu->held) &&
	       list_empty(&lu->entering) && !lu->bs->missing && !lu->stopped &&
	       !lu->write_through && !lu->task_limit &&
	       (!lu->reserved_by || lu->reserved_by == itl->nexus) &&
	       scsi_pr_access(lu, itl->nexus) != PR_ACCESS_NONE &&
	       list_empty(&itl->nexus->dev->functions);
}

static struct scsi_gate *gate_of(struct scsi_lu *lu, struct reactor *reactor)
{
	struct scsi_gate *gate;

	list_for_each (it, &lu->gates) {
		gate = list_entry(it, struct scsi_gate, link);
		if (gate->reactor == reactor)
			return gate;
	}
	gate = calloc(1, sizeof(*gate));
	if (!gate)
		return NULL;
	gate->lu = lu;
	gate->reactor = reactor;
	list_init(&gate->tasks);
	list_init(&gate->home);
	list_add_tail(&lu->gates, &gate->link);
	return gate;
}

void scsi_gate_grant(struct scsi_io *io)
{
	struct scsi_gate *gate;

	if (io->aborted || !io->itl || !io->lu || !io->itl->nexus->map)
		return;
	if (!scsi_is_plain(io) || !is_calm(io->lu, io->itl))
		return;
	gate = gate_of(io->lu, io->away);
	if (!gate || gate->state == SCSI_GATE_CLOSING)
		return;
	if (gate->state == SCSI_GATE_SHUT) {
		gate->state = SCSI_GATE_OPEN;
		bs_share(io->lu->bs);
	}
	io->grant = gate;
	io->grant_readonly =
		io->itl->readonly || scsi_pr_access(io->lu, io->itl->nexus) != PR_ACCESS_ALL;
	io->grant_news = scsi_itl_news(io->itl);
	io->grant_generation = scsi_map_generation(io->itl->nexus->map);
}

static void bring_home(struct list *tasks)
{
	list_for_each (it, tasks)
		list_entry(it, struct scsi_io, task)->away = NULL;
}

void scsi_gates_abandon(struct scsi_lu *lu)
{
	lu->abandoned = true;
	list_for_each (it, &lu->gates) {
		struct scsi_gate *gate = list_entry(it, struct scsi_gate, link);

		gate->state = SCSI_GATE_SHUT;
		list_init(&gate->tasks);
		list_init(&gate->home);
	}
	while (!list_empty(&lu->entering))
		list_del(lu->entering.next);
	bring_home(&lu->tasks);
	bring_home(&lu->orphans);
}

void scsi_gates_free(struct scsi_lu *lu)
{
	while (!list_empty(&lu->gates)) {
		struct scsi_gate *gate = list_first(&lu->gates, struct scsi_gate, link);

		list_del(&gate->link);
		free(gate->latency);
		free(gate);
	}
}
