/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated world: several nodes (reactors) in one thread, one virtual clock, one network, disks
 * that forget what was not flushed, all decided by one seed. The same seed and the same calls give
 * the same run, byte for byte. Nothing here depends on wall time, pointers or hash order.
 */
#ifndef LUNAR_REACTOR_SIM_H
#define LUNAR_REACTOR_SIM_H

#include "reactor/reactor.h"

struct sim;

/* How unkind the world is. All probabilities are per million operations; 0 is never. */
struct sim_faults {
	uint32_t net_delay_max_us; /* each segment is delayed by 0..this */
	uint32_t net_split;        /* a segment arrives in pieces (down to single bytes) */
	uint32_t net_cut;          /* the connection breaks: both sides see a reset */
	uint32_t net_late_max_us;  /* ... but one of them up to so much later than the other */
	uint32_t net_flip;         /* one bit of a segment is flipped */
	uint32_t disk_delay_max_us;
	uint32_t disk_slow; /* this operation takes disk_slow_max_us at most instead */
	uint32_t disk_slow_max_us;
	uint32_t disk_read_fail;  /* -EIO */
	uint32_t disk_write_fail; /* -EIO, and the sectors hold old, new or a mix of both */
	uint32_t disk_sync_fail;  /* -EIO, and what was to be flushed may be lost, as in Linux */
	uint32_t disk_short;      /* a read or write moves fewer bytes than asked */
	uint32_t disk_full;       /* -ENOSPC for a write or fallocate, nothing written */
};

struct sim_stats {
	uint64_t events;
	uint64_t delays, splits, cuts, flips, slow, shorts, failures, power_cuts;
};

/* What a disk was made to do wrong, by the operation that had to suffer it. */
struct sim_disk_failures {
	uint64_t reads, writes, syncs, full;
};

struct sim *sim_new(uint64_t seed, struct log *log);
void sim_free(struct sim *sim);
void sim_set_faults(struct sim *sim, const struct sim_faults *faults);
/* Random numbers of the world itself, for tests that draw from the same seed; 0..below-1. */
uint64_t sim_rand(struct sim *sim, uint64_t below);
uint64_t sim_now(const struct sim *sim);
const struct sim_stats *sim_stats(const struct sim *sim);

/* A node: a host with an address of its own (10.0.0.N and fd00::N by order of creation) and a
 * reactor. It listens and connects; every node reaches every other one. Freed by sim_free(). */
struct reactor *sim_node(struct sim *sim);
/* One more reactor for the process of a node: they share address, sockets and files, and take turns as the
 * seed chooses. It goes on with them, dies with them, and is freed by sim_free(). */
struct reactor *sim_node_thread(struct sim *sim, const struct reactor *node);
/* The address of a node, with this port. */
void sim_node_addr(struct sim *sim, const struct reactor *node, int family, uint16_t port,
		   struct net_addr *out);

/*
 * The node's process dies (kill -9): none of its operations complete, its sockets are reset, files
 * are closed, timers and deferred work forgotten; what the kernel had keeps. With `power` the page
 * cache goes too: of what was not durable, each sector is kept or lost at random, and disks of that
 * node hold exactly that. Afterwards the caller frees the dead process's memory, calling no engine
 * operation but close, cancel and timer_cancel, which do nothing, and starts anew on the same reactor.
 */
void sim_crash(struct sim *sim, struct reactor *node, bool power);

/* Files live in the world by path, shared by all nodes; this makes one of zeroes, durable. */
int sim_disk_create(struct sim *sim, const char *path, uint64_t size, uint32_t logical_block);
/* Somebody makes it larger or smaller. -ENOENT, -EINVAL. */
int sim_disk_resize(struct sim *sim, const char *path, uint64_t size);
/* What the medium holds now as seen by a reader after a power cut without further luck: durable
 * content only. For checks by the test itself. */
int sim_disk_peek(struct sim *sim, const char *path, uint64_t offset, void *buf, size_t len);
/* The disk stops answering (operations hang until it is set again), or is gone (-ENODEV / ENOENT). */
enum sim_disk_state { SIM_DISK_OK, SIM_DISK_HANGS, SIM_DISK_GONE };
void sim_disk_state(struct sim *sim, const char *path, enum sim_disk_state state);
const struct sim_disk_failures *sim_disk_failures(struct sim *sim, const char *path);
/* For how long the oldest operation in flight has been there; one that has ended within the last
 * ten seconds counts as if it were. */
uint64_t sim_disk_oldest(struct sim *sim, const char *path);
/* Is a write in flight whose data begins with this number, looking at the bits of `mask`? */
bool sim_disk_writing(struct sim *sim, const char *path, uint64_t number, uint64_t mask);

/*
 * Advances to the next event and runs it (a turn of each node that has something to do, in an order
 * the seed chooses). Returns false when nothing will ever happen again, or `until` was reached.
 */
bool sim_step(struct sim *sim, uint64_t until);
/* Steps until `until`. */
void sim_run(struct sim *sim, uint64_t until);

#endif
