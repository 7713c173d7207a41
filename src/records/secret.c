/* SPDX-License-Identifier: BSD-2-Clause */
/* Secrets that are not in the record: in a file, or in the kernel's keyring. */
#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include "config/secret.h"
#include "records/settings.h"

int record_secret_file(const char *path, uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len,
		       struct config_why *why)
{
	struct config_secret secret;
	int err = config_secret_read(path, false, &secret, why);
	if (err)
		return err;
	memcpy(out, secret.bytes, secret.len);
	*len = secret.len;
	explicit_bzero(&secret, sizeof(secret));
	return 0;
}

static long search(const char *name)
{
	static const int rings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_SESSION_KEYRING,
				    KEY_SPEC_USER_KEYRING};
	long key = -1;
	for (size_t i = 0; key < 0 && i < ARRAY_SIZE(rings); i++)
		key = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", name, 0);
	return key;
}

int record_secret_key(const char *name, uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len,
		      struct config_why *why)
{
	long key = search(name);
	long n =
		key < 0 ? -1
			: syscall(SYS_keyctl, KEYCTL_READ, key, out, (size_t)ISCSI_CHAP_SECRET_MAX);
	if (n < 0)
		return config_refuse(why, errno,
				     "the secret's key \"%.60s\" cannot be had: %s; make it with "
				     "keyctl padd user NAME @u",
				     name, strerror(errno));
	if (!n || n > ISCSI_CHAP_SECRET_MAX) {
		explicit_bzero(out, ISCSI_CHAP_SECRET_MAX);
		return config_refuse(
			why, EINVAL,
			"the secret's key \"%.60s\" has %ld bytes; a secret has 1 to 255", name, n);
	}
	*len = (size_t)n;
	return 0;
}
