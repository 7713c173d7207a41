/* SPDX-License-Identifier: BSD-2-Clause */
/* Portals: they accept, within the limits on connections, and hand over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

#define ACCEPT_RETRY_NS (100 * NSEC_PER_MSEC)

static void accept_next(struct portal *p)
{
	p->accepting = true;
	net_accept(p->target->reactor, &p->accept, p->sock);
}

/* Out of descriptors or memory, as a rule: connections that end will make room. */
static void retry_fired(struct timer *timer)
{
	accept_next(container_of(timer, struct portal, retry));
}

void portal_free(struct portal *p)
{
	struct target *t = p->target;
	timer_cancel(t->reactor, &p->retry);
	net_close(t->reactor, p->sock);
	config_write(t);
	list_del(&p->link);
	config_done(t);
	p->gone = true;
	if (p->closed && !t->freeing)
		p->closed(p->closed_ctx);
	if (!p->users) /* else groups name it still: a drain closes portals before those */
		free(p);
	t->open_portals--;
	target_check_drained(t);
}

/* --- where a connection goes */

/* A socket on its way to another reactor. */
struct arrival {
	struct list link;
	struct mail mail;
	struct target *part;
	struct net_addr portal, peer;
	int sock;
};

static void arrived(struct mail *m)
{
	struct arrival *a = container_of(m, struct arrival, mail);
	struct target *home = a->part->home;
	pthread_mutex_lock(&home->arrivals_lock);
	list_del(&a->link);
	pthread_mutex_unlock(&home->arrivals_lock);
	conn_new(a->part, &a->portal, a->sock, &a->peer);
	free(a);
}

void portal_forget_arrivals(struct target *home)
{
	while (!list_empty(&home->arrivals)) {
		struct arrival *a = list_first(&home->arrivals, struct arrival, link);
		list_del(&a->link);
		free(a);
	}
}

/*
 * The one with the fewest connections; home last, which has more to do. When as many log in as may, one that
 * has a silent connection to make room. NULL: it is refused, which costs a peer that has not logged in
 * nothing.
 */
static struct target *choose_part(struct target *home)
{
	struct target *best = NULL;
	bool crowded = atomic_load(&home->login_count) >= home->limits.max_login_connections;
	if (atomic_load(&home->conn_count) >= home->limits.max_connections)
		return NULL;
	for (unsigned i = home->part_count; i-- > 0;) {
		struct target *part = home->parts[i];
		if (crowded && !atomic_load(&part->silent_count))
			continue;
		if (!best || atomic_load(&part->load) < atomic_load(&best->load))
			best = part;
	}
	return best;
}

static void take_in(struct portal *p, struct target *part, int sock, const struct net_addr *peer)
{
	struct target *home = p->target;
	struct arrival *a = part == home ? NULL : calloc(1, sizeof(*a));
	if (!a)
		part = home;
	atomic_fetch_add(&home->conn_count, 1);
	atomic_fetch_add(&home->login_count, 1);
	atomic_fetch_add(&part->load, 1);
	if (!a) {
		conn_new(home, &p->addr, sock, peer);
		return;
	}
	*a = (struct arrival){.part = part, .portal = p->addr, .peer = *peer, .sock = sock};
	pthread_mutex_lock(&home->arrivals_lock);
	list_add_tail(&home->arrivals, &a->link);
	pthread_mutex_unlock(&home->arrivals_lock);
	reactor_post(part->reactor, &a->mail, arrived);
}

/* --- accepting */

static void accepted(struct op *op, int res)
{
	struct portal *p = container_of(op, struct portal, accept);
	struct target *t = p->target, *part = p->closing ? NULL : choose_part(t);

	p->accepting = false;
	if (res >= 0 && !part) {
		net_close(t->reactor, res);
		count_add(&t->stats.refused_connections, 1);
	} else if (res >= 0) {
		take_in(p, part, res, &op->addr);
	}
	if (p->closing) {
		portal_free(p);
		return;
	}
	if (res < 0 && res != -ECONNABORTED) {
		log_warning(t->log, "cannot accept a connection: %s", strerror(-res));
		timer_set(t->reactor, &p->retry, reactor_now(t->reactor) + ACCEPT_RETRY_NS);
		return;
	}
	accept_next(p);
}

/* --- listening */

bool portal_same(const struct net_addr *a, const struct net_addr *b)
{
	return net_addr_equal_host(a, b) && net_addr_port(a) == net_addr_port(b);
}

