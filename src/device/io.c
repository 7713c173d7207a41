/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's way: submitted, it goes out on the device's path or waits; an answer ends its command, and the next
 * one goes, or it is done. What a lost path gives back waits in the order in which it was asked for.
 */
#include <errno.h>
#include <string.h>
#include "common/endian.h"
#include "device/priv.h"

#define LATER NSEC_PER_SEC

static void task_done(struct ini_task *task, int err);

static bool changes(const struct dev_io *io)
{
	return io->q->op != DISK_READ && io->q->op != DISK_EXTENTS && io->q->op != DISK_FLUSH;
}

static void finish(struct dev_io *io, int err)
{
	struct device *d = io->device;
	struct disk_request *q = io->q;

	list_del(&io->link);
	if (err)
		d->stats.errors++;
	q->done(q, err);
}

/* One that is in no list: into the row of those that wait, by age. */
static void put_waiting(struct dev_io *io)
{
	struct device *d = io->device;
	struct list *pos = d->waiting.prev;

	while (pos != &d->waiting && list_entry(pos, struct dev_io, link)->seq > io->seq)
		pos = pos->prev;
	list_add_before(pos->next, &io->link);
	d->stats.waiting++;
}

/* 0: it is on its way. */
static int issue(struct dev_io *io)
{
	struct device *d = io->device;
	int err;

	io->path = d->used;
	dev_io_build(io);
	io->task.done = task_done;
	err = ini_submit(io->path->ds->ini, &io->task, reactor_now(d->set->reactor));
	if (!err)
		d->stats.in_flight++;
	return err;
}

/* A request that is in no list goes out or waits. */
static void go(struct dev_io *io)
{
	struct device *d = io->device;
	int err = -EHOSTDOWN;

	if (d->disk.gone) {
		finish(io, -ENODEV);
		return;
	}
	if (d->used && list_empty(&d->waiting) && !device_has_past(d))
		err = issue(io);
	if (!err) {
		list_add_tail(&d->running, &io->link);
	} else {
		put_waiting(io);
		if (d->past)
			device_kick(d);
		else
			device_arm(d);
	}
}

static void submit(struct disk *disk, struct disk_request *q)
{
	struct device *d = container_of(disk, struct device, disk);
	struct dev_io *io = q->context;

	if (disk->gone || d->failed) {
		q->done(q, disk->gone ? -ENODEV : -ETIMEDOUT);
		return;
	}
	io->device = d;
	io->q = q;
	io->path = NULL;
	io->seq = d->next_seq++;
	io->begun = reactor_now(d->set->reactor);
	io->not_before = 0;
	io->moved = 0;
	io->tries = 0;
	io->flushing = io->unknown = false;
	memset(&io->task, 0, sizeof(io->task));
	go(io);
}

const struct disk_ops device_disk_ops = {submit};

/* --- the end of a command */

static void count_done(struct device *d, const struct dev_io *io)
{
	const struct disk_request *q = io->q;
	uint64_t took = reactor_now(d->set->reactor) - io->begun;

	if (q->op == DISK_READ) {
		scsi_latency_count(&d->stats.latency.reads, took);
		d->stats.reads++;
		d->stats.read_bytes += q->length;
	} else if (q->op == DISK_WRITE) {
		scsi_latency_count(&d->stats.latency.writes, took);
		d->stats.writes++;
		d->stats.write_bytes += q->length;
	}
}

/* GET LBA STATUS parameter data (SBC-3 5.4.2). Descriptors that do not follow each other end the list. */
static int take_extents(struct dev_io *io)
{
	struct disk_request *q = io->q;
	uint32_t block = io->device->disk.traits.logical_block;
	size_t len = io->task.got, at = 8;
	uint64_t next = q->offset / block;

	if (len < 8)
		return -EIO;
	len = MIN(len, (size_t)get_be32(io->params) + 4);
	for (q->count = 0; at + 16 <= len && q->count < q->room; at += 16) {
		const uint8_t *p = io->params + at;
		uint64_t lba = get_be64(p), n = get_be32(p + 8);
		bool hole = (p[12] & 0x0f) != 0;

		if (q->count == 0 && lba < next && n > next - lba) {
			n -= next - lba; /* it may begin with the whole extent */
			lba = next;
		}
		if (lba != next || n == 0)
			break;
		q->extents[q->count++] = (struct disk_extent){
			.length = n * block,
			.hole = hole,
			.zero = hole && io->device->facts.reads_zeroes,
		};
		next += n;
	}
	return q->count ? 0 : -EIO;
}

/* All bytes of the piece have moved, or what came is no answer to what was asked. */
static bool piece_is_whole(const struct dev_io *io)
{
	const struct ini_task *t = &io->task;
	if (io->q->op == DISK_EXTENTS)
		return true;
	return t->in_len ? t->got == t->in_len && t->residual == 0 : t->residual == 0;
}

static bool needs_flush(const struct dev_io *io)
{
	bool by_bit = io->device->facts.dpofua &&
		      (io->q->op == DISK_WRITE || io->device->zero_way == ZERO_BY_WRITE);
	return io->q->fua && changes(io) && !by_bit && io->device->disk.traits.write_cache;
}

static void send_again(struct dev_io *io, uint64_t delay)
{
	struct device *d = io->device;

	if (d->disk.gone || d->failed) {
		finish(io, d->disk.gone ? -ENODEV : -ETIMEDOUT);
		return;
	}
	io->not_before = delay ? reactor_now(d->set->reactor) + delay : 0;
	d->stats.resends++;
	list_del(&io->link);
	put_waiting(io);
}

