/* SPDX-License-Identifier: BSD-2-Clause */
/* Between load.c, which has threads, and job.c, which has what one session does. */
#ifndef LUNAR_LOAD_PRIV_H
#define LUNAR_LOAD_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include "common/cleanup.h"
#include "load/load.h"
#include "load/place.h"

struct job;
struct worker;

struct slot {
	struct job *job;
	struct lunar_task task;
	struct iovec iov;
	uint8_t *buf;
	uint64_t begun;
	struct place_pick pick;
	bool check; /* a block is read back */
};

struct job {
	struct worker *w;
	struct lunar_session *s;
	unsigned number, idle_count, busy;
	struct slot *slots, **idle;
	struct place place;
	uint64_t left;                 /* bytes, without a runtime */
	uint64_t next_bytes, next_ios; /* when the rates allow the next command */
	/* With `verify`, of each block: how often it was written. The highest bit: a command is under way there. */
	uint32_t *turns;
	uint64_t blocks, check_next;
};

/* A thread, its context, its sessions. Others read the atomics only, until it has ended. */
struct worker {
	struct load *load;
	struct lunar *l;
	struct job *jobs;
	unsigned count;
	pthread_t thread;
	bool started;
	uint64_t now, ended;
	struct load_result part;
	_Atomic uint64_t ios[LOAD_DIRECTIONS], bytes[LOAD_DIRECTIONS];
	int err;
	enum lunar_reason reason;
	char why[LOAD_WHY];
};

struct load {
	struct load_config config;
	struct lunar_disk disk;
	uint64_t lun, run;
	uint64_t begin, part; /* the first job's first byte; of each job */
	uint32_t block;       /* bytes that one stamp is for */
	uint32_t largest;     /* command, bytes */
	struct worker *workers;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	unsigned waiting; /* workers that have logged in */
	/* Set before any worker begins. */
	_Atomic uint64_t start, from, until;
	atomic_uint running;
	atomic_bool stop, verifying;
};

uint64_t load_now(void);
/* A session with all settings of the load, not started. *out is to be freed either way. */
int load_session(const struct load *l, struct lunar *context, struct lunar_session **out,
		 uint64_t *lun);
/* The first one counts; all stop. */
void worker_fail(struct worker *w, int err, enum lunar_reason reason, const char *fmt, ...)
	PRINTF(4, 5);

/* --- job.c */

int job_init(struct job *j, struct worker *w, unsigned number);
void job_free(struct job *j);
/* Begins what may begin. */
void job_fill(struct job *j);
/* Nothing more is begun but to read back. */
bool job_main_over(const struct job *j);
bool job_over(const struct job *j);
/* ns until a rate allows the next command; UINT64_MAX: no rate holds it. */
uint64_t job_wait(const struct job *j);

#endif
