/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical units, and the commands about the unit as a whole. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

#define MEDIUM_MAY_HAVE_CHANGED 0x2800

/* --- made and freed */

int scsi_check_text(const char *what, const char *text, size_t size, char *why, size_t why_size)
{
	if (strlen(text) >= size) {
		snprintf(why, why_size, "%s \"%s\" is longer than %zu characters", what, text,
			 size - 1);
		return -EINVAL;
	}
	for (const char *p = text; *p; p++) {
		if (*p < 0x20 || *p > 0x7e) {
			snprintf(why, why_size, "%s has a character that is not printable ASCII",
				 what);
			return -EINVAL;
		}
	}
	return 0;
}

/* `dflt` for NULL. */
static int set_text(char *to, size_t size, const char *what, const char *text, const char *dflt,
		    char *why, size_t why_size)
{
	int err = scsi_check_text(what, text ? text : dflt, size, why, why_size);

	if (!err)
		snprintf(to, size, "%s", text ? text : dflt);
	return err;
}

static int set_texts(struct scsi_lu *lu, const struct scsi_lu_config *c, char *why, size_t why_size)
{
	char serial[2 * sizeof(lu->id) + 1], revision[sizeof(lu->revision)];
	int err;

	for (size_t i = 0; i < sizeof(lu->id); i++)
		snprintf(serial + 2 * i, 3, "%02x", lu->id[i]);
	/* As much of "major.minor.patch" as there is room for. */
	snprintf(revision, sizeof(revision), "%.*s", (int)sizeof(revision) - 1, LUNAR_VERSION);
	if (revision[strlen(revision) - 1] == '.')
		revision[strlen(revision) - 1] = '\0';

	err = set_text(lu->vendor, sizeof(lu->vendor), "vendor", c->vendor, "LUNAR", why, why_size);
	if (!err)
		err = set_text(lu->revision, sizeof(lu->revision), "revision", c->revision,
			       revision, why, why_size);
	if (!err)
		err = set_text(lu->serial, sizeof(lu->serial), "serial number", c->serial, serial,
			       why, why_size);
	if (!err)
		err = set_text(lu->t10_id, sizeof(lu->t10_id), "T10 designator", c->t10_id, "", why,
			       why_size);
	if (!err && c->naa_len && c->naa_len != 8 && c->naa_len != 16) {
		snprintf(why, why_size, "a NAA designator has 8 or 16 bytes, not %u", c->naa_len);
		err = -EINVAL;
	}
	memcpy(lu->naa, c->naa, sizeof(lu->naa));
	lu->naa_len = c->naa_len;
	return err;
}

static int check_geometry(const struct backstore *bs, uint32_t block_size, char *why,
			  size_t why_size)
{
	if (block_size != 512 && block_size != 4096) {
		snprintf(why, why_size, "block size %u: must be 512 or 4096", block_size);
		return -EINVAL;
	}
	if (bs->block_size && block_size % bs->block_size) {
		snprintf(why, why_size,
			 "block size %u: around the page cache it has blocks of %u bytes; use "
			 "--block-size 4096, or leave --direct out",
			 block_size, bs->block_size);
		return -EINVAL;
	}
	if (bs->size == 0 || bs->size % block_size) {
		snprintf(why, why_size,
			 "size %llu: must be a multiple of the block size %u, not 0; use "
			 "--block-size 512, or fill a file up with zeroes by `truncate -s %%%u`",
			 (unsigned long long)bs->size, block_size, block_size);
		return -EINVAL;
	}
	return 0;
}

static void set_geometry(struct scsi_lu *lu, uint32_t block_size)
{
	lu->block_size = block_size;
	lu->block_shift = (unsigned)__builtin_ctz(block_size);
	lu->blocks = lu->bs->size >> lu->block_shift;
}

/* A device that comes back may be another, or have another size (SPC-4 annex: 28/00). */
static void store_state_changed(struct backstore *bs, void *ctx)
{
	struct scsi_lu *lu = ctx;

	/* Who passes would go on with what there was. */
	scsi_gate_close(lu);
	if (bs->missing)
		return;
	scsi_ua_add_lu(lu, NULL, MEDIUM_MAY_HAVE_CHANGED);
	scsi_lu_resized(lu, bs->size, true); /* nobody is asked */
}

