/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What io_uring's registered files, registered buffers and multishot receive would bring, without a target
 * around them: the CPU time of one operation, for each way to ask for it.
 *
 *   ring [seconds=0.2] [rounds=5] [WORKLOAD...], a part of its name
 *
 * Each measurement has a ring of its own, set up as the engine's is, but for its restrictions. The ways of a
 * workload take turns, and the median of the rounds counts. `batch` is how many operations, or what part of
 * one, there are to a completion of a socket or to a wait for a file. The other end of a socket is a thread on
 * another core, whose time stands apart; that of the kernel's threads which write a file is in the first
 * column. As root `chrt -f 1 build-bench/bench/ring` keeps other work out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "ring.h"

#define FEAT_RECVSEND_BUNDLE (1U << 14) /* Linux 6.10, liburing 2.6 */
#define ROUNDS_MAX           99u

static const unsigned receive_ways[] = {0, REG_FILE, MULTISHOT, MULTISHOT | REG_FILE};
static const unsigned data_ways[] = {
	COPY,
	COPY | REG_FILE,
	COPY | MULTISHOT,
	COPY | MULTISHOT | REG_FILE,
	COPY | MULTISHOT | BUNDLE,
	COPY | MULTISHOT | BUNDLE | REG_FILE,
	0,
};
static const unsigned send_ways[] = {
	0, REG_FILE, ZERO_COPY, ZERO_COPY | REG_FILE | REG_BUFFER, LITTLE, LITTLE | ZERO_COPY,
};
static const unsigned file_ways[] = {0, REG_FILE, REG_BUFFER, REG_FILE | REG_BUFFER};
static const unsigned read_ways[] = {0, REG_FILE, REG_BUFFER, REG_FILE | REG_BUFFER, NO_RING};
#define WAYS(list) list, sizeof(list) / sizeof(*(list))

static const struct workload workloads[] = {
	{"receive 48 qd1", run_receive, 0, 1, 0, 0, WAYS(receive_ways)},
	{"receive 48 qd32", run_receive, 0, 32, 0, 0, WAYS(receive_ways)},
	{"receive 48+4k qd1", run_receive, 4096, 1, 0, 0, WAYS(data_ways)},
	{"receive 48+4k qd32", run_receive, 4096, 32, 0, 0, WAYS(data_ways)},
	{"receive 48+64k qd8", run_receive, 65536, 8, 0, 0, WAYS(data_ways)},
	{"send 4k", run_send, 4096, 1, 0, 0, WAYS(send_ways)},
	{"send 64k", run_send, 64 << 10, 1, 0, 0, WAYS(send_ways)},
	{"send 1M", run_send, 1 << 20, 1, 0, 0, WAYS(send_ways)},
	{"read 4k qd32", run_file, 4096, 32, 0, 0, WAYS(read_ways)},
	{"write 4k qd32", run_file, 4096, 32, 1, 0, WAYS(file_ways)},
	{"read 128k qd32", run_file, 128 << 10, 32, 0, 0, WAYS(read_ways)},
	{"write 128k qd32", run_file, 128 << 10, 32, 1, 0, WAYS(file_ways)},
	{"direct read 4k qd32", run_file, 4096, 32, 0, 1, WAYS(file_ways)},
	{"direct write 4k qd32", run_file, 4096, 32, 1, 1, WAYS(file_ways)},
	{"direct read 128k qd32", run_file, 128 << 10, 32, 0, 1, WAYS(file_ways)},
	{"direct write 128k qd32", run_file, 128 << 10, 32, 1, 1, WAYS(file_ways)},
};

static const struct {
	unsigned way;
	const char *name;
} names[] = {
	{NO_RING, "preadv2, no ring"}, {MULTISHOT, "multishot"},     {BUNDLE, "bundles"},
	{ZERO_COPY, "zero copy"},      {REG_FILE, "reg. file"},      {REG_BUFFER, "reg. buffer"},
	{COPY, "copied on"},           {LITTLE, "little in flight"},
};

/* What the rounds of one way came to. */
struct row {
	double cpu_us[ROUNDS_MAX], other_us[ROUNDS_MAX]; /* of one operation */
	unsigned count;
	int refused; /* -errno */
	struct tally sum;
};

void run_start(struct run *r, clockid_t clock)
{
	uint64_t length = (uint64_t)(r->seconds * 1e9);
	r->clock = clock;
	r->begin = now_ns() + length / 5;
	r->end = r->begin + length;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool run_goes_on(struct run *r)
{
	uint64_t now = now_ns();
	if (!r->warm && now >= r->begin) {
		r->warm = true;
		r->before = r->done;
		r->cpu = cpu_ns(r->clock);
		r->other_cpu = r->has_other ? cpu_ns(r->other) : 0;
	}
	if (now < r->end)
		return true;
	r->cpu = cpu_ns(r->clock) - r->cpu;
	r->other_cpu = r->has_other ? cpu_ns(r->other) - r->other_cpu : 0;
	r->done.ops -= r->before.ops;
	r->done.completions -= r->before.completions;
	return false;
}

void pin_to(unsigned core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		sched_setaffinity(0, sizeof(set), &set);
}

int ring_open(struct io_uring *ring, const struct run *r, int fd)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = 4096};
	struct iovec all = {r->memory, MEMORY};
	int ret = io_uring_queue_init_params(1024, ring, &params);
	if (ret)
		return ret;
	io_uring_register_ring_fd(ring);
	if (r->way & BUNDLE && !(ring->features & FEAT_RECVSEND_BUNDLE))
		ret = -EOPNOTSUPP;
	if (ret == 0 && r->way & REG_FILE)
		ret = io_uring_register_files(ring, &fd, 1);
	if (ret == 0 && r->way & REG_BUFFER)
		ret = io_uring_register_buffers(ring, &all, 1);
	if (ret)
		io_uring_queue_exit(ring);
	return ret;
}

