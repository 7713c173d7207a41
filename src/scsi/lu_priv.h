/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: what a LU, a device, a nexus and a row of the command table hold, and
 * the calls between the files of this directory. Everything on the thread of the LU's reactor, but what
 * gate.h says.
 *
 *   decode    decode.c, cmd_table.c   LU, row, CDB usage, lengths
 *   start     precheck.c, order.c     task set, unit attention, reservation, readiness, range
 *   run       the row's handler
 *   store     fence.c, precheck.c     backstore requests, held while a fence is up
 *   end       scsi_io_done()
 *
 * A handler never waits: it ends with scsi_io_done() (or scsi_reply(), scsi_good()), or leaves with
 * exactly one scsi_move() or scsi_store() under way, whose `next` goes on. Of a task that was
 * aborted meanwhile `next` is not called any more.
 */
#ifndef LUNAR_SCSI_LU_PRIV_H
#define LUNAR_SCSI_LU_PRIV_H

#include "common/endian.h"
#include "scsi/latency.h"
#include "scsi/lu.h"
#include "scsi/lu_store.h"
#include "scsi/mode.h"
#include "scsi/pr.h"
#include "scsi/sense.h"

/* The limits of VPD page B0h, bytes. A command above them gets INVALID FIELD IN CDB. */
#define SCSI_TRANSFER_MAX   (8u << 20)   /* MAXIMUM TRANSFER LENGTH */
#define SCSI_TRANSFER_BEST  (1u << 20)   /* OPTIMAL TRANSFER LENGTH */
#define SCSI_WRITE_SAME_MAX (16u << 20)  /* MAXIMUM WRITE SAME LENGTH */
#define SCSI_UNMAP_MAX      (512u << 20) /* MAXIMUM UNMAP LBA COUNT, of all descriptors together */
#define SCSI_UNMAP_RANGES   256          /* MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT */
/*
 * MAXIMUM COMPARE AND WRITE LENGTH, blocks. What others see of it is whole whatever its length. One that the
 * power cuts short is whole, too, and nothing promises that of several blocks.
 */
#define SCSI_COMPARE_MAX 1

#define SCSI_STEP_MAX  (1u << 20) /* bytes that VERIFY and WRITE SAME handle in one step */
#define SCSI_REPLY_MAX 4096       /* room for parameter data; REPORT LUNS has its own */

/* --- the command table */

enum scsi_command_flag {
	SCSI_CMD_WRITES = 1 << 0,       /* changes the medium: refused when write-protected */
	SCSI_CMD_RANGE = 1 << 1,        /* io->lba, io->blocks must lie within the medium */
	SCSI_CMD_BLOCKS = 1 << 2,       /* the data are blocks: not zeroed, may come short */
	SCSI_CMD_UA_OK = 1 << 3,        /* runs while a unit attention is pending */
	SCSI_CMD_NOT_READY_OK = 1 << 5, /* runs when stopped, or when the store has gone */
	SCSI_CMD_NO_LUN_OK = 1 << 6,    /* runs with io->lu NULL, io->itl NULL */
	SCSI_CMD_ATOMIC = 1 << 7,       /* what it writes is bs_io.atomic */
	/* From bit 16 on: enum scsi_feature. */
	SCSI_CMD_PLAIN = 1 << 8,   /* may run by a pass (gate.h) */
	SCSI_CMD_ALONE = 1 << 9,   /* changes what others see of the LU: not while passes are out */
	SCSI_CMD_UNMAPS = 1 << 10, /* may call for BS_UNMAP */
};

struct scsi_command {
	const char *name; /* NULL: not a command */
	uint8_t opcode;
	int8_t action; /* service action, or -1 */
	uint8_t cdb_len;
	/*
	 * The CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-4 6.35.3): the opcode, the
	 * service action in its place, otherwise the bits that are evaluated. A CDB with another
	 * bit set is refused. `cdb_len` bytes count.
	 */
	uint8_t usage[16];
	uint32_t
		flags; /* enum scsi_command_flag, and of enum scsi_feature what it needs or has bits of */
	/* The ALLOCATION, PARAMETER LIST or TRANSFER LENGTH field: offset, bytes (0: none). */
	uint8_t length_at, length_size;
	/*
	 * Sets lba, blocks, out_len, buf_len and alloc_len of the task from its CDB and the LU's
	 * block size. True, or false with sense data set. NULL: no data, no range.
	 */
	bool (*lengths)(struct scsi_io *io);
	void (*run)(struct scsi_io *io);
};

