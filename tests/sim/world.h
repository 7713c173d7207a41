/* SPDX-License-Identifier: BSD-2-Clause */
/* One run: a target with two LUNs, two to four initiators, faults, and the model that watches. */
#ifndef LUNAR_TESTS_SIM_WORLD_H
#define LUNAR_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_FAULTS_MIN 5 /* in every run, whatever its seed */

enum world_kind {
	READ,
	WRITE,
	WRITE_FUA,
	WRITE_LONG,
	WRITE_SAME,
	COMPARE,
	UNMAP,
	FLUSH,
	TUR,
	VERIFY,
	KINDS
};

enum world_fault {
	FAULT_NET_CUT,
	FAULT_NET_FLIP,
	FAULT_DISK_SLOW,
	FAULT_DISK_READ,
	FAULT_DISK_WRITE,
	FAULT_DISK_SYNC,
	FAULT_DISK_FULL,
	FAULT_DISK_HANG,
	FAULT_POWER_CUT,
	FAULT_CRASH,
	FAULTS,
};

extern const char *const world_kind_names[KINDS];
extern const char *const world_fault_names[FAULTS];

/* Numbers only: those of many runs are added up, field by field. */
struct world_counts {
	uint64_t commands, logins, virtual_ns;
	uint64_t fault[FAULTS];
	uint64_t answered[KINDS], good[KINDS];
	uint64_t tmf_complete, tmf_timed_out;
	uint64_t differed;         /* COMPARE AND WRITE: it was something else */
	uint64_t changes, renewed; /* of the configuration; LUs */
	uint64_t options,
		no_cache; /* changes of LUs' options; writes that were good without a cache */
};

struct world_result {
	char why[512];  /* "": nothing was wrong */
	uint64_t trace; /* a hash of every answer and its time: the same seed gives the same one */
	struct world_counts n;
};

/* `commands`: how many at least. Returns true when nothing was wrong. */
bool world_run(uint64_t seed, uint64_t commands, bool verbose, struct world_result *result);

uint64_t world_faults(const struct world_counts *n); /* all of them together */

#endif
