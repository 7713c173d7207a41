/* SPDX-License-Identifier: BSD-2-Clause */
/* `lunar target`, and what is called targetcli. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/shell.h"
#include "cli/shell_complete.h"

#define DEFAULT_SOCKET "/run/lunar/target.sock"
#define EXIT_TARGETCLI 255 /* what targetcli says after its usage */

struct options {
	const char *socket;
	const char *complete; /* for the completion of shells: a line up to its cursor */
	bool json, secrets, atomic, help, version;
};

static const struct {
	const char *name;
	size_t offset;
	const char *value, *help;
} rows[] = {
	{"--socket", offsetof(struct options, socket), "PATH",
	 "the daemon's socket; else LUNAR_TARGET_SOCKET, else " DEFAULT_SOCKET},
	{"--json", offsetof(struct options, json), NULL, "answers as JSON"},
	{"--show-secrets", offsetof(struct options, secrets), NULL, "get and info show secrets"},
	{"--atomic", offsetof(struct options, atomic), NULL,
	 "the commands of standard input are done all or none"},
	{"--version", offsetof(struct options, version), NULL, "the version"},
	{"--help", offsetof(struct options, help), NULL, "this text"},
	{"--complete", offsetof(struct options, complete), "LINE", NULL},
};

/* Of what manage.c does; and a command's own, which is a word of it. */
static const char *const manage_options[] = {"--dry-run", "--from", "--target", "--force"};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: lunar target [OPTION...] [PATH] [COMMAND] [ARGUMENT...]\n"
		"\n"
		"Configures the target daemon, with targetcli's tree and words: one command, or\n"
		"those of standard input, or a shell on a terminal.\n"
		"\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows) && rows[i].help; i++)
		fprintf(out, "  %s %-*s %s\n", rows[i].name, (int)(20 - strlen(rows[i].name)),
			rows[i].value ? rows[i].value : "", rows[i].help);
	fprintf(out, "\n"
		     "  lunar target create disk /srv/iscsi/vm1.img 10G\n"
		     "  lunar target /iscsi create iqn.2026-11.org.example:vm1\n"
		     "  lunar target /iscsi/iqn.2026-11.org.example:vm1/tpg1/luns create "
		     "/backstores/fileio/vm1\n"
		     "  lunar target ls\n"
		     "  lunar target apply wanted.json --dry-run\n"
		     "  lunar target explain iqn.1993-08.org.debian:01:client\n"
		     "  lunar target import /etc/target/saveconfig.json\n"
		     "  lunar target log info,scsi=debug\n"
		     "  lunar target /iscsi help\n");
}

/* An option at argv[0]: how many words it took; 0: it is none; -EINVAL. */
static int take_option(struct options *o, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *at = (char *)o + rows[i].offset;
		size_t len = strlen(rows[i].name);
		if (strncmp(argv[0], rows[i].name, len) != 0)
			continue;
		if (!rows[i].value && !argv[0][len]) {
			*(bool *)at = true;
			return 1;
		}
		if (rows[i].value && argv[0][len] == '=') {
			*(const char **)at = argv[0] + len + 1;
			return 1;
		}
		if (rows[i].value && !argv[0][len] && argv[1]) {
			*(const char **)at = argv[1];
			return 2;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(manage_options); i++)
		if (!strcmp(argv[0], manage_options[i]))
			return 0;
	return strncmp(argv[0], "--", 2) != 0 ? 0 : -EINVAL;
}

/* The words of the command, as one line; NULL: there are none. As in targetcli, what a shell has taken
 * quotes from has none any more. */
static char *join(char **argv)
{
	size_t len = 1;
	for (char **p = argv; *p; p++)
		len += strlen(*p) + 1;
	char *line = argv[0] ? calloc(1, len) : NULL;
	for (; line && *argv; argv++) {
		strcat(line, *argv);
		if (argv[1])
			strcat(line, " ");
	}
	return line;
}

