/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Login Phase (RFC 7143 6.3, 11.12, 11.13, 12) for both roles, and negotiation in full feature
 * phase for the target (RFC 7143 6.4, 11.10), sans I/O: PDUs in, PDUs out. Nothing here keeps time;
 * the owner ends what lasts too long. A given run of PDUs and random bytes gives the same result
 * every time.
 *
 * All memory is of the struct. What it holds of secrets is wiped by ..._free(), which a zeroed
 * struct takes, too.
 */
#ifndef LUNAR_ISCSI_LOGIN_H
#define LUNAR_ISCSI_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "iscsi/bhs.h"
#include "iscsi/chap.h"
#include "iscsi/keys.h"
#include "iscsi/names.h"
#include "iscsi/text.h"

#define ISCSI_LOGIN_PDUS_MAX 64  /* requests of one login; RFC 7143 6.2 asks for six at least */
#define ISCSI_ADDRESS_SIZE   300 /* "host:port" or "[v6]:port" of a TargetAddress, with the NUL */
#define ISCSI_WHY_SIZE       256

enum iscsi_login_result {
	ISCSI_LOGIN_GOES_ON,  /* more PDUs to come */
	ISCSI_LOGIN_FINISHED, /* full feature phase */
	ISCSI_LOGIN_FAILED,   /* `why` says why; the connection is to be closed */
	ISCSI_LOGIN_MOVED,    /* initiator only: log in at `address` instead */
};

/* A status of a Login Response in words for a person. */
const char *iscsi_login_status_text(uint16_t status);

/* ================================ target ================================ */

/* Who comes, and to whom: from the first request. */
struct iscsi_login_identity {
	char initiator_name[ISCSI_NAME_SIZE]; /* valid, normalised */
	char target_name[ISCSI_NAME_SIZE];    /* likewise; "": none was given (discovery only) */
	bool discovery;
	uint8_t isid[ISCSI_ISID_LEN];
	uint16_t tsih; /* 0: a new session */
	uint16_t cid;
	uint32_t cmdsn; /* of the first request */
};

/*
 * The owner's answer to that. It comes zeroed, with `offer` by iscsi_offer_init() and `tpgt` -1.
 * Strings and `session` need to live until iscsi_login_target_request() returns.
 */
struct iscsi_login_verdict {
	/* enum iscsi_login_status. Other than ISCSI_LOGIN_SUCCESS: the login ends with it. */
	uint16_t status;
	const char *why;            /* then: for the log; NULL: what the status means */
	const char *target_address; /* of a status 01xx: "host[:port]", no tag (RFC 7143 13.8) */

	int32_t tpgt; /* TargetPortalGroupTag to declare; -1: none (unnamed discovery) */
	const char *target_alias; /* NULL: none */
	struct iscsi_offer offer;
	const struct iscsi_params
		*session; /* of the session that the connection joins (TSIH != 0) */

	bool chap;           /* the initiator must authenticate */
	unsigned algorithms; /* mask of ISCSI_CHAP_BIT() that we take */
	/* What we answer when the initiator asks us to authenticate; no name: we can not, and such a
	 * login fails. Copied and wiped. */
	struct iscsi_chap_account ours;
};

struct iscsi_login_target_ops {
	/* Once, with the first request. */
	void (*identify)(void *ctx, const struct iscsi_login_identity *id,
			 struct iscsi_login_verdict *verdict);
	/* The account of the initiator that calls itself `user`: fills it and returns true. Not
	 * found: false. `id` is for the check that this initiator may be this user (RFC 7143 9.2).
	 * The engine wipes it. */
	bool (*find_account)(void *ctx, const struct iscsi_login_identity *id, const char *user,
			     struct iscsi_chap_account *account);
	void (*random)(void *ctx, void *out, size_t len);
};

struct iscsi_login_target {
	/* For the owner. */
	/* Valid once identify() was called; of a login that fails before, initiator_name may be there. */
	struct iscsi_login_identity id;
	struct iscsi_nego nego;                     /* nego.params: valid when FINISHED */
	char initiator_alias[ISCSI_SIMPLE_MAX + 1]; /* "" when none came; checked UTF-8 */
	char user[ISCSI_CHAP_NAME_SIZE]; /* the initiator has proved to be this; "": nobody asked */
	uint16_t status;                 /* of the response at hand */
	char why[ISCSI_WHY_SIZE];        /* when FAILED: a sentence for the log, safe to print */

