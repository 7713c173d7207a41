/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/start.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "config/store.h"
#include "control/journal.h"

void service_log(struct log *log, const char *levels, bool verbose, bool quiet)
{
	char why[256];
	log->level = verbose ? LOG_LEVEL_DEBUG : quiet ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
	if (levels)
		log_set_levels(log, levels, why, sizeof(why));
	journal_use(log);
}

int service_check_levels(const char *levels, char *why, size_t why_size)
{
	struct log log = {0};
	return log_set_levels(&log, levels, why, why_size);
}

static int place(const struct service_place *p, char *why, size_t why_size)
{
	bool in_dir = !p->given && p->dir;
	int n = snprintf(p->out, SERVICE_PATH, "%s%s%s",
			 p->given ? p->given
			 : in_dir ? p->dir
				  : p->standard,
			 in_dir ? "/" : "", in_dir ? p->name : "");
	if (n < SERVICE_PATH)
		return 0;
	snprintf(why, why_size, "%.60s...: too long a path", p->out);
	return -ENAMETOOLONG;
}

int service_places(const struct service_place *places, size_t count, char *why, size_t why_size)
{
	int err = 0;
	for (size_t i = 0; !err && i < count; i++)
		err = place(&places[i], why, why_size);
	return err;
}

int service_make_absolute(char path[SERVICE_PATH], char *why, size_t why_size)
{
	char cwd[PATH_MAX], whole[SERVICE_PATH];
	if (path[0] == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)) ||
	    snprintf(whole, sizeof(whole), "%s/%s", cwd, path) >= (int)sizeof(whole)) {
		snprintf(why, why_size, "%.60s: too long a path", path);
		return -ENAMETOOLONG;
	}
	memcpy(path, whole, sizeof(whole));
	return 0;
}

void service_dir_of(const char *file, char out[SERVICE_PATH])
{
	snprintf(out, SERVICE_PATH, "%s", file);
	char *slash = strrchr(out, '/');
	if (slash)
		slash[slash == out] = 0;
	else
		snprintf(out, SERVICE_PATH, ".");
}

int service_make_dir(const char *path, mode_t mode, char *why, size_t why_size)
{
	char dir[SERVICE_PATH];
	snprintf(dir, sizeof(dir), "%s", path);
	int err = config_make_dirs(dir, mode);
	if (err)
		snprintf(why, why_size,
			 "the directory %s cannot be made: %s; --state DIR names another place",
			 path, strerror(-err));
	return err;
}

int service_find_group(const char *name, gid_t *out, char *why, size_t why_size)
{
	const struct group *g = name ? getgrnam(name) : NULL;
	*out = g ? g->gr_gid : (gid_t)-1;
	if (!name || g)
		return 0;
	snprintf(why, why_size, "--group: there is no group \"%.60s\"", name);
	return -ENOENT;
}
