/* SPDX-License-Identifier: BSD-2-Clause */
/* What passes between the daemon and a service manager in descriptors: sd_listen_fds(3), and FDSTORE= of sd_notify(3). */
#ifndef LUNAR_DAEMON_MANAGER_H
#define LUNAR_DAEMON_MANAGER_H

#include "daemon/daemon.h"

/*
 * What it passed: sockets that listen for portals, whatever they are called; one for the control socket, called
 * "control", or like its unit, or bound to that path; and what a daemon before this one gave it to keep. What else
 * there is is said in the log, and closed. 0 or -errno with `why`.
 */
int manager_take(struct inheritance *in, const char *control_path, struct log *log, char *why,
		 size_t why_size);
/* daemon.store: it keeps a copy for the time after us, if it is asked to (FileDescriptorStoreMax=). */
void manager_store(struct daemon *d, const char *name, int fd);

#endif
