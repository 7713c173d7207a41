/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remote disks. A device is one LU with one path or more, each through a session of its own; a LU is known by its
 * identity (VPD page 83h) and never by its number. To those who serve it, it is a `struct disk`.
 *
 * Before any I/O goes on after a login, and whenever a target says that its LUNs have changed, each LUN is asked
 * again who it is. Another one than before: the path is no path any more; a device that has lost all paths so is
 * gone for good, and what is there now is a new device. What was under way meanwhile and is answered before that
 * is known is not taken for done: it goes out again, or fails with the device.
 *
 * One path of a device is used at a time, the best by its access state (ALUA) among those that are up. What was
 * under way on a path that is lost is sent again on another one, or on the same when it is back. A write whose end
 * nobody has told may still be carried out by the target; it, and only it, waits until it cannot be any more:
 * its session was reinstated (RFC 7143 6.3.5), or, when that takes longer than DEVICE_PROOF_WAIT and there is
 * another path, that path has reset the LU (SAM-5 7.7).
 *
 * All calls on the reactor's thread.
 */
#ifndef LUNAR_DEVICE_DEVICE_H
#define LUNAR_DEVICE_DEVICE_H

#include "attach/disk.h"
#include "device/facts.h"
#include "initiator/session.h"
#include "reactor/reactor.h"
#include "scsi/latency.h"

#define DEVICE_PROOF_WAIT (5 * NSEC_PER_SEC)
#define DEVICE_PATIENCE   (10 * NSEC_PER_SEC) /* for a LU that is asked who it is */

struct dev_set;
struct dev_session;
struct device;

enum path_state {
	PATH_ASKING, /* who it is is not known yet */
	PATH_UP,
	PATH_DOWN,    /* the session is, or the LU did not answer when it was asked */
	PATH_MISSING, /* the target says that there is no such LUN (any more) */
	PATH_OTHER,   /* it is another LU now */
};
const char *path_state_word(enum path_state state);
const char *lu_access_word(enum lu_access access);

struct dev_set_ops {
	/* A device that was not there before. */
	void (*appeared)(void *ctx, struct device *d);
	/* Its paths, or their states, are others; `gone` when it will not come back. */
	void (*changed)(void *ctx, struct device *d);
	/* All LUNs of a session were asked, after a login or a change. What could not be asked is asked again later. */
	void (*settled)(void *ctx, struct dev_session *ds);
};

/* `ops` and `ctx` live as long as the set. 0 or -ENOMEM. */
int dev_set_new(struct dev_set **out, struct reactor *r, const struct dev_set_ops *ops, void *ctx);
/*
 * Others before this process have used LUs of the set, by sessions that nobody knows any more, and may have left
 * commands under way: I/O of each device waits at first until it has reset its LU (SAM-5 7.7), which is asked for when
 * there is any. A target that has no such function is believed. Before there are sessions.
 */
void dev_set_has_unknown_past(struct dev_set *set);
/* All sessions were removed, all disks are served no more. */
void dev_set_free(struct dev_set *set);
/* With all its sessions, devices and requests, none of which is told: the reactor's operations are dead, or the
 * reactor is about to be freed. Before ini_link_abandon() of its sessions. NULL is fine. */
void dev_set_abandon(struct dev_set *set);

/* ================================ sessions ================================ */

/*
 * A session's LUs become devices or paths of devices; it was made with `hold`, and with outage 0, for waiting is
 * the device's. With `luns` only these are asked, else all that the target lists.
 */
int dev_session_new(struct dev_session **out, struct dev_set *set, struct ini_session *session,
		    const uint64_t *luns, size_t count, void *ctx);
void *dev_session_ctx(const struct dev_session *ds);
struct ini_session *dev_session_ini(const struct dev_session *ds);
/*
 * A process before this one has used the session's name and ISID, and may have left commands under way: until the
 * first login, which ends them (RFC 7143 6.3.5), I/O of all devices of the set that come up waits, for nobody knows
 * whose LU they are for; after DEVICE_PROOF_WAIT it goes on behind a LU reset. Before the session is started.
 */
void dev_session_has_past(struct dev_session *ds);
/* The session's owner hands on what ini_ops told it. */
void dev_session_state(struct dev_session *ds, enum ini_state state);
void dev_session_event(struct dev_session *ds, const struct ini_event *event);
/* Asks all LUNs again, and for new ones. Nothing happens while the session is down. */
void dev_session_rescan(struct dev_session *ds);
/* The session has ended, and its tasks with it. Its paths go; devices that have no other wait as in an outage. */
void dev_session_free(struct dev_session *ds);

/* ================================ devices ================================ */

/* The disk lives until device_forget(), after which nobody may use it; its requests are done by then. */
struct disk *device_disk(struct device *d);
const struct lu_facts *device_facts(const struct device *d);
bool device_is_gone(const struct device *d);
/* Whoever found the device first may keep something there. */
void device_set_ctx(struct device *d, void *ctx);
void *device_ctx(const struct device *d);
/* How long requests wait while no path is up: ns; INI_NEVER (as it is at first): for ever; 0: not at all. */
void device_set_outage(struct device *d, uint64_t outage);
/* What waits fails with -ENODEV, and so does everything from now on. */
void device_fail(struct device *d);
/* It has no paths, or is gone. */
void device_forget(struct device *d);

/* By its identity; NULL: there is none. */
struct device *dev_set_find(struct dev_set *set, const char *id);
/* What this session shows under that LUN now; NULL: nothing, or it is not known yet. */
struct device *dev_session_device(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN]);
/* All of them: the first with NULL. */
struct device *dev_set_next(struct dev_set *set, struct device *after);

struct dev_path_view {
	struct dev_session *session;
	uint8_t lun[ISCSI_LUN_LEN];
	enum path_state state;
	enum lu_access access;
	uint16_t port_group;
	bool used; /* by the I/O of now */
};
/* The i-th path; false: there are not so many. */
bool device_path(const struct device *d, size_t i, struct dev_path_view *out);

struct device_stats {
	uint64_t reads, writes, read_bytes, write_bytes;
	uint64_t failovers, resends, errors, resets;
	unsigned in_flight, waiting;
	/* Times without a path that could be used, once there was one: how many, ns in all, and ns of the one that is
	 * not over yet. */
	uint64_t outages, outage_time, outage_now;
	struct scsi_latency latency; /* of reads and writes that were done, outages and all */
};
void device_get_stats(const struct device *d, struct device_stats *out);

#endif