/* `action` is looked at only where the opcode has service actions; then NULL, *has_actions true
 * means that there is no such one. NULL, *has_actions false: no such opcode. */
const struct scsi_command *scsi_command_find(uint8_t opcode, unsigned action, bool *has_actions);
/* All of them, by opcode and service action: the first one after `prev` (NULL: the very first), or
 * NULL. */
const struct scsi_command *scsi_command_next(const struct scsi_command *prev);
/* Whether this LU has the command; `lu` may be NULL. */
static inline bool scsi_command_offered(const struct scsi_command *cmd, const struct scsi_lu *lu);
/* Byte `i` of its CDB usage data, in a LU with these features. */
uint8_t scsi_command_usage(const struct scsi_command *cmd, unsigned i, uint32_t features);

/* --- lengths (decode.c); see struct scsi_command */

bool scsi_lengths_reply(struct scsi_io *io); /* parameter data: SCSI_REPLY_MAX of room */
bool scsi_lengths_report_luns(struct scsi_io *io);
bool scsi_lengths_list(struct scsi_io *io); /* a parameter list */
bool scsi_lengths_range(struct scsi_io *io);
bool scsi_lengths_read(struct scsi_io *io);
bool scsi_lengths_write(struct scsi_io *io);
bool scsi_lengths_compare(struct scsi_io *io);
bool scsi_lengths_write_atomic(struct scsi_io *io);
bool scsi_lengths_write_verify(struct scsi_io *io);
bool scsi_lengths_verify(struct scsi_io *io);
bool scsi_lengths_prefetch(struct scsi_io *io);
bool scsi_lengths_write_same(struct scsi_io *io);
bool scsi_lengths_copy(struct scsi_io *io);

/* Where commands that compare read the medium into: behind the Data-Out, aligned for any store. */
static inline uint32_t scsi_second_buffer(const struct scsi_io *io)
{
	return (io->out_len + 4095) & ~UINT32_C(4095);
}

/* --- objects */

#define SCSI_ERROR_KINDS 7

/* What the log has been told of one kind of error. */
struct scsi_error_log {
	uint64_t quiet_until, held_back;
};

struct scsi_lu {
	struct reactor *reactor;
	struct backstore *bs;
	struct log *log;
	struct lu_store *store; /* NULL: nothing of it outlives us */
	uint32_t block_size;
	unsigned block_shift;
	uint64_t blocks;
	bool readonly;
	bool can_unmap;
	bool stopped; /* START STOP UNIT */
	/* options.features, as far as the store can: all threads look at it when they decode. */
	atomic_uint features;
	struct scsi_lu_options options;
	struct list changes; /* of them, the first one under way: options.c */
	struct list late_changes;
	unsigned
		task_limit; /* as they have it: tasks of a nexus that run at a time; 0: any number */
	struct scsi_entry resize; /* a new size, to be taken over */
	uint64_t fence_hold;
	struct scsi_mode mode;
	unsigned write_through; /* what is under way to turn the cache off: it is as good as off */
	struct scsi_lu_stats stats, total;      /* total: with those of the gates, for who asks */
	_Atomic(struct scsi_latency *) latency; /* of tasks that ended here; NULL: none yet */
	struct scsi_error_log error_logs[SCSI_ERROR_KINDS];

	uint8_t id[16];
	uint32_t number;
	char vendor[8 + 1]; /* not padded */
	char revision[4 + 1];
	char serial[252 + 1];
	char t10_id[252 + 1]; /* "": made of vendor, product and serial */
	uint8_t naa[16], naa_len;

	struct list gates;    /* scsi_gate.link */
	struct list entering; /* scsi_entry.link: who waits for them to close */

