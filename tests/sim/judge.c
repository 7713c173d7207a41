/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which status a command may end with. GOOD is always right (whether its data is, the model says);
 * anything else must have been caused: a unit attention by a login or a reset, an error by a failure
 * of the disk, each of which one command has suffered, BUSY by a write that does not return. Once
 * faults have ended, nothing else than GOOD and unit attentions is right.
 */
#include "scsi/lu.h"
#include "scsi/sense.h"
#include "world_priv.h"

static uint64_t age_of(const struct script *s, const struct ini_cmd *cmd)
{
	return reactor_now(s->ini.reactor) - cmd->sent_at;
}

static bool is_good(struct script *s, const struct ini_cmd *cmd)
{
	return true;
}

/* What was sent before the initiator heard of another LU does not reach that. */
static bool is_behind_the_news(const struct script *s, const struct ini_cmd *cmd)
{
	return cmd->asc_ascq == SCSI_ASC_LUNS_CHANGED && cmd->issued < s->inventory_heard &&
	       s->world->admin.lun_changed[cmd->lun];
}

static bool is_attention(struct script *s, const struct ini_cmd *cmd)
{
	if (is_behind_the_news(s, cmd))
		return true;
	if (cmd->asc_ascq == SCSI_ASC_LUNS_CHANGED)
		s->inventory_heard = s->world->clock;
	unsigned *some = s->attentions[cmd->lun] ? &s->attentions[cmd->lun] : &s->inventory;
	if (!*some)
		return false;
	--*some;
	return true;
}

static bool is_unmapped(struct script *s, const struct ini_cmd *cmd)
{
	const struct world *w = s->world;
	judge_aborted(s, cmd);
	return admin_changed(w, cmd->lun, cmd->issued) ||
	       (cmd->kind == UNMAP && admin_lacks(w, cmd->lun, SCSI_HAS_UNMAP)) ||
	       (cmd_is_fua(cmd) && admin_lacks(w, cmd->lun, SCSI_HAS_FUA_WRITE));
}

/* What the disk had done wrong before the process that was asked this began. */
static const struct sim_disk_failures *base(const struct world *w, const struct ini_cmd *cmd)
{
	const struct target_process *p = &w->target;
	return cmd->issued > p->started[cmd->lun] ? &p->base[cmd->lun] : &p->base_before[cmd->lun];
}

/* A flush that failed once fails until the process ends. */
static bool flush_has_failed(const struct world *w, const struct ini_cmd *cmd)
{
	const struct sim_disk_failures *f = sim_disk_failures(w->sim, world_disks[cmd->lun]);
	const struct sim_disk_failures *b = base(w, cmd);
	return f->syncs > b->syncs || f->writes > b->writes || f->full > b->full;
}

static bool is_medium_error(struct script *s, const struct ini_cmd *cmd)
{
	struct world *w = s->world;
	const struct sim_disk_failures *f = sim_disk_failures(w->sim, world_disks[cmd->lun]);
	struct sim_disk_failures *told = &w->told[cmd->lun];
	if (cmd_may_flush(w, cmd) && flush_has_failed(w, cmd))
		return true;
	if (cmd->kind == READ || cmd->kind == VERIFY ||
	    (cmd->kind == COMPARE && cmd->asc_ascq == SCSI_ASC_READ_ERROR))
		return ++told->reads <= f->reads;
	return cmd_writes(cmd) && ++told->writes <= f->writes;
}

static bool is_full(struct script *s, const struct ini_cmd *cmd)
{
	struct world *w = s->world;
	const struct sim_disk_failures *f = sim_disk_failures(w->sim, world_disks[cmd->lun]);
	if (cmd_may_flush(w, cmd) && flush_has_failed(w, cmd))
		return true;
	if (cmd_writes(cmd) && admin_changed(w, cmd->lun, cmd->issued))
		return true; /* the LUN was write-protected */
	return cmd_writes(cmd) && ++w->told[cmd->lun].full <= f->full;
}

/* Whether there was something else to be found, the model says. */
static bool is_other(struct script *s, const struct ini_cmd *cmd)
{
	s->world->result->n.differed++;
	return cmd->kind == COMPARE;
}

/* Held by a fence, for the whole time. */
static bool is_fenced(struct script *s, const struct ini_cmd *cmd)
{
	/* Or there was no such LUN when its buffer was measured, and is when it is to begin. */
	if (admin_changed(s->world, cmd->lun, cmd->issued))
		return true;
	return cmd->kind != FLUSH && cmd->kind != TUR &&
	       age_of(s, cmd) >= s->world->target.limits.fence_hold * NSEC_PER_SEC;
}

/* Another initiator has reset the LUN. */
static bool is_aborted(struct script *s, const struct ini_cmd *cmd)
{
	judge_aborted(s, cmd);
	return script_was_reset(s->world, cmd);
}

#define CHECK_CONDITION 0x02
#define BUSY            0x08
#define TASK_ABORTED    0x40