bool portal_covers(const struct net_addr *addr, const struct net_addr *at)
{
	return portal_same(addr, at) ||
	       (net_addr_is_any(addr) && addr->sa.sa_family == at->sa.sa_family &&
		net_addr_port(addr) == net_addr_port(at));
}

struct portal *portal_find(struct target *t, const struct net_addr *addr)
{
	struct portal *wide = NULL;
	list_for_each (it, &t->portals) {
		struct portal *p = list_entry(it, struct portal, link);
		if (p->closing || !portal_covers(&p->addr, addr))
			continue;
		if (portal_same(&p->addr, addr))
			return p;
		wide = p;
	}
	return wide;
}

static int use_listener(struct target *t, int sock, struct portal **out)
{
	struct portal *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	int err = net_local_addr(t->reactor, sock, &p->addr);
	if (err) {
		free(p);
		return err;
	}
	p->target = t;
	p->sock = sock;
	p->accept.done = accepted;
	timer_init(&p->retry, retry_fired);
	config_write(t);
	list_add_tail(&t->portals, &p->link);
	config_done(t);
	t->open_portals++;
	accept_next(p);
	*out = p;
	return 0;
}

int portal_listen(struct target *t, const struct net_addr *addr, struct portal **out)
{
	int sock = net_listen(t->reactor, addr, TARGET_BACKLOG);
	int err = sock < 0 ? sock : use_listener(t, sock, out);
	if (err && sock >= 0)
		net_close(t->reactor, sock);
	return err;
}

static int keep(int err, struct portal *p, struct net_addr *bound)
{
	if (err)
		return err;
	p->wanted = true;
	if (bound)
		*bound = p->addr;
	return 0;
}

int target_listen(struct target *t, const struct net_addr *addr, struct net_addr *bound)
{
	struct portal *p = NULL;
	int err = portal_listen(t, addr, &p);
	return keep(err, p, bound);
}

int target_listen_on(struct target *t, int sock, struct net_addr *bound)
{
	struct portal *p = NULL;
	int err = use_listener(t, sock, &p);
	if (!err)
		p->shared = true;
	return keep(err, p, bound);
}

int target_unlisten(struct target *t, const struct net_addr *addr, void (*done)(void *ctx),
		    void *ctx)
{
	list_for_each (it, &t->portals) {
		struct portal *p = list_entry(it, struct portal, link);
		if (p->wanted && !p->closing && portal_same(&p->addr, addr)) {
			p->wanted = false;
			if (!p->users) {
				p->closed = done;
				p->closed_ctx = ctx;
				portal_close(p);
			} else if (done) {
				done(ctx);
			}
			return 0;
		}
	}
	return -ENOENT;
}

void portal_drop(struct portal *p)
{
	if (p->users)
		return;
	if (p->gone)
		free(p);
	else if (!p->wanted)
		portal_close(p);
}

void portal_close(struct portal *p)
{
	if (p->closing)
		return;
	p->closing = true;
	if (p->accepting && !p->target->freeing) {
		reactor_cancel(p->target->reactor, &p->accept);
		if (!p->shared)
			net_shutdown(p->target->reactor, p->sock);
	} else {
		portal_free(p);
	}
}

/* --- its address, for others */

/* A loopback address is reached from this host only, a link-local one over its own link only. */
static bool reachable(const struct net_addr *addr, const struct net_addr *local)
{
	if (net_addr_is_loopback(addr))
		return net_addr_is_loopback(local);
	return !net_addr_is_link_local(addr) || net_addr_equal_host(addr, local);
}

/*
 * The address of a wildcard portal is the one that this initiator has come to. Of the other family's
 * wildcard nothing can be said: which of this host's addresses would reach it is not known.
 */
bool portal_address(const struct net_addr *addr, const struct net_addr *local, struct net_addr *out)
{
	*out = *addr;
	if (net_addr_is_any(addr)) {
		if (addr->sa.sa_family != local->sa.sa_family)
			return false;
		*out = *local;
		net_addr_set_port(out, net_addr_port(addr));
	}
	/* The zone of a link-local IPv6 address is the initiator's own, not ours, and without one it is
	 * of no use: it is left out, and he stays with the address that he has. */
	if (out->sa.sa_family == AF_INET6 && net_addr_is_link_local(out))
		return false;
	return reachable(out, local);
}
