/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI target devices, their logical units, and the I_T nexuses that reach them (SAM-5 4.6).
 * Everything on the thread of the LU's reactor, which is one for all LUs of a device.
 *
 *   scsi_device  a SCSI target device: one iSCSI target node
 *   scsi_map     a LUN inventory: what the nexuses of one ACL see of LUs, by which LUN
 *   scsi_lu      a logical unit: identity, backstore, mode pages, task set, reservation, fences
 *   scsi_nexus   an I_T nexus: one iSCSI session
 *   scsi_itl     what a LU keeps for one nexus: its queue of unit attentions
 */
#ifndef LUNAR_SCSI_LU_H
#define LUNAR_SCSI_LU_H

#include "scsi/io.h"

#define SCSI_LUN_MAX 16383 /* flat space addressing, SAM-5 4.7.7.1; below 256 peripheral device */

/*
 * What a LU may have or not. A command that belongs to one is there with it only, and so is a bit of a CDB: see
 * the rows of cmd_table.c, which name them.
 */
enum scsi_feature {
	SCSI_HAS_UNMAP = 1 << 16,   /* UNMAP, where the backstore can */
	SCSI_HAS_RESERVE = 1 << 17, /* RESERVE and RELEASE, PERSISTENT RESERVE IN and OUT */
	SCSI_HAS_OPCODES = 1 << 18, /* REPORT SUPPORTED OPERATION CODES */
	SCSI_HAS_COMPARE = 1 << 19, /* COMPARE AND WRITE */
	SCSI_HAS_COPY = 1 << 20,    /* EXTENDED COPY and what belongs to it */
	SCSI_HAS_ATOMIC = 1 << 21,  /* WRITE ATOMIC, where the backstore can */
	SCSI_HAS_COMMANDS =
		0x3f << 16, /* those above, which are whole commands; from here on, bits */
	SCSI_HAS_UNMAP_SAME = 1 << 24, /* WRITE SAME: UNMAP, where the backstore can */
	SCSI_HAS_DPO = 1 << 25,
	SCSI_HAS_FUA_READ = 1 << 26, /* FUA of those that read */
	SCSI_HAS_FUA_WRITE = 1 << 27,
	SCSI_HAS_ALL = SCSI_HAS_COMMANDS | 0xf << 24,
};

/* In logical blocks, where they are no numbers. 0: ours; above ours, it is ours as well. */
struct scsi_limits {
	uint32_t unmap_descriptors, unmap_blocks; /* of one UNMAP */
	uint32_t write_same;                      /* of one WRITE SAME */
	/* What initiators are advised to do: not enforced, and told as they are. */
	uint32_t unmap_granularity, unmap_alignment, transfer;
};

/* What may change while a LU is in use. Bytes without pointers. */
struct scsi_lu_options {
	uint32_t features; /* enum scsi_feature */
	bool write_cache;  /* where the backstore has one; false: no initiator turns it on */
	bool rotational;
	/* QUEUE ALGORITHM MODIFIER 0 (SPC-4 7.5.8): tasks of a nexus run one after the other. */
	bool restricted;
	bool task_aborted; /* TAS */
	bool force_aptpl;  /* as if each registration had asked to outlive a power loss */
	bool any_isid;     /* registrations hold for the name of an initiator, by whatever port */
	uint8_t ua_interlock; /* 0, 1, 2: UA_INTLCK_CTRL 00b, 10b, 11b */
	/* As many tasks of a nexus run at a time, and others wait in order; 0: all that there are. */
	uint32_t queue_depth;
	struct scsi_limits limits;
	char product[16 + 1]; /* "": VIRTUAL-DISK */
};

extern const struct scsi_lu_options scsi_lu_standard_options;

struct scsi_lu_config {
	uint8_t id[16];       /* the identity: NAA, serial and the rest come from it */
	const char *vendor;   /* NULL: "LUNAR" */
	const char *product;  /* NULL: "VIRTUAL-DISK" */
	const char *revision; /* NULL: from the program's version */
	const char *serial;   /* NULL: from the identity */
	/* What designators of a disk were where it comes from; NULL and 0: made of the identity. */
	const char *t10_id; /* the T10 designator, vendor and all (SPC-4 7.8.6.3) */
	uint8_t naa[16];
	uint8_t naa_len;     /* 0, 8 or 16 */
	uint32_t block_size; /* 512 or 4096 */
	bool readonly;
	bool write_through; /* each write is durable when it is answered, and no initiator changes that */
	bool thin;          /* UNMAP is offered (the backstore can) */
	/* NULL: ours, with `product`, `write_through` and `thin`, which otherwise do not count. */
	const struct scsi_lu_options *options;
	uint64_t fence_hold; /* ns that I/O waits behind a fence before it gets BUSY */
	uint32_t number;     /* scsi_io_lu_number(); 0: from the identity */
};

