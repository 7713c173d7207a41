/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on simulated files. Each takes effect at one moment between submission and completion,
 * so operations that overlap in time come in any order; a flush covers what had taken effect when it
 * was submitted, and not a byte more.
 */
#include "reactor/sim_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/falloc.h>
#include <string.h>

#define LATENCY (20 * NSEC_PER_USEC)
#define LATELY  (10 * NSEC_PER_SEC)

struct sim_io {
	struct sim_event ev;
	struct list link, host_link;
	struct op *op; /* NULL: the process is dead, the kernel still has this */
	struct sim_host *host;
	struct sim_open *open; /* holds a reference */
	enum op_kind kind;
	uint32_t mode; /* FALLOCATE */
	bool direct, dsync;
	bool applied;    /* it has taken effect */
	bool hung;       /* due, but the disk does not answer */
	bool syncs;      /* counted in the store's syncs */
	bool fail, full; /* will end with -EIO, -ENOSPC */
	bool sync_fail;
	int res;
	uint64_t offset, length;
	uint64_t seq;   /* what a flush covers */
	uint64_t since; /* when it was submitted */
	uint64_t after; /* from effect to completion */
	const struct iovec *iov;
	struct iovec copy; /* of the data of a dead process */
};

static void hold_versions(struct sim_io *io, bool hold)
{
	if (io->syncs == hold)
		return;
	io->syncs = hold;
	io->open->file->store.syncs += hold ? 1u : -1u;
}

static void io_free(struct sim_io *io)
{
	sim_unschedule(io->host->sim, &io->ev);
	hold_versions(io, false);
	list_del(&io->link);
	list_del(&io->host_link);
	sim_open_put(io->open);
	free(io->copy.iov_base);
	free(io);
}

/* The end of the world: handles are gone with their hosts, opens go with the file. */
void sim_disk_free_ios(struct sim_file *f)
{
	list_for_each_safe (it, &f->ios) {
		struct sim_io *io = list_entry(it, struct sim_io, link);
		free(io->copy.iov_base);
		free(io);
	}
}

static void note(struct sim_io *io, const char *what, uint64_t *count)
{
	struct sim *sim = io->host->sim;
	++*count;
	log_debug(sim->log, "sim: %" PRIu64 " node %u %s: %s of %" PRIu64 " bytes at %" PRIu64,
		  sim->now, io->host->number, io->open->file->path ? io->open->file->path : "-",
		  what, io->length, io->offset);
}

/* --- taking effect */

static void grow(struct sim_file *f, uint64_t end)
{
	if (!f->logical_block)
		f->size = MAX(f->size, end);
}

static int apply_read(struct sim_io *io, struct sim_rng *tear)
{
	const struct sim_file *f = io->open->file;
	if (io->fail)
		return -EIO;
	if (io->offset >= f->size || !io->op)
		return 0;
	uint64_t len = MIN(io->length, f->size - io->offset);
	sim_store_read(&f->store, io->offset, len, (struct sim_cursor){.iov = io->iov});
	return (int)len;
}

static int apply_write(struct sim_io *io, struct sim_rng *tear)
{
	struct sim_file *f = io->open->file;
	if (io->full)
		return -ENOSPC;
	if (io->fail)
		tear = &io->host->sim->rng;
	if (!io->length)
		return 0;
	sim_store_write(&f->store, io->host->number, io->offset, io->length,
			(struct sim_cursor){.iov = io->iov}, tear);
	grow(f, io->offset + io->length);
	io->seq = f->store.seq;
	if (io->dsync)
		hold_versions(io, true);
	return io->fail ? -EIO : (int)io->length;
}

