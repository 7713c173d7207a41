/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr.h"

#include <stdlib.h>
#include "common/cleanup.h"
#include "scsi/lu_priv.h"

/* --- what is */

static int find(const struct pr_state *s, const struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	return pr_find(s, nexus->initiator_port, nexus->target_port, lu->options.any_isid);
}

int scsi_pr_of(const struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	return find(lu->pr, lu, nexus);
}

static bool excludes_writes_only(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == PR_WRITE_EXCLUSIVE_ALL;
}

enum pr_access scsi_pr_access(const struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	const struct pr_state *s = lu->pr;
	int at;

	if (!scsi_pr_reserved(lu))
		return PR_ACCESS_ALL;
	at = scsi_pr_of(lu, nexus);
	if (pr_holds(s, at) || (at >= 0 && pr_registrants_only(s->type)))
		return PR_ACCESS_ALL;
	return excludes_writes_only(s->type) ? PR_ACCESS_READ : PR_ACCESS_NONE;
}

/* SPC-4 5.12.3, the CRH bit: those who may use the LU are told so, and nothing happens. */
bool scsi_pr_answers_reserve(struct scsi_io *io)
{
	const struct pr_state *s = io->lu->pr;

	if (!s || !s->count)
		return false;
	if (!s->type || scsi_pr_access(io->lu, io->nexus) != PR_ACCESS_ALL)
		io->status = SCSI_RESERVATION_CONFLICT;
	else
		io->status = SCSI_GOOD;
	scsi_io_done(io);
	return true;
}

void scsi_pr_forget(struct scsi_lu *lu)
{
	free(lu->pr);
	lu->pr = NULL;
}

/* --- a change */

void pr_change_free(struct pr_change *c)
{
	if (!c)
		return;
	free(c->next);
	free(c);
}

/* `was`: who was registered when the change was made. */
static void tell(const struct pr_change *c, const struct pr_state *was)
{
	struct scsi_lu *lu = c->io->lu;

	list_for_each (it, &lu->itls) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, of_lu);
		int at = find(was, lu, itl->nexus);

		if (at >= 0 && c->ua[at] && itl->nexus != c->io->nexus)
			scsi_ua_add(itl, c->ua[at]);
	}
}

static struct scsi_io *next_victim(const struct pr_change *c, const struct pr_state *was)
{
	const struct scsi_lu *lu = c->io->lu;

	list_for_each (it, &lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);
		int at = io != c->io && !io->aborted && io->nexus ? find(was, lu, io->nexus) : -1;

		if (at >= 0 && c->gone[at])
			return io;
	}
	return NULL;
}

/*
 * SPC-4 5.12.11.2.6: as the TAS bit has it, and the unit attention is that of PREEMPT. What is at the store fences its
 * range: so what the preempted have written lands on nothing that is newer, and nobody reads between.
 */
static void abort_tasks(const struct pr_change *c, const struct pr_state *was)
{
	struct scsi_lu *lu = c->io->lu;
	bool told = scsi_mode_tas(&lu->mode);
	struct scsi_io *io;

	lu->order_hold++;
	while ((io = next_victim(c, was)))
		scsi_abort(io, told && io->nexus != c->io->nexus ? SCSI_TASK_ABORTED : SCSI_GOOD);
	lu->order_hold--;
}

void scsi_pr_commit(struct pr_change *c)
{
	struct scsi_io *io = c->io;
	struct scsi_lu *lu = io->lu;
	struct pr_state *was = lu->pr;

	/* Whoever is aborted may take the asker's nexus with him. */
	io->state = SCSI_IO_RESERVING;
	lu->pr = c->next;
	c->next = NULL;
	tell(c, was);
	if (c->abort)
		abort_tasks(c, was);
	pr_change_free(c);
	free(was);
	if (!io->aborted)
		io->status = SCSI_GOOD;
	scsi_io_done(io);
	scsi_order_run(lu);
}