/* `bs` goes to the LU, which closes it. 0 or -errno (-EINVAL: odd size, block size; `why` says). */
int scsi_lu_new(struct scsi_lu **out, struct backstore *bs, const struct scsi_lu_config *config,
		struct log *log, char *why, size_t why_size);
/* No task is left, no map has it, and what outlives it is not being written. */
void scsi_lu_free(struct scsi_lu *lu);
/* What of the LU outlives us is there; the store is the LU's from now on. Once, before it is in a map. */
struct lu_store;
void scsi_lu_set_store(struct scsi_lu *lu, struct lu_store *store);
/*
 * It is in no map any more, and will not be: calls `idle`, from the loop, when nobody refers to it: no nexus, no
 * other thread, no task. Then it may be freed, also from inside. That takes as long as its store keeps what it
 * was given; all else is bounded. Once.
 */
void scsi_lu_retire(struct scsi_lu *lu, void (*idle)(void *ctx), void *ctx);
uint32_t scsi_lu_block_size(const struct scsi_lu *lu);
/* Like scsi_lu_new(), of a LU of which scsi_lu_retire() has said that it is idle. 0 or -EINVAL with `why`. */
int scsi_lu_set_block_size(struct scsi_lu *lu, uint32_t block_size, char *why, size_t why_size);
/* Those that were set last, what is under way included. */
void scsi_lu_get_options(const struct scsi_lu *lu, struct scsi_lu_options *out);
/*
 * Other options from now on; every nexus is told by a unit attention what it has read of the LU and is different
 * now. Of a write cache that is turned off nothing is left in it when `done` is called, once, maybe from inside:
 * 0, or what kept it from being emptied, and then all is as it was; -ETIMEDOUT after a minute. Calls are obeyed one after the other.
 * -ENOMEM, -EINVAL (the product is not printable): `done` is not called.
 */
int scsi_lu_set_options(struct scsi_lu *lu, const struct scsi_lu_options *to,
			void (*done)(void *ctx, int err), void *ctx);
uint64_t scsi_lu_blocks(const struct scsi_lu *lu);
struct backstore *scsi_lu_backstore(struct scsi_lu *lu);
/* A number of the LU that scsi_decode() has found, the same by whatever LUN and nexus, for accounts that are kept
 * by LU; two may have one number. 0: there is no LU. At once after scsi_decode(), on its thread. */
uint32_t scsi_io_lu_number(const struct scsi_io *io);
/* The unit serial number (VPD 80), as text. */
const char *scsi_lu_serial(const struct scsi_lu *lu);
/* Counters since start, for status lines. */
struct scsi_lu_stats {
	uint64_t reads, writes, read_bytes, write_bytes, flushes, errors, inflight;
};
const struct scsi_lu_stats *scsi_lu_stats(struct scsi_lu *lu);
struct scsi_latency;
/*
 * How long reads and writes took that succeeded, since start: from scsi_io.since to their end at the LU, so with what
 * they waited for memory, for others, for the initiator's data and for the store. By the reactors' clocks, which stand
 * still within a turn: what ends in the turn in which it came took no time.
 */
void scsi_lu_latency(struct scsi_lu *lu, struct scsi_latency *out);
/*
 * The backstore has this size now, in bytes: takes it over, unit attention CAPACITY DATA HAS CHANGED for every nexus.
 * Where that is smaller, with `may_shrink` only: what lies beyond is lost to initiators. On error all stays as it
 * was: -EINVAL (less than a block), -EPERM (smaller), -ENODEV (see bs_set_size()).
 */
int scsi_lu_resized(struct scsi_lu *lu, uint64_t size, bool may_shrink);
/*
 * Starts the backstore's flush and calls `done` when all that was acknowledged is on stable storage
 * (err 0) or cannot be brought there.
 */
