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
#include "common/cleanup.h"
#include "plant.h"
#include "world.h"

#define COMMANDS    1000
#define PLANT_SEEDS 1000
#define JOBS_MAX    64
/* So many seeds bring everything that may happen; fewer need not. */
#define SEEDS_FOR_ALL 200

struct totals {
	uint64_t seeds, failed;
	struct world_counts n;
};

static const char *program;
static uint64_t commands = COMMANDS;

static void add(void *sum, const void *part, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((uint64_t *)sum)[i] += ((const uint64_t *)part)[i];
}

static void say_result(uint64_t seed, const struct world_result *r, bool good)
{
	printf("# seed %llu: %s (%llu commands, %llu faults, %llu logins, trace %016llx)\n",
	       (unsigned long long)seed, good ? "good" : r->why, (unsigned long long)r->n.commands,
	       (unsigned long long)world_faults(&r->n), (unsigned long long)r->n.logins,
	       (unsigned long long)r->trace);
	if (good)
		return;
	printf("#   again: %s --seed %llu -v", program, (unsigned long long)seed);
	if (commands != COMMANDS)
		printf(" --commands %llu", (unsigned long long)commands);
	if (plant != PLANT_NONE)
		printf(" --plant %s", plant_names[plant]);
	printf("\n");
}

static bool run(uint64_t seed, bool verbose, bool say, struct totals *t)
{
	struct world_result r;
	bool good = world_run(seed, commands, verbose, &r);
	plant_forget();
	if (good && (world_faults(&r.n) < WORLD_FAULTS_MIN || r.n.commands < commands ||
		     !r.n.fault[FAULT_POWER_CUT])) {
		snprintf(r.why, sizeof(r.why), "only %llu commands, %llu faults, %llu power cuts",
			 (unsigned long long)r.n.commands, (unsigned long long)world_faults(&r.n),
			 (unsigned long long)r.n.fault[FAULT_POWER_CUT]);
		good = false;
	}
	t->seeds++;
	t->failed += !good;
	add(&t->n, &r.n, sizeof(r.n));
	if (say || (!good && plant == PLANT_NONE))
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
	int fds[JOBS_MAX], status;
	bool good = true;
	jobs = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
	for (long i = 0; i < jobs; i++)
		fds[i] = run_part(from + (uint64_t)i, to, (uint64_t)jobs);
	for (long i = 0; i < jobs; i++) {
		struct totals t;
		if (fds[i] < 0 || read(fds[i], &t, sizeof(t)) != sizeof(t)) {
			good = false;
			continue;
		}
		close(fds[i]);
		add(sum, &t, sizeof(t));
	}
	while (wait(&status) > 0)
		good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return good && !sum->failed && sum->seeds == to - from + 1;
}

/* --- what all of them together must have seen */

static bool enough(bool so, const char *what)
{
	if (!so)
		printf("# too few: %s\n", what);
	return so;
}

/* Faults make commands fail, a few. A kind that mostly fails is not tested. Where there is no cache all writes fail
 * once a flush has. */
static const unsigned good_percent[KINDS] = {
	[READ] = 90,  [WRITE] = 85, [WRITE_FUA] = 70, [WRITE_LONG] = 85, [WRITE_SAME] = 85,
	[UNMAP] = 85, [FLUSH] = 70, [TUR] = 90,       [VERIFY] = 70,     [COMPARE] = 30,
};

static bool saw_everything(const struct totals *t)
{
	bool good = true;
	if (t->seeds < SEEDS_FOR_ALL)
		return true;
	for (int i = 0; i < FAULTS; i++)
		good &= enough(t->n.fault[i], world_fault_names[i]);
	for (int i = 0; i < KINDS; i++)
		good &= enough(t->n.good[i] >= t->seeds &&
				       t->n.good[i] * 100 >= t->n.answered[i] * good_percent[i],
			       world_kind_names[i]);
	good &= enough(t->n.differed > t->seeds, "COMPARE AND WRITE that came too late");
	good &= enough(t->n.tmf_complete, "aborts that are complete");
	good &= enough(t->n.tmf_timed_out, "aborts that run out of time");
	good &= enough(t->n.changes > t->seeds, "changes of the configuration");
	good &= enough(t->n.renewed, "LUs made anew");
	good &= enough(t->n.options > t->seeds / 4, "changes of options");
	good &= enough(t->n.no_cache > t->seeds, "writes without a cache");
	return good;
}

