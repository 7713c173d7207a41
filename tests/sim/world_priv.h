/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a run: the target process (process.c), the initiators and what they do (script.c),
 * which status a command may end with (judge.c), and the course of it all (world.c).
 */
#ifndef LUNAR_TESTS_SIM_WORLD_PRIV_H
#define LUNAR_TESTS_SIM_WORLD_PRIV_H

#include "common/cleanup.h"
#include "initiator.h"
#include "model.h"
#include "reactor/sim.h"
#include "scsi/lu.h"
#include "scsi/lu_store.h"
#include "target/target.h"
#include "world.h"

#define LUNS           2
#define BLOCKS         256
#define INITIATORS_MAX 4
/* The last ones, for whose content initiators compete. */
#define HOT_BLOCKS  2
#define HOT         (BLOCKS - HOT_BLOCKS)
#define TARGET_NAME "iqn.2026-11.org.example:sim"
#define PORT        3260
#define OVERDUE_NS  (25 * NSEC_PER_SEC)

/* The course of a run. From CALM on everything that is sent must succeed. */
enum phase {
	CHAOS,    /* faults, mischief, misfortune */
	SETTLE,   /* no more of them: what is out ends, who is away comes back */
	CALM,     /* some more commands */
	LAST,     /* one initiator flushes, before the power goes */
	VERIFYING /* and then reads everything there is */
};

#define OTHER_REACTORS_MAX 2

/* Who makes the file of what outlives a LU. */
struct record_opener {
	struct lu_store_opener opener;
	struct reactor *reactor;
	unsigned lun;
};

struct target_process {
	struct reactor *reactor;
	struct reactor *others[OTHER_REACTORS_MAX];
	unsigned other_count;
	struct target *target;
	struct backstore *bs[LUNS];
	struct scsi_lu *lu[LUNS];
	struct record_opener openers[LUNS];
	struct config_limits limits;
	struct timer restart;
	bool up;
	unsigned failed_starts;
	uint64_t started[LUNS]; /* the model's time, since when the disk is open */
	/* What the disks had done wrong when this process began, and the one before it. */
	struct sim_disk_failures base[LUNS], base_before[LUNS];
	uint64_t flush_failed[LUNS]; /* when an initiator was told so, 0: never */
};

/* Options of a LU that he changes, one time after the other. */
struct admin_options {
	struct world *world;
	unsigned lun;
	bool changing;   /* it is on its way */
	bool odd, to_be; /* they are not those of the beginning, or will not be */
	bool flushes;    /* the change turns the cache off */
	bool no_cache;   /* ... and it is, for what was issued after `since` */
	uint64_t issued, since;
};

/* What the administrator has done (admin.c); maps: those without an ACL, then each initiator's. */
struct admin {
	struct target_node *node;
	struct target_group *group;
	struct target_acl *acl[INITIATORS_MAX];
	unsigned has_acl; /* a bit for each: at the start */
	bool out[INITIATORS_MAX + 1][LUNS], readonly[INITIATORS_MAX + 1][LUNS];
	bool renewed[LUNS], lu_ends[LUNS]; /* it is being made anew; the old one is in use still */
	bool disabled, group_ends, node_ends, acl_ends[INITIATORS_MAX];
	uint64_t lun_changed[LUNS]; /* the model's time */
	struct admin_options options[LUNS];
};

struct script {
	struct initiator ini;
	struct world *world;
	char name[64];
	unsigned index, depth;
	uint64_t left; /* commands still to be sent */
	struct timer tick;
	uint64_t verify_next[LUNS];
	bool flushed[LUNS];
	bool finished, may_lose;
	unsigned attentions[LUNS]; /* unit attentions that may still come in this session */
	unsigned inventory;        /* ... by any LUN */
	uint64_t inventory_heard;  /* when the last of these came; of world.clock */
};

