/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `lunar cp`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "cli/cp.h"
#include "common/cleanup.h"
#include "config/args.h"
#include "config/schema.h"

#define NS_PER_S     UINT64_C(1000000000)
#define MEMORY_MAX   (UINT64_C(1) << 30)
#define JOURNAL_NAME ".lunar-cp"

static int take_place(void *options, const char *value, char *why, size_t size)
{
	struct cp_options *o = options;
	const char **to = !o->from ? &o->from : &o->to;
	if (o->from && o->to) {
		snprintf(why, size, "one source and one destination: \"%.60s\" is one more", value);
		return -EINVAL;
	}
	*to = value;
	return 0;
}

static int take_depth(void *options, const char *value, char *why, size_t size)
{
	return args_number("depth", value, COPY_DEPTH_MAX,
			   &((struct cp_options *)options)->copy.depth, why, size);
}

static int take_block(void *options, const char *value, char *why, size_t size)
{
	uint64_t n = 0;
	if (config_parse_size(value, &n) || n % COPY_BLOCK_MIN || !n || n > COPY_BLOCK_MAX)
		return args_refuse("block-size", value,
				   "a multiple of 4096 up to 16M, such as 256k", why, size);
	((struct cp_options *)options)->copy.block = (uint32_t)n;
	return 0;
}

static int take_flush(void *options, const char *value, char *why, size_t size)
{
	unsigned n;
	if (args_number("flush", value, 86400, &n, why, size))
		return args_refuse("flush", value, "a number of seconds from 1 to 86400", why,
				   size);
	((struct cp_options *)options)->copy.flush_ns = n * NS_PER_S;
	return 0;
}

static int take_sparse(void *options, const char *value, char *why, size_t size)
{
	static const char *const words[] = {
		[COPY_AUTO] = "auto", [COPY_ALWAYS] = "always", [COPY_NEVER] = "never"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(value, words[i])) {
			((struct cp_options *)options)->copy.sparse = (enum copy_sparse)i;
			return 0;
		}
	return args_refuse("sparse", value, "one of auto, always and never", why, size);
}

#define FIELD(name) offsetof(struct cp_options, name)

static const struct arg_option rows[] = {
	{"depth", "N", "requests under way (16)", ARG_CALL, 0, take_depth},
	{"block-size", "SIZE", "of a request (1M)", ARG_CALL, 0, take_block},
	{"sparse", "WHEN", "auto: holes stay holes; always: zeroes become holes, too; never (auto)",
	 ARG_CALL, 0, take_sparse},
	{"target-is-zero", NULL, "the destination reads as zeroes already: they are not written",
	 ARG_SWITCH, FIELD(copy.zeroed), NULL},
	{"verify", NULL, "both are read again and compared", ARG_SWITCH, FIELD(copy.verify), NULL},
	{"resume", NULL, "go on where a copy with --resume ended, and keep a journal for that",
	 ARG_SWITCH, FIELD(resume), NULL},
	{"journal", "FILE", "where that is (beside a destination that is a file)", ARG_TEXT,
	 FIELD(journal), NULL},
	{"flush", "SECONDS", "how often what was copied is made durable, for --resume (5)",
	 ARG_CALL, 0, take_flush},
	{"force", NULL, "although the destination is in use", ARG_SWITCH, FIELD(copy.force), NULL},
	{"password-file", "FILE", "the secret of the user of a URL; else LUNAR_CHAP_SECRET",
	 ARG_TEXT, FIELD(password_file), NULL},
	{"source-password-file", "FILE",
	 "that of the source, if it is another one; else LUNAR_SOURCE_CHAP_SECRET", ARG_TEXT,
	 FIELD(source_password_file), NULL},
	{"json", NULL, "what was done as JSON", ARG_SWITCH, FIELD(json), NULL},
	{"progress", NULL, "a line of progress each second, where there is no terminal, too",
	 ARG_SWITCH, FIELD(progress), NULL},
	{"quiet", NULL, "nothing but errors", ARG_SWITCH, FIELD(quiet), NULL},
};
static const struct arg_table table = {rows, ARRAY_SIZE(rows), take_place};

/* Beside what cannot be written to as a file it has no place. */
static bool has_beside(const char *place)
{
	struct stat st;
	if (!strncasecmp(place, "iscsi://", 8))
		return false;
	return stat(place, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int choose_journal(struct cp_options *o, char *why, size_t size)
{
	if (!o->resume || o->journal || !strcmp(o->to, "-"))
		return 0;
	if (!has_beside(o->to)) {
		snprintf(
			why, size,
			"--resume needs a --journal FILE here: the destination is no file that one "
			"could be beside");
		return -EINVAL;
	}
	if (snprintf(o->journal_beside, sizeof(o->journal_beside), "%s" JOURNAL_NAME, o->to) >=
	    (int)sizeof(o->journal_beside)) {
		snprintf(why, size, "the name of the destination is too long");
		return -EINVAL;
	}
	o->journal = o->journal_beside;
	return 0;
}

static int check(struct cp_options *o, char *why, size_t size)
{
	if (!o->from || !o->to)
		snprintf(why, size,
			 "a source and a destination are needed: each is iscsi://HOST/TARGET/LUN, "
			 "a file, a block device, or \"-\"");
	else if ((uint64_t)o->copy.depth * o->copy.block > MEMORY_MAX)
		snprintf(why, size, "%u requests of %u bytes are more than 1 GiB of memory",
			 o->copy.depth, o->copy.block);
	else if (o->quiet && o->progress)
		snprintf(why, size, "--quiet and --progress do not go together");
	else if (o->journal && !o->resume)
		snprintf(why, size, "--journal is for --resume");
	else
		return choose_journal(o, why, size);
	return -EINVAL;
}

int cp_options_read(struct cp_options *o, char **argv, char *why, size_t why_size)
{
	*o = (struct cp_options){.copy = {.depth = 16, .block = 1u << 20}};
	int err = args_parse(&table, o, argv, why, why_size);
	if (!err)
		err = check(o, why, why_size);
	o->copy.from.name = o->from;
	o->copy.to.name = o->to;
	o->copy.journal = o->resume && !o->journal ? "" : o->journal;
	return err;
}

void cp_help(FILE *out)
{
	fprintf(out, "usage: lunar cp SOURCE DESTINATION [OPTION...]\n\n"
		     "Copies a disk. Either of the two is iscsi://[USER@]HOST[:PORT]/TARGET/LUN, a "
		     "file, a block device, or\n\"-\": standard input or output.\n\n");
	args_help(&table, out);
}
