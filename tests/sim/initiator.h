/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted initiator on a reactor: logs in, again and again after every loss (always with the same
 * ISID, so that the session is reinstated), and carries commands. It checks what the target says as
 * it goes: sequence numbers, tags, no answer for nothing, none twice.
 */
#ifndef LUNAR_TESTS_SIM_INITIATOR_H
#define LUNAR_TESTS_SIM_INITIATOR_H

#include "iscsi/login.h"
#include "iscsi/rx.h"
#include "iscsi/tx.h"
#include "reactor/net.h"

#define INI_COMMANDS 16
#define INI_DATA_MAX (64 * 1024)

struct initiator;

/* A command, or a task management request when `tmf` is not 0. */
struct ini_cmd {
	uint8_t lun;
	uint8_t cdb[16];
	uint32_t write_len, read_len; /* one of them at most */
	uint8_t tmf;                  /* enum iscsi_tmf_function */
	uint32_t tmf_itt;             /* of the task that it is about */
	uint8_t data[INI_DATA_MAX];   /* to be written, or what was read */

	/* the outcome */
	uint8_t status; /* of the command; of a TMF its response */
	uint8_t sense_key;
	uint16_t asc_ascq;
	uint32_t got; /* bytes of Data-In */

	/* for the owner */
	uint64_t id, issued, lba, blocks;
	unsigned kind;
	bool aborting;

	/* the initiator's */
	bool busy;
	uint64_t sent_at;
	uint32_t itt, r2tsn, datasn;
};

struct ini_ops {
	void (*ready)(struct initiator *ini); /* logged in; the old session is no more */
	void (*done)(struct initiator *ini, struct ini_cmd *cmd);
	/* The connection is lost. Commands that are busy stay so until ready(). */
	void (*lost)(struct initiator *ini);
	/* There was no connection, or the login failed. It is tried again. */
	void (*refused)(struct initiator *ini);
	/* What the target did cannot be right. Ends the run. */
	void (*wrong)(struct initiator *ini, const char *what);
};

struct initiator {
	struct reactor *reactor;
	const struct ini_ops *ops;
	void *ctx;
	struct net_addr target;
	struct iscsi_login_config login_config;
	struct ini_cmd cmds[INI_COMMANDS];
	bool ready;
	uint64_t heard; /* when the last whole PDU came */

	/* private */
	int sock;
	struct op connect, recv, send;
	bool receiving, sending, dying;
	struct iscsi_login_initiator login;
	bool logging_in;
	struct iscsi_rx rx;
	uint8_t stage[8192], login_data[ISCSI_LOGIN_DATA_MAX], scratch[4096];
	struct iovec recv_iov[ISCSI_RX_IOV], send_iov[48];
	struct iscsi_tx tx;
	struct timer retry;
	struct iscsi_params params;
	uint32_t cmdsn, maxcmdsn, expstatsn, next_itt;
	bool statsn_known;
};

void ini_start(struct initiator *ini);
/* A free command, or NULL: all are busy, the window is shut, or there is no session. */
struct ini_cmd *ini_get(struct initiator *ini);
void ini_submit(struct initiator *ini, struct ini_cmd *cmd);
/* Gives the connection up. */
void ini_cut(struct initiator *ini);

#endif