static int apply_fallocate(struct sim_io *io, struct sim_rng *tear)
{
	struct sim_file *f = io->open->file;
	if (io->full)
		return -ENOSPC;
	if (io->fail)
		tear = &io->host->sim->rng;
	uint64_t end = io->offset + io->length;
	uint64_t bound = MIN(end, MAX(f->size, io->offset));
	if (io->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		sim_store_zero(&f->store, io->host->number, io->offset, bound - io->offset, tear);
	if (!(io->mode & FALLOC_FL_KEEP_SIZE))
		grow(f, end);
	return io->fail ? -EIO : 0;
}

static int apply_sync(struct sim_io *io, struct sim_rng *tear)
{
	return 0;
}

static void io_apply(struct sim_io *io, struct sim_rng *tear)
{
	static int (*const apply[])(struct sim_io *, struct sim_rng *) = {
		[OP_READ] = apply_read,
		[OP_WRITE] = apply_write,
		[OP_FALLOCATE] = apply_fallocate,
		[OP_FDATASYNC] = apply_sync,
	};
	io->applied = true;
	io->res = apply[io->kind](io, tear);
}

static void io_flush(struct sim_io *io)
{
	bool all = io->kind == OP_FDATASYNC;
	if (!all && (!io->dsync || io->res <= 0))
		return;
	sim_store_flush(&io->open->file->store, all ? 0 : io->offset, all ? UINT64_MAX : io->length,
			io->seq, io->sync_fail ? &io->host->sim->rng : NULL);
	if (io->sync_fail)
		io->res = -EIO;
}

static void ended(const struct sim_io *io)
{
	struct sim_file *f = io->open->file;
	uint64_t now = io->host->sim->now;
	if (now - io->since < f->slow_took && now - f->slow_ended < LATELY)
		return;
	f->slow_took = now - io->since;
	f->slow_ended = now;
}

static void io_fire(struct sim *sim, struct sim_event *ev)
{
	struct sim_io *io = container_of(ev, struct sim_io, ev);
	enum sim_disk_state state = io->open->file->state;
	if (state == SIM_DISK_HANGS) {
		io->hung = true;
		return;
	}
	if (state == SIM_DISK_OK && !io->applied) {
		io_apply(io, NULL);
		sim_schedule(sim, ev, io->after);
		return;
	}
	if (state == SIM_DISK_GONE)
		io->res = -ENODEV;
	else
		io_flush(io);
	ended(io);
	if (io->op)
		sim_complete(io->op, io->res);
	io_free(io);
}

void sim_disk_state(struct sim *sim, const char *path, enum sim_disk_state state)
{
	struct sim_file *f = sim_file_find(sim, path);
	if (!f) {
		log_error(sim->log, "sim: there is no disk %s", path);
		return;
	}
	f->state = state;
	if (state == SIM_DISK_HANGS)
		return;
	list_for_each (it, &f->ios) {
		struct sim_io *io = list_entry(it, struct sim_io, link);
		if (io->hung)
			sim_schedule(sim, &io->ev,
				     LATENCY + sim_delay(sim, sim->faults.disk_delay_max_us));
		io->hung = false;
	}
}

/* --- what tests want to know */

const struct sim_disk_failures *sim_disk_failures(struct sim *sim, const char *path)
{
	static const struct sim_disk_failures none;
	const struct sim_file *f = sim_file_find(sim, path);
	return f ? &f->failures : &none;
}

uint64_t sim_disk_oldest(struct sim *sim, const char *path)
{
	struct sim_file *f = sim_file_find(sim, path);
	if (!f)
		return 0;
	uint64_t age = sim->now - f->slow_ended < LATELY ? f->slow_took : 0;
	list_for_each (it, &f->ios)
		age = MAX(age, sim->now - list_entry(it, struct sim_io, link)->since);
	return age;
}

bool sim_disk_writing(struct sim *sim, const char *path, uint64_t number, uint64_t mask)
{
	struct sim_file *f = sim_file_find(sim, path);
	if (!f)
		return false;
	list_for_each (it, &f->ios) {
		const struct sim_io *io = list_entry(it, struct sim_io, link);
		bool has_data = io->op || io->copy.iov_base; /* not so when its process died */
		uint64_t word;
		if (io->kind != OP_WRITE || !has_data || io->iov->iov_len < sizeof(word))
			continue;
		memcpy(&word, io->iov->iov_base, sizeof(word));
		if ((word & mask) == number)
			return true;
	}
	return false;
}

/* --- submission */

/* What of an operation's place the kernel would refuse. */
static int check_fallocate(const struct sim_open *o, const struct op *op)
{
	const uint32_t keep = FALLOC_FL_KEEP_SIZE;
	const struct sim_file *f = o->file;
	uint32_t mode = op->flags;
	uint64_t end = op->offset + op->length;
	bool known = mode == (FALLOC_FL_PUNCH_HOLE | keep) ||
		     (mode & ~keep) == FALLOC_FL_ZERO_RANGE ||
		     (!f->logical_block && !(mode & ~keep));
	if (!known)
		return -EOPNOTSUPP;
	if (!op->length || end < op->offset)
		return -EINVAL;
	if (!f->logical_block)
		return end > SIM_MAX_BYTES ? -EFBIG : 0;
	return end > f->size || op->offset % f->logical_block || op->length % f->logical_block
		       ? -EINVAL
		       : 0;
}

static int check_range(const struct sim_open *o, const struct op *op, uint64_t len)
{
	const struct sim_file *f = o->file;
	uint32_t align = f->logical_block ? f->logical_block : SIM_SECTOR;
	if (len > INT_MAX || op->offset + len < op->offset)
		return -EINVAL;
	if (o->flags & O_DIRECT && (op->offset % align || len % align))
		return -EINVAL;
	if (op->kind == OP_READ)
		return 0;
	if (f->logical_block)
		return len && op->offset >= f->size ? -ENOSPC : 0;
	return op->offset + len > SIM_MAX_BYTES ? -EFBIG : 0;
}

static int check(const struct sim_open *o, const struct op *op)
{
	if (!o || (o->flags & O_ACCMODE) == (op->kind == OP_READ ? O_WRONLY : O_RDONLY))
		return o && op->kind == OP_FDATASYNC ? 0 : -EBADF;
	if (op->kind == OP_FDATASYNC)
		return 0;
	if (op->kind == OP_FALLOCATE)
		return check_fallocate(o, op);
	return check_range(o, op, sim_iov_total(op));
}

static void shorten(struct sim_io *io)
{
	struct sim *sim = io->host->sim;
	uint32_t block = io->open->file->logical_block;
	uint64_t unit = block ? block : SIM_SECTOR;
	if (!block && !io->direct && io->kind == OP_READ && !sim_rand(sim, 4))
		unit = 1;
	/* At least a sector: less is not seen in the field, and no caller could keep one whole then. */
	uint64_t least = MAX(unit, (uint64_t)SIM_SECTOR);
	if (io->length <= least)
		return;
	note(io, "short transfer", &sim->stats.shorts);
	io->length = least + unit * sim_rand(sim, (io->length - 1 - least) / unit + 1);
}

/* What will go wrong with it. */
static void roll(struct sim_io *io)
{
	struct sim *sim = io->host->sim;
	const struct sim_faults *faults = &sim->faults;
	struct sim_disk_failures *failures = &io->open->file->failures;
	bool changes = io->kind == OP_WRITE || io->kind == OP_FALLOCATE;
	if (changes && (io->full = sim_chance(sim, faults->disk_full)))
		note(io, "no space for a write", &failures->full);
	else if (changes && (io->fail = sim_chance(sim, faults->disk_write_fail)))
		note(io, "failing write", &failures->writes);
	else if (io->kind == OP_READ && (io->fail = sim_chance(sim, faults->disk_read_fail)))
		note(io, "failing read", &failures->reads);
	else if ((io->kind == OP_FDATASYNC || io->dsync) &&
		 (io->sync_fail = sim_chance(sim, faults->disk_sync_fail)))
		note(io, "failing flush", &failures->syncs);
	else if ((io->kind == OP_READ || io->kind == OP_WRITE) &&
		 sim_chance(sim, faults->disk_short))
		shorten(io);
	sim->stats.failures += io->full || io->fail || io->sync_fail;
}

static void start(struct sim_io *io)
{
	struct sim *sim = io->host->sim;
	uint64_t takes = LATENCY + sim_delay(sim, sim->faults.disk_delay_max_us);
	if (sim_chance(sim, sim->faults.disk_slow)) {
		takes = LATENCY + sim_delay(sim, sim->faults.disk_slow_max_us);
		sim->stats.slow++;
	}
	uint64_t effect = sim_rand(sim, takes + 1);
	io->after = takes - effect;
	sim_schedule(sim, &io->ev, effect);
}

void sim_disk_submit(struct sim_host *host, struct op *op)
{
	struct sim_open *o = sim_handle_get(host, op->handle, SIM_FILE);
	int err = check(o, op);
	if (err) {
		sim_complete(op, err);
		return;
	}
	struct sim_file *f = o->file;
	struct sim_io *io = sim_alloc(sizeof(*io));
	io->ev.fire = io_fire;
	io->op = op;
	io->host = host;
	io->open = o;
	o->refs++;
	io->since = host->sim->now;
	io->kind = op->kind;
	io->mode = op->flags;
	io->direct = o->flags & O_DIRECT;
	io->dsync = op->kind == OP_WRITE && (op->flags & RWF_DSYNC || o->flags & O_DSYNC);
	io->offset = op->kind == OP_FDATASYNC ? 0 : op->offset;
	io->length = op->kind == OP_FALLOCATE   ? op->length
		     : op->kind == OP_FDATASYNC ? 0
						: sim_iov_total(op);
	if (op->kind == OP_WRITE && f->logical_block)
		io->length = MIN(io->length, f->size - MIN(f->size, io->offset));
	io->iov = op->iov;
	list_add_tail(&f->ios, &io->link);
	list_add_tail(&host->ios, &io->host_link);
	if (op->kind == OP_FDATASYNC) {
		io->seq = f->store.seq;
		hold_versions(io, true);
	}
	op->priv[SIM_OP_PTR] = (uintptr_t)io;
	roll(io);
	start(io);
}

/* The kernel lets go of what it has not handed to the disk yet, and of nothing else. */
void sim_disk_cancel(struct sim_host *host, struct op *op)
{
	struct sim_io *io = (struct sim_io *)(uintptr_t)op->priv[SIM_OP_PTR];
	if (io->applied || io->hung || sim_rand(host->sim, 2))
		return;
	sim_complete(op, -ECANCELED);
	io_free(io);
}

/* --- a process dies */

/* On a disk that hangs, what the kernel has lives on, and lands when the disk is back. */
static void orphan(struct sim_io *io)
{
	if (!io->op)
		return;
	sim_forget_op(io->op);
	if (io->kind == OP_WRITE && !io->applied) {
		struct sim_cursor from = {.iov = io->iov};
		io->copy.iov_len = (size_t)io->length;
		io->copy.iov_base = sim_alloc(io->copy.iov_len + 1);
		sim_cursor_gather(&from, io->copy.iov_base, io->copy.iov_len);
		io->iov = &io->copy;
	}
	io->op = NULL;
}

static void io_crash(struct sim_io *io, bool power)
{
	struct sim *sim = io->host->sim;
	if (io->open->file->state == SIM_DISK_HANGS && !power) {
		orphan(io);
		return;
	}
	bool changes = io->kind == OP_WRITE || io->kind == OP_FALLOCATE;
	uint64_t luck = sim_rand(sim, 3); /* all of it, some of it, nothing */
	if (changes && !io->applied && luck && io->open->file->state != SIM_DISK_GONE)
		io_apply(io, luck == 1 ? &sim->rng : NULL);
	if (io->op)
		sim_forget_op(io->op);
	io_free(io);
}

void sim_disk_crash(struct sim_host *host, bool power)
{
	struct sim *sim = host->sim;
	list_for_each_safe (it, &host->ios)
		io_crash(list_entry(it, struct sim_io, host_link), power);
	if (!power)
		return;
	list_for_each (it, &sim->files) {
		struct sim_file *f = list_entry(it, struct sim_file, link);
		sim_store_power_loss(&f->store, host->number, &sim->rng);
	}
}
