/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr.h"

#include <errno.h>
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
	return find(lu->pr.state, lu, nexus);
}

static bool excludes_writes_only(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == PR_WRITE_EXCLUSIVE_ALL;
}

enum pr_access scsi_pr_access(const struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	const struct pr_state *s = lu->pr.state;
	int at;

	if (!scsi_pr_reserved(lu))
		return PR_ACCESS_ALL;
	if (lu->pr.lost)
		return PR_ACCESS_NONE;
	at = scsi_pr_of(lu, nexus);
	if (pr_holds(s, at) || (at >= 0 && pr_registrants_only(s->type)))
		return PR_ACCESS_ALL;
	return excludes_writes_only(s->type) ? PR_ACCESS_READ : PR_ACCESS_NONE;
}

/* SPC-4 5.12.3, the CRH bit: those who may use the LU are told so, and nothing happens. */
bool scsi_pr_answers_reserve(struct scsi_io *io)
{
	const struct pr_state *s = io->lu->pr.state;
	const struct pr_change *c = io->lu->pr.change;

	/* One that is being made may register somebody. */
	if (!io->lu->pr.lost && !(c && c->io) && (!s || !s->count))
		return false;
	if (!s || !s->type || scsi_pr_access(io->lu, io->nexus) != PR_ACCESS_ALL)
		io->status = SCSI_RESERVATION_CONFLICT;
	else
		io->status = SCSI_GOOD;
	scsi_io_done(io);
	return true;
}

/* --- a change */

void pr_change_free(struct pr_change *c)
{
	if (!c)
		return;
	free(c->next);
	free(c->record);
	free(c);
}

/* `was`: who was registered when the change was made. */
static void tell(const struct pr_change *c, const struct pr_state *was)
{
	struct scsi_lu *lu = c->lu;

	list_for_each (it, &lu->itls) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, of_lu);
		int at = find(was, lu, itl->nexus);

		if (at >= 0 && c->ua[at] && itl->nexus != c->io->nexus)
			scsi_ua_add(itl, c->ua[at]);
	}
}

static struct scsi_io *next_victim(const struct pr_change *c, const struct pr_state *was)
{
	const struct scsi_lu *lu = c->lu;

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
	struct scsi_lu *lu = c->lu;
	bool told = scsi_mode_tas(&lu->mode);
	struct scsi_io *io;

	lu->order_hold++;
	while ((io = next_victim(c, was)))
		scsi_abort(io, told && io->nexus != c->io->nexus ? SCSI_TASK_ABORTED : SCSI_GOOD);
	lu->order_hold--;
}

/* The new value takes the old one's place. */
static void take_over(struct pr_change *c)
{
	struct scsi_lu *lu = c->lu;
	struct pr_state *was = lu->pr.state;

	lu->pr.state = c->next;
	c->next = NULL;
	lu->pr.lost = lu->pr.lost && !c->finds;
	tell(c, was);
	if (c->abort)
		abort_tasks(c, was);
	free(was);
}

/* --- the record */

static bool is_offered(const struct scsi_lu *lu)
{
	return scsi_lu_features(lu) & SCSI_HAS_RESERVE;
}

bool scsi_pr_can_persist(const struct scsi_lu *lu)
{
	return lu->store;
}

static bool persists(const struct scsi_lu *lu, const struct pr_state *s)
{
	return lu->store && ((s && s->aptpl) || lu->options.force_aptpl);
}

bool scsi_pr_persists(const struct scsi_lu *lu)
{
	return persists(lu, lu->pr.state);
}

/* There is something in this value that a power loss must not take away. */
static bool is_to_be_kept(const struct scsi_lu *lu, const struct pr_state *s)
{
	return s && s->count && persists(lu, s);
}

static void put_done(struct lu_put *put, int err);

/* Brings the value to stable storage, or that there is none. */
static void put(struct pr_change *c, const struct pr_state *s)
{
	struct scsi_lu *lu = c->lu;
	const struct pr_state *kept = is_to_be_kept(lu, s) ? s : NULL;
	bool lost = lu->pr.lost && !c->finds;
	size_t len = pr_encode(kept, lost, NULL);

	c->put.done = put_done;
	c->record = malloc(len);
	if (!c->record) {
		put_done(&c->put, -ENOMEM);
		return;
	}
	pr_encode(kept, lost, c->record);
	/* After an error either may be there. */
	lu->pr.stored = true;
	c->put.data = c->record;
	c->put.len = len;
	c->put.follows = lu_store_version(lu->store);
	lu_store_put(lu->store, &c->put);
}

