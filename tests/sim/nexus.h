/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The product's initiator against the product's target, in one world: a target with two LUNs, one to four hosts
 * with an initiator each, cuts, flips, slow and failing disks, processes of both sides that die, and an administrator
 * who gives disks other numbers, makes them larger, deletes an ACL and disables the target. What an initiator
 * loses on the way it is to issue again by itself, once, in order, and never past a session that was not
 * reinstated: the model of model.h watches what the disks hold.
 *
 *   nexus_world.c   the course of a run; nexus_target.c the target's process
 *   nexus_admin.c   changes of its configuration
 *   nexus_host.c    a host: its initiator, what it asks for, and what it makes of the answers
 *   nexus_paths.c   a host whose disks have two paths each
 *   nexus_plant.c   bugs planted from outside, each of which must be noticed
 *   nexus_test.c    seeds and arguments
 */
#ifndef LUNAR_TESTS_SIM_NEXUS_H
#define LUNAR_TESTS_SIM_NEXUS_H

#include "common/cleanup.h"
#include "device/device.h"
#include "driver/link.h"
#include "model.h"
#include "reactor/sim.h"
#include "target/target.h"

#define LUNS             2
#define BLOCKS           256
#define HOSTS_MAX        4
#define DEPTH_MAX        12
#define DATA_MAX         (96 * MODEL_BLOCK)
#define TARGET_NAME      "iqn.2026-11.org.example:sim"
#define PORT             3260 /* and the next one: the other path's */
#define PATHS            2
#define NEXUS_NUMBERS    6 /* LUNs that a disk may have */
#define NEXUS_USER       "paths"
#define NEXUS_PATHS_NAME "iqn.2026-11.org.example:paths"

enum nexus_count {
	N_COMMANDS,
	N_GOOD,
	N_FAILED,   /* with a status or an error */
	N_REISSUED, /* by the initiator, by itself */
	N_LOGINS,
	N_CUTS,
	N_FLIPS,
	N_DISK, /* operations of the disks that failed */
	N_HANGS,
	N_CRASHES, /* of the target: its process, or its power */
	N_POWER,
	N_HOST_CRASHES,
	N_ABORTS,
	N_RESETS,
	N_TIMEOUTS,
	N_FAILOVERS, /* from one path to the other */
	N_PROOFS,    /* LU resets, after which nothing that was lost can land */
	N_CLOSED,    /* the other portal, for a while */
	N_REMAPS,    /* disks that get another LUN, or none */
	N_GONE,      /* devices that have no LUN any more */
	N_RESIZES,
	N_ACLS, /* deleted */
	N_DISABLED,
	N_COUNTS,
};
extern const char *const nexus_count_names[N_COUNTS];

struct nexus_result {
	char why[512];  /* "": nothing was wrong */
	uint64_t trace; /* a hash of every answer and its time */
	uint64_t virtual_ns;
	uint64_t n[N_COUNTS];
};

bool nexus_run(uint64_t seed, uint64_t commands, bool verbose, struct nexus_result *result);

/* --- bugs (nexus_plant.c) */

enum nexus_plant {
	NEXUS_NONE,
	NEXUS_RETRY_TWICE, /* what was lost is issued again, and once more later */
	NEXUS_NEW_ISID,    /* a login after a loss has another ISID, and so reinstates nothing */
	NEXUS_WRONG_TASK,  /* an answer is taken for that of another task */
	NEXUS_EARLY_RETRY, /* what was lost is reported as done without being issued again */
	NEXUS_HASTY_PATH, /* what a lost path may still carry out goes out on the other one at once */
	NEXUS_IDENTITY,   /* a LUN is taken for the disk that it was, whatever it says */
	NEXUS_BEHIND,     /* the target lets through what was sent for the disk that the LUN was */
	NEXUS_PLANTS,
};
extern enum nexus_plant nexus_plant;
extern const char *const nexus_plant_names[NEXUS_PLANTS];
void nexus_plant_begin(void);

/* --- the inside */

enum nexus_kind { READ, WRITE, WRITE_FUA, WRITE_LONG, WRITE_SAME, UNMAP, FLUSH, TUR, KINDS };

enum nexus_phase {
	CHAOS,
	SETTLE, /* no more faults: what is out ends */
	CALM,   /* some more commands, which must succeed */
	LAST,   /* flushes, before the power goes */
	VERIFY,
};

struct nexus_cmd {
	struct ini_task task;
	struct nexus_host *host;
	struct iovec iov[3];
	uint8_t data[DATA_MAX];
	bool busy, cancelled, limbo; /* limbo: it has failed, and may still be executed */
	enum nexus_kind kind;
	unsigned lun;
	uint64_t id, issued, lba, blocks;
};

struct nexus_host {
	struct nexus_world *world;
	unsigned index, depth;
	char name[64];
	uint8_t isid[ISCSI_ISID_LEN];
	struct reactor *reactor;
	struct ini_link *link; /* NULL: its process is dead */
	enum ini_state state;
	struct nexus_cmd cmds[DEPTH_MAX];
	struct ini_tmf tmf;
	bool tmf_busy;
	struct timer tick, restart;
	uint64_t left;
	uint64_t verify_next[LUNS];
	bool flushed[LUNS];
};

