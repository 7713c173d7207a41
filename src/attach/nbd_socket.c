/* SPDX-License-Identifier: BSD-2-Clause */
/* No block device, but what QEMU, nbdcopy and libguestfs take for one: works without any rights. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach/attach.h"
#include "attach/nbd_server.h"

struct nbd_socket {
	struct attach attach;
	char socket[ATTACH_PATH];
	char name[64];
	struct nbd_server server;
	bool serving;
	struct deferred ready, refused;
};

static struct nbd_socket *of(struct attach *a)
{
	return container_of(a, struct nbd_socket, attach);
}

static int probe(char *why, size_t why_size)
{
	return 0;
}

static void say_ready(struct deferred *d)
{
	struct nbd_socket *n = container_of(d, struct nbd_socket, ready);
	attach_say_ready(&n->attach, 0);
}

static void say_busy(struct deferred *d)
{
	struct nbd_socket *n = container_of(d, struct nbd_socket, refused);
	attach_say_stopped(&n->attach, -EBUSY);
}

/* New connections see the traits as they are; the protocol has no word for those that there are. */
static int start(struct attach **out, const struct attach_options *o, char *why, size_t why_size)
{
	if (!o->socket || o->socket[0] != '/' || strlen(o->socket) >= ATTACH_PATH) {
		snprintf(why, why_size, "nbd-socket: the socket's absolute path is needed");
		return -EINVAL;
	}
	struct nbd_socket *n = calloc(1, sizeof(*n));
	if (!n) {
		snprintf(why, why_size, "nbd-socket: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	snprintf(n->socket, sizeof(n->socket), "%s", o->socket);
	snprintf(n->name, sizeof(n->name), "%s", o->name);
	int err = nbd_server_start(&n->server, o->disk, n->name, n->socket, o->group, o->listener,
				   why, why_size);
	if (err) {
		free(n);
		return err;
	}
	n->serving = true;
	snprintf(n->attach.path, sizeof(n->attach.path), "%s", n->socket);
	deferred_init(&n->ready, say_ready);
	deferred_init(&n->refused, say_busy);
	reactor_defer(n->server.host.r, &n->ready);
	*out = &n->attach;
	return 0;
}

static void stopped(struct nbd_server *server)
{
	struct nbd_socket *n = container_of(server, struct nbd_socket, server);
	n->serving = false;
	attach_say_stopped(&n->attach, 0);
}

static void stop(struct attach *a, bool force)
{
	struct nbd_socket *n = of(a);
	unsigned busy = nbd_host_busy(&n->server.host);
	if (busy && !force) {
		attach_set_why(a, "%s has %u client%s", n->socket, busy, busy == 1 ? "" : "s");
		reactor_defer(n->server.host.r, &n->refused);
		return;
	}
	deferred_cancel(&n->ready);
	nbd_server_stop(&n->server, stopped);
}

static void free_socket(struct attach *a)
{
	struct nbd_socket *n = of(a);
	deferred_cancel(&n->ready);
	deferred_cancel(&n->refused);
	free(n);
}

const struct attach_method attach_nbd_socket = {
	.name = "nbd-socket",
	.help = "an NBD server on a Unix socket, for QEMU, nbdcopy, libguestfs; needs no rights",
	.by_name_only = true,
	.probe = probe,
	.start = start,
	.stop = stop,
	.free = free_socket,
};
