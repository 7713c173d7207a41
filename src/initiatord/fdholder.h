/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that does nothing but hold descriptors, for a daemon that is killed and for the next one: where there is no
 * service manager that would (FDSTORE=1). Its name is lunar-holder. It has no file open but its socket, reads nothing but what the daemon
 * tells it, and ends when it holds nothing and nobody is connected.
 *
 * Whoever kills it aborts what it holds: that is how one gets rid of disks whose daemon will not come back.
 */
#ifndef LUNAR_INITIATORD_FDHOLDER_H
#define LUNAR_INITIATORD_FDHOLDER_H

#include <stdbool.h>
#include <stdint.h>

#define FDHOLDER_NAME 64

enum fdholder_kind {
	FDHOLDER_PUT,    /* a descriptor goes along; in the place of one of the same name */
	FDHOLDER_REMOVE, /* no fault if there is none */
	FDHOLDER_GET, /* number `index` of them: its name, and it; -ENOENT: there are not so many */
	FDHOLDER_KINDS,
};

/* Each is answered by one of the same form, in order. */
struct fdholder_message {
	uint32_t kind, index;
	int32_t err;
	char name[FDHOLDER_NAME];
};

/* The one of the directory `path`, or with `make` a new one. A socket, which is close-on-exec; -ENOENT: there is none;
 * -errno. */
int fdholder_connect(const char *path, bool make);
/* One message there and one back, which takes its place; `*file` goes along and stays the caller's, -1: none; what comes
 * back is the caller's. 0 or -errno. */
int fdholder_ask(int sock, struct fdholder_message *m, int *file);

#endif
