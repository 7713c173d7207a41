/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process of lunar-targetd that has the rights: it holds the configuration tree, serves the control socket,
 * opens, creates and locks what is configured, and tells the other process (child.h), which faces the network,
 * what to do (orders.h). One thread.
 *
 *   control socket -> admin -> transaction -> runtime: disks, listeners -> courier -> the other process
 *
 * When that one ends by itself, another one is started and told everything again.
 */
#ifndef LUNAR_DAEMON_DAEMON_H
#define LUNAR_DAEMON_DAEMON_H

#include "config/edit.h"
#include "control/server.h"
#include "daemon/child.h"
#include "daemon/courier.h"
#include "daemon/handover.h"
#include "daemon/inherit.h"
#include "daemon/opener.h"
#include "service/keeper.h"

#define DAEMON_WHY 1024

struct daemon_options {
	const char *state_dir;   /* identities of disks */
	const char *config_file; /* the saved configuration */
	const char *socket;
	gid_t group;  /* may use the socket; (gid_t)-1: none */
	size_t files; /* descriptors that a process may have */
	struct child_options child;
};

struct daemon {
	struct courier courier;
	struct daemon_options o;
	struct log *log;
	struct reactor *r;
	struct config_tree *tree;
	struct control_server *control;

	pid_t child;
	bool ready; /* it takes orders */
	struct restarts restarts;
	struct bring_up *bringing_up;     /* NULL: everything was told */
	void (*up)(struct daemon *d);     /* called then, once; may be NULL */
	void (*reload)(struct daemon *d); /* SIGHUP */

	struct disk **disks; /* by number; NULL: none */
	size_t disk_count;
	size_t disk_free; /* below it every number is taken */
	struct spawn_seat seat;
	struct openers openers;
	struct list openings; /* disks.c */
	struct inheritance inherited;
	struct handover handover;
	/* Somebody is to have a copy of the descriptor, who gives it to our successor (LISTEN_FDS); -1: not any
	 * more. `name` for that. */
	void (*store)(struct daemon *d, const char *name, int fd);
	struct timer retry; /* looks for what is pending */
	unsigned retries;   /* so far, as long as that is few */
	struct list listeners;

	struct signals signals;
	unsigned told; /* to end, so many times */
	bool ending;
	int result;
};

/* --- daemon.c */
/* With options, log, reactor and tree, which stay the caller's: starts the other process, which is told the tree
 * when it is ready. 0 or -errno. */
int daemon_start(struct daemon *d);
/* To the exit code. */
int daemon_run(struct daemon *d);
/* The process that faces the network has ended, in order: another one. When that fails the daemon ends. */
void daemon_start_again(struct daemon *d);
/* Ends in order, or with the second call at once. */
void daemon_end(struct daemon *d);

/* --- disks.c: what the tree calls backstores. Nothing here waits for a disk or a file system. */
struct disk {
	uint32_t number; /* of its LU */
	struct config_node *node;
	struct backstore
		*bs; /* its handle stays open here: a new process is given it, and its locks hold */
	uint8_t id[16];
	bool keeps; /* what is to outlive its LU can be found again, and nobody else writes there */
	struct reopening *reopening;
	struct store_making *making;
};
/* The disk, or -errno with `why`; -EINPROGRESS: it does not answer. */
typedef void disk_opened(void *ctx, struct disk *disk, int err, const char *why);
/*
 * Opens what the node says. With `make` a file that is missing is made, and what does not answer is given up;
 * without, it goes on being opened, and the next call for this node has what came of it. `done` once, maybe from
 * inside.
 */
void disk_open_node(struct daemon *d, struct config_node *node, bool make, disk_opened *done,
		    void *ctx);
/* The node goes: what is being opened for it is not wanted. */
void disk_forget_opening(struct daemon *d, struct config_node *node);
/* Its file was just made, and is to have all its room at once. */
bool disk_wants_room(const struct disk *disk);
/* It is deleted: no successor is to have what is in it. Before disk_close(). */
void disk_forget(struct daemon *d, struct disk *disk);
/* The same of one that is pending. */
void disk_forget_node(const struct daemon *d, const struct config_node *node);
/* Its LU has gone, or never was. */
void disk_close(struct daemon *d, struct disk *disk);
/* The order that makes it a LU, and its descriptor, which stays the disk's. 0 or -errno with `why`. */
int disk_order(struct daemon *d, const struct disk *disk, struct order *order, int *file, char *why,
	       size_t why_size);
