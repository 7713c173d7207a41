/* SPDX-License-Identifier: BSD-2-Clause */
/* A host: an initiator, what it is asked for, and what the model learns from the outcome. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "initiator/sense.h"
#include "nexus.h"

#define VERIFY_BLOCKS 16
#define TICK          (NSEC_PER_SEC / 20)

static const struct {
	unsigned weight;
	uint8_t opcode;
	unsigned max_blocks;
} kinds[KINDS] = {
	[READ] = {32, 0x28, 16},      [WRITE] = {36, 0x2a, 16},     [WRITE_FUA] = {8, 0x2a, 16},
	[WRITE_LONG] = {6, 0x2a, 96}, [WRITE_SAME] = {4, 0x41, 32}, [UNMAP] = {4, 0x42, 32},
	[FLUSH] = {8, 0x35, 0},       [TUR] = {2, 0x00, 0},
};

static bool writes(const struct nexus_cmd *c)
{
	return c->kind >= WRITE && c->kind <= UNMAP;
}

static bool flushes(const struct nexus_cmd *c)
{
	return c->kind == FLUSH || c->kind == WRITE_FUA;
}

static void say(const struct nexus_cmd *c, const char *what, int err)
{
	const struct nexus_world *w = c->host->world;
	if (w->verbose)
		fprintf(stderr,
			"%10.6f host %u lun %u opcode %02x lba %llu+%llu write %llu issued %llu "
			"(%u times): %s at %llu, err %d status %02x%s\n",
			(double)sim_now(w->sim) / 1e9, c->host->index, c->lun, c->task.cdb[0],
			(unsigned long long)c->lba, (unsigned long long)c->blocks,
			(unsigned long long)c->id, (unsigned long long)c->issued, c->task.issues,
			what, (unsigned long long)w->clock, err, c->task.status,
			c->task.unknown ? " unknown" : "");
}

/* --- asking */

