/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/chap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "common/cleanup.h"
#include "iscsi/text.h"

/* From the weakest to the strongest. */
static const struct {
	unsigned number;
	size_t len;
	const EVP_MD *(*md)(void);
} algorithms[] = {
	{ISCSI_CHAP_MD5, 16, EVP_md5},
	{ISCSI_CHAP_SHA1, 20, EVP_sha1},
	{ISCSI_CHAP_SHA256, 32, EVP_sha256},
	{ISCSI_CHAP_SHA3_256, 32, EVP_sha3_256},
};

int iscsi_chap_account_set(struct iscsi_chap_account *a, const char *name, const void *secret,
			   size_t secret_len)
{
	size_t len = strlen(name);
	if (!len || len >= sizeof(a->name) || !secret_len || secret_len > sizeof(a->secret))
		return -EINVAL;
	*a = (struct iscsi_chap_account){.secret_len = secret_len};
	memcpy(a->name, name, len);
	memcpy(a->secret, secret, secret_len);
	return 0;
}

void iscsi_chap_account_wipe(struct iscsi_chap_account *a)
{
	OPENSSL_cleanse(a, sizeof(*a));
}

bool iscsi_chap_same_secret(const struct iscsi_chap_account *a, const struct iscsi_chap_account *b)
{
	return a->name[0] && b->name[0] && a->secret_len == b->secret_len &&
	       CRYPTO_memcmp(a->secret, b->secret, a->secret_len) == 0;
}

static int find(unsigned algorithm)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (algorithms[i].number == algorithm)
			return (int)i;
	return -1;
}

size_t iscsi_chap_digest_len(unsigned algorithm)
{
	int i = find(algorithm);
	return i < 0 ? 0 : algorithms[i].len;
}

/* Whether libcrypto does it is known when it has done it. */
static bool available(int i)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	return EVP_Digest("", 0, out, NULL, algorithms[i].md(), NULL) == 1;
}

unsigned iscsi_chap_choose(const char *list, unsigned allowed)
{
	const char *item;
	size_t len;
	while (iscsi_list_next(&list, &item, &len)) {
		char digits[4] = "";
		uint64_t number;
		if (len >= sizeof(digits))
			continue;
		memcpy(digits, item, len);
		if (iscsi_parse_number(digits, &number) != 0 || number > 31)
			continue;
		int i = find((unsigned)number);
		if (i >= 0 && allowed & ISCSI_CHAP_BIT((unsigned)number) && available(i))
			return (unsigned)number;
	}
	return 0;
}

char *iscsi_chap_list(char out[ISCSI_CHAP_LIST_SIZE], unsigned allowed)
{
	size_t len = 0;
	*out = 0;
	for (int i = ARRAY_SIZE(algorithms) - 1; i >= 0; i--)
		if (allowed & ISCSI_CHAP_BIT(algorithms[i].number) && available(i))
			len += (size_t)snprintf(out + len, ISCSI_CHAP_LIST_SIZE - len, "%s%u",
						len ? "," : "", algorithms[i].number);
	return out;
}

int iscsi_chap_response(unsigned algorithm, uint8_t id, const struct iscsi_chap_account *a,
			const void *challenge, size_t challenge_len,
			uint8_t out[ISCSI_CHAP_DIGEST_MAX])
{
	int i = find(algorithm);
	if (i < 0)
		return -EOPNOTSUPP;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		return -ENOMEM;
	bool done = EVP_DigestInit_ex(ctx, algorithms[i].md(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, &id, 1) == 1 &&
		    EVP_DigestUpdate(ctx, a->secret, a->secret_len) == 1 &&
		    EVP_DigestUpdate(ctx, challenge, challenge_len) == 1 &&
		    EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return done ? 0 : -EOPNOTSUPP;
}

bool iscsi_chap_verify(unsigned algorithm, uint8_t id, const struct iscsi_chap_account *a,
		       const void *challenge, size_t challenge_len, const void *response,
		       size_t response_len)
{
	uint8_t expected[ISCSI_CHAP_DIGEST_MAX];
	int err = iscsi_chap_response(algorithm, id, a, challenge, challenge_len, expected);
	bool same = !err && response_len == iscsi_chap_digest_len(algorithm) &&
		    CRYPTO_memcmp(expected, response, response_len) == 0;
	OPENSSL_cleanse(expected, sizeof(expected));
	return same && a->name[0];
}
