/* SPDX-License-Identifier: BSD-2-Clause */
/* ublk's control device: devices are added, started, recovered and deleted, by commands through a ring that lives as
 * long as one of them. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "attach/rights_priv.h"
#include "attach/ublk_abi.h"
#include "common/hash.h"

#define PATIENCE 30 /* seconds; for the other process to fetch requests, for one */
#define DELETING 2  /* seconds; then it goes with the last who has it open */
#define TRIES    250
#define TRY_MS   20
#define SECTOR   9

static void wait_a_little(void)
{
	const struct timespec ts = {.tv_nsec = TRY_MS * 1000000L};
	nanosleep(&ts, NULL);
}

static int run_on(struct io_uring *ring, int control, uint32_t op, const struct ublksrv_ctrl_cmd *c)
{
	struct __kernel_timespec ts = {.tv_sec = (op & 0xff) == UBLK_CMD_DEL_DEV ? DELETING
										 : PATIENCE};
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, control, NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, c, sizeof(*c));
	int err = io_uring_submit(ring);
	if (err >= 0)
		err = io_uring_wait_cqe_timeout(ring, &cqe, &ts);
	return err < 0 ? err : cqe->res;
}

static int command(bool encoded, uint32_t nr, struct ublksrv_ctrl_cmd c)
{
	struct io_uring ring;
	CLEANUP(fd) int control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	int err = io_uring_queue_init(2, &ring, IORING_SETUP_SQE128);
	if (err)
		return err;
	c.queue_id = (uint16_t)-1;
	uint32_t op =
		nr == UBLK_CMD_GET_DEV_INFO ? UBLK_ENCODED_CTRL_IN(nr) : UBLK_ENCODED_CTRL(nr);
	err = run_on(&ring, control, encoded ? op : nr, &c);
	io_uring_queue_exit(&ring);
	return MIN(err, 0);
}

/* A command for the device of a slot, with one number. */
static int simple(const struct rights_slot *s, uint32_t nr, uint64_t data)
{
	return command(s->encoded, nr,
		       (struct ublksrv_ctrl_cmd){.dev_id = s->number, .data = {data}});
}

/* --- adding it */

static uint8_t shift_of(uint32_t size)
{
	uint8_t shift = 0;
	while (UINT64_C(1) << shift < size)
		shift++;
	return shift;
}

static struct ublk_params params_of(const struct rights_order *o)
{
	const uint64_t most = UINT32_MAX >> SECTOR << SECTOR;
	struct ublk_params p = {
		.len = sizeof(p),
		.types = UBLK_PARAM_TYPE_BASIC,
		.basic =
			{
				.attrs = (o->read_only ? UBLK_ATTR_READ_ONLY : 0u) |
					 (o->rotational ? UBLK_ATTR_ROTATIONAL : 0u) |
					 (o->write_cache ? UBLK_ATTR_VOLATILE_CACHE : 0u) |
					 (o->write_cache && o->fua ? UBLK_ATTR_FUA : 0u),
				.logical_bs_shift = shift_of(o->block),
				.physical_bs_shift = shift_of(MAX(o->physical, o->block)),
				.io_min_shift = shift_of(o->block),
				.io_opt_shift = shift_of(MAX(o->optimal, o->block)),
				.max_sectors = o->max_io >> SECTOR,
				.dev_sectors = o->size >> SECTOR,
			},
	};
	if (!o->discard && !o->write_zeroes)
		return p;
	p.types |= UBLK_PARAM_TYPE_DISCARD;
	p.discard = (struct ublk_param_discard){
		.discard_granularity = MAX(o->discard, o->block),
		.max_discard_sectors = o->discard ? (uint32_t)(most >> SECTOR) : 0,
		.max_write_zeroes_sectors = o->write_zeroes ? (uint32_t)(most >> SECTOR) : 0,
		.max_discard_segments = 1,
	};
	return p;
}

/* The kernel keeps a number for us, by which we know a device again. */
static uint64_t mark_of(const char *name)
{
	return UINT64_C(0x4c554e4152) << 24 ^ hash_text(0, name);
}

static int add(struct rights_slot *s, const struct rights_order *o, bool encoded,
	       struct ublksrv_ctrl_dev_info *info)
{
	*info = (struct ublksrv_ctrl_dev_info){
		.nr_hw_queues = (uint16_t)o->queues,
		.queue_depth = (uint16_t)o->depth,
		.max_io_buf_bytes = o->max_io,
		.dev_id = UINT32_MAX,
		.ublksrv_flags = mark_of(o->name),
		.flags =
			UBLK_F_USER_RECOVERY | UBLK_F_USER_RECOVERY_REISSUE | UBLK_FLAG_UPDATE_SIZE,
	};
	return command(encoded, UBLK_CMD_ADD_DEV,
		       (struct ublksrv_ctrl_cmd){.dev_id = UINT32_MAX,
						 .addr = (uintptr_t)info,
						 .len = sizeof(*info)});
}

static int open_queues(const struct rights_slot *s)
{
	char path[32];
	int fd = -1;
	snprintf(path, sizeof(path), "/dev/ublkc%u", s->number);
	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT && errno != EBUSY)
			break;
		if (fd < 0)
			wait_a_little();
	}
	return fd < 0 ? -errno : fd;
}

