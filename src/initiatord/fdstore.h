/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that outlive the daemon, by name: kept by the service manager (FDSTORE= of sd_notify(3)) where there is
 * one, else by a process of ours (fdholder.h).
 */
#ifndef LUNAR_INITIATORD_FDSTORE_H
#define LUNAR_INITIATORD_FDSTORE_H

#include "common/list.h"
#include "common/log.h"

struct fdstore {
	struct log *log;
	const char *dir;   /* where the holder is found */
	bool managed;      /* there is a service manager */
	int holder;        /* -1: not connected */
	struct list found; /* what was there, and nobody has taken yet */
	struct list put;   /* what is kept now, by its name */
};

/* Finds what a daemon before us has left. `dir` stays the caller's. Does not wait but for the holder, shortly. */
void fdstore_open(struct fdstore *s, const char *dir, struct log *log);
/* A copy is kept under this name, in the place of one that was; `fd` stays the caller's. 0, or -errno: it does not outlive
 * the daemon. */
int fdstore_put(struct fdstore *s, const char *name, int fd);
void fdstore_remove(struct fdstore *s, const char *name);
/* What was left under this name: the caller's, and still kept; -1: nothing was. */
int fdstore_take(struct fdstore *s, const char *name);
/* What nobody has taken is let go. */
void fdstore_drop_rest(struct fdstore *s);

#endif
