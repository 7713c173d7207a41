/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated world: its clock, its queue of events, its nodes and their turns. */
#include "reactor/sim_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Virtual time begins here, for "0 is long ago"; the calendar begins with 2026. */
#define START       NSEC_PER_SEC
#define WALL_OFFSET (UINT64_C(1767225600) * NSEC_PER_SEC)
/* So many steps at one instant are a node that spins: from then on its work takes time. */
#define STILL_STEPS 64

/* --- random numbers */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void sim_rng_seed(struct sim_rng *rng, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(rng->s); i++)
		rng->s[i] = splitmix64(&seed);
}

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t sim_rng_next(struct sim_rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t out = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return out;
}

uint64_t sim_rng_below(struct sim_rng *rng, uint64_t below)
{
	/* The high half of the product: as even as 64 bits can be. */
	return (uint64_t)((unsigned __int128)sim_rng_next(rng) * below >> 64);
}

uint64_t sim_rand(struct sim *sim, uint64_t below)
{
	return sim_rng_below(&sim->rng, below);
}

bool sim_chance(struct sim *sim, uint32_t per_million)
{
	return per_million && sim_rand(sim, 1000000) < per_million;
}

uint64_t sim_delay(struct sim *sim, uint32_t max_us)
{
	return max_us ? sim_rand(sim, max_us * NSEC_PER_USEC + 1) : 0;
}

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p)
		abort();
	return p;
}

/* --- the queue of events: a binary heap */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->time != b->time ? a->time < b->time : a->seq < b->seq;
}

static void place(struct sim *sim, size_t i, struct sim_event *ev)
{
	sim->heap[i] = ev;
	ev->index = i;
}

/* Puts `ev` where it belongs, given that slot `i` is free. */
static void sift(struct sim *sim, size_t i, struct sim_event *ev)
{
	for (; i > 1 && before(ev, sim->heap[i / 2]); i /= 2)
		place(sim, i, sim->heap[i / 2]);
	for (;;) {
		size_t child = i * 2;
		if (child > sim->heap_len)
			break;
		if (child < sim->heap_len && before(sim->heap[child + 1], sim->heap[child]))
			child++;
		if (!before(sim->heap[child], ev))
			break;
		place(sim, i, sim->heap[child]);
		i = child;
	}
	place(sim, i, ev);
}

void sim_schedule(struct sim *sim, struct sim_event *ev, uint64_t delay)
{
	assert(!ev->index);
	if (sim->heap_len + 1 >= sim->heap_size) {
		sim->heap_size = sim->heap_size ? sim->heap_size * 2 : 256;
		sim->heap = realloc(sim->heap, sim->heap_size * sizeof(struct sim_event *));
		if (!sim->heap)
			abort();
	}
	ev->time = sim->now + delay;
	ev->seq = sim->event_seq++;
	sim->heap_len++;
	sift(sim, sim->heap_len, ev);
}

void sim_unschedule(struct sim *sim, struct sim_event *ev)
{
	size_t i = ev->index;
	if (!i)
		return;
	struct sim_event *last = sim->heap[sim->heap_len--];
	ev->index = 0;
	if (last != ev)
		sift(sim, i, last);
}

/* Everything that is due now. */
static void fire_due(struct sim *sim)
{
	while (sim->heap_len && sim->heap[1]->time <= sim->now) {
		struct sim_event *ev = sim->heap[1];
		sim_unschedule(sim, ev);
		sim->stats.events++;
		ev->fire(sim, ev);
	}
}

/* --- handles */

int sim_handle_new(struct sim_host *host, enum sim_handle_kind kind, void *ptr)
{
	size_t i = host->handle_free;
	while (i < host->handle_count && host->handles[i].kind != SIM_FREE)
		i++;
	if (i == host->handle_count) {
		size_t count = MAX(host->handle_count * 2, (size_t)16);
		struct sim_handle *handles = sim_alloc(count * sizeof(*handles));
		if (host->handle_count)
			memcpy(handles, host->handles, host->handle_count * sizeof(*handles));
		free(host->handles);
		host->handles = handles;
		host->handle_count = count;
	}
	host->handles[i] = (struct sim_handle){.kind = kind, .ptr = ptr};
	host->handle_free = i + 1;
	return host->handle_base + (int)i;
}

static struct sim_handle *slot_of(struct sim_host *host, int handle)
{
	if (handle < host->handle_base ||
	    (size_t)(handle - host->handle_base) >= host->handle_count)
		return NULL;
	return &host->handles[handle - host->handle_base];
}