	struct list mappings;           /* scsi_mapping.of_lu */
	size_t mapping_count;           /* with those on their way out */
	struct list itls;               /* scsi_itl.of_lu */
	struct list functions;          /* scsi_tmf.of_lu: not done yet */
	struct scsi_nexus *reserved_by; /* RESERVE */
	struct scsi_pr pr;

	/*
	 * The task set: HEAD OF QUEUE tasks first, then the others in order of arrival. `strict`
	 * counts those among them that are ORDERED or HEAD OF QUEUE: 0, and nothing waits.
	 */
	struct list tasks; /* scsi_io.task */
	size_t strict;
	size_t waiting;      /* BLOCKED by order */
	size_t alone;        /* that must have the LU for themselves: no pass goes out meanwhile */
	unsigned order_hold; /* > 0: nobody is started now; who holds it looks again afterwards */
	bool lifting;        /* scsi_fence_lifted() is at it */
	bool abandoned;      /* its operations are dead: nothing begins any more */

	/* Aborted tasks that are still at the backstore. The writes among them are fences. */
	struct list orphans; /* scsi_io.task */
	size_t fences;
	/* Who has a range for himself, and how many of those that are held want one. */
	struct list ranges; /* scsi_io.range */
	size_t wanted;
	struct list held; /* scsi_io.wait, by deadline: what a fence or another's range holds up */
	size_t held_count;
	struct timer hold_timer;

	struct bs_io soon; /* scsi_lu_flush_soon() */
	bool soon_runs, soon_again;

	/* scsi_lu_retire() */
	void (*idle)(void *ctx);
	void *idle_ctx;
	struct deferred idle_work;

	/* Completions that came from inside too many calls, to be taken from the loop. */
	unsigned depth;
	struct list later; /* scsi_io.wait */
	struct deferred later_work;
};

#define SCSI_MAP_PAGE 128

/* A LU in an inventory. Other threads look at `lu` and `lun`, which stay as they are. */
struct scsi_mapping {
	struct scsi_map *map;
	struct scsi_lu *lu;
	uint16_t lun;
	bool readonly;
	uint32_t since; /* map->generation when it came */
	struct list of_lu;
	/* On its way out: see map.c. */
	struct list of_device; /* scsi_device.unmapped */
	struct list itls;      /* scsi_itl.of_mapping: who leaves it */
	struct scsi_entry entry;
	struct scsi_view *view; /* where its letter is, or was last */
	struct mail mail;
};

struct scsi_map_page {
	_Atomic(struct scsi_mapping *) of[SCSI_MAP_PAGE];
	unsigned count;
};

/* A reactor on which nexuses of this map live that are away. */
struct scsi_view {
	struct list link; /* scsi_map.views */
	struct reactor *reactor;
	struct list nexuses; /* that reactor's: scsi_nexus.of_view, of those with passes */
};

/* Other threads read `pages`, `count` and `generation`. */
struct scsi_map {
	struct scsi_device *dev;
	struct list of_device;
	_Atomic(struct scsi_map_page *) pages[SCSI_LUN_MAX / SCSI_MAP_PAGE + 1];
	atomic_uint count;
	atomic_uint generation; /* counts changes, from 1 */
	struct list nexuses;    /* scsi_nexus.of_map */
	struct list views;      /* scsi_view.link; never fewer */
	unsigned refs;          /* the owner's, and one for each mapping on its way out */
};

/* A target port of a device, whether or not somebody has logged in to it. */
struct scsi_port {
	struct list link; /* scsi_device.ports */
	uint16_t rel;     /* relative target port identifier */
	char name[];
};
/* NULL: it has none with this identifier. */
struct scsi_port *scsi_device_port(const struct scsi_device *dev, uint16_t rel_port);