/* --- is it in use? */

static bool is_idle(const struct scsi_lu *lu)
{
	return !lu->mapping_count && list_empty(&lu->itls) && list_empty(&lu->tasks) &&
	       list_empty(&lu->functions) && list_empty(&lu->orphans) &&
	       list_empty(&lu->entering) && list_empty(&lu->changes) && !scsi_lu_busy(lu) &&
	       scsi_gates_are_shut(lu);
}

static void look_idle(struct deferred *d)
{
	struct scsi_lu *lu = container_of(d, struct scsi_lu, idle_work);
	void (*idle)(void *ctx) = lu->idle;

	if (!idle || !is_idle(lu))
		return;
	lu->idle = NULL;
	idle(lu->idle_ctx);
}

void scsi_lu_stir(struct scsi_lu *lu)
{
	if (lu->idle)
		reactor_defer(lu->reactor, &lu->idle_work);
}

void scsi_lu_retire(struct scsi_lu *lu, void (*idle)(void *ctx), void *ctx)
{
	lu->idle = idle;
	lu->idle_ctx = ctx;
	scsi_lu_stir(lu);
}

/* --- made */

static int set_options(struct scsi_lu *lu, const struct scsi_lu_config *c, char *why,
		       size_t why_size)
{
	struct scsi_lu_options ours = scsi_lu_standard_options;

	if (c->options)
		return scsi_options_init(lu, c->options, why, why_size);
	ours.write_cache = !c->write_through;
	ours.rotational = lu->bs->rotational;
	if (!c->thin)
		ours.features &= ~(uint32_t)(SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME);
	if (c->product) {
		int err = set_text(ours.product, sizeof(ours.product), "product", c->product, "",
				   why, why_size);
		if (err)
			return err;
	}
	return scsi_options_init(lu, &ours, why, why_size);
}

int scsi_lu_new(struct scsi_lu **out, struct backstore *bs, const struct scsi_lu_config *config,
		struct log *log, char *why, size_t why_size)
{
	struct scsi_lu *lu;
	int err = check_geometry(bs, config->block_size, why, why_size);

	if (err)
		return err;
	lu = calloc(1, sizeof(*lu));
	if (!lu) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	memcpy(lu->id, config->id, sizeof(lu->id));
	lu->bs = bs;
	lu->can_unmap = bs->unmap_granularity;
	err = set_texts(lu, config, why, why_size);
	if (!err)
		err = set_options(lu, config, why, why_size);
	if (err) {
		free(lu);
		return err;
	}
	lu->number = config->number ? config->number : get_be32(lu->id) | 1;
	lu->reactor = bs->reactor;
	lu->log = log;
	set_geometry(lu, config->block_size);
	lu->readonly = config->readonly || bs->readonly;
	lu->fence_hold = config->fence_hold;
	list_init(&lu->changes);
	list_init(&lu->late_changes);
	list_init(&lu->resize.link);
	list_init(&lu->gates);
	list_init(&lu->entering);
	list_init(&lu->mappings);
	list_init(&lu->itls);
	list_init(&lu->functions);
	list_init(&lu->tasks);
	list_init(&lu->orphans);
	list_init(&lu->ranges);
	list_init(&lu->held);
	list_init(&lu->later);
	scsi_pr_init(lu);
	timer_init(&lu->hold_timer, scsi_fence_expired);
	deferred_init(&lu->later_work, scsi_later_run);
	deferred_init(&lu->idle_work, look_idle);
	bs->state_changed = store_state_changed;
	bs->state_ctx = lu;
	*out = lu;
	return 0;
}

void scsi_lu_free(struct scsi_lu *lu)
{
	if (!lu)
		return;
	assert(list_empty(&lu->mappings));
	lu->idle = NULL;
	/* Of nexuses whose LUN for it was unmapped before. */
	while (!list_empty(&lu->itls))
		scsi_itl_free(list_first(&lu->itls, struct scsi_itl, of_lu));
	timer_cancel(lu->reactor, &lu->hold_timer);
	deferred_cancel(&lu->later_work);
	deferred_cancel(&lu->idle_work);
	scsi_options_free(lu);
	scsi_gates_free(lu);
	scsi_pr_free(lu);
	free(lu->latency);
	lu_store_free(lu->store);
	bs_close(lu->bs);
	free(lu);
}

