/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "common/cleanup.h"

static int check_file(int fd, const char *path, bool pipes, struct config_why *why)
{
	struct stat st;
	if (fstat(fd, &st) || (!pipes && !S_ISREG(st.st_mode)))
		return config_refuse(why, EINVAL, "the secret's file %.200s is not a regular file",
				     path);
	if (S_ISREG(st.st_mode) && (st.st_mode & 077))
		return config_refuse(why, EPERM,
				     "the secret's file %.200s can be used by others (mode %03o); "
				     "`chmod 600 %.200s`",
				     path, st.st_mode & 0777, path);
	return 0;
}

static int take_line(const char *text, size_t n, const char *path, struct config_secret *out,
		     struct config_why *why)
{
	const char *end = memchr(text, '\n', n);
	size_t len = end ? (size_t)(end - text) : n;
	if (len && text[len - 1] == '\r')
		len--;
	if (!len || len > sizeof(out->bytes))
		return config_refuse(why, len ? EMSGSIZE : EINVAL,
				     "the secret's file %.200s is %s; a secret has 1 to 255 bytes, "
				     "and should have 12 to 16",
				     path, len ? "too long" : "empty");
	memcpy(out->bytes, text, len);
	out->len = len;
	out->newline = end != NULL;
	return 0;
}

int config_secret_read(const char *path, bool pipes, struct config_secret *out,
		       struct config_why *why)
{
	char text[ISCSI_CHAP_SECRET_MAX + 3];
	size_t have = 0;
	ssize_t n = 0;
	/* Whoever names a pipe where none is wanted is not waited for. */
	CLEANUP(fd)
	int fd = open(path, O_RDONLY | (pipes ? 0 : O_NONBLOCK) | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return config_refuse(why, errno, "the secret's file %.200s cannot be read: %s",
				     path, strerror(errno));
	int err = check_file(fd, path, pipes, why);
	if (err)
		return err;
	while (have < sizeof(text) && (n = read(fd, text + have, sizeof(text) - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		err = config_refuse(why, errno, "the secret's file %.200s cannot be read: %s", path,
				    strerror(errno));
	else
		err = take_line(text, have, path, out, why);
	explicit_bzero(text, sizeof(text));
	return err;
}
