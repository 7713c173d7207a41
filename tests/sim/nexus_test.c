/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs seeds of nexus.h. Without arguments, as in the test suite: LUNAR_SIM_SEEDS of them (1000), then each
 * planted bug until it is caught; one TAP line for each.
 *
 *   sim_initiator_test --seed N [-v] [--plant NAME]     one run, replayed exactly
 *   sim_initiator_test --seeds FROM-TO [--commands N]   many
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "nexus.h"

#define COMMANDS      800
#define PLANT_SEEDS   5000
#define JOBS_MAX      64
#define SEEDS_FOR_ALL 100 /* so many seeds bring everything that may happen */

const char *const nexus_count_names[N_COUNTS] = {
	[N_COMMANDS] = "commands",
	[N_GOOD] = "good",
	[N_FAILED] = "failed",
	[N_REISSUED] = "issued again",
	[N_LOGINS] = "logins",
	[N_CUTS] = "connections cut",
	[N_FLIPS] = "bits flipped",
	[N_DISK] = "failures of disks",
	[N_HANGS] = "hung disks",
	[N_CRASHES] = "crashes of the target",
	[N_POWER] = "power cuts",
	[N_HOST_CRASHES] = "crashes of initiators",
	[N_ABORTS] = "aborts",
	[N_RESETS] = "resets",
	[N_TIMEOUTS] = "commands whose time was up",
	[N_FAILOVERS] = "failovers",
	[N_PROOFS] = "resets as proof",
	[N_CLOSED] = "portals closed",
	[N_REMAPS] = "disks with another number",
	[N_GONE] = "devices gone",
	[N_RESIZES] = "disks made larger",
	[N_ACLS] = "ACLs deleted",
	[N_DISABLED] = "targets disabled",
};

struct totals {
	uint64_t seeds, failed, virtual_ns, n[N_COUNTS];
};

static const char *program;
static uint64_t commands = COMMANDS;

static void say_result(uint64_t seed, const struct nexus_result *r, bool good)
{
	printf("# seed %llu: %s (%llu commands, %llu logins, trace %016llx)\n",
	       (unsigned long long)seed, good ? "good" : r->why,
	       (unsigned long long)r->n[N_COMMANDS], (unsigned long long)r->n[N_LOGINS],
	       (unsigned long long)r->trace);
	if (good)
		return;
	printf("#   again: %s --seed %llu -v", program, (unsigned long long)seed);
	if (commands != COMMANDS)
		printf(" --commands %llu", (unsigned long long)commands);
	if (nexus_plant != NEXUS_NONE)
		printf(" --plant %s", nexus_plant_names[nexus_plant]);
	printf("\n");
}

static bool run(uint64_t seed, bool verbose, bool say, struct totals *t)
{
	struct nexus_result r;
	bool good = nexus_run(seed, commands, verbose, &r);
	t->seeds++;
	t->failed += !good;
	t->virtual_ns += r.virtual_ns;
	for (size_t i = 0; i < N_COUNTS; i++)
		t->n[i] += r.n[i];
	if (say || (!good && nexus_plant == NEXUS_NONE))
		say_result(seed, &r, good);
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
		for (uint64_t seed = from; seed <= to && seed >= from; seed += step)
			run(seed, false, false, &t);
		_exit(write(ends[1], &t, sizeof(t)) == sizeof(t) ? 0 : 2);
	}
	close(ends[1]);
	return pid < 0 ? -errno : ends[0];
}