struct scsi_device {
	char *name;
	struct list ports;     /* scsi_port.link */
	struct scsi_map *map;  /* the one that it was born with */
	struct list maps;      /* scsi_map.of_device: that one, and more */
	struct list nexuses;   /* scsi_nexus.of_device */
	struct list losing;    /* scsi_nexus.of_device: on their way out of LUs */
	struct list unmapped;  /* scsi_mapping.of_device: likewise */
	struct list functions; /* scsi_tmf.link: not done yet */
	void (*stirred)(void *ctx);
	void *stirred_ctx;
};

struct scsi_nexus {
	struct scsi_device *dev;
	struct scsi_map *map; /* NULL: it is being lost */
	char *initiator_port;
	char *target_port;
	uint16_t rel_port;
	struct list of_device, of_map;
	struct scsi_itl **itls; /* by LUN; NULL where the nexus has sent nothing yet */
	size_t itl_count;
	struct list detached; /* scsi_itl.detached: their LUN is unmapped, tasks may remain */
	bool talked;          /* to some LU */
	uint32_t first_heard; /* when it has: the inventory of then, of which it has no older one */
	bool readonly;
	/* REPORTED LUNS DATA HAS CHANGED is to be told: it is of the device, so once, by whatever LU. */
	bool luns_changed;

	/* When its session is on another reactor's thread; NULL: at home. */
	struct reactor *away, *home;
	struct scsi_view *view;
	struct mail mail; /* its end */
	/* The session's side, and thread. */
	struct scsi_pass *passes; /* by LUN */
	size_t pass_count;
	unsigned pass_generation; /* of the map: passes are for no other */
	struct list of_view;
	size_t ahead; /* what went home and must stay before all that is sent later: nothing passes */
	bool left;

	/* scsi_nexus_lose() */
	struct scsi_entry entry;
	struct scsi_lu *waits_for; /* its gates to close */
	void (*lost)(void *ctx);
	void *lost_ctx;
};

#define SCSI_UA_MAX 8

struct scsi_itl {
	struct scsi_nexus *nexus;
	struct scsi_lu *lu;
	uint16_t lun;
	bool readonly;  /* as its mapping is */
	uint32_t since; /* as its mapping */
	uint8_t ua_count;
	uint16_t ua[SCSI_UA_MAX]; /* ASC << 8 | ASCQ; the next to report first */
	/* Of the store's losses (backstore.lost_generation), those that the nexus has heard of or that
	 * came before it. */
	uint64_t lost_seen;
	unsigned running, queued; /* of its tasks in the task set: past order, and BLOCKED by it */
	struct list of_lu;
	struct list detached;
	struct scsi_mapping
		*leaves; /* the one that was taken out, until its tasks have been ended */
	struct list of_mapping;
	struct scsi_copy_log *copied; /* how copies have ended; NULL: none is kept */
};

/* From every thread; NULL: none. */
static inline uint32_t scsi_lu_features(const struct scsi_lu *lu)
{
	return lu ? atomic_load_explicit(&lu->features, memory_order_relaxed) : 0;
}

static inline bool scsi_command_offered(const struct scsi_command *cmd, const struct scsi_lu *lu)
{
	return !(cmd->flags & SCSI_HAS_COMMANDS & ~scsi_lu_features(lu));
}

/* Logical block provisioning is told of (LBPME). */
static inline bool scsi_lu_thin(const struct scsi_lu *lu)
{
	return scsi_lu_features(lu) & (SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME);
}

/* What the bit DPOFUA says of a LU with these features. */
static inline bool scsi_dpofua(uint32_t features)
{
	const uint32_t all = SCSI_HAS_DPO | SCSI_HAS_FUA_READ | SCSI_HAS_FUA_WRITE;

	return (features & all) == all;
}

/* Of struct scsi_limits: with what is ours, in bytes or as a number. */
static inline uint32_t scsi_limit(uint32_t set, uint64_t ours)
{
	return set && set < ours ? set : (uint32_t)ours;
}

static inline uint32_t scsi_lu_write_same_max(const struct scsi_lu *lu)
{
	return scsi_limit(lu->options.limits.write_same, SCSI_WRITE_SAME_MAX >> lu->block_shift);
}

