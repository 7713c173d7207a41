/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/inherit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backstore/backstore.h"
#include "sandbox/spawn.h"

struct inherited {
	struct list link;
	enum inherited_kind kind;
	int fd, lock;
	bool stays;
	struct net_addr addr;
	char name[];
};

void inherit_init(struct inheritance *in)
{
	list_init(&in->all);
}

bool inherit_listens(int fd, struct sockaddr *addr, socklen_t size)
{
	int is = 0;
	socklen_t len = sizeof(is);
	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) && is &&
	       !getsockname(fd, addr, &size);
}

/* A socket that listens, of one of these families. */
static bool listens(int fd, struct net_addr *addr)
{
	*addr = (struct net_addr){0};
	return inherit_listens(fd, &addr->sa, sizeof(*addr)) &&
	       (addr->sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6);
}

static struct inherited *find(struct inheritance *in, enum inherited_kind kind, const char *name)
{
	list_for_each (it, &in->all) {
		struct inherited *i = list_entry(it, struct inherited, link);
		if (i->kind == kind && (!name || !strcmp(i->name, name)))
			return i;
	}
	return NULL;
}

int inherit_add(struct inheritance *in, enum inherited_kind kind, const char *name, int fd,
		int lock, bool stays)
{
	size_t len = strlen(name) + 1;
	struct inherited *i = calloc(1, sizeof(*i) + len);
	int err = i ? 0 : -ENOMEM;
	if (!err && kind == INHERITED_LISTENER && !listens(fd, &i->addr))
		err = -EINVAL;
	/* Stored twice is stored once: the other one is in use. */
	if (!err && name[0] && !stays && find(in, kind, name))
		err = -EEXIST;
	if (err) {
		free(i);
		if (fd >= 0)
			close(fd);
		if (lock >= 0)
			close(lock);
		return err;
	}
	i->kind = kind;
	i->fd = fd;
	i->lock = lock;
	i->stays = stays;
	memcpy(i->name, name, len);
	list_add_tail(&in->all, &i->link);
	return 0;
}

static int take(struct inherited *i)
{
	int fd = i->fd;
	list_del(&i->link);
	free(i);
	return fd;
}

int inherit_listener(struct inheritance *in, const struct net_addr *addr)
{
	list_for_each (it, &in->all) {
		struct inherited *i = list_entry(it, struct inherited, link);
		if (i->kind == INHERITED_LISTENER && net_addr_equal_host(&i->addr, addr) &&
		    net_addr_port(&i->addr) == net_addr_port(addr))
			return take(i);
	}
	return -1;
}

int inherit_control(struct inheritance *in, bool *stays)
{
	struct inherited *i = find(in, INHERITED_CONTROL, NULL);
	*stays = i && i->stays;
	return i ? take(i) : -1;
}

int inherit_ramdisk(struct inheritance *in, const char *wwn, uint64_t size)
{
	struct inherited *i = wwn[0] ? find(in, INHERITED_RAMDISK, wwn) : NULL;
	return i && bs_is_memory_of(i->fd, size) ? take(i) : -1;
}

void inherit_disk(struct inheritance *in, const char *path, int files[2])
{
	struct inherited *i = find(in, INHERITED_DISK, path);
	files[1] = i ? i->lock : -1;
	files[0] = i ? take(i) : -1;
}

static void let_go(void *inherited)
{
	struct inherited *i = inherited;
	if (i->fd >= 0)
		close(i->fd);
	if (i->lock >= 0)
		close(i->lock);
}

void inherit_end(struct inheritance *in, struct log *log,
		 void (*unused)(void *ctx, enum inherited_kind kind, const char *name), void *ctx)
{
	list_for_each_safe (it, &in->all) {
		struct inherited *i = list_entry(it, struct inherited, link);
		char text[NET_ADDR_TEXT];
		if (i->kind == INHERITED_LISTENER && i->stays) {
			log_warning(log,
				    "the service manager listens on %s for us, and no portal has "
				    "this address: nobody who connects there is answered",
				    net_addr_format(text, &i->addr));
			continue;
		}
		unused(ctx, i->kind, i->name);
		/* Of a disk that is not configured any more, or could not be opened. */
		if (i->kind == INHERITED_DISK)
			spawn_aside(let_go, i);
		else
			let_go(i);
		list_del(&i->link);
		free(i);
	}
}
