/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]][?SETTING=VALUE[&SETTING=VALUE]...], taken apart. User and
 * secret are taken as they are, as libiscsi and its users have it; "@" and "/" in them do not go. "%" and two hex
 * digits are a byte of a value behind "?".
 */
#ifndef LUNAR_LIBLUNAR_URL_H
#define LUNAR_LIBLUNAR_URL_H

#include <stdbool.h>
#include "initiator/discovery.h"
#include "iscsi/chap.h"

#define URL_WHY       200
#define URL_VALUE_MAX 255

struct url {
	char user[ISCSI_CHAP_NAME_SIZE]; /* "": none */
	char secret[ISCSI_CHAP_SECRET_MAX + 1];
	struct ini_address address;
	char portal[ISCSI_ADDRESS_SIZE]; /* of that: "host:port" */
	char target[ISCSI_NAME_SIZE];    /* in its normal form; "": none */
	bool has_lun;
	uint32_t lun;
	const char *settings; /* behind the "?", in the text; "": none */
};

/* 0, or -EINVAL with `why`, which does not repeat what may be a secret. The caller wipes `out`. */
int url_parse(struct url *out, const char *text, char why[URL_WHY]);
void url_wipe(struct url *url);
/* The next pair of url.settings; *at begins there and moves on. 1; 0: there is none left; -EINVAL with `why`. */
int url_next_setting(const char **at, char name[64], char value[URL_VALUE_MAX + 1],
		     char why[URL_WHY]);

#endif
