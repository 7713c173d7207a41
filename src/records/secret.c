/* SPDX-License-Identifier: BSD-2-Clause */
/* Secrets that are not in the record: in a file, or in the kernel's keyring. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "records/settings.h"

static int check_file(int fd, const char *path, struct config_why *why)
{
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return config_refuse(why, EINVAL, "the secret's file %.200s is not a regular file",
				     path);
	if (st.st_mode & 077)
		return config_refuse(
			why, EPERM,
			"the secret's file %.200s can be used by others (mode %03o); chmod 600",
			path, st.st_mode & 0777);
	return 0;
}

static int take_line(const char *text, size_t n, const char *path,
		     uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len, struct config_why *why)
{
	const char *end = memchr(text, '\n', n);
	*len = end ? (size_t)(end - text) : n;
	if (*len && text[*len - 1] == '\r')
		--*len;
	if (!*len || *len > ISCSI_CHAP_SECRET_MAX)
		return config_refuse(why, EINVAL,
				     "the secret's file %.200s is %s; a secret has 1 to 255 bytes, "
				     "and should have 12 to 16",
				     path, *len ? "too long" : "empty");
	memcpy(out, text, *len);
	return 0;
}

int record_secret_file(const char *path, uint8_t out[ISCSI_CHAP_SECRET_MAX], size_t *len,
		       struct config_why *why)
{
	char text[ISCSI_CHAP_SECRET_MAX + 3];
	size_t have = 0;
	ssize_t n = 0;
	/* Whoever names a pipe is not waited for. */
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return config_refuse(why, errno, "the secret's file %.200s cannot be read: %s",
				     path, strerror(errno));
	int err = check_file(fd, path, why);
	if (err)
		return err;
	while (have < sizeof(text) && (n = read(fd, text + have, sizeof(text) - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		err = config_refuse(why, errno, "the secret's file %.200s cannot be read: %s", path,
				    strerror(errno));
	else
		err = take_line(text, have, path, out, len, why);
	explicit_bzero(text, sizeof(text));
	return err;
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