/* Makes the file larger or smaller, which whoever asked for it has been asked about; of a device the size is as
 * it is. `done` once, later: 0 or -errno with `why`. */
typedef void disk_resized(void *ctx, int err, const char *why);
void disk_resize(struct daemon *d, struct disk *disk, uint64_t size, disk_resized *done, void *ctx);
/* What a path can become. `done` once, later. 0; -ENOMEM: not begun. */
typedef void disk_looked(void *ctx, enum config_kind found, int err, const char *why);
int disk_look(struct daemon *d, const char *path, disk_looked *done, void *ctx);
/* What tells a ramdisk from others, and whose contents are whose. */
const char *disk_wwn(const struct disk *disk);
/* The other process has its descriptor. Where descriptors are few it alone has it. */
void disk_handed_over(const struct daemon *d, const struct disk *disk);
/* Whether there is something that another process can be given. */
bool disk_is_at_hand(const struct disk *disk);
/* The other process asks for the device of this LU. */
void disk_reopen(struct daemon *d, uint32_t number);

/* --- stores.c: what outlives LUs, in the state directory, a file for each (scsi/lu_store.h) */
/* `*file`: this disk's; -1: there never was anything. 0 or -errno with `why`. */
int store_open(const struct daemon *d, const struct disk *disk, int *file, char *why,
	       size_t why_size);
/* The other process asks for it. */
void store_make(struct daemon *d, uint32_t number);
/* That LU is deleted. */
void store_remove(const struct daemon *d, const uint8_t id[16]);

/* --- pending.c: what is not there yet */
/* Whether it may come by itself: then it is waited for, when a configuration is loaded. */
bool pending_may_come(const struct config_node *node, int err);
/* Looks for it from now on. */
void pending_wait(struct daemon *d);
/* Looks for it at once: something has come. */
void pending_look(struct daemon *d);

/* --- listeners.c: addresses that groups of several targets may share */
/* One more portal is there. `*file`: a socket that the other process needs (the caller closes it), or -1. */
int listener_add(struct daemon *d, const struct net_addr *addr, int *file, char *why,
		 size_t why_size);
/* One less. True: it was the last, and the other process is to let go. */
bool listener_remove(struct daemon *d, const struct net_addr *addr);
/* The other process is a new one: it is given them again as portals are brought up. */
void listeners_forget(struct daemon *d);
void listeners_close(struct daemon *d);
/* One after the other, from NULL to NULL. */
struct listener;
const struct listener *listeners_next(const struct daemon *d, const struct listener *after);
int listener_socket(const struct listener *l);

/* --- runtime.c: what a change of the tree means to the other process */
extern const struct config_runtime daemon_runtime;
typedef void runtime_done(void *ctx, int err, const char *why);
enum runtime_how {
	RUNTIME_NEW,   /* it is made: a file that is missing, too */
	RUNTIME_AGAIN, /* it was there before: a file that is missing is not made in its place */
	RUNTIME_REMOVE,
};
/* `done` comes once, maybe from inside. */
void runtime_object(struct daemon *d, struct config_node *node, enum runtime_how how,
		    runtime_done *done, void *ctx);
/* What a row of it was set to; or, where `instead` is not NULL, that instead of what the tree says. */
void runtime_value(struct daemon *d, struct config_node *node, const struct config_attr *attr,
		   const char *instead, runtime_done *done, void *ctx);
/* The disk of a backstore has come: its LUNs. */
void runtime_disk_came(struct daemon *d, struct config_node *backstore);

/* --- bring_up.c: all of the tree, to a process that knows nothing */
void bring_up_start(struct daemon *d);
/* The process has gone: what is under way comes back and does nothing. */
void bring_up_stop(struct daemon *d);

#endif
