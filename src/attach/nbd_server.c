/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/nbd_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "reactor/net.h"

#define ACCEPT_PAUSE (100 * NSEC_PER_MSEC)

static void end(struct deferred *d)
{
	struct nbd_server *s = container_of(d, struct nbd_server, end);
	if (s->accepting || s->host.count)
		return;
	nbd_host_free(&s->host);
	s->stopped(s);
}

static void end_when_quiet(struct nbd_server *s)
{
	if (s->listener < 0)
		reactor_defer(s->host.r, &s->end);
}

static void conn_gone(struct nbd_host *host)
{
	end_when_quiet(container_of(host, struct nbd_server, host));
}

static void accept_next(struct nbd_server *s)
{
	s->accepting = true;
	net_accept(s->host.r, &s->accept, s->listener);
}

static void take_in(struct nbd_server *s, int sock)
{
	if (s->listener >= 0 && s->host.count < NBD_CONNECTIONS_MAX) {
		nbd_conn_new(&s->host, sock, NBD_FROM_HANDSHAKE);
		return;
	}
	log_info(reactor_log(s->host.r), "nbd: %s: a client too many", s->host.export.name);
	net_close(s->host.r, sock);
}

static void accepted(struct op *op, int res)
{
	struct nbd_server *s = container_of(op, struct nbd_server, accept);
	s->accepting = false;
	if (res >= 0)
		take_in(s, res);
	if (s->listener < 0)
		end_when_quiet(s);
	else if (res >= 0)
		accept_next(s);
	else
		timer_set(s->host.r, &s->retry, reactor_now(s->host.r) + ACCEPT_PAUSE);
}

static void retry(struct timer *t)
{
	accept_next(container_of(t, struct nbd_server, retry));
}

static int take_listener(struct reactor *r, int listener)
{
	int err = net_take_listener(r, listener);
	return err ? err : listener;
}

int nbd_server_start(struct nbd_server *s, struct disk *disk, const char *name, const char *path,
		     gid_t group, int listener, char *why, size_t why_size)
{
	*s = (struct nbd_server){.path = path, .accept.done = accepted};
	nbd_host_init(&s->host, disk->queues[0], disk, name);
	s->host.gone = conn_gone;
	timer_init(&s->retry, retry);
	deferred_init(&s->end, end);
	s->lent = listener > 0;
	s->listener = s->lent ? take_listener(s->host.r, listener)
			      : net_listen_local(s->host.r, path, group);
	if (s->listener < 0) {
		snprintf(why, why_size, "the NBD socket %s: %s%s", path, strerror(-s->listener),
			 s->listener == -EADDRINUSE ? "; somebody serves there, or it is no socket"
						    : "");
		return s->listener;
	}
	accept_next(s);
	return 0;
}

void nbd_server_stop(struct nbd_server *s, void (*stopped)(struct nbd_server *s))
{
	s->stopped = stopped;
	timer_cancel(s->host.r, &s->retry);
	if (s->accepting)
		reactor_cancel(s->host.r, &s->accept);
	if (s->lent)
		net_close(s->host.r, s->listener);
	else
		net_unlisten_local(s->host.r, s->listener, s->path);
	s->listener = -1;
	nbd_host_drop(&s->host);
	end_when_quiet(s);
}
