/* SPDX-License-Identifier: BSD-2-Clause */
/* What the initiators do, and what the model learns from the answers. */
#include <stdio.h>
#include <string.h>
#include "common/endian.h"
#include "scsi/sam.h"
#include "world_priv.h"

#define VERIFY_BLOCKS 16

static const struct {
	unsigned weight;
	uint8_t opcode;
	unsigned max_blocks;
} kinds[KINDS] = {
	[READ] = {26, 0x28, 16},      [WRITE] = {31, 0x2a, 16},     [WRITE_FUA] = {8, 0x2a, 16},
	[WRITE_LONG] = {6, 0x2a, 96}, [WRITE_SAME] = {4, 0x41, 32}, [UNMAP] = {4, 0x42, 32},
	[FLUSH] = {8, 0x35, 0},       [TUR] = {2, 0x00, 0},         [VERIFY] = {3, 0x2f, 16},
	[COMPARE] = {8, 0x89, 1},
};

const char *const world_kind_names[KINDS] = {
	[READ] = "READ",
	[WRITE] = "WRITE",
	[WRITE_FUA] = "WRITE with FUA",
	[WRITE_LONG] = "long WRITE",
	[WRITE_SAME] = "WRITE SAME",
	[COMPARE] = "COMPARE AND WRITE",
	[UNMAP] = "UNMAP",
	[FLUSH] = "SYNCHRONIZE CACHE",
	[TUR] = "TEST UNIT READY",
	[VERIFY] = "VERIFY",
};

/* --- commands */

bool cmd_writes(const struct ini_cmd *cmd)
{
	return !cmd->tmf && cmd->kind >= WRITE && cmd->kind <= UNMAP;
}

bool cmd_flushes(const struct ini_cmd *cmd)
{
	return !cmd->tmf && (cmd->kind == FLUSH || cmd_is_fua(cmd) || cmd->kind == VERIFY);
}

bool cmd_is_fua(const struct ini_cmd *cmd)
{
	return !cmd->tmf && (cmd->kind == WRITE_FUA || (cmd->kind == COMPARE && cmd->cdb[1]));
}

bool cmd_may_flush(const struct world *w, const struct ini_cmd *cmd)
{
	return cmd_flushes(cmd) ||
	       (cmd_writes(cmd) && admin_maybe_no_cache(w, cmd->lun, cmd->issued));
}

static bool is_reset(const struct ini_cmd *cmd)
{
	return cmd->tmf == ISCSI_TMF_LOGICAL_UNIT_RESET;
}

