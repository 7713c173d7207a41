/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include "cli/commands.h"
#include "common/cleanup.h"

struct command {
	const char *name;
	int (*run)(char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"serve", serve_command,
	 "serve disk images and block devices over iSCSI, from one command"},
	{"discover", discover_command, "ask a host for its targets"},
	{"attach", attach_command, "make a remote disk one of this host, from its URL"},
	{"detach", detach_command, "let it go again"},
	{"list", list_command, "remote disks, and the paths to them"},
	{"cp", cp_command, "copy a remote disk: to and from LUNs, files, devices and streams"},
	{"doctor", doctor_command, "what stands between this host and a remote disk, step by step"},
	{"bench", bench_command, "load a remote disk, and say how fast it was"},
	{"target", target_command, "configure the target daemon: a shell, with targetcli's words"},
	{"status", status_command, "what the daemons do: sessions, disks and their paths"},
	{"events", events_command, "what happens in them, as it happens"},
};

static void help(FILE *out)
{
	fprintf(out, "usage: lunar COMMAND [ARGUMENT...]\n"
		     "\n"
		     "iSCSI for Linux without kernel modules.\n"
		     "\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n"
		     "  lunar COMMAND --help    the options of a command\n"
		     "  lunar --version         the version\n"
		     "  --json                  with any of these: answers as JSON\n");
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	/* A reader of our output that has gone is an error of that write. */
	signal(SIGPIPE, SIG_IGN);
	if (argc && !strcmp(base_name(argv[0]), "targetcli"))
		return targetcli_command(argv);
	bool json = argc > 1 && wants_json(argv + 1);
	if (argc > 2 && !strcmp(word, "--json"))
		word = argv[2];
	if (!strcmp(word, "--version") || !strcmp(word, "-V") || !strcmp(word, "version")) {
		say_version("lunar", json);
		return 0;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
		help(stdout);
		return 0;
	}
	const struct command *command = find(word);
	if (command)
		return command->run(argv + 2);
	if (json)
		return say_usage("lunar", "there is no such command", true);
	if (argc > 1)
		fprintf(stderr, "lunar: there is no command \"%s\"\n\n", word);
	help(stderr);
	return EXIT_USAGE;
}
