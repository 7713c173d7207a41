/* SPDX-License-Identifier: BSD-2-Clause */
#include "copy/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "config/fdio.h"

#define VERSION 1

static bool take_text(char out[JOURNAL_IDENTITY], const json_t *from)
{
	const char *text = json_string_value(from);
	if (!text || strlen(text) >= JOURNAL_IDENTITY)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool take_bytes(uint64_t *out, const json_t *from)
{
	if (!json_is_integer(from) || json_integer_value(from) < 0)
		return false;
	*out = (uint64_t)json_integer_value(from);
	return true;
}

static int take(struct journal *out, const json_t *json)
{
	const json_t *version = json_object_get(json, "lunar-cp");
	if (!json_is_integer(version))
		return -EINVAL;
	if (json_integer_value(version) != VERSION)
		return -EPROTONOSUPPORT;
	if (!take_text(out->from, json_object_get(json, "from")) ||
	    !take_text(out->to, json_object_get(json, "to")) ||
	    !take_bytes(&out->total, json_object_get(json, "total")) ||
	    !take_bytes(&out->done, json_object_get(json, "done")) || out->done > out->total)
		return -EINVAL;
	return 0;
}

int journal_parse(struct journal *out, const char *text, size_t len)
{
	memset(out, 0, sizeof(*out));
	json_t *json =
		len <= JOURNAL_MAX ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	int err = json ? take(out, json) : -EINVAL;
	json_decref(json);
	if (err)
		memset(out, 0, sizeof(*out));
	return err;
}

int journal_read(struct journal *out, const char *path)
{
	struct buf text;
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	buf_init(&text, JOURNAL_MAX);
	int err = fd_read_all(fd, &text);
	if (!err)
		err = journal_parse(out, buf_str(&text), text.len);
	buf_free(&text);
	return err == -EFBIG ? -EINVAL : err;
}

static char *text_of(const struct journal *j)
{
	json_t *json =
		json_pack("{s:i, s:s, s:s, s:I, s:I}", "lunar-cp", VERSION, "from", j->from, "to",
			  j->to, "total", (json_int_t)j->total, "done", (json_int_t)j->done);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	return text;
}

int journal_sync_name(const char *path)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	CLEANUP(fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || (fsync(fd) && errno != EINVAL) ? -errno : 0;
}

int journal_write(const struct journal *j, const char *path)
{
	char temporary[PATH_MAX];
	CLEANUP(free) char *text = text_of(j);
	if (!text)
		return -EILSEQ; /* a name that is no UTF-8 */
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	CLEANUP(fd) int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int err = fd_write_all(fd, text, strlen(text));
	if (!err && fsync(fd))
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	return err ? err : journal_sync_name(path);
}