static unsigned pick_kind(struct world *w)
{
	uint64_t at = below(w, 100);
	for (unsigned k = 0; k < KINDS; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return READ;
}

static void fill_write(struct world *w, struct ini_cmd *cmd)
{
	cmd->id = ++w->next_id;
	switch (cmd->kind) {
	case WRITE_SAME:
		cmd->write_len = MODEL_BLOCK;
		model_fill(cmd->id, 0, cmd->data);
		break;
	case COMPARE:
		memset(cmd->cdb, 0, sizeof(cmd->cdb));
		cmd->cdb[0] = kinds[COMPARE].opcode;
		cmd->cdb[1] = below(w, 2) ? 0x08 : 0; /* FUA */
		put_be64(cmd->cdb + 2, cmd->lba);
		cmd->cdb[13] = 1;
		cmd->write_len = 2 * MODEL_BLOCK;
		memcpy(cmd->data, w->seen[cmd->lun][cmd->lba - HOT], MODEL_BLOCK);
		model_fill(cmd->id, 0, cmd->data + MODEL_BLOCK);
		break;
	case UNMAP:
		memset(cmd->cdb, 0, sizeof(cmd->cdb));
		cmd->cdb[0] = kinds[UNMAP].opcode;
		cmd->cdb[8] = 24;
		cmd->write_len = 24;
		memset(cmd->data, 0, 24);
		put_be16(cmd->data, 22);
		put_be16(cmd->data + 2, 16);
		put_be64(cmd->data + 8, cmd->lba);
		put_be32(cmd->data + 16, (uint32_t)cmd->blocks);
		break;
	default:
		cmd->write_len = (uint32_t)(cmd->blocks * MODEL_BLOCK);
		for (uint64_t i = 0; i < cmd->blocks; i++)
			model_fill(cmd->id, i, cmd->data + i * MODEL_BLOCK);
	}
	model_write(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks, cmd->kind == UNMAP,
		    cmd->kind == WRITE_SAME, cmd->issued);
	if (cmd->kind == COMPARE)
		model_compare(w->model[cmd->lun], cmd->id, cmd->lba, cmd->data);
}

static void submit(struct script *s, struct ini_cmd *cmd, unsigned kind, unsigned lun, uint64_t lba,
		   uint64_t blocks)
{
	struct world *w = s->world;
	cmd->kind = kind;
	cmd->lun = (uint8_t)lun;
	cmd->lba = lba;
	cmd->blocks = blocks;
	cmd->tmf = 0;
	cmd->id = 0;
	cmd->aborting = false;
	cmd->read_len = cmd->write_len = 0;
	cmd->issued = tick(w);
	memset(cmd->cdb, 0, sizeof(cmd->cdb));
	cmd->cdb[0] = kinds[kind].opcode;
	put_be32(cmd->cdb + 2, (uint32_t)lba);
	put_be16(cmd->cdb + 7, (uint16_t)blocks);
	if (kind == TUR)
		memset(cmd->cdb, 0, sizeof(cmd->cdb));
	if (kind == WRITE_FUA)
		cmd->cdb[1] = 0x08;
	if (kind == READ)
		cmd->read_len = (uint32_t)(blocks * MODEL_BLOCK);
	if (cmd_writes(cmd))
		fill_write(w, cmd);
	ini_submit(&s->ini, cmd);
	w->result->n.commands++;
}

static void submit_random(struct script *s, struct ini_cmd *cmd)
{
	struct world *w = s->world;
	unsigned kind = pick_kind(w);
	uint64_t blocks = kinds[kind].max_blocks ? 1 + below(w, kinds[kind].max_blocks) : 0;
	uint64_t lba = blocks ? below(w, BLOCKS - blocks + 1) : 0;
	/* Half of it goes to one corner of the disk, so that writes meet. */
	if (blocks && blocks < 32 && below(w, 2))
		lba %= 32;
	if (kind == COMPARE)
		lba = HOT + below(w, HOT_BLOCKS);
	submit(s, cmd, kind, (unsigned)below(w, LUNS), lba, blocks);
}

static void submit_tmf(struct script *s, uint8_t function, uint8_t lun, struct ini_cmd *about)
{
	struct world *w = s->world;
	struct ini_cmd *cmd = ini_get(&s->ini);
	if (!cmd) { /* no place to ask from: as initiators do then */
		ini_cut(&s->ini);
		return;
	}
	cmd->tmf = function;
	cmd->lun = lun;
	cmd->tmf_itt = about ? about->itt : ISCSI_RESERVED_TAG;
	cmd->write_len = cmd->read_len = 0;
	cmd->issued = tick(w);
	if (is_reset(cmd)) {
		w->resets++;
		for (unsigned i = 0; i < w->initiators; i++)
			w->scripts[i].attentions[lun]++;
	}
	if (about)
		about->aborting = true;
	ini_submit(&s->ini, cmd);
}

static void say(const struct script *s, const struct ini_cmd *cmd, const char *what)
{
	const struct world *w = s->world;
	if (w->verbose)
		fprintf(stderr,
			"%10.6f initiator %u lun %u opcode %02x tmf %u lba %llu+%llu write %llu "
			"issued %llu: %s at %llu, status %02x key %x\n",
			(double)sim_now(w->sim) / 1e9, s->index, cmd->lun, cmd->cdb[0], cmd->tmf,
			(unsigned long long)cmd->lba, (unsigned long long)cmd->blocks,
			(unsigned long long)cmd->id, (unsigned long long)cmd->issued, what,
			(unsigned long long)w->clock, cmd->status, cmd->sense_key);
}

static void reset_ended(struct world *w)
{
	w->resets--;
	w->reset_at = w->clock;
}

/* In the last part: it was for nothing and must be sent again. */
static void again(struct script *s, const struct ini_cmd *cmd)
{
	if (s->world->phase == VERIFYING && !cmd->tmf && cmd->kind == READ)
		s->verify_next[cmd->lun] = MIN(s->verify_next[cmd->lun], cmd->lba);
	if (s->world->phase == LAST && !cmd->tmf && cmd->kind == FLUSH)
		s->flushed[cmd->lun] = false;
}

/* The task will never be answered, and cannot land any more. */
static void give_up(struct script *s, struct ini_cmd *cmd)
{
	struct world *w = s->world;
	uint64_t now = tick(w);
	say(s, cmd, "given up");
	if (cmd_writes(cmd))
		model_write_over(w->model[cmd->lun], cmd->id, cmd->lba, cmd->blocks, now);
	/* A flush without an answer may have failed, and the next process does not know. */
	if (cmd_may_flush(w, cmd) && w->sync_may_fail)
		model_flush_bad(w->model[cmd->lun], cmd->issued, now);
	if (is_reset(cmd))
		reset_ended(w);
	again(s, cmd);
	cmd->busy = false;
}

/* --- what is to be sent */

static void more_last(struct script *s)
{
	struct ini_cmd *cmd;
	for (unsigned lun = 0; lun < LUNS; lun++)
		if (!s->flushed[lun] && (cmd = ini_get(&s->ini))) {
			s->flushed[lun] = true;
			submit(s, cmd, FLUSH, lun, 0, 0);
		}
}

static void more_verify(struct script *s)
{
	struct ini_cmd *cmd;
	for (unsigned lun = 0; lun < LUNS; lun++)
		while (s->verify_next[lun] < BLOCKS && (cmd = ini_get(&s->ini))) {
			uint64_t lba = s->verify_next[lun];
			s->verify_next[lun] += VERIFY_BLOCKS;
			submit(s, cmd, READ, lun, lba, VERIFY_BLOCKS);
		}
}

static unsigned busy(const struct script *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < INI_COMMANDS; i++)
		n += s->ini.cmds[i].busy;
	return n;
}

