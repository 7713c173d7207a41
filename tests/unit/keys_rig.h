/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the key table and of negotiation share. In texts ';' stands for the NUL after
 * each pair. */
#ifndef LUNAR_TESTS_UNIT_KEYS_RIG_H
#define LUNAR_TESTS_UNIT_KEYS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "iscsi/keys.h"
#include "iscsi/text.h"

/* The other side says `text`: what we say to it in `reply`, and the result. */
static inline int say(struct iscsi_nego *n, enum iscsi_stage stage, const char *text, char *reply)
{
	char raw[4096];
	size_t len = strlen(text);
	struct iscsi_values v;
	struct buf out;
	memcpy(raw, text, len);
	for (size_t i = 0; i < len; i++)
		if (raw[i] == ';')
			raw[i] = 0;
	buf_init(&out, 4096);
	int err = iscsi_nego_read(n, stage, raw, len, &v, &out);
	if (!err)
		err = iscsi_nego_take(n, &v, &out);
	for (size_t i = 0; i < out.len; i++)
		reply[i] = out.data[i] ? (char)out.data[i] : ';';
	reply[out.len] = 0;
	buf_free(&out);
	return err;
}

static inline struct iscsi_nego nego(bool target, const struct iscsi_offer *offer)
{
	struct iscsi_offer plain;
	struct iscsi_nego n;
	iscsi_offer_init(&plain);
	iscsi_nego_init(&n, target, true, offer ? offer : &plain, NULL);
	return n;
}

static inline void propose(struct iscsi_nego *n, char *text)
{
	struct buf out;
	buf_init(&out, 4096);
	iscsi_nego_propose(n, &out);
	for (size_t i = 0; i < out.len; i++)
		text[i] = out.data[i] ? (char)out.data[i] : ';';
	text[out.len] = 0;
	buf_free(&out);
}

#endif
