/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process without rights asks the one that has them (attach/rights.h), on a SEQPACKET socket of its own. Each
 * order has a number, which its answer repeats; orders of several disks may be under way at a time.
 */
#ifndef LUNAR_INITIATORD_RIGHTS_LINK_H
#define LUNAR_INITIATORD_RIGHTS_LINK_H

#include "attach/rights.h"
#include "common/list.h"

/* --- the side that asks */

struct rights_link {
	struct rights rights;
	struct reactor *r;
	int end;
	uint32_t last;
	struct list asked;
};

/* Answers are read by a thread of their own. Without the other side the process ends. 0 or -errno. */
int rights_link_start(struct rights_link *l, struct reactor *r, int end);

/* --- the side that has them */

/*
 * Serves the other end by threads of its own, until that is closed: one that reads, and one for each order. Takes
 * over `end`. `h` outlives them. 0 or -errno.
 */
int rights_serve(struct rights_holder *h, int end, struct log *log);
/* Ends, by force and on a thread of its own, the device of a slot; where there is none, nothing happens. */
void rights_end_slot(struct rights_holder *h, uint32_t slot, struct log *log);

#endif
