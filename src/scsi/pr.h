/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations of a LU (SPC-4 5.12). What is registered and who holds what is one value,
 * struct pr_state. A PERSISTENT RESERVE OUT makes the next value out of the one that is (pr_out.c); where it is to
 * outlive a power loss, it is brought to stable storage first; then it takes the place of the old one and those
 * whom it concerns are told, in one step (pr.c).
 *
 *   pr_state.c   the value
 *   pr_record.c  the value as bytes that outlive us
 *   pr_out.c     the service actions: from the parameter list to the next value
 *   pr.c         what a nexus may do; one change after the other
 *   pr_in.c      PERSISTENT RESERVE IN
 *   conflict.c   which commands go through whose reservation
 *
 * On the thread of the LU.
 */
#ifndef LUNAR_SCSI_PR_H
#define LUNAR_SCSI_PR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/list.h"
#include "scsi/io.h"
#include "scsi/lu_store.h"
#include "scsi/transport_id.h"

#define PR_MOST 256 /* registrations of a LU: INSUFFICIENT REGISTRATION RESOURCES above */

/* SPC-4 table 35; 0 where nothing is reserved. */
enum pr_type {
	PR_NONE = 0,
	PR_WRITE_EXCLUSIVE = 1,
	PR_EXCLUSIVE_ACCESS = 3,
	PR_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	PR_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	PR_WRITE_EXCLUSIVE_ALL = 7,
	PR_EXCLUSIVE_ACCESS_ALL = 8,
};

/* An I_T nexus, by the names of its ports: whether it exists at the moment means nothing. */
struct pr_registrant {
	uint64_t key; /* not 0 */
	uint16_t rel_port;
	/* The initiator's may be a device's: then it stands for all of its ports. */
	char initiator[SCSI_PORT_NAME_SIZE], target[SCSI_PORT_NAME_SIZE];
};

struct pr_state {
	uint32_t generation; /* PRGENERATION */
	uint8_t type;        /* enum pr_type */
	bool aptpl;
	uint32_t
		holder; /* the registrant's place; of the types for all registrants it means nothing */
	uint32_t count, room;
	struct pr_registrant of[];
};

/* What a LU has of them. */
struct scsi_pr {
	struct pr_state *state; /* NULL: nothing was ever registered */
	/* The record is damaged: whether anything was reserved nobody knows, so nobody is let in until an
	 * initiator has reserved, preempted or cleared. */
	bool lost;
	bool stored;              /* the record says that there is something */
	struct pr_change *change; /* under way */
	struct list waiting;      /* scsi_io.wait: that come after it */
	bool again;               /* afterwards the record is to be looked at */
	bool going_on;            /* somebody goes through `waiting` */
};

static inline bool pr_registrants_only(uint8_t type)
{
	return type >= PR_WRITE_EXCLUSIVE_REGISTRANTS;
}

static inline bool pr_all_registrants(uint8_t type)
{
	return type >= PR_WRITE_EXCLUSIVE_ALL;
}

/* --- pr_state.c */

bool pr_type_valid(uint8_t type);
/* Of NULL, an empty one. NULL: no memory. */
struct pr_state *pr_copy(const struct pr_state *s);
/* The registrant's place, or -1. `any_isid`: the initiator's device counts, not its port. `s` may be NULL. */
int pr_find(const struct pr_state *s, const char *initiator, const char *target, bool any_isid);
/* May move *s. 0, -ENOSPC (PR_MOST), -ENOMEM. */
int pr_add(struct pr_state **s, const struct pr_registrant *r);
/* Without those that are marked; the holder is not among them, or nothing is reserved. */
void pr_drop(struct pr_state *s, const bool *gone);
/* The one at this place holds the reservation. */
static inline bool pr_holds(const struct pr_state *s, int at)
{
	return at >= 0 && s->type && (pr_all_registrants(s->type) || s->holder == (uint32_t)at);
}

/* --- pr_record.c */

/* Its bytes, written to `out` unless that is NULL. At most LU_STORE_MAX. `s` may be NULL. */
size_t pr_encode(const struct pr_state *s, bool lost, uint8_t *out);
/* -EBADMSG: it is damaged; -ENOMEM. */
int pr_decode(struct pr_state **out, bool *lost, const uint8_t *p, size_t len);

/* --- pr.c */

/* A change on its way: of the old value's registrants, by their places, what becomes of them. */
struct pr_change {
	struct scsi_io *io; /* NULL: the record follows, and nothing else changes */
	struct scsi_lu *lu;
	struct pr_state *next;
	bool finds; /* what was lost is known from here on */
	struct lu_put put;
	uint8_t *record;
	uint16_t ua[PR_MOST]; /* to be told to those of that nexus; 0: nothing */
	bool gone[PR_MOST];
	bool abort; /* the tasks of those that are gone */
};

/* What reservations leave to a nexus. */
enum pr_access {
	PR_ACCESS_ALL,
	PR_ACCESS_READ, /* what goes through a Write Exclusive reservation of another one */
	PR_ACCESS_NONE, /* what goes through an Exclusive Access one */
};

enum pr_access scsi_pr_access(const struct scsi_lu *lu, const struct scsi_nexus *nexus);
/* The place of the registration of a nexus, or -1. */
int scsi_pr_of(const struct scsi_lu *lu, const struct scsi_nexus *nexus);
/* RESERVE and RELEASE, while there are registrations: true, and the task has had its answer. */
bool scsi_pr_answers_reserve(struct scsi_io *io);
/* Takes the change over; ends the task. */
void scsi_pr_commit(struct pr_change *c);
void pr_change_free(struct pr_change *c);
void scsi_pr_init(struct scsi_lu *lu);
void scsi_pr_free(struct scsi_lu *lu);
/* The LU has a store: what is there. */
void scsi_pr_load(struct scsi_lu *lu);
/* The LU's options are others. Where reservations are not offered any more, nothing is registered, and nobody told. */
void scsi_pr_options(struct scsi_lu *lu);
/* PTPL_C, PTPL_A */
bool scsi_pr_can_persist(const struct scsi_lu *lu);
bool scsi_pr_persists(const struct scsi_lu *lu);

/* --- pr_in.c, pr_out.c */

bool scsi_lengths_pr_out(struct scsi_io *io);
bool scsi_lengths_pr_status(struct scsi_io *io);
void scsi_cmd_pr_out(struct scsi_io *io);
/* Its turn has come. */
void scsi_pr_out_run(struct scsi_io *io);
void scsi_cmd_pr_read_keys(struct scsi_io *io);
void scsi_cmd_pr_read_reservation(struct scsi_io *io);
void scsi_cmd_pr_capabilities(struct scsi_io *io);
void scsi_cmd_pr_full_status(struct scsi_io *io);

#endif