void *sim_handle_get(struct sim_host *host, int handle, enum sim_handle_kind kind)
{
	struct sim_handle *slot = slot_of(host, handle);
	return slot && slot->kind == kind ? slot->ptr : NULL;
}

void *sim_handle_close(struct sim_host *host, int handle, enum sim_handle_kind kind)
{
	struct sim_handle *slot = slot_of(host, handle);
	if (!slot) /* the dead process closes what it thinks it has */
		return NULL;
	if (slot->kind != kind) {
		log_error(host->sim->log, "sim: node %u closes %d, which is not open as that",
			  host->number, handle);
		abort();
	}
	void *ptr = slot->ptr;
	*slot = (struct sim_handle){.kind = SIM_FREE};
	host->handle_free = MIN(host->handle_free, (size_t)(slot - host->handles));
	return ptr;
}

/* --- operations */

size_t sim_iov_total(const struct op *op)
{
	size_t total = 0;
	for (unsigned i = 0; i < op->iovcnt; i++)
		total += op->iov[i].iov_len;
	return total;
}

void sim_complete(struct op *op, int res)
{
	struct sim_thread *thread = (struct sim_thread *)(uintptr_t)op->priv[SIM_OP_THREAD];
	op->priv[SIM_OP_STATE] = SIM_OP_READY;
	op->priv[SIM_OP_RES] = (uint64_t)(int64_t)res;
	list_add_tail(&thread->ready, &op->link);
}

void sim_forget_op(struct op *op)
{
	op->priv[SIM_OP_STATE] = SIM_OP_IDLE;
	list_init(&op->link);
}

static bool is_net(enum op_kind kind)
{
	return kind == OP_ACCEPT || kind == OP_CONNECT || kind == OP_RECV || kind == OP_SEND;
}

static void submit(struct engine *e, struct op *op)
{
	op->priv[SIM_OP_PTR] = 0;
	op->priv[SIM_OP_STATE] = SIM_OP_WAITING;
	op->priv[SIM_OP_THREAD] = (uintptr_t)sim_thread_of(e);
	list_init(&op->link);
	if (op->kind == OP_POLL)
		sim_complete(op, -ENOSYS);
	else if (is_net(op->kind))
		sim_net_submit(sim_host_of(e), op);
	else
		sim_disk_submit(sim_host_of(e), op);
}

static void cancel(struct engine *e, struct op *op)
{
	if (op->priv[SIM_OP_STATE] != SIM_OP_WAITING)
		return;
	if (is_net(op->kind))
		sim_net_cancel(sim_host_of(e), op);
	else
		sim_disk_cancel(sim_host_of(e), op);
}

/* The clock is the world's: this delivers what is due and never waits. */
static int wait_ready(struct engine *e, uint64_t deadline)
{
	struct sim_thread *thread = sim_thread_of(e);
	int ran = 0;
	fire_due(thread->host->sim);
	list_splice_tail(&thread->batch, &thread->ready);
	while (!list_empty(&thread->batch)) {
		struct op *op = list_first(&thread->batch, struct op, link);
		list_del(&op->link);
		op->priv[SIM_OP_STATE] = SIM_OP_IDLE;
		op->done(op, (int)(int64_t)op->priv[SIM_OP_RES]);
		ran++;
	}
	return ran;
}

/* Mail makes its reactor runnable by being there. */
static void wake(struct engine *e)
{
}

/* --- the rest of the engine */

static uint64_t engine_now(struct engine *e)
{
	return sim_host_of(e)->sim->now;
}

static uint64_t engine_wall(struct engine *e)
{
	return sim_host_of(e)->sim->now + WALL_OFFSET;
}

static void engine_random(struct engine *e, void *buf, size_t len)
{
	struct sim_host *host = sim_host_of(e);
	for (uint8_t *p = buf; len;) {
		uint64_t value = sim_rng_next(&host->rng);
		size_t n = MIN(len, sizeof(value));
		memcpy(p, &value, n);
		p += n;
		len -= n;
	}
}

static int engine_signals(struct engine *e, const int *signals, size_t count)
{
	return -ENOSYS;
}

static void forget_ops(struct list *list)
{
	while (!list_empty(list)) {
		struct op *op = list_first(list, struct op, link);
		list_del(&op->link);
		sim_forget_op(op);
	}
}