static inline uint32_t scsi_lu_compare_max(const struct scsi_lu *lu)
{
	return scsi_lu_features(lu) & SCSI_HAS_COMPARE ? SCSI_COMPARE_MAX : 0;
}

/* MAXIMUM ATOMIC TRANSFER LENGTH, blocks; and of what LBA and length are to be multiples. */
static inline uint32_t scsi_lu_atomic_max(const struct scsi_lu *lu)
{
	uint64_t most = lu->bs->atomic_max;

	return (uint32_t)((most < SCSI_TRANSFER_MAX ? most : SCSI_TRANSFER_MAX) >> lu->block_shift);
}

static inline uint32_t scsi_lu_atomic_unit(const struct scsi_lu *lu)
{
	uint32_t unit = lu->bs->atomic_unit >> lu->block_shift;

	return unit ? unit : 1;
}

static inline uint32_t scsi_lu_unmap_max(const struct scsi_lu *lu)
{
	return scsi_limit(lu->options.limits.unmap_blocks, SCSI_UNMAP_MAX >> lu->block_shift);
}

static inline uint32_t scsi_lu_unmap_ranges(const struct scsi_lu *lu)
{
	return scsi_limit(lu->options.limits.unmap_descriptors, SCSI_UNMAP_RANGES);
}

/* The LU, or the mapping by which the nexus sees it, is write-protected. */
static inline bool scsi_io_readonly(const struct scsi_io *io)
{
	return io->lu->readonly || (io->itl && io->itl->readonly);
}

/* A write may be answered before it is durable. */
static inline bool scsi_lu_caches(const struct scsi_lu *lu)
{
	return scsi_mode_wce(&lu->mode) && !lu->write_through;
}

/* --- the parts of a task's life (precheck.c) */

/* The end, status and sense data being set. */
void scsi_io_done(struct scsi_io *io);
/* GOOD without data; GOOD with the first `len` bytes of io->data, cut to ALLOCATION LENGTH. */
void scsi_good(struct scsi_io *io);
void scsi_reply(struct scsi_io *io, size_t len);
/*
 * Brings Data-Out, then `next`. A parameter list that came short ended in PARAMETER LIST LENGTH
 * ERROR by then; of blocks (SCSI_CMD_BLOCKS) look at io->out_got.
 */
