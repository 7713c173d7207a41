/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs seeds. Without arguments, as in the test suite: LUNAR_SIM_SEEDS of them (1000), then each
 * planted bug until it is caught; one TAP line for each.
 *
 *   sim_test --seed N [-v] [--plant NAME]     one run, replayed exactly
 *   sim_test --seeds FROM-TO [--commands N]   many
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "plant.h"
#include "world.h"

#define COMMANDS    1000
#define FAULTS_MIN  5
#define PLANT_SEEDS 1000

struct totals {
	uint64_t seeds, failed, commands, faults, logins, crashes, power_cuts, virtual_s;
};

static uint64_t commands = COMMANDS;

static bool run(uint64_t seed, bool verbose, bool say, struct totals *t)
{
	struct world_result r;
	bool good = world_run(seed, commands, verbose, &r);
	plant_forget();
	if (good && plant == PLANT_NONE && (r.faults < FAULTS_MIN || r.commands < commands)) {
		snprintf(r.why, sizeof(r.why), "only %llu commands and %llu faults",
			 (unsigned long long)r.commands, (unsigned long long)r.faults);
		good = false;
	}
	t->seeds++;
	t->failed += !good;
	t->commands += r.commands;
	t->faults += r.faults;
	t->logins += r.logins;
	t->crashes += r.crashes;
	t->power_cuts += r.power_cuts;
	t->virtual_s += r.virtual_ns / 1000000000;
	if (say || (!good && plant == PLANT_NONE))
		printf("# seed %llu: %s (%llu commands, %llu faults, %llu logins, trace %016llx)\n",
		       (unsigned long long)seed, good ? "good" : r.why,
		       (unsigned long long)r.commands, (unsigned long long)r.faults,
		       (unsigned long long)r.logins, (unsigned long long)r.trace);
	fflush(stdout);
	return good;
}

/* A part of the seeds in a process of its own; its totals come back through a pipe. */
static int run_part(uint64_t from, uint64_t to, uint64_t step)
{
	int ends[2];
	if (pipe(ends))
		return -errno;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct totals t = {0};
		for (uint64_t seed = from; seed <= to; seed += step)
			run(seed, false, false, &t);
		if (write(ends[1], &t, sizeof(t)) != sizeof(t))
			_exit(2);
		_exit(0);
	}
	close(ends[1]);
	return pid < 0 ? -errno : ends[0];
}

static bool run_all(uint64_t from, uint64_t to, struct totals *sum)
{
	long jobs = sysconf(_SC_NPROCESSORS_ONLN);
	int fds[64], status;
	bool good = true;
	jobs = jobs < 1 ? 1 : jobs > 64 ? 64 : jobs;
	for (long i = 0; i < jobs; i++)
		fds[i] = run_part(from + (uint64_t)i, to, (uint64_t)jobs);
	for (long i = 0; i < jobs; i++) {
		struct totals t;
		if (fds[i] < 0 || read(fds[i], &t, sizeof(t)) != sizeof(t)) {
			good = false;
			continue;
		}
		close(fds[i]);
		for (size_t j = 0; j < sizeof(t) / sizeof(uint64_t); j++)
			((uint64_t *)sum)[j] += ((uint64_t *)&t)[j];
	}
	while (wait(&status) > 0)
		good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return good && !sum->failed && sum->seeds == to - from + 1;
}

static void report(const struct totals *t)
{
	printf("# %llu seeds, %llu commands, %llu faults, %llu logins, %llu crashes (%llu power "
	       "cuts), %llu virtual seconds\n",
	       (unsigned long long)t->seeds, (unsigned long long)t->commands,
	       (unsigned long long)t->faults, (unsigned long long)t->logins,
	       (unsigned long long)t->crashes, (unsigned long long)t->power_cuts,
	       (unsigned long long)t->virtual_s);
}

/* The same seed twice: the same answers at the same times. */
static bool replays(void)
{
	struct world_result a, b, c;
	world_run(12345, commands, false, &a);
	world_run(12345, commands, false, &b);
	world_run(12346, commands, false, &c);
	return a.trace == b.trace && a.virtual_ns == b.virtual_ns && a.trace != c.trace;
}

/* How many seeds it takes to notice the bug; 0: it is not noticed. */
static uint64_t catch (enum plant which)
{
	struct totals t = {0};
	uint64_t caught = 0;
	plant = which;
	for (uint64_t seed = 1; seed <= PLANT_SEEDS && !caught; seed++)
		if (!run(seed, false, false, &t))
			caught = seed;
	plant = PLANT_NONE;
	return caught;
}

static int test(void)
{
	const char *env = getenv("LUNAR_SIM_SEEDS");
	uint64_t seeds = env ? strtoull(env, NULL, 10) : 1000;
	struct totals t = {0};
	unsigned n = 0, failed = 0;

	printf("1..%d\n", 2 + PLANT_COUNT - 1);
	bool good = run_all(1, seeds, &t);
	failed += !good;
	report(&t);
	printf("%s %u - seeds_1_to_%llu\n", good ? "ok" : "not ok", ++n, (unsigned long long)seeds);
	good = replays();
	failed += !good;
	printf("%s %u - a_seed_replays_exactly\n", good ? "ok" : "not ok", ++n);
	for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
		uint64_t caught = catch ((enum plant)p);
		failed += !caught;
		printf("%s %u - planted_%s_is_caught\n", caught ? "ok" : "not ok", ++n,
		       plant_names[p]);
		printf("# %s: caught by seed %llu\n", plant_names[p], (unsigned long long)caught);
		fflush(stdout);
	}
	return failed ? 1 : 0;
}

static int set_plant(const char *name)
{
	for (int p = 0; p < PLANT_COUNT; p++)
		if (!strcmp(name, plant_names[p])) {
			plant = (enum plant)p;
			return 0;
		}
	fprintf(stderr, "no such plant: %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'S'},
		{"plant", required_argument, NULL, 'p'}, {"commands", required_argument, NULL, 'c'},
		{"verbose", no_argument, NULL, 'v'},     {0}};
	uint64_t from = 0, to = 0;
	bool verbose = false;
	int opt;
	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		char *end = NULL;
		switch (opt) {
		case 's': from = to = strtoull(optarg, NULL, 0); break;
		case 'S':
			from = to = strtoull(optarg, &end, 0);
			if (*end == '-')
				to = strtoull(end + 1, NULL, 0);
			break;
		case 'c': commands = strtoull(optarg, NULL, 0); break;
		case 'v': verbose = true; break;
		case 'p':
			if (set_plant(optarg))
				return 2;
			break;
		default: return 2;
		}
	}
	if (!to)
		return test();
	struct totals t = {0};
	if (from == to)
		return run(from, verbose, true, &t) ? 0 : 1;
	bool good = run_all(from, to, &t);
	report(&t);
	return good ? 0 : 1;
}