	/* private */
	const struct iscsi_login_target_ops *ops;
	void *ctx;
	enum iscsi_stage stage;
	unsigned requests;
	struct iscsi_login_request first; /* header of the first request */
	bool identified, aliased;         /* the names, the alias have come */
	bool chap;                        /* of the verdict */
	enum { LOGIN_AUTH_METHOD, LOGIN_AUTH_CHAP_A, LOGIN_AUTH_CHAP_N, LOGIN_AUTH_DONE } auth;
	unsigned algorithms, algorithm;
	uint8_t challenge_id;
	uint8_t challenge[ISCSI_CHAP_CHALLENGE_LEN];
	struct iscsi_chap_account ours;
	bool asked;     /* the response at hand proposes: the next text answers */
	bool last_word; /* the refusal has text: `out` */
	struct iscsi_text_in in;
	struct iscsi_text_out out;
};

/* `ops` and `ctx` live as long as the struct. */
void iscsi_login_target_init(struct iscsi_login_target *l, const struct iscsi_login_target_ops *ops,
			     void *ctx);
void iscsi_login_target_free(struct iscsi_login_target *l);

/*
 * Takes a Login Request, the header and the whole data segment without padding, and makes the
 * Login Response: `rsp` is filled but for StatSN, ExpCmdSN and MaxCmdSN, which are the owner's; so
 * is TSIH when FINISHED and the session is new. `*text` (`*text_len` <= 8192 bytes) is its data
 * segment, valid until the next call.
 *
 * The response is to be sent whatever the result is; after FAILED the connection is closed once it
 * has gone. After FINISHED or FAILED there are no more calls but free() and fail().
 */
enum iscsi_login_result iscsi_login_target_request(struct iscsi_login_target *l,
						   const struct iscsi_login_request *req,
						   const void *data, uint32_t len,
						   struct iscsi_login_response *rsp,
						   const uint8_t **text, uint32_t *text_len);

/*
 * Makes a Login Response that ends the login for a reason of the owner's: no resources when the
 * session was to be made (in place of the final response), a PDU that is no Login Request (020b;
 * RFC 7143 11.13.5). `req` is the PDU at hand, or any whose tag fits; `why` is for l->why.
 */
void iscsi_login_target_fail(struct iscsi_login_target *l, const struct iscsi_login_request *req,
			     uint16_t status, const char *why, struct iscsi_login_response *rsp);

/* -------------- full feature phase -------------- */

struct iscsi_text_target_ops {
	/*
	 * SendTargets (RFC 7143 appendix C): `which` is "All", an iSCSI name (normalised), or "":
	 * the target of this session. Writes the records that this initiator may see with
	 * iscsi_add_target() and iscsi_add_address(); that may be none. "All" comes on discovery
	 * sessions only, "" on others.
	 */
	void (*send_targets)(void *ctx, const char *which, struct buf *out);
};

/* Text requests of one connection. One negotiation at a time (RFC 7143 11.10). */
struct iscsi_text_target {
	/* private */
	const struct iscsi_text_target_ops *ops;
	void *ctx;
	struct iscsi_params *params;
	bool discovery, active;
	uint32_t itt, ttt;
	struct iscsi_nego nego;
	struct iscsi_text_in in;
	struct iscsi_text_out out;
};

/*
 * `params` is the connection's: a negotiation that ends well changes max_send_data there, when its
 * last response is made. `discovery`: which values SendTargets may have.
 */
void iscsi_text_target_init(struct iscsi_text_target *t, const struct iscsi_text_target_ops *ops,
			    void *ctx, struct iscsi_params *params, bool discovery);
void iscsi_text_target_free(struct iscsi_text_target *t);

/*
 * Takes a Text Request and makes the Text Response: `rsp` is filled but for StatSN, ExpCmdSN and
 * MaxCmdSN; `*text` is its data segment, no longer than params->max_send_data, valid until the next
 * call of either. 0; or an enum iscsi_reject_reason: answer with a Reject PDU instead, the negotiation is
 * reset and the parameters stay (RFC 7143 6.4, 7.12).
 */
int iscsi_text_target_request(struct iscsi_text_target *t, const struct iscsi_text_request *req,
			      const void *data, uint32_t len, struct iscsi_text_response *rsp,
			      const uint8_t **text, uint32_t *text_len);

/*
 * `*text` has been copied or sent: gives its memory back, unless more of it is to come. What a peer
 * makes this engine hold between two requests is text that it has said to continue, and no more.
 */
void iscsi_text_target_used(struct iscsi_text_target *t);

/* Records of a SendTargets response. `address` is "host:port", bare IPv6 in brackets. */
void iscsi_add_target(struct buf *out, const char *name);
void iscsi_add_address(struct buf *out, const char *address, uint16_t tpgt);

/* ================================ initiator ================================ */