static enum nexus_kind pick_kind(struct nexus_world *w)
{
	uint64_t at = below(w, 100);
	for (unsigned k = 0; k < KINDS; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return READ;
}

static uint32_t fill_write(struct nexus_cmd *c)
{
	struct nexus_world *w = c->host->world;
	uint32_t len = (uint32_t)(c->blocks * MODEL_BLOCK);
	c->id = ++w->next_id;
	if (c->kind == UNMAP) {
		memset(c->task.cdb, 0, sizeof(c->task.cdb));
		c->task.cdb[0] = kinds[UNMAP].opcode;
		c->task.cdb[8] = 24;
		memset(c->data, 0, 24);
		put_be16(c->data, 22);
		put_be16(c->data + 2, 16);
		put_be64(c->data + 8, c->lba);
		put_be32(c->data + 16, (uint32_t)c->blocks);
		len = 24;
	} else if (c->kind == WRITE_SAME) {
		len = MODEL_BLOCK;
		model_fill(c->id, 0, c->data);
	} else {
		for (uint64_t i = 0; i < c->blocks; i++)
			model_fill(c->id, i, c->data + i * MODEL_BLOCK);
	}
	model_write(w->model[c->lun], c->id, c->lba, c->blocks, c->kind == UNMAP,
		    c->kind == WRITE_SAME, c->issued);
	return len;
}

static void done(struct ini_task *task, int err);

/* In uneven pieces. */
static unsigned cut(struct nexus_cmd *c, uint32_t len)
{
	struct nexus_world *w = c->host->world;
	uint32_t first = (uint32_t)below(w, len + 1), second = (uint32_t)below(w, len - first + 1);
	c->iov[0] = (struct iovec){c->data, first};
	c->iov[1] = (struct iovec){c->data + first, second};
	c->iov[2] = (struct iovec){c->data + first + second, len - first - second};
	return 3;
}

static void submit(struct nexus_cmd *c, enum nexus_kind kind, unsigned lun, uint64_t lba,
		   uint64_t blocks)
{
	struct nexus_host *h = c->host;
	struct nexus_world *w = h->world;
	struct ini_task *t = &c->task;
	uint32_t len = 0;
	memset(t, 0, sizeof(*t));
	c->kind = kind;
	c->lun = lun;
	c->lba = lba;
	c->blocks = blocks;
	c->id = 0;
	c->busy = true;
	c->cancelled = c->limbo = false;
	c->issued = tick(w);
	iscsi_lun_put(t->lun, lun);
	t->attr = SCSI_SIMPLE;
	t->flags = w->phase >= SETTLE || below(w, 8) ? INI_RETRY : 0;
	t->done = done;
	if (w->phase == CHAOS && below(w, 10) == 0)
		t->deadline = reactor_now(h->reactor) + below(w, 12 * NSEC_PER_SEC) + 1;
	t->cdb[0] = kinds[kind].opcode;
	if (kind != TUR) {
		put_be32(t->cdb + 2, (uint32_t)lba);
		put_be16(t->cdb + 7, (uint16_t)blocks);
	}
	if (kind == WRITE_FUA)
		t->cdb[1] = 0x08;
	if (writes(c))
		t->out_len = len = fill_write(c);
	else if (kind == READ)
		t->in_len = len = (uint32_t)(blocks * MODEL_BLOCK);
	if (len) {
		unsigned n = cut(c, len);
		t->out = t->in = c->iov;
		t->out_count = t->out_len ? n : 0;
		t->in_count = t->in_len ? n : 0;
	}
	w->result->n[N_COMMANDS]++;
	int err = ini_link_submit(h->link, t);
	if (err)
		wrong(w, "host %u: a command is refused: %d", h->index, err);
}

static struct nexus_cmd *free_cmd(struct nexus_host *h)
{
	for (unsigned i = 0; i < h->depth; i++)
		if (!h->cmds[i].busy && !h->cmds[i].limbo)
			return &h->cmds[i];
	return NULL;
}

static void submit_random(struct nexus_cmd *c)
{
	struct nexus_world *w = c->host->world;
	enum nexus_kind kind = pick_kind(w);
	uint64_t blocks = kinds[kind].max_blocks ? 1 + below(w, kinds[kind].max_blocks) : 0;
	uint64_t lba = blocks ? below(w, BLOCKS - blocks + 1) : 0;
	/* Half of it goes to one corner of the disk, so that writes meet. */
	if (blocks && blocks < 32 && below(w, 2))
		lba %= 32;
	submit(c, kind, (unsigned)below(w, LUNS), lba, blocks);
}

static void more_random(struct nexus_host *h)
{
	struct nexus_cmd *c;
	for (; h->left && (c = free_cmd(h)); h->left--)
		submit_random(c);
}

static void more_last(struct nexus_host *h)
{
	struct nexus_cmd *c;
	for (unsigned lun = 0; lun < LUNS; lun++)
		if (!h->flushed[lun] && (c = free_cmd(h))) {
			h->flushed[lun] = true;
			submit(c, FLUSH, lun, 0, 0);
		}
}

static void more_verify(struct nexus_host *h)
{
	struct nexus_cmd *c;
	for (unsigned lun = 0; lun < LUNS; lun++)
		while (h->verify_next[lun] < BLOCKS && (c = free_cmd(h))) {
			submit(c, READ, lun, h->verify_next[lun], VERIFY_BLOCKS);
			h->verify_next[lun] += VERIFY_BLOCKS;
		}
}

void host_more(struct nexus_host *h)
{
	static void (*const more[])(struct nexus_host *) = {
		[CHAOS] = more_random, [SETTLE] = more_random, [CALM] = more_random,
		[LAST] = more_last,    [VERIFY] = more_verify,
	};
	const struct nexus_world *w = h->world;
	if (w->result->why[0] || !h->link)
		return;
	if (h->index == 0 || w->phase <= CALM)
		more[w->phase](h);
}

bool host_finished(const struct nexus_host *h)
{
	bool all = !h->left && h->state == INI_UP && !h->tmf_busy;
	for (unsigned i = 0; i < h->depth; i++)
		all &= !h->cmds[i].busy;
	for (unsigned lun = 0; lun < LUNS && h->index == 0; lun++) {
		all &= h->world->phase != LAST || h->flushed[lun];
		all &= h->world->phase != VERIFY || h->verify_next[lun] >= BLOCKS;
	}
	return all;
}

/* --- the outcome */

static struct model *model_of(const struct nexus_cmd *c)
{
	return c->host->world->model[c->lun];
}

static void over(struct nexus_cmd *c, uint64_t now)
{
	struct nexus_world *w = c->host->world;
	if (writes(c))
		model_write_over(model_of(c), c->id, c->lba, c->blocks, now);
	if (flushes(c) && w->sync_may_fail)
		model_flush_bad(model_of(c), c->issued, now);
}

static void check_read(struct nexus_cmd *c, uint64_t now)
{
	struct nexus_world *w = c->host->world;
	char why[400];
	if (c->task.got != c->task.in_len || c->task.residual)
		wrong(w, "host %u: a read comes short: %u of %u", c->host->index, c->task.got,
		      c->task.in_len);
	else if (!model_read(model_of(c), c->lba, c->blocks, c->data, c->issued, now, why,
			     sizeof(why)))
		wrong(w, "host %u lun %u: %s", c->host->index, c->lun, why);
}

static void good(struct nexus_cmd *c, uint64_t now)
{
	struct model *m = model_of(c);
	c->host->world->result->n[N_GOOD]++;
	if (writes(c))
		model_write_good(m, c->id, c->lba, c->blocks, c->kind == WRITE_FUA, c->issued, now);
	else if (c->kind == FLUSH)
		model_flush_good(m, c->issued);
	else if (c->kind == READ)
		check_read(c, now);
}

/* What a disk that fails, or is slow, explains; in calm nothing is. */
static bool status_may_be(const struct nexus_cmd *c)
{
	struct ini_sense sense;
	if (c->host->world->phase >= CALM)
		return false;
	switch (c->task.status) {
	case SCSI_BUSY:
	case SCSI_TASK_ABORTED: return true;
	case SCSI_CHECK_CONDITION:
		ini_sense_read(&sense, c->task.sense, c->task.sense_len);
		return sense.key == SCSI_KEY_MEDIUM_ERROR || sense.key == SCSI_KEY_DATA_PROTECT ||
		       /* by other hosts' resets, one after the other */
		       (sense.key == SCSI_KEY_UNIT_ATTENTION && c->task.issues > 16) ||
		       (sense.key == SCSI_KEY_ABORTED_COMMAND && !(c->task.flags & INI_RETRY));
	default: return false;
	}
}

static bool err_may_be(const struct nexus_cmd *c, int err)
{
	switch (err) {
	case -ETIMEDOUT: return c->task.deadline || !(c->task.flags & INI_RETRY);
	case -ECONNRESET: return !(c->task.flags & INI_RETRY);
	case -ECANCELED: return c->cancelled || !(c->task.flags & INI_RETRY);
	default: return false;
	}
}

/* In the last part: it is to be had all the same. */
static void want_again(struct nexus_cmd *c)
{
	struct nexus_host *h = c->host;
	if (h->world->phase == VERIFY && c->kind == READ)
		h->verify_next[c->lun] = MIN(h->verify_next[c->lun], c->lba);
	if (h->world->phase == LAST && c->kind == FLUSH)
		h->flushed[c->lun] = false;
}

static void bad(struct nexus_cmd *c, int err, uint64_t now)
{
	struct nexus_world *w = c->host->world;
	w->result->n[N_FAILED]++;
	if (err ? !err_may_be(c, err) : !status_may_be(c))
		wrong(w, "host %u: opcode %02x ends with error %d status %02x, and why?",
		      c->host->index, c->task.cdb[0], err, c->task.status);
	if (c->task.unknown)
		c->limbo = true; /* until the session is reinstated */
	else
		over(c, now);
	if (flushes(c) && !err)
		model_flush_bad(model_of(c), c->issued, now);
	want_again(c);
}

static void done(struct ini_task *task, int err)
{
	struct nexus_cmd *c = container_of(task, struct nexus_cmd, task);
	struct nexus_host *h = c->host;
	struct nexus_world *w = h->world;
	uint64_t now = tick(w);
	say(c, "done", err);
	trace(w,
	      (uint64_t)h->index << 56 ^ c->lba << 16 ^ (uint64_t)(uint8_t)err << 8 ^ task->status);
	if (!c->busy) {
		wrong(w, "host %u: a command ends twice", h->index);
		return;
	}
	c->busy = false;
	if (!err && task->status == SCSI_GOOD)
		good(c, now);
	else
		bad(c, err, now);
	host_more(h);
}

/* Nothing of what came before this session can land any more (RFC 7143 6.3.5). */
static void reinstated(struct nexus_host *h)
{
	uint64_t now = tick(h->world);
	for (unsigned i = 0; i < h->depth; i++) {
		struct nexus_cmd *c = &h->cmds[i];
		if (c->limbo)
			over(c, now);
		c->limbo = false;
	}
}

void host_power_cut(struct nexus_host *h, uint64_t now)
{
	for (unsigned i = 0; i < h->depth; i++) {
		struct nexus_cmd *c = &h->cmds[i];
		/* The model has ended it, and it is going to be written again. */
		if (c->busy && writes(c))
			model_write(model_of(c), c->id, c->lba, c->blocks, c->kind == UNMAP,
				    c->kind == WRITE_SAME, now);
	}
}

/* --- the initiator */

static void on_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct nexus_host *h = ctx;
	struct nexus_world *w = h->world;
	h->state = state;
	if (w->verbose)
		fprintf(stderr, "%10.6f host %u is %s (%s)\n", (double)sim_now(w->sim) / 1e9,
			h->index, ini_state_word(state), why->text);
	trace(w, 1000 + h->index * 16 + state);
	update_faults(w);
	if (state == INI_UP) {
		w->result->n[N_LOGINS]++;
		reinstated(h);
	}
	if (state == INI_ENDED)
		wrong(w, "host %u: the session ends: %s", h->index, why->text);
	if (state == INI_CLOSING && w->phase >= CALM && w->up && why->reason != INI_LOST)
		wrong(w, "host %u: the session is dropped for no reason: %s", h->index, why->text);
}

