/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of CHAP (RFC 1994, RFC 7143 12.1.3); who sends what and when is in login.h. */
#ifndef LUNAR_ISCSI_CHAP_H
#define LUNAR_ISCSI_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values of CHAP_A, as IANA's "PPP Authentication Algorithms" has them. */
enum iscsi_chap_algorithm {
	ISCSI_CHAP_MD5 = 5,
	ISCSI_CHAP_SHA1 = 6,
	ISCSI_CHAP_SHA256 = 7,
	ISCSI_CHAP_SHA3_256 = 8,
};
#define ISCSI_CHAP_BIT(a) (1u << (a)) /* in a mask of algorithms */
#define ISCSI_CHAP_ALL                                                      \
	(ISCSI_CHAP_BIT(ISCSI_CHAP_MD5) | ISCSI_CHAP_BIT(ISCSI_CHAP_SHA1) | \
	 ISCSI_CHAP_BIT(ISCSI_CHAP_SHA256) | ISCSI_CHAP_BIT(ISCSI_CHAP_SHA3_256))

#define ISCSI_CHAP_DIGEST_MAX    32
#define ISCSI_CHAP_CHALLENGE_MAX 1024 /* RFC 7143 12.1.3: what a peer may send */
#define ISCSI_CHAP_CHALLENGE_LEN 32   /* what we send: no algorithm's digest is longer */
#define ISCSI_CHAP_NAME_SIZE     256
#define ISCSI_CHAP_SECRET_MAX    255

/* Whom a peer says that it is, and what proves it. Whoever holds one wipes it. */
struct iscsi_chap_account {
	char name[ISCSI_CHAP_NAME_SIZE]; /* "": there is no account */
	uint8_t secret[ISCSI_CHAP_SECRET_MAX];
	size_t secret_len;
};

/* Copies both. -EINVAL: an empty or too long name, an empty or too long secret. */
int iscsi_chap_account_set(struct iscsi_chap_account *a, const char *name, const void *secret,
			   size_t secret_len);
void iscsi_chap_account_wipe(struct iscsi_chap_account *a);
/* Both are accounts, with one secret: not for the two directions of a login (RFC 7143 9.2.1). */
bool iscsi_chap_same_secret(const struct iscsi_chap_account *a, const struct iscsi_chap_account *b);

/* Bytes of a response; 0 for an algorithm that we do not know. */
size_t iscsi_chap_digest_len(unsigned algorithm);

/* The first algorithm of the list "5,7" that is in the mask and that libcrypto is ready to do (in
 * FIPS mode it is not, for MD5); 0 when there is none. */
unsigned iscsi_chap_choose(const char *list, unsigned allowed);

/* Those in the mask that libcrypto is ready to do, as a list, the strongest first. Returns `out`. */
#define ISCSI_CHAP_LIST_SIZE 16
char *iscsi_chap_list(char out[ISCSI_CHAP_LIST_SIZE], unsigned allowed);

/* The response to a challenge: the digest of `id`, the secret and the challenge (RFC 1994 4.1).
 * 0, -EOPNOTSUPP, -ENOMEM. */
int iscsi_chap_response(unsigned algorithm, uint8_t id, const struct iscsi_chap_account *a,
			const void *challenge, size_t challenge_len,
			uint8_t out[ISCSI_CHAP_DIGEST_MAX]);

/* `response` is what this account would answer; takes the same time whether or not. An account
 * without a name answers nothing, after the same work. */
bool iscsi_chap_verify(unsigned algorithm, uint8_t id, const struct iscsi_chap_account *a,
		       const void *challenge, size_t challenge_len, const void *response,
		       size_t response_len);

#endif
