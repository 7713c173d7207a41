/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a discovery session brings: the records of a SendTargets answer (RFC 7143 appendix C), checked before
 * anybody sees them. A name or an address with characters that none has (slashes, newlines, escapes) is bad, is
 * counted, and breaks no other record.
 */
#ifndef LUNAR_INITIATOR_DISCOVERY_H
#define LUNAR_INITIATOR_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>
#include "iscsi/login.h"
#include "iscsi/names.h"

#define INI_HOST_SIZE 256

/* "host", "host:port", "[v6]:port", each with ",tag" behind it or not. */
struct ini_address {
	char host[INI_HOST_SIZE]; /* IPv6 without brackets */
	uint16_t port;            /* 3260 if it was not said */
	int32_t tpgt;             /* -1: none was said */
};
/* -EINVAL: not of that form, or with characters that no host has; -ENAMETOOLONG. */
int ini_address_parse(struct ini_address *out, const char *text);
/* "host:port" or "[v6]:port". */
char *ini_address_format(char out[ISCSI_ADDRESS_SIZE], const struct ini_address *a);

struct ini_targets_sink {
	/* A target, by its normal name; its addresses follow. A target without any is at the address that
	 * was asked. */
	void (*target)(void *ctx, const char *name);
	void (*address)(void *ctx, const char *name, const struct ini_address *address);
};

struct ini_targets_count {
	size_t targets, addresses, bad;
	char bad_text[96]; /* the first bad one, safe to print; "": none */
};

/* Reads the whole answer. `count` may be NULL. 0; -EBADMSG: it is no text of pairs from some point on; what came
 * before has been told. */
int ini_targets_read(const void *text, size_t len, const struct ini_targets_sink *sink, void *ctx,
		     struct ini_targets_count *count);

#endif