static const struct ini_link_ops link_ops = {.state = on_state};

static void collect_stats(struct nexus_host *h)
{
	struct ini_stats stats;
	uint64_t *n = h->world->result->n;
	ini_get_stats(ini_link_session(h->link), &stats);
	n[N_REISSUED] += stats.reissued;
	n[N_ABORTS] += stats.aborts;
	n[N_RESETS] += stats.resets;
	n[N_TIMEOUTS] += stats.timeouts;
}

void nexus_ini_config(struct nexus_world *w, struct ini_config *c, unsigned depth)
{
	ini_config_init(c);
	c->target_name = TARGET_NAME;
	c->patience = INI_NEVER;
	c->depth = depth;
	c->cmdsn = below(w, 4) ? 1 : UINT32_MAX - 20;
	/* Bits are flipped on the way, so digests are not a matter of choice. */
	c->offer.header_digests = c->offer.data_digests = ISCSI_DIGEST_CRC32C;
	c->offer.want.header_digest = c->offer.want.data_digest = true;
	c->offer.want.max_recv_data = 4096;
	c->offer.want.max_burst = 16384;
	c->offer.want.first_burst = 8192;
	c->offer.want.max_outstanding_r2t = (uint32_t)(1 + below(w, 4));
	c->offer.want.initial_r2t = below(w, 2) != 0;
	c->offer.want.immediate_data = below(w, 4) != 0;
}

