/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load on a LU, by liblunar: so many sessions (jobs), each with so many commands under way, on threads of their own.
 * What a job does is in its own part of the disk, so that no two of them write the same block.
 *
 *   load.c     threads, and what all of them come to; job.c one session and its commands; place.c what is next,
 *   stamp.c    blocks that say who wrote them; latency.c
 */
#ifndef LUNAR_LOAD_LOAD_H
#define LUNAR_LOAD_LOAD_H

#include <stdbool.h>
#include "load/latency.h"
#include "lunar/scsi.h"

enum load_direction { LOAD_READ, LOAD_WRITE, LOAD_DIRECTIONS };

#define LOAD_JOBS_MAX   1000
#define LOAD_DEPTH_MAX  4000
#define LOAD_SIZE_MAX   (16u << 20) /* bytes of one command */
#define LOAD_MEMORY_MAX (UINT64_C(4) << 30)
#define LOAD_BLOCKS_MAX \
	(UINT64_C(1) << 27) /* that a run with `verify` keeps in mind, 4 bytes each */
#define LOAD_WHY 500

/* Bytes of a command: multiples of `min`. */
struct load_sizes {
	uint32_t min, max;
};

/* Texts are the caller's, for as long as the load lives. */
struct load_config {
	const char *url;           /* with a LUN */
	const char *user, *secret; /* NULL: as the URL has them */
	bool random;
	unsigned reads; /* of 100 commands; 100: nothing is written */
	struct load_sizes sizes[LOAD_DIRECTIONS];
	unsigned depth, jobs, threads; /* commands of a job; no more threads than jobs */
	uint64_t offset, size;         /* bytes, of all jobs; size 0: to the end of the disk */
	uint64_t runtime,
		ramp; /* ns; runtime 0: as many bytes as the part has; what is within `ramp` does not count */
	uint64_t rate_bytes, rate_ios; /* a second, of each job; 0: as fast as it goes */
	bool verify;
	uint64_t seed; /* of all that is random; 0: another one each time */
};

struct load_totals {
	uint64_t ios, bytes;
	struct latency latency;
};

struct load_result {
	struct load_totals of[LOAD_DIRECTIONS];
	uint64_t ns;            /* that were measured */
	double user, system;    /* seconds of processor time in them, ours */
	uint64_t verified;      /* blocks */
	uint64_t logins;        /* more than jobs: sessions were lost and came back */
	unsigned long switches; /* of context */
};

/* A look at one that runs: since its start. */
struct load_progress {
	uint64_t ns, ios[LOAD_DIRECTIONS], bytes[LOAD_DIRECTIONS];
	bool ramping, verifying;
};

struct load;

/*
 * Logs in once, asks what the disk is, and compares that with the configuration. 0 or -errno with a sentence, and in
 * *reason what lunar_why() says, when it is that of a session (else LUNAR_NO_REASON).
 */
int load_new(struct load **out, const struct load_config *config, char why[LOAD_WHY],
	     enum lunar_reason *reason);
/* Of one that does not run. NULL is fine. */
void load_free(struct load *l);
const struct lunar_disk *load_disk(const struct load *l);

/* Starts threads, which log in and begin. All signals are blocked in them. 0 or -errno with a sentence. */
int load_start(struct load *l, char why[LOAD_WHY]);
/* True: it has come to its end, and load_wait() does not wait. */
bool load_over(const struct load *l);
void load_look(const struct load *l, struct load_progress *out);
/* Nothing new is begun; what is under way ends. From any thread. */
void load_stop(struct load *l);
/* 0, or -errno with a sentence; what was measured until then is there either way. */
int load_wait(struct load *l, struct load_result *out, char why[LOAD_WHY],
	      enum lunar_reason *reason);

#endif
