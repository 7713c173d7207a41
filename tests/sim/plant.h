/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs planted from outside: the linker puts these in place of functions of the product (--wrap), so
 * that the product has no switch for them. Each must be noticed by the model.
 */
#ifndef LUNAR_TESTS_SIM_PLANT_H
#define LUNAR_TESTS_SIM_PLANT_H

enum plant {
	PLANT_NONE,
	PLANT_FLUSH_DROPPED,      /* SYNCHRONIZE CACHE answers without asking the disk */
	PLANT_EARLY_ACK,          /* a write is answered while it is on its way to the disk */
	PLANT_FENCE_SKIPPED,      /* new I/O passes an aborted write that has not returned */
	PLANT_ANSWERED_TWICE,     /* now and then a SCSI Response is sent again */
	PLANT_GATE_LEFT_OPEN,     /* who needs a LU for himself does not wait for those who pass */
	PLANT_CACHE_LEFT_ON,      /* a write without FUA is not durable when there is no cache */
	PLANT_COMPARE_NOT_ATOMIC, /* COMPARE AND WRITE is not alone with its range */
	PLANT_COUNT,
};

extern enum plant plant;
extern const char *const plant_names[PLANT_COUNT];

/* After a world's end: frees what crashes have left, operations that nobody will ever complete. */
void plant_forget(void);

#endif
