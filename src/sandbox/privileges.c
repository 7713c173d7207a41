/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the process is: its user, and what is left of root's powers, which is nothing. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sandbox/priv.h"

static const char *const usual[] = {"lunar", "nobody"};

/* A container may have no list of users. This number is nobody's, to the kernel, too. */
static const struct passwd unknown = {.pw_name = "nobody", .pw_uid = 65534, .pw_gid = 65534};

static const struct passwd *find_usual(void)
{
	const struct passwd *found = NULL;
	for (size_t i = 0; !found && i < ARRAY_SIZE(usual); i++)
		found = getpwnam(usual[i]);
	return found;
}

int sandbox_find_user(struct sandbox_user *out, const char *name, char *why, size_t why_size)
{
	*out = (struct sandbox_user){.uid = geteuid(), .gid = getegid(), .asked = name};
	bool root = out->uid == 0;
	if (!root && !name)
		return 0;
	const struct passwd *found = name ? getpwnam(name) : find_usual();
	if (!found && name) {
		snprintf(why, why_size, "--user: there is no user \"%.40s\"", name);
		return -ENOENT;
	}
	if (!found)
		found = &unknown;
	if (!root && found->pw_uid != out->uid) {
		snprintf(why, why_size, "--user: only root can become %.40s", name);
		return -EPERM;
	}
	snprintf(out->name, sizeof(out->name), "%s", found->pw_name);
	out->uid = found->pw_uid;
	out->gid = found->pw_gid;
	out->change = root && out->uid != 0;
	return 0;
}

/*
 * A directory in which there is nothing but the numbers of our own descriptors: what Landlock does not
 * cover, asking what names there are, has nothing to ask for. Where it cannot be, the rest holds.
 */
static void leave_file_system(void)
{
	if (chroot("/proc/self/fdinfo") || chdir("/"))
		(void)!chdir("/");
}

/* A ring's buffers are counted against this, unless one is root. */
static void raise_memory_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	if (!setrlimit(RLIMIT_MEMLOCK, &limit) || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* Not even by a program that it would start, or as a user whom it would become. */
static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++)
		;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int become(const struct sandbox_user *u)
{
	if (setgroups(0, NULL) || setresgid(u->gid, u->gid, u->gid) ||
	    setresuid(u->uid, u->uid, u->uid))
		return -errno;
	/* It would not be the first kernel or library in which this is not what it seems. */
	return setresuid(0, 0, 0) && getuid() == u->uid && geteuid() == u->uid ? 0 : -EPERM;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

/* In a user namespace there may be nobody but root, who is not the host's: he stays, without powers. */
static int change_user(const struct sandbox *s)
{
	int err = become(&s->user);
	if ((err != -EINVAL && err != -EPERM) || s->user.asked || getuid() != 0)
		return err;
	log_warning(s->log,
		    "cannot become the user %s (%s): the process that faces the network stays "
		    "root, without root's capabilities",
		    s->user.name, strerror(-err));
	return 0;
}

int privileges_drop(struct sandbox *s)
{
	raise_memory_limit();
	leave_file_system();
	drop_bounding_set();
	int err = s->user.change ? change_user(s) : 0;
	if (!err)
		err = drop_capabilities();
	/* A change of user would undo it. */
	if (!err && s->ends_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		err = -errno;
	return err;
}
