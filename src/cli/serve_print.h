/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lunar serve` tells a person: where it is to be found, and how each client is told. */
#ifndef LUNAR_CLI_SERVE_PRINT_H
#define LUNAR_CLI_SERVE_PRINT_H

#include "cli/serve_options.h"
#include "scsi/lu.h"

/* How others reach a portal. */
struct serve_place {
	char portal[NET_ADDR_TEXT]; /* "192.0.2.1:3260" */
	char host[NET_ADDR_TEXT];   /* without brackets */
	unsigned port;
};

/* Of a wildcard address, one of this host's own. */
void serve_find_place(struct serve_place *p, const struct net_addr *bound);

struct serve_found {
	const char *iqn;
	const struct serve_place *place; /* of the first portal */
	const struct net_addr *portals;  /* as bound, with real ports */
	size_t portal_count;
	struct scsi_lu *const *lus;
	size_t lu_count;
};

/* "lunar.example" for the name of a target: what of this host's name and the file's can be in one.
 * `out` has ISCSI_NAME_SIZE bytes. */
void serve_default_name(char *out, const char *path);
/* One line that begins with "iscsi://" for each LUN, and unless it is to be quiet how to log in. Or all of it as
 * JSON. */
void serve_print(const struct serve_found *found, const struct serve_options *o);

#endif