/* Everything the process of this node had in the world. */
static void drop_process(struct sim_host *host, bool power)
{
	sim_disk_crash(host, power);
	sim_net_crash_connecting(host);
	for (size_t i = 0; i < host->handle_count; i++) {
		struct sim_handle *h = &host->handles[i];
		if (h->kind == SIM_FILE)
			sim_open_put(h->ptr);
		else if (h->kind != SIM_FREE)
			sim_net_crash_handle(host, h, power);
		*h = (struct sim_handle){.kind = SIM_FREE};
	}
	host->handle_base += (int)host->handle_count;
	free(host->handles);
	host->handles = NULL;
	host->handle_count = host->handle_free = 0;
	for (size_t i = 0; i < host->sim->thread_count; i++) {
		struct sim_thread *thread = host->sim->threads[i];
		if (thread->host != host)
			continue;
		forget_ops(&thread->ready);
		forget_ops(&thread->batch);
	}
}

/* With the reactor; the process with its first one. The host stays until the world ends, for its address. */
static void engine_free(struct engine *e)
{
	struct sim_thread *thread = sim_thread_of(e);
	thread->reactor = NULL;
	if (!thread->host->sim->ending && thread->host->first == thread)
		drop_process(thread->host, false);
}

static const struct engine_ops sim_engine = {
	.name = "simulation",
	.free = engine_free,
	.now = engine_now,
	.wall = engine_wall,
	.random = engine_random,
	.submit = submit,
	.cancel = cancel,
	.wait = wait_ready,
	.wake = wake,
	.resolve = sim_net_resolve,
	.listen = sim_net_listen,
	.local_addr = sim_net_local_addr,
	.send_now = sim_net_send_now,
	.shutdown = sim_net_shutdown,
	.close_socket = sim_net_close,
	.open = sim_file_open,
	.close_file = sim_file_close,
	.info = sim_file_info,
	.stat = sim_file_stat,
	.real_path = sim_file_real_path,
	.remove = sim_file_remove,
	.peek = sim_file_peek,
	.truncate = sim_file_truncate,
	.room = sim_file_room,
	.probe_holes = sim_file_probe_holes,
	.sync = sim_file_sync,
	.sync_name = sim_file_sync_name,
	.lock = sim_file_lock,
	.lock_byte = sim_file_lock_byte,
	.unlock = sim_file_unlock,
	.get_xattr = sim_file_get_xattr,
	.set_xattr = sim_file_set_xattr,
	.extent = sim_file_extent,
	.load = sim_file_load,
	.store = sim_file_store,
	.signals = engine_signals,
};

/* --- the world from outside */

struct sim *sim_new(uint64_t seed, struct log *log)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	if (!sim)
		return NULL;
	sim->seed = seed;
	sim->log = log;
	sim->now = START;
	sim_rng_seed(&sim->rng, seed);
	list_init(&sim->conns);
	list_init(&sim->files);
	return sim;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	sim->ending = true;
	for (size_t i = 0; i < sim->thread_count; i++)
		if (sim->threads[i]->reactor)
			reactor_free(sim->threads[i]->reactor);
	sim_net_free(sim);
	sim_file_free_all(sim);
	for (size_t i = 0; i < sim->host_count; i++) {
		free(sim->hosts[i]->handles);
		free(sim->hosts[i]);
	}
	for (size_t i = 0; i < sim->thread_count; i++)
		free(sim->threads[i]);
	free(sim->threads);
	free(sim->hosts);
	free(sim->turn_order);
	free(sim->heap);
	free(sim);
}

void sim_set_faults(struct sim *sim, const struct sim_faults *faults)
{
	sim->faults = *faults;
}

uint64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

const struct sim_stats *sim_stats(const struct sim *sim)
{
	return &sim->stats;
}

static struct sim_host *host_new(struct sim *sim)
{
	struct sim_host *host = sim_alloc(sizeof(*host));
	host->sim = sim;
	host->number = (uint16_t)(sim->host_count + 1);
	host->next_port = 49152;
	/* A stream of its own, so that a node's numbers do not depend on the world's luck. */
	sim_rng_seed(&host->rng, sim->seed ^ (uint64_t)host->number << 48);
	/* Handles begin at 3, as they would in a process. */
	host->handle_base = 3;
	list_init(&host->listeners);
	list_init(&host->connecting);
	list_init(&host->ios);
	return host;
}

/* Makes room for one more in an array that grows. */
static void *one_more(void *array, size_t count, size_t size)
{
	array = realloc(array, (count + 1) * size);
	if (!array)
		abort();
	return array;
}