struct nexus_request {
	struct disk_request q;
	struct nexus_paths *host;
	uint8_t data[DATA_MAX];
	bool busy, limbo; /* limbo: its process has died */
	enum nexus_kind kind;
	unsigned disk;
	const struct device *device;
	uint64_t id, issued, lba, blocks;
};

struct nexus_path {
	struct nexus_paths *host;
	struct ini_link *link;
	struct dev_session *ds;
	enum ini_state state;
	unsigned logins;
	bool settled; /* its LUs were asked */
};

struct nexus_paths {
	struct nexus_world *world; /* NULL: there is no such host */
	unsigned depth;
	uint8_t isid[ISCSI_ISID_LEN];
	struct reactor *reactor;
	struct dev_set *set; /* NULL: its process is dead */
	bool died;           /* once */
	struct nexus_path path[PATHS];
	struct device *device[LUNS]; /* NULL: not seen yet */
	struct nexus_request requests[DEPTH_MAX];
	struct timer tick, restart;
	uint64_t left;
	uint64_t verify_next[LUNS];
	bool flushed[LUNS];
};

/* What a host sees that has an ACL of its own, and what one does that has none. */
enum nexus_map { MAP_OF_ACL, MAP_OF_GROUP, NEXUS_MAPS };

struct nexus_admin {
	struct target_group *group; /* NULL: there is no target */
	struct target_acl *acl;     /* of the host with paths */
	bool disabled, group_ends, acl_ends;
	int lun_of[NEXUS_MAPS][LUNS]; /* for the host with paths; -1: it does not see that disk */
	unsigned grown[LUNS], secret;
};

struct nexus_world {
	struct sim *sim;
	struct log log;
	struct model *model[LUNS];
	enum nexus_phase phase;
	uint64_t clock, next_id;
	bool verbose, sync_may_fail;
	struct sim_faults faults;
	struct nexus_result *result;

	struct reactor *reactor, *other; /* the target's */
	struct target *target;
	struct target_node *node;
	struct scsi_lu *lu[LUNS];
	struct config_limits limits;
	struct timer restart;
	bool up, closed, closing; /* the other portal */
	unsigned failed_starts;
	char serial[LUNS][64];
	struct nexus_admin admin;

	struct nexus_host hosts[HOSTS_MAX];
	unsigned host_count;
	struct nexus_paths paths;
};

extern const char *const nexus_disks[LUNS];

PRINTF(2, 3) void wrong(struct nexus_world *w, const char *fmt, ...);
void trace(struct nexus_world *w, uint64_t value);
void update_faults(struct nexus_world *w);

static inline uint64_t tick(struct nexus_world *w)
{
	return ++w->clock;
}

static inline uint64_t below(struct nexus_world *w, uint64_t n)
{
	return sim_rand(w->sim, n);
}

void target_start(struct nexus_world *w);
void target_die(struct nexus_world *w, bool power);
void target_forget(struct nexus_world *w);
/* The other portal is closed, or open again: who is there stays. False: it is still being closed. */
bool target_close_other(struct nexus_world *w, bool closed);

void nexus_admin_init(struct nexus_world *w);
/* Of a target that starts; -errno. */
int nexus_admin_open(struct nexus_world *w);
void nexus_admin_forget(struct nexus_world *w);
/* Changes something, or takes changes back. */
void nexus_admin_act(struct nexus_world *w);
/* True: everything is as it should be; else it is on its way. */
bool nexus_admin_rest(struct nexus_world *w);
/* Of the host with paths: for its next process, and for the target from now on. */
void nexus_new_secret(struct nexus_world *w);
void nexus_secret(const struct nexus_world *w, char *out, size_t size);
uint64_t nexus_disk_size(const struct nexus_world *w, unsigned disk);

/* What all initiators here want; the rest is the caller's. */
void nexus_ini_config(struct nexus_world *w, struct ini_config *c, unsigned depth);
void nexus_host_name(unsigned i, char *out, size_t size);
void host_init(struct nexus_world *w, unsigned i, uint64_t commands);
void host_crash(struct nexus_host *h, bool power);
void host_more(struct nexus_host *h);
void host_mischief(struct nexus_host *h);
/* Nothing of it is under way, and all it had to send was sent. */
bool host_finished(const struct nexus_host *h);
/* The target's power has gone: what is out may come again. */
void host_power_cut(struct nexus_host *h, uint64_t now);
void host_free(struct nexus_host *h);

void paths_init(struct nexus_world *w, uint64_t commands);
void paths_crash(struct nexus_paths *h, bool power);
void paths_more(struct nexus_paths *h);
bool paths_finished(const struct nexus_paths *h);
/* What its disks say of themselves is true. */
void paths_check(struct nexus_paths *h);
void paths_power_cut(struct nexus_paths *h, uint64_t now);
void paths_free(struct nexus_paths *h);

#endif
