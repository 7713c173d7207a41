/* SPDX-License-Identifier: BSD-2-Clause */
/* Who we are: read, or made once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "config/store.h"
#include "iscsi/text.h"
#include "records/conf.h"

#define FILE_MAX 65536

struct reading {
	struct initiator_names *out;
	const char *path;
	unsigned line;
	bool generate;
};

static int take_name(struct reading *in, const char *value, struct config_why *why)
{
	if (!iscsi_name_normalize(value, in->out->name))
		return 0;
	return config_refuse(why, EBADMSG,
			     "%.200s, line %u: \"%.60s\" is no iSCSI name: %s; write "
			     "InitiatorName=iqn.2001-04.com.example:host",
			     in->path, in->line, value, iscsi_name_problem(value));
}

static int take_alias(struct reading *in, const char *value, struct config_why *why)
{
	if (strlen(value) >= sizeof(in->out->alias) || iscsi_check_utf8(value))
		return config_refuse(why, EBADMSG,
				     "%.200s, line %u: an alias has 255 bytes of UTF-8 at most",
				     in->path, in->line);
	snprintf(in->out->alias, sizeof(in->out->alias), "%s", value);
	return 0;
}

static int take_line(struct reading *in, char *line, struct config_why *why)
{
	struct config_why ignored;
	char *key, *value;
	/* What else people have written there is theirs. */
	if (record_line(line, &key, &value, &ignored) <= 0)
		return 0;
	if (!strcmp(key, "InitiatorName"))
		return take_name(in, value, why);
	if (!strcmp(key, "InitiatorAlias"))
		return take_alias(in, value, why);
	in->generate = in->generate || (!strcmp(key, "GenerateName") && !strcmp(value, "yes"));
	return 0;
}

static int read_names(struct reading *in, const struct buf *text, struct config_why *why)
{
	char line[RECORD_LINE_MAX + 1];
	struct config_why detail;
	size_t at = 0;
	int more, err = 0;
	while (!err && (more = record_next_line((const char *)text->data, text->len, &at, line,
						&detail)) != 0) {
		in->line++;
		err = more > 0 ? take_line(in, line, why)
			       : config_refuse(why, EBADMSG, "%.200s, line %u: %.200s", in->path,
					       in->line, detail.text);
	}
	if (err || in->out->name[0])
		return err;
	if (in->generate)
		return config_refuse(why, ENODATA, "%.200s says that a name is to be made",
				     in->path);
	return config_refuse(why, EBADMSG,
			     "%.200s has no initiator's name; write "
			     "InitiatorName=iqn.2001-04.com.example:host",
			     in->path);
}

int initiator_names_read(const char *path, struct initiator_names *out, struct config_why *why)
{
	struct reading in = {.out = out, .path = path};
	struct buf text;
	*out = (struct initiator_names){"", ""};
	buf_init(&text, FILE_MAX);
	int err = config_store_read(path, &text, why);
	if (!err)
		err = read_names(&in, &text, why);
	else
		err = config_refuse(why, -err, "Could not read %.200s: %s", path, strerror(-err));
	buf_free(&text);
	if (err)
		*out = (struct initiator_names){"", ""};
	return err;
}

/* ---- making one ---- */

static int fail(const char *path, struct config_why *why)
{
	return config_refuse(why, errno, "Could not make %.200s: %s", path, strerror(errno));
}

static int write_temporary(int dir, const char *temporary, const char *text)
{
	size_t len = strlen(text);
	CLEANUP(fd)
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, len);
	if (n >= 0 && (size_t)n != len)
		errno = ENOSPC;
	return (size_t)n == len && !fsync(fd) ? 0 : -1;
}

/* A link does not replace: of two that make a name at once, the second takes the first one's. */
static int put_in_place(int dir, const char *temporary, const char *base, bool replace)
{
	if (replace)
		return renameat(dir, temporary, dir, base);
	int err = linkat(dir, temporary, dir, base, 0);
	if (err && errno == EEXIST)
		err = 0;
	return err;
}

static int make_file(const char *path, const char *text, bool replace, struct config_why *why)
{
	char above[RECORDS_PATH_SIZE], temporary[64];
	const char *slash = strrchr(path, '/');
	if (!slash || !slash[1] || (size_t)(slash - path) >= sizeof(above)) {
		errno = EINVAL;
		return fail(path, why);
	}
	snprintf(above, sizeof(above), "%.*s/", (int)(slash - path), path);
	snprintf(temporary, sizeof(temporary), ".initiatorname.%d", (int)getpid());
	CLEANUP(fd) int dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(path, why);
	(void)unlinkat(dir, temporary, 0);
	int err = write_temporary(dir, temporary, text) ||
				  put_in_place(dir, temporary, slash + 1, replace) || fsync(dir)
			  ? fail(path, why)
			  : 0;
	(void)unlinkat(dir, temporary, 0);
	return err;
}

int initiator_names_make(const char *path, const char *prefix,
			 void (*random)(void *ctx, void *out, size_t len), void *ctx,
			 struct initiator_names *out, struct config_why *why)
{
	uint8_t bytes[6];
	char name[512], text[640];
	int there = initiator_names_read(path, out, why);
	if (there != -ENOENT && there != -ENODATA)
		return there;
	random(ctx, bytes, sizeof(bytes));
	snprintf(name, sizeof(name), "%.400s:%02x%02x%02x%02x%02x%02x", prefix, bytes[0], bytes[1],
		 bytes[2], bytes[3], bytes[4], bytes[5]);
	if (iscsi_name_problem(name))
		return config_refuse(why, EINVAL, "\"%.60s\" cannot begin an initiator's name: %s",
				     prefix, iscsi_name_problem(name));
	snprintf(text, sizeof(text),
		 "# Who this host is to targets. Another name is another host to them.\n"
		 "InitiatorName=%s\n",
		 name);
	int err = make_file(path, text, there == -ENODATA, why);
	return err ? err : initiator_names_read(path, out, why);
}