void scsi_lu_flush(struct scsi_lu *lu, void (*done)(void *ctx, int err), void *ctx);
/* How many tasks still have something at the backstore, whoever sent them (orphans included); and one more while
 * what outlives it is being written. */
size_t scsi_lu_busy(const struct scsi_lu *lu);

/* `name` is the target device's name (an IQN), `port` its relative target port identifier. */
struct scsi_device *scsi_device_new(const char *name);
/*
 * It has a target port of that name, whether or not somebody reaches it by that one: so registrations can be
 * made for it. 0, -EEXIST, -ENOMEM. The device takes copies, and what is not removed goes with it.
 */
int scsi_device_add_port(struct scsi_device *dev, const char *name, uint16_t rel_port);
void scsi_device_remove_port(struct scsi_device *dev, uint16_t rel_port);
/* It is quiet, or abandoned; its other maps are freed. */
void scsi_device_free(struct scsi_device *dev);
/* The operations of all reactors are dead: what was under way between threads is forgotten, and nexuses are
 * lost by direct calls from now on. */
void scsi_device_abandon(struct scsi_device *dev);
/*
 * Whether all that the device's thread had to do for it is done: no nexus is left or on its way out of LUs, no
 * LUN on its way out of a map. `stirred` is called, maybe from inside, when it may have become so.
 */
bool scsi_device_is_quiet(const struct scsi_device *dev);
void scsi_device_watch(struct scsi_device *dev, void (*stirred)(void *ctx), void *ctx);

/*
 * LUN inventories. A device is born with one, and may have any number of others: an ACL has one, its nexuses
 * share it. A LU may be in many, of several devices, and more than once. They change at any time, with nexuses
 * that use them on other threads, at a cost that does not depend on how many LUNs there are.
 */
struct scsi_map *scsi_device_map_of(struct scsi_device *dev);
struct scsi_map *scsi_map_new(struct scsi_device *dev);
/* No nexus uses it. The LUNs that are left are unmapped. Not for the one that its device was born with. */
void scsi_map_free(struct scsi_map *map);
/*
 * 0, -EEXIST, -ERANGE, -ENOMEM. Nexuses that use the map get the unit attention REPORTED LUNS DATA HAS CHANGED.
 * `readonly`: its writes get WRITE PROTECTED, whatever the LU itself allows.
 */
int scsi_map_add(struct scsi_map *map, uint16_t lun, struct scsi_lu *lu, bool readonly);
/*
 * -ENOENT. The same unit attention; commands to the LUN get LOGICAL UNIT NOT SUPPORTED from now on, and so do
 * those under way, soon: what is at the store is answered when it returns, with a fence for as long. What has
 * been asked about unmapped LUNs is with scsi_lu_retire(), scsi_device_is_quiet().
 */
int scsi_map_remove(struct scsi_map *map, uint16_t lun);
/* -ENOENT. MODE PARAMETERS CHANGED for the nexuses that have talked to the LUN. */
int scsi_map_set_readonly(struct scsi_map *map, uint16_t lun, bool readonly);
/* NULL: nothing is mapped there. `readonly` may be NULL. */
struct scsi_lu *scsi_map_find(const struct scsi_map *map, uint16_t lun, bool *readonly);
size_t scsi_map_count(const struct scsi_map *map);
/* The first one at *lun or behind it, which *lun is then; NULL: there is none. `readonly` may be NULL. */
struct scsi_lu *scsi_map_walk(const struct scsi_map *map, unsigned *lun, bool *readonly);
/* Short for the map that the device was born with. */
int scsi_device_map(struct scsi_device *dev, uint16_t lun, struct scsi_lu *lu);
int scsi_device_unmap(struct scsi_device *dev, uint16_t lun);

/* initiator_port: the name of the SCSI initiator port, "iqn...,i,0xISID" (RFC 7143 4.4.1... );
 * target_port: "iqn...,t,0xTPGT"; rel_port: the relative target port identifier. */
struct scsi_nexus *scsi_nexus_new(struct scsi_map *map, const char *initiator_port,
				  const char *target_port, uint16_t rel_port);
/* The LUN inventory of now, by a number that another one has another of, and later ones a greater (serial numbers,
 * 32 bits); never 0. From every thread. */
