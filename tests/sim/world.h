/* SPDX-License-Identifier: BSD-2-Clause */
/* One run: a target with two LUNs, two to four initiators, faults, and the model that watches. */
#ifndef LUNAR_TESTS_SIM_WORLD_H
#define LUNAR_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world_result {
	char why[512]; /* "": nothing was wrong */
	uint64_t commands, faults, logins, crashes, power_cuts;
	uint64_t virtual_ns;
	uint64_t trace; /* a hash of every answer and its time: the same seed gives the same one */
};

/* `commands`: how many at least. Returns true when nothing was wrong. */
bool world_run(uint64_t seed, uint64_t commands, bool verbose, struct world_result *result);

#endif