static void more_random(struct script *s)
{
	struct ini_cmd *cmd;
	for (unsigned n = busy(s); s->left && n < s->depth && (cmd = ini_get(&s->ini)); n++) {
		submit_random(s, cmd);
		s->left--;
	}
}

static bool all_sent(const struct script *s)
{
	bool sent = !s->left;
	for (unsigned lun = 0; lun < LUNS && s->index == 0; lun++) {
		sent &= s->world->phase != LAST || s->flushed[lun];
		sent &= s->world->phase != VERIFYING || s->verify_next[lun] >= BLOCKS;
	}
	return sent;
}

void script_more(struct script *s)
{
	static void (*const more[])(struct script *) = {
		[CHAOS] = more_random, [SETTLE] = more_random,    [CALM] = more_random,
		[LAST] = more_last,    [VERIFYING] = more_verify,
	};
	const struct world *w = s->world;
	if (w->result->why[0] || !s->ini.ready)
		return;
	if (s->index == 0 || w->phase <= CALM)
		more[w->phase](s);
	s->finished = all_sent(s) && !busy(s) && !s->may_lose;
}

/* --- what happens to it */

static void ready(struct initiator *ini)
{
	struct script *s = ini->ctx;
	s->world->result->n.logins++;
	s->may_lose = false;
	trace(s->world, 1000 + s->index);
	update_faults(s->world);
	judge_login(s);
	/* The session is reinstated: RFC 7143 6.3.5 says that the old tasks are no more. */
	for (unsigned i = 0; i < INI_COMMANDS; i++)
		if (ini->cmds[i].busy)
			give_up(s, &ini->cmds[i]);
	script_more(s);
}

static void lost(struct initiator *ini)
{
	struct script *s = ini->ctx;
	trace(s->world, 2000 + s->index);
	update_faults(s->world);
	s->finished = false;
	if (s->world->phase >= CALM && !s->may_lose)
		wrong(s->world, "initiator %u: a session ends for no reason", s->index);
}

static void refused(struct initiator *ini)
{
	struct script *s = ini->ctx;
	if (s->world->phase >= CALM && !s->may_lose)
		wrong(s->world, "initiator %u: a login fails for no reason", s->index);
}

static void went_wrong(struct initiator *ini, const char *what)
{
	struct script *s = ini->ctx;
	wrong(s->world, "initiator %u: %s", s->index, what);
}

bool script_was_reset(const struct world *w, const struct ini_cmd *cmd)
{
	return cmd->issued <= w->reset_at || w->resets;
}

static void spare(struct script *s, const struct ini_cmd *tmf)
{
	for (unsigned i = 0; i < INI_COMMANDS; i++)
		if (s->ini.cmds[i].itt == tmf->tmf_itt)
			s->ini.cmds[i].aborting = false;
}

