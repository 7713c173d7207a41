/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a saved configuration is not there yet, and is waited for: disks, and addresses to listen on. */
#include <errno.h>
#include "daemon/daemon.h"

/* Often at first: who was killed and is started again may find the old one's last I/O not at rest yet. */
#define SOON      (200 * NSEC_PER_MSEC)
#define SOON_MOST 25
#define LATER     NSEC_PER_SEC

bool pending_may_come(const struct config_node *node, int err)
{
	static const int disk[] = {-ENOENT, -ENODEV,  -ENXIO,  -ENOMEDIUM,  -EBUSY,
				   -EAGAIN, -ENOTDIR, -ESTALE, -EINPROGRESS};
	static const int address[] = {-EADDRINUSE, -EADDRNOTAVAIL};
	for (size_t i = 0; config_is_backstore(node->kind) && i < ARRAY_SIZE(disk); i++)
		if (err == disk[i])
			return true;
	for (size_t i = 0; node->kind == CONFIG_PORTAL && i < ARRAY_SIZE(address); i++)
		if (err == address[i])
			return true;
	return false;
}

static void came(void *ctx, int err, const char *why)
{
	(void)ctx;
	(void)err;
	(void)why;
}

/* True: some of them are pending still. */
static bool look_at(struct daemon *d, struct config_node *parent)
{
	bool more = false;
	list_for_each_safe (it, &parent->children) {
		struct config_node *node = list_entry(it, struct config_node, sibling);
		if (!node->pending)
			continue;
		more = true;
		if (!node->runtime)
			runtime_object(d, node, RUNTIME_AGAIN, came, NULL);
	}
	return more;
}

static bool look_at_portals(struct daemon *d)
{
	bool more = false;
	list_for_each (it, &config_iscsi(d->tree)->children) {
		struct config_node *target = list_entry(it, struct config_node, sibling);
		list_for_each (g, &target->children) {
			struct config_node *tpg = list_entry(g, struct config_node, sibling);
			more |= look_at(d, config_part(tpg, CONFIG_PORTALS));
		}
	}
	return more;
}

static void look(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, retry);
	bool more = false;
	/* Not in the middle of a change, nor when there is nobody to tell. */
	if (!d->ready || d->bringing_up || config_is_busy(d->tree)) {
		pending_wait(d);
		return;
	}
	more |= look_at(d, config_plugin(d->tree, CONFIG_BLOCK));
	more |= look_at(d, config_plugin(d->tree, CONFIG_FILEIO));
	more |= look_at_portals(d);
	if (more)
		pending_wait(d);
	else
		d->retries = 0;
}

void pending_look(struct daemon *d)
{
	d->retry.fire = look;
	timer_set(d->r, &d->retry, reactor_now(d->r));
}

void pending_wait(struct daemon *d)
{
	d->retry.fire = look;
	if (timer_is_set(&d->retry))
		return;
	uint64_t interval = d->retries < SOON_MOST ? SOON : LATER;
	d->retries += d->retries < SOON_MOST;
	timer_set(d->r, &d->retry, reactor_now(d->r) + interval);
}
