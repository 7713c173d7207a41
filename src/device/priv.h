/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of a device share. */
#ifndef LUNAR_DEVICE_PRIV_H
#define LUNAR_DEVICE_PRIV_H

#include "device/device.h"
#include "device/probe.h"

#define DEV_ZEROES   (1u << 20) /* bytes of the set's zeroes */
#define DEV_PIECE    (4u << 20) /* bytes of one command, where the LU tells no limit */
#define DEV_TRIES    5          /* of a command that fails for what may pass */
#define DEV_EXTENTS  16         /* descriptors of one GET LBA STATUS */
#define DEV_PROBES   32         /* at a time, on one session */
#define DEV_LUNS_MAX 16384      /* of one session */

struct dev_set {
	struct reactor *reactor;
	const struct dev_set_ops *ops;
	void *ctx;
	struct list devices, sessions;
	bool unknown_past;
	uint8_t *zeroes;
};

struct dev_session {
	struct list link; /* set->sessions */
	struct dev_set *set;
	struct ini_session *ini;
	void *ctx;
	struct list paths; /* in the order in which they were found */
	bool up, past;     /* past: dev_session_has_past(), and not logged in since */
	uint64_t logins;   /* counts: what was under way before the last one is dead */
	uint64_t *luns;    /* the wanted ones, as ISCSI has them, in a number */
	size_t lun_count;

	/* A round: the list, then everybody is asked who they are; when those who are known were, the hold ends. */
	bool in_round, again;
	unsigned probing;
	struct timer retry; /* somebody did not answer, or is not there any more */
	uint64_t retry_at;  /* 0: it is not set */
	/* REPORT LUNS */
	struct ini_task list_task;
	struct iovec list_iov;
	uint8_t *list;
	size_t list_size;
	bool listing, released;
};

struct dev_path {
	struct list link;   /* ds->paths */
	struct list in_dev; /* device->paths, when `device` */
	struct dev_session *ds;
	struct device *device; /* NULL: not known yet, or not a disk */
	uint8_t lun[ISCSI_LUN_LEN];
	enum path_state state;
	enum lu_access access;
	bool preferred, asked, ask_access;
	uint16_t port_group;
	struct lu_probe *probe; /* while it is asked */
};

enum zero_way { ZERO_BY_UNMAP, ZERO_BY_SAME, ZERO_BY_WRITE };

struct device {
	struct list link; /* set->devices */
	struct dev_set *set;
	struct disk disk;
	struct reactor *queue;
	struct lu_facts facts;
	void *ctx;
	struct list paths;
	struct dev_path *used;

	struct list running; /* struct dev_io: with a session */
	struct list waiting; /* ... not: in the order in which they were asked for */
	uint64_t next_seq;

	uint64_t outage, outage_since; /* since: 0 while a path is up */
	bool failed;                   /* the outage is longer than that */
	bool past;                     /* commands of a process before this one may be under way */
	bool unknown_past;             /* likewise, and no login will end them */
	struct timer timer; /* of the outage, of what is tried again, of a reset that is due */
	uint64_t retry_at, reset_at;

	struct ini_tmf reset;
	bool resetting;
	uint64_t
		reset_before; /* what was lost before that number is dead when the reset is through */
	uint64_t losses;      /* counts */

	enum zero_way zero_way;
	struct device_stats stats;
};

/* One request; lies in disk_request.context. */
struct dev_io {
	struct list link;
	struct device *device;
	struct disk_request *q;
	struct dev_path *path; /* that it is on */
	uint64_t seq, begun, not_before;
	uint64_t moved; /* bytes that are done */
	uint32_t piece; /* bytes of the command under way */
	unsigned tries;
	bool flushing; /* the data are there, and are made durable */
	/* It may still be carried out, in the session that had so many logins: on whose `lost_in`. */
	bool unknown;
	struct dev_session *lost_in;
	uint64_t lost_login, lost_at;
	struct iovec iov;
	uint8_t params[8 + 16 * DEV_EXTENTS];
	struct ini_task task;
};

/* --- io.c */
extern const struct disk_ops device_disk_ops;
/* Hands out what waits, as far as it may go now. */
void device_kick(struct device *d);
/* True: what a process before this one has left may still be carried out. */
bool device_has_past(struct device *d);
/* Everything that waits ends with this. */
void device_end_waiting(struct device *d, int err);
/* No login of this session will prove anything any more. */
void device_forget_session(struct device *d, const struct dev_session *ds);
/* What was lost before that number will not be carried out. */
void device_proved_dead(struct device *d, uint64_t lost_before);

/* --- io_cdb.c: the command of an io's next piece; io->piece, task.cdb and data are set */
void dev_io_build(struct dev_io *io);
/* What a status that is not GOOD means. */
enum io_verdict {
	IO_DONE,
	IO_FAILED,    /* *err */
	IO_AGAIN,     /* at once, DEV_TRIES times */
	IO_LATER,     /* in a while */
	IO_PATH,      /* this path cannot do it: its access state is asked for */
	IO_LUN,       /* there is no such LUN any more */
	IO_OTHER_WAY, /* it does not know the command; there is another one */
};
enum io_verdict dev_io_judge(struct dev_io *io, int *err);

/* --- device.c */
struct device *device_new(struct dev_set *set, const struct lu_facts *facts);
void device_free(struct device *d);
/* What it was told anew. */
void device_take_facts(struct device *d, const struct lu_facts *facts);
bool device_is_same(const struct device *d, const struct lu_facts *facts);
void device_set_gone(struct device *d);
/* Tells the set's owner. */
void device_say_changed(struct device *d);
/* Chooses the path of now on; then device_kick(). */
void device_choose(struct device *d);
void device_arm(struct device *d);

/* --- session.c */
bool dev_set_has_past(const struct dev_set *set);
void dev_session_abandon(struct dev_session *ds);

/* --- path.c */
bool path_usable(const struct dev_path *p);
void path_free(struct dev_path *p);
/* Its device does not hear of it. */
void path_abandon(struct dev_path *p);
void path_set_state(struct dev_path *p, enum path_state state);
/* Its access state may be another one. */
void path_ask_access(struct dev_path *p);
struct dev_path *path_find(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN]);
struct dev_path *path_new(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN]);
/* Asks who it is. 0 or -errno. */
int path_ask(struct dev_path *p);

/* --- round.c */
void round_start(struct dev_session *ds);
void round_probe_done(struct dev_path *p, int err);

#endif