static void store_is_quiet(void *ctx)
{
	scsi_lu_stir(ctx);
}

void scsi_lu_set_store(struct scsi_lu *lu, struct lu_store *store)
{
	assert(!lu->store);
	lu->store = store;
	lu_store_watch(store, store_is_quiet, lu);
	scsi_pr_load(lu);
}

void scsi_lu_reset(struct scsi_lu *lu)
{
	scsi_mode_reset(&lu->mode);
	scsi_reserve_reset(lu);
	lu->stopped = false;
}

/* --- asked from outside */

uint32_t scsi_lu_block_size(const struct scsi_lu *lu)
{
	return lu->block_size;
}

int scsi_lu_set_block_size(struct scsi_lu *lu, uint32_t block_size, char *why, size_t why_size)
{
	int err = check_geometry(lu->bs, block_size, why, why_size);

	assert(is_idle(lu));
	if (!err)
		set_geometry(lu, block_size);
	return err;
}

uint64_t scsi_lu_blocks(const struct scsi_lu *lu)
{
	return lu->blocks;
}

struct backstore *scsi_lu_backstore(struct scsi_lu *lu)
{
	return lu->bs;
}

uint32_t scsi_io_lu_number(const struct scsi_io *io)
{
	return io->lu ? io->lu->number : 0;
}

const char *scsi_lu_serial(const struct scsi_lu *lu)
{
	return lu->serial;
}

static void add_stats(struct scsi_lu_stats *to, const struct scsi_gate *gate)
{
	const struct scsi_lu_stats *from = &gate->stats;

	to->reads += count_read(&from->reads);
	to->writes += count_read(&from->writes);
	to->read_bytes += count_read(&from->read_bytes);
	to->write_bytes += count_read(&from->write_bytes);
	to->inflight += count_read(&from->inflight);
}

const struct scsi_lu_stats *scsi_lu_stats(struct scsi_lu *lu)
{
	lu->total = lu->stats;
	list_for_each (it, &lu->gates)
		add_stats(&lu->total, list_entry(it, struct scsi_gate, link));
	return &lu->total;
}

static void add_latency(struct scsi_latency *to, _Atomic(struct scsi_latency *) *at)
{
	const struct scsi_latency *from = atomic_load_explicit(at, memory_order_acquire);

	if (!from)
		return;
	scsi_latency_add_side(&to->reads, &from->reads);
	scsi_latency_add_side(&to->writes, &from->writes);
}

void scsi_lu_latency(struct scsi_lu *lu, struct scsi_latency *out)
{
	*out = (struct scsi_latency){0};
	add_latency(out, &lu->latency);
	list_for_each (it, &lu->gates)
		add_latency(out, &list_entry(it, struct scsi_gate, link)->latency);
}

size_t scsi_lu_busy(const struct scsi_lu *lu)
{
	return (size_t)lu->stats.inflight + (lu->store && !lu_store_is_quiet(lu->store));
}

static void resize(struct scsi_entry *e)
{
	struct scsi_lu *lu = container_of(e, struct scsi_lu, resize);

	lu->blocks = lu->bs->size >> lu->block_shift;
	scsi_ua_add_lu(lu, NULL, SCSI_ASC_CAPACITY_CHANGED);
}

int scsi_lu_resized(struct scsi_lu *lu, uint64_t size, bool may_shrink)
{
	uint64_t was = lu->bs->size, blocks;
	int err = bs_set_size(lu->bs, size);

	if (err)
		return err;
	blocks = lu->bs->size >> lu->block_shift;
	if (blocks == 0)
		err = -EINVAL;
	else if (blocks < lu->blocks && !may_shrink)
		err = -EPERM;
	if (err) {
		bs_set_size(lu->bs, was);
		return err;
	}
	if (blocks != lu->blocks && list_empty(&lu->resize.link) &&
	    !scsi_gate_enter(lu, &lu->resize, resize))
		resize(&lu->resize);
	return 0;
}

