/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that faces the network: sessions, devices, and what serves them. It has no rights, opens nothing, and
 * does what it is told (orders.h); what needs rights it asks its parent for (rights_link.h). One reactor; orders and
 * what the parent hands over come in on threads of their own, for descriptors come with them, and are posted to it.
 */
#ifndef LUNAR_INITIATORD_CHILD_H
#define LUNAR_INITIATORD_CHILD_H

#include "iscsi/names.h"
#include "sandbox/sandbox.h"

struct child_options {
	struct log *log;
	const char *engine; /* NULL: the first that there is */
	char initiator_name[ISCSI_NAME_SIZE], initiator_alias[256];
	struct sandbox_user user;
	bool sandbox;
	bool makes_rings; /* a disk by ublk needs one of its own */
	bool unknown_past; /* of the sessions of daemons before nothing is known: dev_set_has_unknown_past() */
};

/* From the fork to the end; `end`, for orders, and `rights` are our ends of sockets. The exit code. */
int child_run(const struct child_options *o, int end, int rights);

#endif