static void failed(struct pr_change *c, int err)
{
	struct scsi_io *io = c->io;

	log_error(c->lu->log, "%s: its reservations cannot be kept: %s", c->lu->bs->path,
		  lu_store_problem(err));
	if (io && !io->aborted)
		scsi_sense_code(io, SCSI_KEY_HARDWARE_ERROR, SCSI_ASC_INTERNAL_FAILURE);
}

static void look_again(struct scsi_lu *lu);

/* Those that have waited; each may be under way for a while, too. */
static void go_on(struct scsi_lu *lu)
{
	struct scsi_pr *pr = &lu->pr;

	if (pr->going_on)
		return;
	pr->going_on = true;
	while (!pr->change && (pr->again || !list_empty(&pr->waiting))) {
		struct scsi_io *io;

		if (pr->again) {
			look_again(lu);
			continue;
		}
		io = list_first(&pr->waiting, struct scsi_io, wait);
		list_del(&io->wait);
		if (io->aborted) {
			scsi_io_done(io);
			continue;
		}
		io->state = SCSI_IO_NEW;
		scsi_pr_out_run(io);
	}
	pr->going_on = false;
	scsi_order_run(lu);
}

static void finish(struct pr_change *c, int err)
{
	struct scsi_lu *lu = c->lu;
	struct scsi_io *io = c->io;

	if (err) {
		failed(c, err);
	} else if (io) {
		if (is_offered(lu))
			take_over(c);
		if (!io->aborted)
			io->status = SCSI_GOOD;
	}
	lu->pr.change = NULL;
	pr_change_free(c);
	if (io)
		scsi_io_done(io);
	go_on(lu);
}

static void put_done(struct lu_put *put, int err)
{
	struct pr_change *c = container_of(put, struct pr_change, put);
	struct scsi_lu *lu = c->lu;
	const struct pr_state *s = c->io ? c->next : lu->pr.state;

	if (!err)
		lu->pr.stored = is_to_be_kept(lu, s) || (lu->pr.lost && !c->finds);
	finish(c, err);
}

static bool needs_put(const struct scsi_lu *lu, const struct pr_state *s)
{
	return lu->store && (lu->pr.stored || is_to_be_kept(lu, s));
}

void scsi_pr_commit(struct pr_change *c)
{
	struct scsi_lu *lu = c->lu;

	/* From here on it is done, whatever becomes of the task: one that is aborted may take the asker's nexus with
	 * it. */
	c->io->state = SCSI_IO_RESERVING;
	lu->pr.change = c;
	if (needs_put(lu, c->next))
		put(c, c->next);
	else
		finish(c, 0);
}

/* --- the LU's own changes */

/* The record is made to say what is. */
static void look_again(struct scsi_lu *lu)
{
	struct pr_change *c;

	lu->pr.again = false;
	if (!is_offered(lu)) {
		free(lu->pr.state);
		lu->pr.state = NULL;
		lu->pr.lost = false;
	}
	if (!needs_put(lu, lu->pr.state))
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		log_error(lu->log, "%s: out of memory: its reservations are kept as they were",
			  lu->bs->path);
		return;
	}
	c->lu = lu;
	lu->pr.change = c;
	put(c, lu->pr.state);
}

void scsi_pr_options(struct scsi_lu *lu)
{
	/* Nobody could let go of what is reserved. */
	if (!is_offered(lu) && lu->pr.state)
		lu->pr.state->type = PR_NONE;
	lu->pr.again = true;
	go_on(lu);
}

void scsi_pr_init(struct scsi_lu *lu)
{
	list_init(&lu->pr.waiting);
}

void scsi_pr_free(struct scsi_lu *lu)
{
	pr_change_free(lu->pr.change);
	free(lu->pr.state);
}

void scsi_pr_load(struct scsi_lu *lu)
{
	struct scsi_pr *pr = &lu->pr;
	const uint8_t *record;
	size_t len;
	int err = lu_store_get(lu->store, &record, &len);

	if (err == -ENODATA)
		return;
	if (!err)
		err = pr_decode(&pr->state, &pr->lost, record, len);
	if (err) {
		pr->lost = true;
		log_error(lu->log,
			  "%s: its persistent reservations cannot be read (%s): nobody is let in "
			  "until an "
			  "initiator has reserved, preempted or cleared",
			  lu->bs->path, lu_store_problem(err));
	}
	pr->stored = pr->lost || pr->state->count;
	if (!is_offered(lu))
		scsi_pr_options(lu);
}
