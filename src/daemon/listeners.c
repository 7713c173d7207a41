/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Portals' addresses. The sockets are opened here, where ports below 1024 may be had, and stay open here: when the
 * process that serves them dies, another one goes on, and who knocks meanwhile waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"

struct listener {
	struct list link;
	struct net_addr addr;
	int sock;
	unsigned users;
	bool served; /* the other process has it */
};

static struct listener *find(const struct daemon *d, const struct net_addr *addr)
{
	list_for_each (it, &d->listeners) {
		struct listener *l = list_entry(it, struct listener, link);
		if (net_addr_equal_host(&l->addr, addr) &&
		    net_addr_port(&l->addr) == net_addr_port(addr))
			return l;
	}
	return NULL;
}

static int why_not(int err, const struct net_addr *addr, char *why, size_t why_size)
{
	char text[NET_ADDR_TEXT];
	const char *reason = strerror(-err);
	if (err == -EADDRINUSE)
		reason = "another program listens there, perhaps another target: end that one, or "
			 "take "
			 "another port";
	else if (err == -EADDRNOTAVAIL)
		reason = "it is no address of this host: `ip address` lists them; 0.0.0.0 or [::0] "
			 "is all "
			 "of them";
	else if (err == -EACCES)
		reason = "ports below 1024 are for root: take another one";
	snprintf(why, why_size, "The portal %s cannot be listened on: %s",
		 net_addr_format(text, addr), reason);
	return err;
}

/* As descriptors are called when they are stored: no colon. */
static void store(struct daemon *d, const struct net_addr *addr, int sock)
{
	char text[NET_ADDR_TEXT], name[NET_ADDR_TEXT + 16];
	snprintf(name, sizeof(name), "listen-%s", net_addr_format(text, addr));
	for (char *c = name; *c; c++)
		if (*c == ':')
			*c = '_';
	d->store(d, name, sock);
}

static int listener_new(struct daemon *d, const struct net_addr *addr, struct listener **out)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->addr = *addr;
	l->sock = inherit_listener(&d->inherited, addr);
	if (l->sock < 0)
		l->sock = net_listen(d->r, addr, TARGET_BACKLOG);
	if (l->sock < 0) {
		int err = l->sock;
		free(l);
		return err;
	}
	list_add_tail(&d->listeners, &l->link);
	store(d, addr, l->sock);
	*out = l;
	return 0;
}

static void listener_free(struct daemon *d, struct listener *l)
{
	net_close(d->r, l->sock);
	list_del(&l->link);
	free(l);
}

int listener_add(struct daemon *d, const struct net_addr *addr, int *file, char *why,
		 size_t why_size)
{
	struct listener *l = find(d, addr);
	int err = l ? 0 : listener_new(d, addr, &l);
	*file = -1;
	if (err)
		return why_not(err, addr, why, why_size);
	if (!l->served) {
		*file = fcntl(l->sock, F_DUPFD_CLOEXEC, 0);
		if (*file < 0) {
			err = -errno;
			*file = -1;
			if (!l->users)
				listener_free(d, l);
			return why_not(err, addr, why, why_size);
		}
	}
	l->served = true;
	l->users++;
	return 0;
}

bool listener_remove(struct daemon *d, const struct net_addr *addr)
{
	struct listener *l = find(d, addr);
	if (!l || --l->users)
		return false;
	store(d, addr, -1);
	listener_free(d, l);
	return true;
}

void listeners_forget(struct daemon *d)
{
	list_for_each (it, &d->listeners) {
		struct listener *l = list_entry(it, struct listener, link);
		l->served = false;
		l->users = 0;
	}
}

const struct listener *listeners_next(const struct daemon *d, const struct listener *after)
{
	const struct list *next = after ? after->link.next : d->listeners.next;
	return next == &d->listeners ? NULL : container_of(next, const struct listener, link);
}

int listener_socket(const struct listener *l)
{
	return l->sock;
}

void listeners_close(struct daemon *d)
{
	list_for_each_safe (it, &d->listeners)
		listener_free(d, list_entry(it, struct listener, link));
}