static void start(struct nexus_host *h)
{
	struct nexus_world *w = h->world;
	struct ini_config c;
	struct net_addr addr;
	char text[NET_ADDR_TEXT];
	nexus_ini_config(w, &c, h->depth);
	sim_node_addr(w->sim, w->reactor, AF_INET, PORT, &addr);
	c.address = net_addr_format(text, &addr);
	c.initiator_name = h->name;
	memcpy(c.isid, h->isid, sizeof(c.isid));
	h->state = INI_IDLE;
	int err = ini_link_new(&h->link, h->reactor, &c, &link_ops, h);
	if (err)
		wrong(w, "host %u: there is no initiator: %d", h->index, err);
	else
		ini_link_start(h->link);
}

static void tmf_done(struct ini_tmf *tmf, int err)
{
	struct nexus_host *h = tmf->ctx;
	h->tmf_busy = false;
	trace(h->world, 5000 + tmf->response);
}

void host_mischief(struct nexus_host *h)
{
	struct nexus_world *w = h->world;
	if (!h->link || h->state != INI_UP)
		return;
	if (!h->tmf_busy && below(w, 400) == 0) {
		h->tmf = (struct ini_tmf){
			.function = ISCSI_TMF_LOGICAL_UNIT_RESET, .done = tmf_done, .ctx = h};
		iscsi_lun_put(h->tmf.lun, (uint32_t)below(w, LUNS));
		h->tmf_busy = !ini_tmf(ini_link_session(h->link), &h->tmf, reactor_now(h->reactor));
	}
	for (unsigned i = 0; i < h->depth; i++) {
		struct nexus_cmd *c = &h->cmds[i];
		if (!c->busy || below(w, 200))
			continue;
		c->cancelled = true;
		ini_cancel(ini_link_session(h->link), &c->task, reactor_now(h->reactor));
	}
}