/* The command has done its piece. */
static void advance(struct dev_io *io)
{
	struct device *d = io->device;
	struct disk_request *q = io->q;

	io->tries = 0;
	io->moved += io->piece;
	if (!io->flushing && q->op != DISK_FLUSH && q->op != DISK_EXTENTS &&
	    io->moved < q->length) {
		list_del(&io->link);
		go(io);
	} else if (!io->flushing && needs_flush(io)) {
		io->flushing = true;
		list_del(&io->link);
		go(io);
	} else {
		int err = q->op == DISK_EXTENTS ? take_extents(io) : 0;
		if (!err)
			count_done(d, io);
		finish(io, err);
	}
}

/* The LU does not know this command. True: there is another way, from now on. */
static bool other_way(struct dev_io *io)
{
	struct device *d = io->device;
	enum zero_way way = io->q->keep ? MAX(d->zero_way, ZERO_BY_SAME) : d->zero_way;

	if (io->q->op != DISK_WRITE_ZEROES || io->flushing || way == ZERO_BY_WRITE)
		return false;
	d->zero_way = way + 1;
	return true;
}

/* It was under way when there was reason to ask who is there, and that is not answered: nobody knows who has done
 * it. Another target than ours lets commands pass that came behind the one that was told. */
static bool is_in_doubt(const struct dev_io *io)
{
	const struct dev_path *p = io->path;
	const struct dev_session *ds = p->ds;

	return ds->in_round && !ds->released && (!p->asked || p->probe);
}

static void answered(struct dev_io *io)
{
	struct device *d = io->device;
	int err = 0;

	if (io->task.status == SCSI_GOOD && is_in_doubt(io)) {
		send_again(io, 0);
		device_kick(d);
		return;
	}
	if (io->task.status == SCSI_GOOD && !piece_is_whole(io)) {
		finish(io, -EIO);
		return;
	}
	switch (io->task.status == SCSI_GOOD ? IO_DONE : dev_io_judge(io, &err)) {
	case IO_DONE: advance(io); return;
	case IO_FAILED: finish(io, err); return;
	case IO_OTHER_WAY:
		if (other_way(io))
			send_again(io, 0);
		else
			finish(io, err);
		break;
	case IO_AGAIN:
		if (++io->tries < DEV_TRIES)
			send_again(io, 0);
		else
			finish(io, -EIO);
		break;
	case IO_LATER: send_again(io, LATER); break;
	case IO_PATH:
		path_ask_access(io->path);
		send_again(io, LATER);
		break;
	case IO_LUN:
		send_again(io, LATER);
		dev_session_rescan(io->path->ds);
		break;
	}
	device_kick(d);
}

/* It did not end by an answer: the path is lost, or the LUN is. */
static void came_back(struct dev_io *io, int err)
{
	struct device *d = io->device;
	struct dev_session *ds = io->path->ds;

	if (err == -EREMOTEIO || err == -ETIMEDOUT) {
		if (++io->tries >= DEV_TRIES) {
			finish(io, -EIO);
			return;
		}
	}
	if (io->task.unknown && changes(io)) {
		io->unknown = true;
		io->lost_in = ds;
		io->lost_login = ds->logins;
		io->lost_at = d->losses++;
	}
	send_again(io, err == -EREMOTEIO ? LATER : 0);
	device_choose(d);
}

static void task_done(struct ini_task *task, int err)
{
	struct dev_io *io = container_of(task, struct dev_io, task);

	io->device->stats.in_flight--;
	if (err)
		came_back(io, err);
	else
		answered(io);
}

/* --- what waits */

bool device_has_past(struct device *d)
{
	d->past = d->past && (d->unknown_past || dev_set_has_past(d->set));
	return d->past;
}

/* Its earlier self cannot be carried out any more: the session has logged in since. */
static bool is_proven(struct dev_io *io)
{
	if (io->unknown && io->lost_in && io->lost_in->logins > io->lost_login)
		io->unknown = false;
	return !io->unknown;
}

void device_kick(struct device *d)
{
	uint64_t now = reactor_now(d->set->reactor), next = REACTOR_NEVER;
	bool past = device_has_past(d), unknown = past && !list_empty(&d->waiting);
	struct list todo;

	list_init(&todo);
	if (d->used)
		list_splice_tail(&todo, &d->waiting);
	while (!list_empty(&todo)) {
		struct dev_io *io = list_first(&todo, struct dev_io, link);
		bool ready = !past && is_proven(io) && io->not_before <= now;

		list_del(&io->link);
		unknown |= io->unknown;
		if (ready && d->used && !issue(io)) {
			d->stats.waiting--;
			list_add_tail(&d->running, &io->link);
			continue;
		}
		if (!io->unknown && !past)
			next = MIN(next, MAX(io->not_before, now));
		list_add_tail(&d->waiting, &io->link);
	}
	d->retry_at = next == now ? now + LATER / 10 : next;
	if (!unknown)
		d->reset_at = REACTOR_NEVER;
	else if (d->reset_at == REACTOR_NEVER)
		d->reset_at = d->unknown_past ? now : now + DEVICE_PROOF_WAIT;
	device_arm(d);
}

void device_end_waiting(struct device *d, int err)
{
	struct list ended;

	list_init(&ended);
	list_splice_tail(&ended, &d->waiting);
	while (!list_empty(&ended)) {
		d->stats.waiting--;
		finish(list_first(&ended, struct dev_io, link), err);
	}
}

void device_forget_session(struct device *d, const struct dev_session *ds)
{
	list_for_each (it, &d->waiting) {
		struct dev_io *io = list_entry(it, struct dev_io, link);
		if (io->lost_in == ds)
			io->lost_in = NULL;
	}
}

void device_proved_dead(struct device *d, uint64_t lost_before)
{
	list_for_each (it, &d->waiting) {
		struct dev_io *io = list_entry(it, struct dev_io, link);
		if (io->unknown && io->lost_at < lost_before)
			io->unknown = false;
	}
}