static struct sim_thread *thread_new(struct sim_host *host)
{
	struct sim *sim = host->sim;
	struct sim_thread *thread = sim_alloc(sizeof(*thread));
	thread->engine = (struct engine){.ops = &sim_engine, .log = sim->log};
	thread->host = host;
	list_init(&thread->ready);
	list_init(&thread->batch);
	thread->reactor = reactor_new(&thread->engine, sim->log);
	if (!thread->reactor)
		abort();
	sim->threads = one_more(sim->threads, sim->thread_count, sizeof(struct sim_thread *));
	sim->turn_order = one_more(sim->turn_order, sim->thread_count, sizeof(size_t));
	sim->threads[sim->thread_count++] = thread;
	return thread;
}

struct reactor *sim_node(struct sim *sim)
{
	struct sim_host *host = host_new(sim);
	host->first = thread_new(host);
	sim->hosts = one_more(sim->hosts, sim->host_count, sizeof(struct sim_host *));
	sim->hosts[sim->host_count++] = host;
	return host->first->reactor;
}

static struct sim_host *host_of_reactor(const struct sim *sim, const struct reactor *r)
{
	for (size_t i = 0; i < sim->thread_count; i++)
		if (sim->threads[i]->reactor == r)
			return sim->threads[i]->host;
	abort();
}

struct reactor *sim_node_thread(struct sim *sim, const struct reactor *node)
{
	return thread_new(host_of_reactor(sim, node))->reactor;
}

void sim_node_addr(struct sim *sim, const struct reactor *node, int family, uint16_t port,
		   struct net_addr *out)
{
	sim_net_host_addr(host_of_reactor(sim, node), family, port, out);
}

void sim_crash(struct sim *sim, struct reactor *node, bool power)
{
	struct sim_host *host = host_of_reactor(sim, node);
	log_debug(sim->log, "sim: %" PRIu64 " node %u %s", sim->now, host->number,
		  power ? "loses power" : "is killed");
	sim->stats.power_cuts += power;
	drop_process(host, power);
	for (size_t i = 0; i < sim->thread_count; i++)
		if (sim->threads[i]->host == host && sim->threads[i]->reactor)
			reactor_forget(sim->threads[i]->reactor);
}

/* --- turns */

static bool runnable(const struct sim_thread *thread)
{
	return thread->reactor &&
	       (!list_empty(&thread->ready) ||
		reactor_next_deadline(thread->reactor) <= thread->host->sim->now);
}

/* One turn of each reactor that has something to do, in an order the seed chooses. */
static void run_nodes(struct sim *sim)
{
	size_t *order = sim->turn_order;
	size_t n = 0;
	for (size_t i = 0; i < sim->thread_count; i++)
		if (runnable(sim->threads[i]))
			order[n++] = i;
	while (n) {
		size_t pick = n > 1 ? (size_t)sim_rand(sim, n) : 0;
		struct sim_thread *thread = sim->threads[order[pick]];
		order[pick] = order[--n];
		int res = thread->reactor ? reactor_turn(thread->reactor, 0) : 0;
		if (res < 0)
			log_error(sim->log, "sim: node %u: %s", thread->host->number,
				  strerror(-res));
	}
}

/* The next time at which something happens; `now` or before when something waits already. */
static uint64_t next_time(const struct sim *sim)
{
	uint64_t next = sim->heap_len ? sim->heap[1]->time : REACTOR_NEVER;
	for (size_t i = 0; i < sim->thread_count; i++) {
		const struct sim_thread *thread = sim->threads[i];
		if (!thread->reactor)
			continue;
		if (!list_empty(&thread->ready))
			return sim->now;
		uint64_t deadline = reactor_next_deadline(thread->reactor);
		next = MIN(next, deadline);
	}
	return next;
}

bool sim_step(struct sim *sim, uint64_t until)
{
	uint64_t next = next_time(sim);
	if (next == REACTOR_NEVER || sim->now > until)
		return false;
	if (next > until) {
		sim->now = until;
		sim->still = 0;
		return false;
	}
	if (next > sim->now) {
		sim->now = next;
		sim->still = 0;
	} else if (++sim->still > STILL_STEPS) {
		sim->now += sim->still;
	}
	fire_due(sim);
	run_nodes(sim);
	return true;
}

void sim_run(struct sim *sim, uint64_t until)
{
	while (sim_step(sim, until))
		;
	if (until != REACTOR_NEVER)
		sim->now = MAX(sim->now, until);
}