/* --- flushes that belong to no task */

struct flush {
	struct bs_io bs;
	struct scsi_lu *lu;
	void (*done)(void *ctx, int err);
	void *ctx;
};

static void flush_done(struct bs_io *bs, int err)
{
	struct flush *f = container_of(bs, struct flush, bs);
	void (*done)(void *ctx, int err) = f->done;
	void *ctx = f->ctx;

	f->lu->stats.inflight--;
	scsi_lu_stir(f->lu);
	free(f);
	done(ctx, err);
}

void scsi_lu_flush(struct scsi_lu *lu, void (*done)(void *ctx, int err), void *ctx)
{
	struct flush *f = calloc(1, sizeof(*f));

	if (!f) {
		done(ctx, -ENOMEM);
		return;
	}
	f->bs.op = BS_FLUSH;
	f->bs.done = flush_done;
	f->lu = lu;
	f->done = done;
	f->ctx = ctx;
	lu->stats.inflight++;
	lu->stats.flushes++;
	bs_submit(lu->bs, &f->bs);
}

static void soon_start(struct scsi_lu *lu);

static void soon_done(struct bs_io *bs, int err)
{
	struct scsi_lu *lu = container_of(bs, struct scsi_lu, soon);

	lu->stats.inflight--;
	scsi_lu_stir(lu);
	lu->soon_runs = false;
	if (err)
		log_warning(lu->log, "%s: flush failed: %s", lu->bs->path, strerror(-err));
	else if (lu->soon_again)
		soon_start(lu);
}

static void soon_start(struct scsi_lu *lu)
{
	lu->soon_runs = true;
	lu->soon_again = false;
	lu->soon = (struct bs_io){.op = BS_FLUSH, .done = soon_done};
	lu->stats.inflight++;
	lu->stats.flushes++;
	bs_submit(lu->bs, &lu->soon);
}

void scsi_lu_flush_soon(struct scsi_lu *lu)
{
	/* What runs may not cover what was written since. */
	if (lu->soon_runs)
		lu->soon_again = true;
	else
		soon_start(lu);
}

/* --- commands */

/* That it came this far is the answer. */
void scsi_cmd_test_unit_ready(struct scsi_io *io)
{
	scsi_good(io);
}

/* The medium cannot be removed anyway. */
void scsi_cmd_prevent_allow(struct scsi_io *io)
{
	scsi_good(io);
}

/* START STOP UNIT (SBC-3 5.25) */
#define SSU_IMMED    0x01 /* byte 1 */
#define SSU_NO_FLUSH 0x04 /* byte 4 */
#define SSU_START    0x01

static void stop_flushed(struct scsi_io *io, int err)
{
	if (err) {
		scsi_store_error(io, err, 0);
		return;
	}
	io->lu->stopped = true;
	scsi_good(io);
}

static void stop(struct scsi_io *io)
{
	if (io->cdb[4] & SSU_NO_FLUSH) {
		stop_flushed(io, 0);
	} else if (io->cdb[1] & SSU_IMMED) {
		scsi_lu_flush_soon(io->lu);
		stop_flushed(io, 0);
	} else {
		scsi_store_sync(io, stop_flushed);
	}
}

void scsi_cmd_start_stop(struct scsi_io *io)
{
	switch (io->cdb[4] >> 4) {
	case 0x0: /* START_VALID */
		if (!(io->cdb[4] & SSU_START)) {
			stop(io);
			return;
		}
		io->lu->stopped = false;
		break;
	case 0x1: /* ACTIVE, IDLE, STANDBY, LU_CONTROL, FORCE_IDLE_0, FORCE_STANDBY_0: a store */
	case 0x2: /* has no power conditions to go to, and serves in all of them */
	case 0x3:
	case 0x7:
	case 0xa:
	case 0xb: break;
	default:
		scsi_sense_invalid_field_in_cdb(io, 4, 7);
		scsi_io_done(io);
		return;
	}
	scsi_good(io);
}