static void tmf_done(struct script *s, struct ini_cmd *tmf)
{
	struct world *w = s->world;
	bool reset = is_reset(tmf), owed = false;
	judge_tmf(s, tmf);
	if (reset)
		reset_ended(w);
	/* Then nothing is said of the task, and it is still to be answered. */
	if (tmf->status == ISCSI_TMF_NO_LUN) {
		spare(s, tmf);
		return;
	}
	for (unsigned i = 0; i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		bool meant = reset ? cmd->lun == tmf->lun && cmd->issued < tmf->issued
				   : cmd->itt == tmf->tmf_itt;
		if (!cmd->busy || cmd->tmf || !meant)
			continue;
		if (tmf->status == ISCSI_TMF_NO_TASK && !script_was_reset(w, cmd))
			wrong(w, "initiator %u: task %x was neither answered nor aborted", s->index,
			      cmd->itt);
		if (tmf->status == ISCSI_TMF_COMPLETE)
			judge_aborted(s, cmd);
		/* When it was not complete, a fence keeps it from what is newer, and it is never
		 * answered; but for TASK ABORTED, which it may be owed by another's reset. */
		give_up(s, cmd);
		owed |= tmf->status == ISCSI_TMF_REJECTED &&
			(script_was_reset(w, cmd) || admin_changed(w, cmd->lun, cmd->issued));
	}
	if (owed)
		ini_cut(&s->ini);
}

static void check_read(struct script *s, struct ini_cmd *cmd, uint64_t now)
{
	struct world *w = s->world;
	char why[400];
	if (cmd->got != cmd->read_len)
		wrong(w, "a read came short: %u of %u bytes", cmd->got, cmd->read_len);
	else if (!model_read(w->model[cmd->lun], cmd->lba, cmd->blocks, cmd->data, cmd->issued, now,
			     why, sizeof(why)))
		wrong(w, "initiator %u lun %u: %s", s->index, cmd->lun, why);
}

/* What was there last, for all that we know. */
static void remember(struct world *w, const struct ini_cmd *cmd)
{
	static const uint8_t zeroes[MODEL_BLOCK];
	for (uint64_t lba = MAX(cmd->lba, (uint64_t)HOT); lba < cmd->lba + cmd->blocks; lba++) {
		const uint8_t *data = cmd->data + (lba - cmd->lba) * MODEL_BLOCK;
		if (cmd->kind == UNMAP)
			data = zeroes;
		else if (cmd->kind == WRITE_SAME)
			data = cmd->data;
		else if (cmd->kind == COMPARE)
			data = cmd->data + MODEL_BLOCK;
		memcpy(w->seen[cmd->lun][lba - HOT], data, MODEL_BLOCK);
	}
}

/* It was the same, or was not. */
static void tell_model_compared(struct script *s, struct ini_cmd *cmd, bool durable, uint64_t now)
{
	struct world *w = s->world;
	struct model *m = w->model[cmd->lun];
	char why[400] = "there was nothing else";
	bool possible = true;
	if (!cmd->status)
		possible = model_compare_good(m, cmd->id, cmd->lba, cmd->data, durable, cmd->issued,
					      now, why, sizeof(why));
	else if (cmd->sense_key == SCSI_KEY_MISCOMPARE)
		possible = model_compare_differs(m, cmd->id, cmd->lba, cmd->data, cmd->issued, now);
	else
		model_write_over(m, cmd->id, cmd->lba, cmd->blocks, now);
	if (!possible)
		wrong(w, "initiator %u lun %u: COMPARE AND WRITE: %s", s->index, cmd->lun, why);
}

static void tell_model(struct script *s, struct ini_cmd *cmd, uint64_t now)
{
	struct model *m = s->world->model[cmd->lun];
	bool good = cmd->status == 0;
	bool no_cache = admin_no_cache(s->world, cmd->lun, cmd->issued);
	if (cmd_may_flush(s->world, cmd) && judge_store_failed(cmd))
		model_flush_bad(m, cmd->issued, now);
	if (cmd_writes(cmd) && good)
		s->world->result->n.no_cache += no_cache;
	if (good && (cmd_writes(cmd) || cmd->kind == READ))
		remember(s->world, cmd);
	if (cmd->kind == COMPARE)
		tell_model_compared(s, cmd, cmd_is_fua(cmd) || no_cache, now);
	else if (cmd_writes(cmd) && good)
		model_write_good(m, cmd->id, cmd->lba, cmd->blocks, cmd_is_fua(cmd) || no_cache,
				 cmd->issued, now);
	else if (cmd_writes(cmd))
		model_write_over(m, cmd->id, cmd->lba, cmd->blocks, now);
	else if (cmd->kind == FLUSH && good)
		model_flush_good(m, cmd->issued);
	else if (cmd->kind == READ && good)
		check_read(s, cmd, now);
}