static bool run_all(uint64_t from, uint64_t to, struct totals *sum)
{
	long jobs = sysconf(_SC_NPROCESSORS_ONLN);
	int fds[JOBS_MAX], status;
	bool good = true;
	jobs = MIN(MAX(jobs, 1), JOBS_MAX);
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

static bool saw_everything(const struct totals *t)
{
	bool good = true;
	if (t->seeds < SEEDS_FOR_ALL)
		return true;
	for (int i = 0; i < N_COUNTS; i++)
		if (!t->n[i]) {
			printf("# too few: %s\n", nexus_count_names[i]);
			good = false;
		}
	/* Faults make commands fail, a few. */
	return good && t->n[N_GOOD] * 100 > t->n[N_COMMANDS] * 85;
}

static void report(const struct totals *t)
{
	printf("# %llu seeds, %llu failed, %llu virtual seconds\n#", (unsigned long long)t->seeds,
	       (unsigned long long)t->failed, (unsigned long long)(t->virtual_ns / NSEC_PER_SEC));
	for (int i = 0; i < N_COUNTS; i++)
		printf(" %s %llu%s", nexus_count_names[i], (unsigned long long)t->n[i],
		       i + 1 < N_COUNTS ? "," : "\n");
}

/* --- the test suite */

static bool replays(void)
{
	struct nexus_result a, b, c;
	nexus_run(12345, commands, false, &a);
	nexus_run(12345, commands, false, &b);
	nexus_run(12346, commands, false, &c);
	return a.trace == b.trace && a.virtual_ns == b.virtual_ns && a.trace != c.trace;
}

/* The seed that notices the bug, and passes without it; 0: none does. */
static uint64_t catch (enum nexus_plant which)
{
	struct totals t = {0};
	uint64_t caught = 0;
	nexus_plant = which;
	for (uint64_t seed = 1; seed <= PLANT_SEEDS && !caught; seed++)
		if (!run(seed, false, false, &t))
			caught = seed;
	if (caught)
		run(caught, false, true, &t);
	nexus_plant = NEXUS_NONE;
	return caught && run(caught, false, true, &t) ? caught : 0;
}

static void tap(bool good, unsigned *n, unsigned *failed, const char *name)
{
	*failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++*n, name);
	fflush(stdout);
}

static int test(uint64_t seeds)
{
	struct totals t = {0};
	unsigned n = 0, failed = 0;
	char name[64];
	printf("1..%d\n", 3 + NEXUS_PLANTS - 1);
	bool good = run_all(1, seeds, &t);
	report(&t);
	snprintf(name, sizeof(name), "seeds_1_to_%llu", (unsigned long long)seeds);
	tap(good, &n, &failed, name);
	tap(saw_everything(&t), &n, &failed, "they_see_every_fault");
	tap(replays(), &n, &failed, "a_seed_replays_exactly");
	for (int p = NEXUS_NONE + 1; p < NEXUS_PLANTS; p++) {
		snprintf(name, sizeof(name), "planted_%s_is_caught", nexus_plant_names[p]);
		tap(catch ((enum nexus_plant)p), &n, &failed, name);
	}
	return failed ? 1 : 0;
}

/* --- arguments */

static uint64_t parse(const char *text, char **end)
{
	char *after;
	errno = 0;
	uint64_t n = *text >= '0' && *text <= '9' ? strtoull(text, &after, 10) : 0;
	if (!n || errno || (!end && *after))
		return 0;
	if (end)
		*end = after;
	return n;
}

static bool parse_range(const char *text, uint64_t *from, uint64_t *to)
{
	char *end;
	*from = *to = parse(text, &end);
	if (*from && *end == '-')
		*to = parse(end + 1, NULL);
	else if (*from && *end)
		return false;
	return *from && *to && *from <= *to;
}

static bool set_plant(const char *name)
{
	for (int p = 0; p < NEXUS_PLANTS; p++)
		if (!strcmp(name, nexus_plant_names[p])) {
			nexus_plant = (enum nexus_plant)p;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'S'},
		{"plant", required_argument, NULL, 'p'}, {"commands", required_argument, NULL, 'c'},
		{"verbose", no_argument, NULL, 'v'},     {0}};
	const char *env = getenv("LUNAR_SIM_SEEDS");
	uint64_t from = 0, to = 0, seeds = env ? parse(env, NULL) : 1000;
	bool verbose = false, good = seeds;
	int opt;
	program = argv[0];
	while (good && (opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		switch (opt) {
		case 's': good = (from = to = parse(optarg, NULL)); break;
		case 'S': good = parse_range(optarg, &from, &to); break;
		case 'c': good = (commands = parse(optarg, NULL)); break;
		case 'v': verbose = true; break;
		case 'p': good = set_plant(optarg); break;
		default: good = false;
		}
	}
	if (!good || optind < argc) {
		fprintf(stderr, "sim_initiator_test [--commands N] [--plant NAME] [-v] --seed N | "
				"--seeds FROM-TO\nLUNAR_SIM_SEEDS=N sim_initiator_test\n");
		return 2;
	}
	if (!to)
		return test(seeds);
	struct totals t = {0};
	if (from == to)
		return run(from, verbose, true, &t) ? 0 : 1;
	good = run_all(from, to, &t);
	report(&t);
	return good ? 0 : 1;
}