void scsi_move(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
/*
 * One request to the backstore, then `next` with 0 or -errno; see scsi_store_error(). `lba` and
 * `blocks` are within the medium. Waits first while the range is fenced (then BUSY). Of what changes
 * the medium `next` comes when it is durable, with `fua` or when the LU has no cache by then.
 */
void scsi_store(struct scsi_io *io, enum bs_op op, bool fua, uint64_t lba, uint64_t blocks,
		void *buf, void (*next)(struct scsi_io *io, int err));
/* Everything answered so far to stable storage, then `next`. */
void scsi_store_flush(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
/*
 * Likewise, where the initiator asked for it: when the store has lost what this nexus may have
 * written, the task ends in WRITE ERROR. So does a durable write, and the nexus has heard it then.
 */
void scsi_store_sync(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
/* Ends the task with the sense data of a backstore error; -errno of a request at `lba`. */
void scsi_store_error(struct scsi_io *io, int err, uint64_t lba);
/* Past the fence: the request that scsi_store() has made goes to the backstore. */
void scsi_store_issue(struct scsi_io *io);
/* Of a task that has tried without us: its io->err, or again. */
void scsi_store_tried(struct scsi_io *io);
void scsi_store_again(struct scsi_io *io);
/* Past the gates: into the task set. */
void scsi_begin(struct scsi_io *io);
/* Past order: checks the LU's state and runs the handler. */
void scsi_start(struct scsi_io *io);
/*
 * Aborts a task of the task set: it ends now, or becomes an orphan. `status` is SCSI_GOOD (no
 * response) or SCSI_TASK_ABORTED. The caller holds order_hold while it has more to abort.
 */
void scsi_abort(struct scsi_io *io, enum scsi_status status);
/*
 * The LUN by which the task came is unmapped: it ends in LOGICAL UNIT NOT SUPPORTED, and of a task
 * whose data move the LU knows nothing any more. What is at the backstore becomes an orphan, and is answered
 * when it has come back.
 */
void scsi_detach(struct scsi_io *io);

/* What io.h promises, on the LU's thread: see away.c. */
void scsi_decode_home(struct scsi_io *io);
void scsi_submit_home(struct scsi_io *io);
void scsi_moved_home(struct scsi_io *io, int err);
/* Of a task that was not submitted: its LU may have gone since it was decoded, and nobody has looked yet what
 * that keeps for the nexus. */
void scsi_find_lu_again(struct scsi_io *io);
void scsi_refuse_home(struct scsi_io *io, enum scsi_status status, uint8_t key, uint16_t asc_ascq);

/* --- order.c */

/* ORDERED or HEAD OF QUEUE: what comes after it waits for it. */
bool scsi_order_is_strict(const struct scsi_io *io);
/* Into the task set; true: it may start, false: it is BLOCKED. */
bool scsi_order_join(struct scsi_io *io);
/* Out of the task set. Whose turn it then is, scsi_order_run() starts. */
void scsi_order_leave(struct scsi_io *io);
void scsi_order_run(struct scsi_lu *lu);
/* It runs, or does not any more: scsi_itl.running. */
void scsi_order_count(struct scsi_io *io);

/* --- fence.c */

/* There may be something that holds up a request. */
static inline bool scsi_fence_any(const struct scsi_lu *lu)
{
	return lu->fences || lu->wanted || !list_empty(&lu->ranges);
}
/* True: `io` was put on hold and its request will be issued later (or the task ends in BUSY). */
bool scsi_fence_hold(struct scsi_io *io);
/*
 * `next` when the task has its range, lba and blocks, for itself: no request of others that overlaps is at the store,
 * and none gets there until the task ends or is aborted. Then it writes once, and what it was aborted in the middle of is a
 * fence. Only for rows with SCSI_CMD_ALONE: those who pass are not asked. BUSY when it takes too long.
 */
void scsi_range_take(struct scsi_io *io, void (*next)(struct scsi_io *io, int err));
/* It neither has one nor waits for one any more; true: it did. */
bool scsi_range_leave(struct scsi_io *io);
bool scsi_changes_medium(const struct bs_io *bs);
/* Whether an aborted task at the backstore may still change the medium. */
bool scsi_fence_is(const struct scsi_io *io);
/* No longer on hold; what becomes of it is the caller's. */
void scsi_fence_release(struct scsi_io *io);
/* A fence has ended, or a range is free: issues what that held up. */
void scsi_fence_lifted(struct scsi_lu *lu);
void scsi_fence_expired(struct timer *t);

/* --- ua.c */

void scsi_ua_add(struct scsi_itl *itl, uint16_t asc_ascq);
/* For every nexus but that of `except`, which may be NULL. */
void scsi_ua_add_lu(struct scsi_lu *lu, const struct scsi_itl *except, uint16_t asc_ascq);
/* There is one to be told. */
static inline bool scsi_ua_pending(const struct scsi_itl *itl)
{
	return itl->ua_count || itl->nexus->luns_changed;
}
/* The next one, taken out of the queue; 0: none. */
uint16_t scsi_ua_take(struct scsi_io *io);
/* The one that goes with CHECK CONDITION: it stays where UA_INTLCK_CTRL says so (SPC-4 7.5.8). There is one. */
uint16_t scsi_ua_report(struct scsi_io *io);
/* The answer to this command tells of the LUN inventory of now. */
void scsi_ua_luns_told(struct scsi_io *io);
/* The inventory that the nexus must have heard of before the LU is what it means by the LUN; 0: it always is. */
uint32_t scsi_itl_news(const struct scsi_itl *itl);
/* The command was sent for what was at its LUN before. */
static inline bool scsi_is_outdated(uint32_t heard, uint32_t news)
{
	return heard && news && (int32_t)(news - heard) > 0;
}
/* A task ends with this status, of which there may be something to be told later. */
void scsi_ua_of_status(struct scsi_io *io);

/* --- tmf.c */

/* How the nexus of an aborted task hears of it (SAM-5 5.6). */
enum scsi_told {
	SCSI_TOLD_BY_ITSELF, /* it is its own function */
	SCSI_TOLD_CLEARED,   /* by status or unit attention, as the TAS bit has it */
	SCSI_TOLD_RESET,     /* by status, or by the unit attention that all get */
};
/* The end of a task that was not submitted yet, io->told_as. */
void scsi_tmf_abort_home(struct scsi_io *io);
void scsi_tmf_start_home(struct scsi_tmf *tmf);
/* The nexus is lost. */
void scsi_tmf_cancel_home(struct scsi_tmf *tmf);
/* away.c: the result, to who asked. */
void scsi_tmf_tell(struct scsi_tmf *tmf, enum scsi_tmf_result result);
/* An aborted task of `lu` has ended. */
void scsi_tmf_check(struct scsi_lu *lu);
/* The LU leaves the map: what waits there for its nexuses has nothing to wait for. */
void scsi_tmf_unmapped(const struct scsi_map *map, const struct scsi_lu *lu);

/* --- conflict.c */

/* Something is reserved, and keeps the task away. */
bool scsi_conflict(const struct scsi_io *io);

/* --- pr.c; see pr.h */

/* Whether it keeps anybody out. */
static inline bool scsi_pr_reserved(const struct scsi_lu *lu)
{
	return lu->pr.lost || (lu->pr.state && lu->pr.state->type);
}

/* --- reserve.c */

void scsi_reserve_nexus_lost(struct scsi_lu *lu, const struct scsi_nexus *nexus);
void scsi_reserve_reset(struct scsi_lu *lu);

/* --- lu.c, device.c */

/* SAM-5 4.7: single level, peripheral device (0-255) or flat space addressing. -EINVAL: another. */
int scsi_lun_decode(const uint8_t lun[8], uint16_t *out);
void scsi_lun_encode(uint8_t out[8], uint16_t lun);
/* The LUN of a task that has a LU. */
uint16_t scsi_io_lun(const struct scsi_io *io);
struct scsi_lu *scsi_device_find(const struct scsi_device *dev, uint16_t lun);
/* NULL: no such LU (*err -ENXIO) or no memory (-ENOMEM). */
struct scsi_itl *scsi_nexus_itl(struct scsi_nexus *nexus, uint16_t lun, int *err);
/* Of a task that has been under way for longer: also of a LUN that is unmapped meanwhile. NULL: there is none. */
struct scsi_itl *scsi_nexus_itl_of(struct scsi_nexus *nexus, uint16_t lun,
				   const struct scsi_lu *lu);
void scsi_itl_free(struct scsi_itl *itl);
/* It may be quiet by now. */
void scsi_device_stir(struct scsi_device *dev);
/* Of one whose LUN is unmapped: frees it when no task of it is left. */
void scsi_itl_settle(struct scsi_itl *itl);
/* A LU that may be retired by now has something less to wait for. */
void scsi_lu_stir(struct scsi_lu *lu);

/* --- map.c */

/* From every thread; NULL: nothing is mapped there. What is found lasts until the thread looks at its mail. */
struct scsi_mapping *scsi_map_look(const struct scsi_map *map, uint16_t lun);
static inline unsigned scsi_map_generation(const struct scsi_map *map)
{
	return atomic_load_explicit(&map->generation, memory_order_acquire);
}
/* The first one at this LUN or behind it. On the device's thread. */
struct scsi_mapping *scsi_map_next(const struct scsi_map *map, unsigned from);
/* NULL: no memory. */
struct scsi_view *scsi_map_view(struct scsi_map *map, struct reactor *reactor);
/* There are no other threads any more. */
void scsi_map_abandon(struct scsi_map *map);
void scsi_mapping_abandon(struct scsi_mapping *m);

/* --- options.c */

/* Of a LU that is new: as these say. */
int scsi_options_init(struct scsi_lu *lu, const struct scsi_lu_options *options, char *why,
		      size_t why_size);
/* What is under way comes to nothing. */
void scsi_options_free(struct scsi_lu *lu);

/* --- lu.c */

/* Printable ASCII that fits (SPC-4 4.3.1). 0 or -EINVAL with `why`. */
int scsi_check_text(const char *what, const char *text, size_t size, char *why, size_t why_size);
/* A flush that nobody waits for. */
void scsi_lu_flush_soon(struct scsi_lu *lu);
/* A logical unit reset's part: what the LU itself forgets (SAM-5 6.3.3). */
void scsi_lu_reset(struct scsi_lu *lu);
/* Completions that were put off (scsi_lu.later). */
void scsi_later_run(struct deferred *d);

/* --- log_page.c */

/* The informational exception of the LU (SPC-4 7.3.10): ASC << 8 | ASCQ, 0 when it is well. */
uint16_t scsi_lu_exception(const struct scsi_lu *lu);

/* --- inquiry.c */

/* Whether this is a designator of the LU itself in VPD page 83h (SPC-4 7.8.6.1): code set; association and type. */
bool scsi_lu_is_named(const struct scsi_lu *lu, uint8_t code_set, uint8_t type, const uint8_t *d,
		      size_t len);

/* --- copy.c, copy_results.c */

/* The task is aborted: its pieces end, and it with the last of them. */
void scsi_copy_abort(struct scsi_io *io);
/* VPD page 8Fh, without its header; its length. */
size_t scsi_copy_page(uint8_t *p);

/* --- handlers */

/* inquiry.c, mode.c, log_page.c, report.c */
void scsi_cmd_inquiry(struct scsi_io *io);
void scsi_cmd_mode_sense(struct scsi_io *io);  /* 6 and 10 */
void scsi_cmd_mode_select(struct scsi_io *io); /* 6 and 10: calls scsi_move() first */
void scsi_cmd_log_sense(struct scsi_io *io);
void scsi_cmd_report_luns(struct scsi_io *io);
void scsi_cmd_report_opcodes(struct scsi_io *io);
void scsi_cmd_report_tmf(struct scsi_io *io);
void scsi_cmd_request_sense(struct scsi_io *io);
void scsi_cmd_read_capacity10(struct scsi_io *io);
void scsi_cmd_read_capacity16(struct scsi_io *io);
/* read_write.c */
/* Of a READ or a WRITE. */
bool scsi_io_fua(const struct scsi_io *io);
/* The first byte of [a, a + n) that differs from `b`, or n. */
size_t scsi_first_difference(const uint8_t *a, const uint8_t *b, size_t n);
/* What the store was given last was a write, and is done: GOOD. */
void scsi_written(struct scsi_io *io);
void scsi_cmd_read(struct scsi_io *io);
void scsi_cmd_write(struct scsi_io *io);
void scsi_cmd_verify(struct scsi_io *io);
void scsi_cmd_write_verify(struct scsi_io *io);
void scsi_cmd_sync_cache(struct scsi_io *io);
void scsi_cmd_prefetch(struct scsi_io *io);
/* atomic.c */
void scsi_cmd_compare_and_write(struct scsi_io *io);
void scsi_cmd_orwrite(struct scsi_io *io);
void scsi_cmd_write_atomic(struct scsi_io *io);
/* provision.c */
void scsi_cmd_get_lba_status(struct scsi_io *io);
void scsi_cmd_unmap(struct scsi_io *io);
void scsi_cmd_write_same(struct scsi_io *io);
/* reserve.c */
void scsi_cmd_reserve(struct scsi_io *io);
void scsi_cmd_release(struct scsi_io *io);
/* copy.c, copy_results.c */
void scsi_cmd_copy(struct scsi_io *io);
void scsi_cmd_copy_status(struct scsi_io *io);
void scsi_cmd_copy_parameters(struct scsi_io *io);
void scsi_cmd_copy_failure(struct scsi_io *io);
/* lu.c */
void scsi_cmd_test_unit_ready(struct scsi_io *io);
void scsi_cmd_start_stop(struct scsi_io *io);
void scsi_cmd_prevent_allow(struct scsi_io *io);

#endif