static void done(struct initiator *ini, struct ini_cmd *cmd)
{
	struct script *s = ini->ctx;
	struct world *w = s->world;
	uint64_t now = tick(w);

	say(s, cmd, "done");
	trace(w, (uint64_t)s->index << 56 ^ (uint64_t)cmd->kind << 48 ^ cmd->lba << 16 ^
			 (uint64_t)cmd->status << 8 ^ cmd->sense_key);
	if (cmd->tmf) {
		tmf_done(s, cmd);
	} else {
		judge_command(s, cmd);
		tell_model(s, cmd, now);
		if (cmd->status)
			again(s, cmd);
	}
	script_more(s);
}

static const struct ini_ops script_ops = {ready, done, lost, refused, went_wrong};

/*
 * A bit that was flipped in a length makes us wait for bytes that nobody will send. The target pings
 * a connection that is quiet, so whoever hears nothing for longer than that is alone.
 */
static bool link_is_dead(const struct script *s)
{
	uint64_t interval = s->world->target.limits.nopin_interval * NSEC_PER_SEC;
	return reactor_now(s->ini.reactor) - s->ini.heard > interval + NSEC_PER_SEC;
}

/* What is out for too long is aborted, as initiators do; a function must end by itself. */
static void overdue(struct script *s)
{
	struct world *w = s->world;
	for (unsigned i = 0; s->ini.ready && i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		uint64_t now = reactor_now(s->ini.reactor);
		if (!cmd->busy || now - cmd->sent_at < OVERDUE_NS)
			continue;
		if (link_is_dead(s))
			ini_cut(&s->ini);
		else if (cmd->tmf)
			wrong(w, "initiator %u: task management does not end", s->index);
		else if (!script_was_reset(w, cmd) && now > w->hung_until + OVERDUE_NS &&
			 !admin_slows(w, cmd->lun))
			wrong(w, "initiator %u: a %s is not answered", s->index,
			      world_kind_names[cmd->kind]);
		else if (!cmd->aborting)
			submit_tmf(s, ISCSI_TMF_ABORT_TASK, cmd->lun, cmd);
	}
}

static void mischief(struct script *s)
{
	struct world *w = s->world;
	if (below(w, 400) == 0)
		submit_tmf(s, ISCSI_TMF_LOGICAL_UNIT_RESET, (uint8_t)below(w, LUNS), NULL);
	for (unsigned i = 0; s->ini.ready && i < INI_COMMANDS; i++) {
		struct ini_cmd *cmd = &s->ini.cmds[i];
		if (cmd->busy && !cmd->tmf && !cmd->aborting && below(w, 200) == 0)
			submit_tmf(s, ISCSI_TMF_ABORT_TASK, cmd->lun, cmd);
	}
}

static void ticked(struct timer *t)
{
	struct script *s = container_of(t, struct script, tick);
	struct reactor *r = s->ini.reactor;
	timer_set(r, t, reactor_now(r) + NSEC_PER_SEC / 20);
	overdue(s);
	if (s->world->phase == CHAOS)
		mischief(s);
	script_more(s);
}

void script_start(struct world *w, unsigned i, uint64_t commands)
{
	struct script *s = &w->scripts[i];
	struct initiator *ini = &s->ini;
	s->world = w;
	s->index = i;
	s->depth = (unsigned)(1 + below(w, 8));
	s->left = commands;
	ini->reactor = sim_node(w->sim);
	ini->ops = &script_ops;
	ini->ctx = s;
	sim_node_addr(w->sim, w->target.reactor, AF_INET, PORT, &ini->target);
	struct iscsi_login_config *c = &ini->login_config;
	c->initiator_name = s->name;
	c->target_name = TARGET_NAME;
	c->isid[0] = 0x80;
	c->isid[5] = (uint8_t)i;
	c->tpgt = -1;
	iscsi_offer_init(&c->offer);
	/* Bits are flipped on the way, so digests are not a matter of choice. */
	c->offer.header_digests = c->offer.data_digests = ISCSI_DIGEST_CRC32C;
	c->offer.want.header_digest = c->offer.want.data_digest = true;
	c->offer.want.max_recv_data = 4096;
	c->offer.want.max_burst = 16384;
	c->offer.want.first_burst = 8192;
	c->offer.want.max_outstanding_r2t = (uint32_t)(1 + below(w, 4));
	c->offer.want.initial_r2t = below(w, 2) != 0;
	c->offer.want.immediate_data = true;
	ini_start(ini);
	timer_init(&s->tick, ticked);
	timer_set(ini->reactor, &s->tick, NSEC_PER_SEC / 20);
}