static void ticked(struct timer *t)
{
	struct nexus_host *h = container_of(t, struct nexus_host, tick);
	timer_set(h->reactor, t, reactor_now(h->reactor) + TICK);
	if (h->world->phase == CHAOS)
		host_mischief(h);
	host_more(h);
}

static void restart_fired(struct timer *t)
{
	struct nexus_host *h = container_of(t, struct nexus_host, restart);
	start(h);
	timer_init(&h->tick, ticked);
	timer_set(h->reactor, &h->tick, reactor_now(h->reactor) + TICK);
}

/* What it had under way may land until its next session is there. */
void host_crash(struct nexus_host *h, bool power)
{
	struct nexus_world *w = h->world;
	if (!h->link)
		return;
	if (w->verbose)
		fprintf(stderr, "%10.6f host %u %s\n", (double)sim_now(w->sim) / 1e9, h->index,
			power ? "loses power" : "dies");
	w->result->n[N_HOST_CRASHES]++;
	collect_stats(h);
	sim_crash(w->sim, h->reactor, power);
	ini_link_abandon(h->link);
	h->link = NULL;
	h->tmf_busy = false;
	for (unsigned i = 0; i < h->depth; i++) {
		struct nexus_cmd *c = &h->cmds[i];
		if (!c->busy)
			continue;
		c->busy = false;
		c->limbo = true;
		want_again(c);
	}
	timer_init(&h->restart, restart_fired);
	timer_set(h->reactor, &h->restart,
		  reactor_now(h->reactor) + below(w, 500) * NSEC_PER_MSEC + 1);
}

void nexus_host_name(unsigned i, char *out, size_t size)
{
	snprintf(out, size, "iqn.2026-11.org.example:host%u", i);
}

void host_init(struct nexus_world *w, unsigned i, uint64_t commands)
{
	struct nexus_host *h = &w->hosts[i];
	h->world = w;
	h->index = i;
	h->depth = (unsigned)(1 + below(w, DEPTH_MAX));
	h->left = commands;
	h->reactor = sim_node(w->sim);
	nexus_host_name(i, h->name, sizeof(h->name));
	for (unsigned j = 0; j < DEPTH_MAX; j++)
		h->cmds[j].host = h;
	h->isid[0] = 0x80;
	for (unsigned j = 1; j < sizeof(h->isid); j++)
		h->isid[j] = (uint8_t)below(w, 256);
	timer_init(&h->restart, restart_fired);
	restart_fired(&h->restart);
}

void host_free(struct nexus_host *h)
{
	if (!h->link)
		return;
	collect_stats(h);
	sim_crash(h->world->sim, h->reactor, false);
	ini_link_abandon(h->link);
	h->link = NULL;
}