void ring_tag(struct io_uring_sqe *sqe, const struct run *r, uint64_t tag)
{
	sqe->user_data = tag;
	if (r->way & REG_FILE) {
		sqe->fd = 0;
		sqe->flags |= IOSQE_FIXED_FILE;
	}
}

static void measure(const struct run *what, struct row *row)
{
	struct run r = *what;
	int ret = r.w->run(&r);
	if (ret || !r.done.ops) {
		row->refused = ret ? ret : -EIO;
		return;
	}
	row->cpu_us[row->count] = (double)r.cpu / 1e3 / (double)r.done.ops;
	row->other_us[row->count++] = (double)r.other_cpu / 1e3 / (double)r.done.ops;
	row->sum.ops += r.done.ops;
	row->sum.completions += r.done.completions;
	row->sum.notified += r.done.notified;
	row->sum.copied += r.done.copied;
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void describe(const struct workload *w, unsigned way, char *out, size_t size)
{
	int n = snprintf(out, size, "%s", way & (NO_RING | MULTISHOT | ZERO_COPY) ? "" : "plain");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (way & names[i].way)
			n += snprintf(out + n, size - (size_t)n, "%s%s", n ? ", " : "",
				      names[i].name);
	if (w->run == run_receive && w->size && !(way & COPY))
		snprintf(out + n, size - (size_t)n, ", in place");
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(double), smaller);
	return values[count / 2];
}

static void show_way(const char *name, struct row *row, double plain)
{
	const struct tally *sum = &row->sum;
	double us = median(row->cpu_us, row->count), other = median(row->other_us, row->count);
	printf("  %-41s %8.2f us %6.2f %8.2f..%-8.2f %5.1f", name, us, plain > 0 ? us / plain : 1,
	       row->cpu_us[0], row->cpu_us[row->count - 1],
	       (double)sum->ops / (double)sum->completions);
	if (other > 0)
		printf(" %8.2f us", other);
	if (sum->notified)
		printf(" copied: %.0f %%", 100.0 * (double)sum->copied / (double)sum->notified);
	printf("\n");
}

static void show(const struct workload *w, struct row *rows)
{
	double plain = rows->refused ? 0 : median(rows->cpu_us, rows->count);
	printf("%s\n", w->name);
	for (unsigned i = 0; i < w->count; i++) {
		char name[80];
		describe(w, w->ways[i], name, sizeof(name));
		if (rows[i].refused)
			printf("  %-41s not here: %s\n", name, strerror(-rows[i].refused));
		else
			show_way(name, &rows[i], plain);
	}
}

/* In pieces of a page, for the reason that bench/run has. */
static int make_file(const char *path, const uint8_t *memory)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	for (size_t at = 0; fd >= 0 && at < FILE_SIZE; at += 4096)
		if (pwrite(fd, memory + at % MEMORY, 4096, (off_t)at) != 4096)
			return -1;
	return fd < 0 || fsync(fd) ? -1 : fd;
}

static bool wanted(const struct workload *w, char **argv)
{
	bool named = false;
	for (; *argv; argv++) {
		if (strchr(*argv, '='))
			continue;
		named = true;
		if (strstr(w->name, *argv))
			return true;
	}
	return !named;
}

static double option(char **argv, const char *name, double otherwise)
{
	size_t len = strlen(name);
	for (; *argv; argv++)
		if (!strncmp(*argv, name, len) && (*argv)[len] == '=')
			return atof(*argv + len + 1);
	return otherwise;
}

static void run_all(const struct run *what, unsigned rounds)
{
	struct row rows[WAYS_MAX];
	memset(rows, 0, sizeof(rows));
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < what->w->count; i++) {
			/* Nobody is always the first, or always behind the same one. */
			unsigned turn = (i + round) % what->w->count;
			struct run r = *what;
			r.way = what->w->ways[turn];
			measure(&r, &rows[turn]);
		}
	show(what->w, rows);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char path[64];
	bool ran = false;
	unsigned rounds = (unsigned)option(argv + 1, "rounds", 5);
	struct run r = {.seconds = option(argv + 1, "seconds", 0.2)};
	if (rounds < 1 || rounds > ROUNDS_MAX || r.seconds <= 0) {
		fprintf(stderr, "usage: ring [seconds=0.2] [rounds=5, to %u] [WORKLOAD...]\n",
			ROUNDS_MAX);
		return 2;
	}
	pin_to(0);
	if (posix_memalign((void **)&r.memory, 4096, MEMORY))
		return 1;
	memset(r.memory, 0x5a, MEMORY);
	snprintf(path, sizeof(path), "/var/tmp/lunar-ring.%d", (int)getpid());
	int file = make_file(path, r.memory), direct = open(path, O_RDWR | O_DIRECT);
	unlink(path);
	if (file < 0) {
		perror(path);
		return 1;
	}
	printf("%-43s %11s %6s %18s %5s %11s\n", "", "CPU/op", "/plain", "in all rounds", "batch",
	       "other end");
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		r.w = &workloads[i];
		r.file = r.w->direct ? direct : file;
		if (!wanted(r.w, argv + 1))
			continue;
		run_all(&r, rounds);
		ran = true;
	}
	if (!ran)
		fprintf(stderr,
			"ring: no workload has that in its name; without one, all are run\n");
	return ran ? 0 : 2;
}
