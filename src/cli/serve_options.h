/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar serve` was asked to do. Texts point into argv. */
#ifndef LUNAR_CLI_SERVE_OPTIONS_H
#define LUNAR_CLI_SERVE_OPTIONS_H

#include "target/options.h"
#include "target/target.h"
#include "reactor/net.h"

#define SERVE_MAX_DISKS   1024
#define SERVE_MAX_PORTALS 32
#define SERVE_PORT        3260

struct serve_disk_option {
	const char *path; /* NULL: memory */
	uint64_t memory;  /* bytes */
};

struct serve_options {
	struct serve_disk_option disks[SERVE_MAX_DISKS]; /* LUN by LUN */
	size_t disk_count;
	struct net_addr portals[SERVE_MAX_PORTALS];
	size_t portal_count; /* 0: every address of this host */
	struct target_options serving;
	const char *target;  /* as given; NULL: from the names of host and file */
	uint64_t size;       /* of files that are to be made; 0: make none */
	uint32_t block_size; /* 0: what suits the store */
	const char *chap, *chap_secret_file;
	const char *mutual_chap, *mutual_secret_file;
	const char *log_levels; /* NULL: as quiet and verbose say */
	const char *user; /* whom the process that faces the network becomes; NULL: what suits */
	bool readonly, raw, direct, no_sandbox, quiet, verbose, json;
};

/* argv: what follows the word "serve". 0, ARGS_HELP, or -errno with `why`. */
int serve_options_parse(struct serve_options *o, char **argv, char *why, size_t why_size);
void serve_options_help(FILE *out);

#endif