struct world {
	struct sim *sim;
	struct log log;
	struct model *model[LUNS];
	struct target_process target;
	struct admin admin;
	struct script scripts[INITIATORS_MAX];
	unsigned initiators;
	enum phase phase;
	uint64_t clock;      /* counts events: the model's time */
	uint64_t calm_since; /* likewise */
	uint64_t next_id;    /* of writes */
	uint64_t reset_at;   /* when the last LU reset ended: it makes others' tasks vanish */
	unsigned resets;     /* under way */
	uint64_t hung_until; /* in virtual time */
	bool verbose, sync_may_fail, administered;
	unsigned no_cache; /* a bit for each LUN: it begins without a write cache */
	uint8_t seen[LUNS][HOT_BLOCKS][MODEL_BLOCK]; /* what was there when somebody looked last */
	struct sim_faults faults;
	struct sim_disk_failures told[LUNS]; /* of which initiators were told */
	struct world_result *result;
};

extern const char *const world_disks[LUNS];

/* --- world.c */

PRINTF(2, 3) void wrong(struct world *w, const char *fmt, ...);
void trace(struct world *w, uint64_t value);
/* Bits are flipped only while every initiator is in full feature phase. */
void update_faults(struct world *w);

static inline uint64_t tick(struct world *w)
{
	return ++w->clock;
}

static inline uint64_t below(struct world *w, uint64_t n)
{
	return sim_rand(w->sim, n);
}

/* --- process.c */

void process_start(struct world *w);
/* A disk is opened, and its LU made. 0 or -errno. */
int process_open(struct world *w, unsigned lun);
/* As a LU is when the process starts. */
struct scsi_lu_options process_options(const struct world *w, unsigned lun);
/* It dies, and is started again soon. */
void process_crash(struct world *w, bool power);
void process_free(struct world *w);

/* --- admin.c */

/* The node with all that belongs to it. 0 or -errno. */
int admin_open(struct world *w);
/* The process has died, and with it all that he did. */
void admin_forget(struct world *w);
/* Does something, or undoes what he did. */
void admin_act(struct world *w);
/* It dies now, and with it what he is at. */
void admin_dies(struct world *w);
/* Undoes; true when all is as it was; but for what waits for a disk, without `disks`. */
bool admin_rest(struct world *w, bool disks);
/* What this LUN is for some initiator has changed since then, or is not as it should be. */
bool admin_changed(const struct world *w, unsigned lun, uint64_t since);

/* The LU is, or may be, without this of enum scsi_feature. */
bool admin_lacks(const struct world *w, unsigned lun, uint32_t feature);
/* It has no cache, and had none since then; it may have had none at some time since. */
bool admin_no_cache(const struct world *w, unsigned lun, uint64_t since);
bool admin_maybe_no_cache(const struct world *w, unsigned lun, uint64_t since);
/* Commands wait for each other. */
bool admin_slows(const struct world *w, unsigned lun);
/* So many unit attentions may be on their way. */
unsigned admin_attentions(const struct world *w, unsigned lun);

/* --- script.c */

void script_start(struct world *w, unsigned i, uint64_t commands);
/* Sends what there is to be sent in this phase. */
void script_more(struct script *s);
/* A reset of a LUN has ended since this was sent, or one is under way. */
bool script_was_reset(const struct world *w, const struct ini_cmd *cmd);
bool cmd_writes(const struct ini_cmd *cmd);
bool cmd_is_fua(const struct ini_cmd *cmd);
/* Brings the disk's data to the medium; VERIFY does, for it is the medium that it verifies. */
bool cmd_flushes(const struct ini_cmd *cmd);
/* Or may have, there being no cache. */
bool cmd_may_flush(const struct world *w, const struct ini_cmd *cmd);

/* --- judge.c */

/* Calls wrong() unless something that was done to the target explains this answer. */
void judge_command(struct script *s, const struct ini_cmd *cmd);
void judge_tmf(struct script *s, const struct ini_cmd *tmf);
/* Before a task counts as aborted: none of its writes is on its way. */
void judge_aborted(struct script *s, const struct ini_cmd *cmd);
/* A new session on every LUN. */
void judge_login(struct script *s);
/* Not refused, as by a unit attention or BUSY, but tried. */
bool judge_store_failed(const struct ini_cmd *cmd);

#endif