uint32_t scsi_nexus_inventory(const struct scsi_nexus *nexus);
/* Every LUN is write-protected for it. Before its first command. */
void scsi_nexus_set_readonly(struct scsi_nexus *nexus);
/*
 * I_T nexus loss: every task of the nexus is aborted. Those that wait or move end at once; those at
 * the backstore live on as orphans (io->nexus is NULL, `aborted`), writes among them fence their
 * range, and their port->done() comes when the backstore has answered. RESERVE is released.
 */
void scsi_nexus_free(struct scsi_nexus *nexus);
/* The same, and `lost` (may be NULL) is called when all of that has happened, with all fences up; maybe from
 * inside. Before, the nexus may still be on its way out of LUs that others use. */
void scsi_nexus_lose(struct scsi_nexus *nexus, void (*lost)(void *ctx), void *ctx);
/*
 * Its session is on the thread of another reactor than the device (`home`), and makes its calls there:
 * scsi_decode() and what follows, scsi_tmf_start(). Before the first of them. When the session ends it calls
 * scsi_nexus_leave(), and then the device's thread scsi_nexus_lose(). -ENOMEM.
 */
int scsi_nexus_set_away(struct scsi_nexus *nexus, struct reactor *home, struct reactor *away);
void scsi_nexus_leave(struct scsi_nexus *nexus);

/* Task management (SAM-5 7). */
enum scsi_tmf_function {
	SCSI_ABORT_TASK,
	SCSI_ABORT_TASK_SET,
	SCSI_CLEAR_TASK_SET,
	SCSI_LU_RESET,
	SCSI_TARGET_RESET, /* every LU that the nexus sees */
};

enum scsi_tmf_result {
	SCSI_TMF_COMPLETE,
	SCSI_TMF_NO_TASK, /* ABORT TASK: no such task in the set */
	SCSI_TMF_NO_LUN,
	SCSI_TMF_REJECTED, /* timed out: tasks remain, fenced, and will never answer */
	SCSI_TMF_CANCELED, /* the nexus, which is away, is lost: nobody is to be answered */
};

struct scsi_tmf {
	/* filled in by the transport */
	enum scsi_tmf_function function;
	struct scsi_nexus *nexus;
	uint8_t lun[8];
	uint64_t tag;     /* ABORT TASK */
	uint64_t timeout; /* ns from now */
	/* Once, maybe from inside scsi_tmf_start(). COMPLETE: none of the tasks can change the medium
	 * any more (of a target reset: on the LUNs that are still there). Not called when the nexus is lost before: then scsi_tmf_cancel() is the end. */
	void (*done)(struct scsi_tmf *tmf, enum scsi_tmf_result result);

	/* the device server's */
	/* Its scope, as it was asked for; other threads compare, for the nexus and what it saw may be gone. */
	const struct scsi_map *map;
	bool has_lu;
	uint8_t lu_id[16];
	struct reactor *reactor; /* NULL: not under way */
	struct scsi_lu *lu;      /* NULL: every LU of the map */
	struct timer timer;
	struct list link, of_lu;
	struct scsi_entry entry; /* while it waits for a LU's gates to close */
	unsigned at;             /* of the map's LUNs, the next one */
	bool applied;            /* to all in its scope */
	bool applying, owed;  /* owed: it was cancelled from inside, and `done` is still to come */
	struct reactor *away; /* the asker's, if it is not the device's */
	struct mail mail;
	enum scsi_tmf_result result;
};

/* First of all, on the thread of the nexus. */
void scsi_tmf_init(struct scsi_tmf *tmf);
/*
 * Between that and scsi_tmf_start(), for tasks that were decoded and wait for the transport to submit them: whether
 * the function is about this one; and its end instead of scsi_submit(), by port->done(), with the status
 * or the unit attention that a task in the set would have had.
 */
bool scsi_tmf_covers(const struct scsi_tmf *tmf, const struct scsi_io *io);
void scsi_tmf_abort(const struct scsi_tmf *tmf, struct scsi_io *io);
void scsi_tmf_start(struct scsi_tmf *tmf);
/* The asker has gone: forget it; what was aborted stays so. False: `done` comes all the same, for the nexus is
 * away, or we are in the middle of it. Does nothing when it is done. */
bool scsi_tmf_cancel(struct scsi_tmf *tmf);

#endif