static int open_for(const struct rights_slot *s, struct rights_answer *answer, int *file)
{
	*file = open_queues(s);
	answer->number = s->number;
	answer->queues = s->queues;
	answer->encoded = s->encoded;
	return *file < 0 ? rights_fail(answer, *file, "opening /dev/ublkc%u", s->number) : 0;
}

int rights_ublk_add(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer, int *file)
{
	struct ublksrv_ctrl_dev_info info;
	struct ublk_params params = params_of(o);
	if (s->device || s->ublk)
		return rights_fail(answer, -EEXIST, "there is something in this slot");
	int err = add(s, o, true, &info);
	if (err == -EOPNOTSUPP || err == -EINVAL || err == -524 /* ENOTSUPP */)
		err = add(s, o, false, &info);
	if (err)
		return rights_fail(answer, err, "ublk: adding a device");
	s->ublk = true;
	snprintf(s->name, sizeof(s->name), "%s", o->name);
	s->number = info.dev_id;
	s->queues = info.nr_hw_queues;
	s->encoded = info.flags & UBLK_FLAG_ENCODED;
	s->resizes = info.flags & UBLK_FLAG_UPDATE_SIZE;
	err = command(s->encoded, UBLK_CMD_SET_PARAMS,
		      (struct ublksrv_ctrl_cmd){.dev_id = s->number,
						.addr = (uintptr_t)&params,
						.len = sizeof(params)});
	err = err ? rights_fail(answer, err, "ublk: what the device is") : 0;
	return err ? err : open_for(s, answer, file);
}

/* --- its life */

static int ublk_change(struct rights_slot *s, const struct rights_order *o,
		       struct rights_answer *answer)
{
	int read_only = o->read_only;
	if (s->resizes) {
		int err = simple(s, UBLK_NR_UPDATE_SIZE, o->size >> SECTOR);
		if (err)
			return rights_fail(answer, err, "the size of %s", s->path);
	}
	CLEANUP(fd) int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKROSET, &read_only))
		return rights_fail(answer, -errno, "read-only of %s", s->path);
	uint64_t size;
	if (!s->resizes && !ioctl(fd, BLKGETSIZE64, &size) && size != o->size)
		return rights_fail(answer, -EOPNOTSUPP,
				   "%s keeps its size until it is attached anew (Linux 6.16)",
				   s->path);
	return 0;
}

static int ublk_stop(struct rights_slot *s, const struct rights_order *o,
		     struct rights_answer *answer)
{
	int err = o->force ? 0 : rights_check_unused(s, answer);
	if (err)
		return err;
	err = simple(s, UBLK_CMD_STOP_DEV, 0);
	return err && err != -ENODEV ? rights_fail(answer, err, "stopping %s", s->path) : 0;
}

static bool ublk_is_there(const struct rights_slot *s)
{
	struct ublksrv_ctrl_dev_info info = {0};
	int err = command(s->encoded, UBLK_CMD_GET_DEV_INFO,
			  (struct ublksrv_ctrl_cmd){.dev_id = s->number,
						    .addr = (uintptr_t)&info,
						    .len = sizeof(info)});
	return !err && info.ublksrv_flags == mark_of(s->name);
}

const struct rights_device rights_ublk_device = {
	.kind = "ublk", .is_there = ublk_is_there, .change = ublk_change, .stop = ublk_stop};

/* Returns when the process that serves it has fetched on all queues. */
int rights_ublk_run(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer)
{
	bool again = s->device == &rights_ublk_device;
	if (!s->ublk)
		return rights_fail(answer, -ENOENT, "there is no device of ublk");
	int err = simple(s, again ? UBLK_CMD_END_USER_RECOVERY : UBLK_CMD_START_DEV,
			 (uint64_t)o->pid);
	if (err)
		return rights_fail(answer, err, "ublk: %s", again ? "taking over" : "starting");
	snprintf(s->path, sizeof(s->path), "/dev/ublkb%u", s->number);
	s->device = &rights_ublk_device;
	for (int i = 0; i < TRIES && access(s->path, F_OK); i++)
		wait_a_little();
	snprintf(answer->path, sizeof(answer->path), "%s", s->path);
	return 0;
}

/* The process that was there before may not be quite gone. */
int rights_ublk_recover(struct rights_slot *s, struct rights_answer *answer, int *file)
{
	if (s->device != &rights_ublk_device)
		return rights_fail(answer, -ENOENT, "there is no device of ublk to take over");
	int err = -EBUSY;
	for (int i = 0; i < TRIES && err == -EBUSY; i++) {
		err = simple(s, UBLK_CMD_START_USER_RECOVERY, 0);
		if (err == -EBUSY)
			wait_a_little();
	}
	if (err)
		return rights_fail(answer, err, "ublk: taking over %s", s->path);
	return open_for(s, answer, file);
}

int rights_ublk_delete(struct rights_slot *s, struct rights_answer *answer)
{
	if (!s->ublk)
		return 0;
	int err = simple(s, UBLK_CMD_DEL_DEV, 0);
	if (err && err != -ENODEV && err != -ETIME)
		return rights_fail(answer, err, "ublk: deleting device %u", s->number);
	s->ublk = false;
	return 0;
}
