/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks a LU what it is, command by command, past a session that is held (INI_AHEAD). A LU that does not know a
 * page or a command is asked on without it; what it must answer is INQUIRY, and, of a disk, its capacity.
 */
#ifndef LUNAR_DEVICE_PROBE_H
#define LUNAR_DEVICE_PROBE_H

#include "device/facts.h"
#include "initiator/session.h"
#include "reactor/reactor.h"

enum lu_ask {
	LU_ASK_WHO = 1,      /* identity */
	LU_ASK_CAPACITY = 2, /* size and provisioning */
	LU_ASK_MODE = 4,     /* write protection and cache */
	LU_ASK_LIMITS = 8,   /* VPD B0h to B2h */
	LU_ASK_ACCESS = 16,  /* target port groups; who it is must be known */
	LU_ASK_ALL = 31,
};

#define LU_REPLY_SIZE 4096

struct lu_probe {
	struct lu_facts facts; /* valid at done with 0 */
	/*
	 * Once, never from inside lu_probe_start(). 0; -ENXIO: there is no such LUN; -ENODEV: it is something, and no
	 * disk; -EIO: it does not say what it must; -EAGAIN: it is not ready; or what ended the command (task.h).
	 */
	void (*done)(struct lu_probe *p, int err);
	void *ctx;

	/* private */
	struct ini_session *session;
	struct reactor *reactor;
	unsigned ask, step;
	uint64_t deadline;
	struct ini_task task;
	struct iovec iov;
	uint8_t reply[LU_REPLY_SIZE];
};

/*
 * `facts` begin as they are: those that are not asked for stay. All of it takes `patience` ns at most. 0, or
 * what ini_submit() says; then `done` does not run.
 */
int lu_probe_start(struct lu_probe *p, struct ini_session *session, struct reactor *reactor,
		   const uint8_t lun[ISCSI_LUN_LEN], unsigned ask, uint64_t patience);
/* It has asked nothing yet of who it is. */
bool lu_probe_begins(const struct lu_probe *p);

#endif