static unsigned columns(void)
{
	struct winsize size;
	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

const char *shell_socket(const char *given)
{
	const char *socket = getenv("LUNAR_TARGET_SOCKET");
	return given ? given : socket && socket[0] ? socket : DEFAULT_SOCKET;
}

static void shell_begin(struct shell *s, const struct options *o, bool is_targetcli)
{
	const char *no_colour = getenv("NO_COLOR");
	*s = (struct shell){
		.name = is_targetcli ? "targetcli" : "lunar target",
		.socket = shell_socket(o->socket),
		.is_targetcli = is_targetcli,
		.json = o->json,
		.secrets = o->secrets,
		.colour = isatty(STDOUT_FILENO) && (!no_colour || !no_colour[0]),
		.interactive = isatty(STDIN_FILENO),
		.width = columns(),
		.batch = o->atomic ? json_array() : NULL,
		.cwd = "/",
	};
	shell_prefs_open(&s->prefs);
}

static int run(struct options *o, char **words, bool is_targetcli)
{
	struct shell s;
	CLEANUP(free) char *line = join(words);
	/* One command is whole or not at all by itself. */
	o->atomic = o->atomic && !line;
	shell_begin(&s, o, is_targetcli);
	s.interactive = s.interactive && !line && !o->atomic;
	int code;
	if (!is_targetcli && manage_run(&s, words, &code)) {
		/* it was one of ours */
	} else if (line) {
		code = shell_run(&s, line);
	} else {
		if ((s.interactive || is_targetcli) && !o->json)
			printf("%s shell version %s\n"
			       "For help on commands, type 'help'.\n\n",
			       s.name, LUNAR_VERSION);
		code = s.interactive ? shell_interactive(&s) : shell_script(&s);
	}
	shell_end(&s);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %s\n", s.name, strerror(errno));
		code = EXIT_FAILED;
	}
	return code;
}

static void offer(const char *word, const char *typed)
{
	if (!strncmp(word, typed, strlen(typed)))
		printf("%s\n", word);
}

/* Behind the options that the line begins with. */
static const char *skip_options(const char *line)
{
	for (;;) {
		size_t len = strcspn(line, " "), known = 0;
		while (rows[known].help && strncmp(line, rows[known].name, len) != 0)
			known++;
		if (strncmp(line, "--", 2) != 0 || !line[len] || !rows[known].help)
			return line;
		line += len + strspn(line + len, " ");
		if (rows[known].value && strcspn(line, " ") < strlen(line))
			line += strcspn(line, " ") + 1;
	}
}

static void complete_command(const struct options *o, const char *line)
{
	struct shell s;
	size_t from;
	shell_begin(&s, o, false);
	json_t *list = shell_complete(&s, line, &from);
	for (size_t i = 0; i < json_array_size(list); i++)
		printf("%s\n", json_string_value(json_array_get(list, i)));
	json_decref(list);
	shell_end(&s);
}

/* What the last word of the line may become, a line each. Of words that are files, nothing: a shell knows those. */
static int complete(const struct options *o)
{
	const char *line = skip_options(o->complete), *verb;
	const char *word = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line;
	if (word[0] == '-') {
		for (size_t i = 0; i < ARRAY_SIZE(rows) && rows[i].help; i++)
			offer(rows[i].name, word);
		for (size_t i = 0; i < ARRAY_SIZE(manage_options); i++)
			offer(manage_options[i], word);
		return 0;
	}
	for (size_t i = 0; word == line && (verb = manage_verb(i)); i++)
		offer(verb, word);
	complete_command(o, line);
	return 0;
}

static int wrong_option(const char *option, bool json)
{
	char why[256];
	snprintf(why, sizeof(why), "there is no option %.100s, or it needs a value", option);
	if (json) {
		say_usage("lunar target", why, true);
	} else {
		fprintf(stderr, "lunar target: %s\n\n", why);
		usage(stderr);
	}
	return EXIT_USAGE;
}

int target_command(char **argv)
{
	struct options o = {0};
	bool json = wants_json(argv);
	char **words = argv, **to = argv;
	while (*argv) {
		int used = take_option(&o, argv);
		if (used < 0)
			return wrong_option(argv[0], json);
		if (!used)
			*to++ = *argv++;
		argv += used;
	}
	*to = NULL;
	if (o.help)
		usage(stdout);
	else if (o.complete)
		return complete(&o);
	else if (o.version)
		say_version("lunar target", o.json);
	else
		return run(&o, words, false);
	return 0;
}

static int targetcli_usage(const char *name)
{
	fprintf(stderr,
		"Usage: %s [--version|--help|CMD|--disable-daemon]\n"
		"  --version\t\tPrint the version\n"
		"  --help\t\tPrint this\n"
		"  CMD\t\t\tRun one command of the shell, and end\n"
		"  <nothing>\t\tBegin the shell\n"
		"  --disable-daemon\tNothing: there is always a daemon\n",
		name);
	return EXIT_TARGETCLI;
}

int targetcli_command(char **argv)
{
	struct options o = {0};
	const char *word = argv[1] ? argv[1] : "";
	if (!strcmp(word, "--version")) {
		fprintf(stderr, "%s version %s\n", argv[0], LUNAR_VERSION);
		return 0;
	}
	if (!strcmp(word, "--disable-daemon"))
		return 0;
	if (!strcmp(word, "--help") || (!strcmp(word, "help") && !argv[2]))
		return targetcli_usage(argv[0]);
	return run(&o, argv + 1, true);
}