struct iscsi_login_config {
	const char *initiator_name;  /* valid, normalised */
	const char *initiator_alias; /* NULL: none */
	const char *target_name;     /* likewise; NULL or "": none, discovery only */
	bool discovery;
	uint8_t isid[ISCSI_ISID_LEN];
	uint16_t tsih; /* 0: a new session */
	uint16_t cid;
	uint32_t itt;
	int32_t tpgt; /* fail when the target declares another; -1: any */
	struct iscsi_offer offer;
	const struct iscsi_params *session; /* of the session that this connection joins, or NULL */

	/* Authentication. Without accounts the login begins with operational keys at once, unless
	 * `security_stage` has it begin with AuthMethod=None. Copied; the caller wipes its own. */
	bool security_stage;
	const struct iscsi_chap_account *ours; /* how we answer a target; NULL: we can not */
	const struct iscsi_chap_account
		*theirs; /* the target must prove to be this; needs `ours` */
	bool allow_none; /* a target that does not ask for CHAP is good, too; not with `theirs` */
	unsigned algorithms; /* mask; 0: all. The strongest is proposed first; MD5 last. */
};

/* What a login failed by, when the failure is of our finding. */
enum iscsi_login_blame {
	ISCSI_BLAME_NOBODY, /* the target is against the protocol, or there is no memory */
	ISCSI_BLAME_METHOD, /* no authentication that both sides do */
	ISCSI_BLAME_PROOF,  /* the target does not prove who it is */
	ISCSI_BLAME_VALUES, /* what it negotiates, or its portal group, is not what was asked for */
};

struct iscsi_login_initiator {
	/* For the owner. */
	struct iscsi_nego nego;                  /* nego.params: valid when FINISHED */
	uint16_t tsih;                           /* of the session, when FINISHED */
	int32_t tpgt;                            /* as the target declared it; -1: it did not */
	char target_alias[ISCSI_SIMPLE_MAX + 1]; /* "" when none came; checked UTF-8 */
	char address[ISCSI_ADDRESS_SIZE];        /* when MOVED: "host[:port]", checked characters */
	bool moved_permanently;
	uint16_t status; /* of the last response; 0 when the failure is of our finding */
	enum iscsi_login_blame blame; /* then */
	char why[ISCSI_WHY_SIZE];     /* when FAILED: a sentence for a person, safe to print */

	/* private */
	void (*random)(void *ctx, void *out, size_t len);
	void *ctx;
	char initiator_name[ISCSI_NAME_SIZE], target_name[ISCSI_NAME_SIZE];
	char initiator_alias[ISCSI_SIMPLE_MAX + 1];
	uint8_t isid[ISCSI_ISID_LEN];
	uint16_t cid;
	uint32_t itt;
	int32_t want_tpgt;
	bool named;            /* the names have been sent */
	bool chap, allow_none; /* what AuthMethod offers */
	unsigned algorithms, algorithm;
	enum iscsi_stage stage;
	enum {
		LOGIN_SEND_METHOD,
		LOGIN_GET_METHOD,
		LOGIN_SEND_CHAP_A,
		LOGIN_GET_CHAP_C,
		LOGIN_SEND_CHAP_R,
		LOGIN_GET_CHAP_R,
		LOGIN_AUTH_OVER, /* neither side owes the other anything more */
	} auth;
	unsigned responses;
	uint8_t sent_flags; /* of the last request */
	struct iscsi_text_in in;
	struct iscsi_text_out out;
	struct iscsi_chap_account ours, theirs; /* without a name: none */
	uint8_t challenge_id, their_id;
	uint8_t challenge[ISCSI_CHAP_CHALLENGE_LEN]; /* to the target */
	uint8_t their_challenge[ISCSI_CHAP_CHALLENGE_MAX];
	size_t their_challenge_len;
};

/* 0, -EINVAL (a name or the accounts: one secret for both, too). `random` and `ctx` live as long as the struct. */
int iscsi_login_initiator_init(struct iscsi_login_initiator *l, const struct iscsi_login_config *c,
			       void (*random)(void *ctx, void *out, size_t len), void *ctx);
void iscsi_login_initiator_free(struct iscsi_login_initiator *l);

/*
 * Makes the next Login Request: first of all, and after each GOES_ON. `req` is filled but for CmdSN
 * and ExpStatSN, which are the owner's; `*text` (<= 8192 bytes) is its data segment, valid until
 * the next call. 0, or -ENOMEM or -EIO (libcrypto failed): l->why says so and the login is over.
 */
int iscsi_login_initiator_request(struct iscsi_login_initiator *l, struct iscsi_login_request *req,
				  const uint8_t **text, uint32_t *text_len);

/* Takes the Login Response to it, the header and the whole data segment without padding. */
enum iscsi_login_result iscsi_login_initiator_response(struct iscsi_login_initiator *l,
						       const struct iscsi_login_response *rsp,
						       const void *data, uint32_t len);

#endif