static const struct {
	uint8_t status, sense_key;
	bool in_calm;
	bool (*explained)(struct script *s, const struct ini_cmd *cmd);
} verdicts[] = {
	{0, 0, true, is_good},
	{CHECK_CONDITION, SCSI_KEY_UNIT_ATTENTION, true, is_attention},
	{CHECK_CONDITION, SCSI_KEY_ILLEGAL_REQUEST, false, is_unmapped},
	{CHECK_CONDITION, SCSI_KEY_MEDIUM_ERROR, false, is_medium_error},
	{CHECK_CONDITION, SCSI_KEY_DATA_PROTECT, false, is_full},
	{CHECK_CONDITION, SCSI_KEY_MISCOMPARE, true, is_other},
	{BUSY, 0, false, is_fenced},
	{TASK_ABORTED, 0, false, is_aborted},
};

static bool may_be(struct script *s, const struct ini_cmd *cmd)
{
	bool calm = s->world->phase >= CALM && cmd->issued > s->world->calm_since;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdicts[i].status == cmd->status && verdicts[i].sense_key == cmd->sense_key)
			return (!calm || verdicts[i].in_calm) && verdicts[i].explained(s, cmd);
	return false;
}

/* What failed to reach the medium stays so, and the process must not forget it. */
static void remember_flush(struct script *s, const struct ini_cmd *cmd)
{
	struct world *w = s->world;
	struct target_process *p = &w->target;
	if (cmd->issued < p->started[cmd->lun])
		return;
	if (cmd->kind == FLUSH && judge_store_failed(cmd))
		p->flush_failed[cmd->lun] = w->clock;
	if ((cmd->kind == FLUSH || cmd_is_fua(cmd)) && cmd->status == 0 &&
	    p->flush_failed[cmd->lun] && cmd->issued > p->flush_failed[cmd->lun])
		wrong(w, "initiator %u lun %u: a %s succeeds after a flush has failed", s->index,
		      cmd->lun, world_kind_names[cmd->kind]);
}

bool judge_store_failed(const struct ini_cmd *cmd)
{
	return cmd->status == CHECK_CONDITION && cmd->sense_key != SCSI_KEY_UNIT_ATTENTION &&
	       cmd->sense_key != SCSI_KEY_ILLEGAL_REQUEST && cmd->sense_key != SCSI_KEY_MISCOMPARE;
}

void judge_command(struct script *s, const struct ini_cmd *cmd)
{
	struct world_counts *n = &s->world->result->n;
	n->answered[cmd->kind]++;
	n->good[cmd->kind] += cmd->status == 0;
	if (!may_be(s, cmd))
		wrong(s->world,
		      "initiator %u lun %u: %s ends with status %02x key %x after %.3f s, "
		      "and why?",
		      s->index, cmd->lun, world_kind_names[cmd->kind], cmd->status, cmd->sense_key,
		      (double)age_of(s, cmd) / 1e9);
	remember_flush(s, cmd);
}

/* COMPLETE, NO_TASK for a task that is no more, or else the disk must have kept it waiting: with one
 * operation, or with two, because a flush waits for the one before it. */
void judge_tmf(struct script *s, const struct ini_cmd *tmf)
{
	struct world *w = s->world;
	uint64_t limit = w->target.limits.tmf_timeout * NSEC_PER_SEC;
	uint64_t age = age_of(s, tmf);
	bool none = tmf->status == ISCSI_TMF_NO_TASK && tmf->tmf == ISCSI_TMF_ABORT_TASK;
	w->result->n.tmf_complete += tmf->status == ISCSI_TMF_COMPLETE;
	if (tmf->status == ISCSI_TMF_COMPLETE || none)
		return;
	if (tmf->status == ISCSI_TMF_NO_LUN && admin_changed(w, tmf->lun, tmf->issued))
		return;
	w->result->n.tmf_timed_out++;
	if (tmf->status != ISCSI_TMF_REJECTED || age < limit ||
	    sim_disk_oldest(w->sim, world_disks[tmf->lun]) < limit / 2)
		wrong(w, "initiator %u lun %u: function %u ends with response %u, and why?",
		      s->index, tmf->lun, tmf->tmf, tmf->status);
}

void judge_aborted(struct script *s, const struct ini_cmd *cmd)
{
	/* The number of a write is in all that it writes; zeroes look all alike. */
	if (cmd_writes(cmd) && cmd->kind != UNMAP &&
	    sim_disk_writing(s->world->sim, world_disks[cmd->lun], cmd->id << 12, UINT64_MAX << 12))
		wrong(s->world, "initiator %u lun %u: write %llu is aborted and still under way",
		      s->index, cmd->lun, (unsigned long long)cmd->id);
}

void judge_login(struct script *s)
{
	/* Power on, and resets whose time is not known. */
	for (unsigned i = 0; i < LUNS; i++)
		s->attentions[i] = 1 + s->world->resets + admin_attentions(s->world, i);
	s->inventory = 0;
	s->inventory_heard = 0;
}