static void report(const struct totals *t)
{
	printf("# %llu seeds, %llu failed, %llu commands, %llu faults, %llu logins, %llu virtual "
	       "seconds\n#",
	       (unsigned long long)t->seeds, (unsigned long long)t->failed,
	       (unsigned long long)t->n.commands, (unsigned long long)world_faults(&t->n),
	       (unsigned long long)t->n.logins, (unsigned long long)(t->n.virtual_ns / 1000000000));
	for (int i = 0; i < FAULTS; i++)
		printf(" %s %llu%s", world_fault_names[i], (unsigned long long)t->n.fault[i],
		       i + 1 < FAULTS ? "," : "\n#");
	for (int i = 0; i < KINDS; i++)
		printf(" %s %llu of %llu good%s", world_kind_names[i],
		       (unsigned long long)t->n.good[i], (unsigned long long)t->n.answered[i],
		       i + 1 < KINDS ? "," : "\n");
	printf("# task management: %llu complete, %llu out of time; %llu changes of the "
	       "configuration, %llu LUs made anew; %llu changes of options, %llu writes without a "
	       "cache\n",
	       (unsigned long long)t->n.tmf_complete, (unsigned long long)t->n.tmf_timed_out,
	       (unsigned long long)t->n.changes, (unsigned long long)t->n.renewed,
	       (unsigned long long)t->n.options, (unsigned long long)t->n.no_cache);
}

/* --- the test suite */

/* The same seed twice: the same answers at the same times. */
static bool replays(void)
{
	struct world_result a, b, c;
	world_run(12345, commands, false, &a);
	world_run(12345, commands, false, &b);
	world_run(12346, commands, false, &c);
	return a.trace == b.trace && a.n.virtual_ns == b.n.virtual_ns && a.trace != c.trace;
}

/* In a process of its own: a bug may well end it. */
static bool run_apart(uint64_t seed, bool say)
{
	struct totals t = {0};
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(run(seed, false, say, &t) ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return true;
	if (say && !WIFEXITED(status))
		printf("# seed %llu: ended by signal %d\n", (unsigned long long)seed,
		       WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* How many seeds it takes to notice the bug, by which the same seed passes when it is not planted;
 * 0: it is not noticed. */
static uint64_t catch (enum plant which)
{
	struct totals t = {0};
	uint64_t caught = 0;
	plant = which;
	for (uint64_t seed = 1; seed <= PLANT_SEEDS && !caught; seed++)
		if (!run_apart(seed, false))
			caught = seed;
	if (caught)
		run_apart(caught, true);
	plant = PLANT_NONE;
	return caught && run(caught, false, true, &t) ? caught : 0;
}

static void tap(bool good, unsigned *n, unsigned *failed, const char *name, uint64_t number)
{
	*failed += !good;
	printf("%s %u - ", good ? "ok" : "not ok", ++*n);
	printf(name, (unsigned long long)number);
	printf("\n");
	fflush(stdout);
}

static int test(uint64_t seeds)
{
	struct totals t = {0};
	unsigned n = 0, failed = 0;

	printf("1..%d\n", 3 + PLANT_COUNT - 1);
	bool good = run_all(1, seeds, &t);
	report(&t);
	tap(good, &n, &failed, "seeds_1_to_%llu", seeds);
	tap(saw_everything(&t), &n, &failed, "they_see_every_fault_and_every_answer", 0);
	tap(replays(), &n, &failed, "a_seed_replays_exactly", 0);
	for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
		char name[64];
		snprintf(name, sizeof(name), "planted_%s_is_caught", plant_names[p]);
		tap(catch ((enum plant)p), &n, &failed, name, 0);
	}
	return failed ? 1 : 0;
}

/* --- arguments */

static const char usage[] =
	"sim_test [--commands N] [--plant NAME] [-v] --seed N | --seeds FROM-TO\n"
	"LUNAR_SIM_SEEDS=N sim_test\n";

/* A number from 1 on, up to `*end`; with NULL it must be all of the text. 0: it is none. */
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
	for (int p = 0; p < PLANT_COUNT; p++)
		if (!strcmp(name, plant_names[p])) {
			plant = (enum plant)p;
			return true;
		}
	return false;
}

static int wrong_use(const char *what)
{
	fprintf(stderr, "sim_test: %s\n%s", what, usage);
	return 2;
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
	if (!good)
		return wrong_use(seeds ? "a number, a range or a name is not one"
				       : "LUNAR_SIM_SEEDS is not a number of seeds");
	if (optind < argc)
		return wrong_use("there are no further arguments");
	if (!to)
		return test(seeds);
	struct totals t = {0};
	if (from == to)
		return run(from, verbose, true, &t) ? 0 : 1;
	good = run_all(from, to, &t);
	report(&t);
	return good ? 0 : 1;
}
