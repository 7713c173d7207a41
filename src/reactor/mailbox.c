/* SPDX-License-Identifier: BSD-2-Clause */
/* Mail between reactors: a stack that many push to and one takes whole. */
#include "reactor/priv.h"

void reactor_post(struct reactor *to, struct mail *m, void (*deliver)(struct mail *m))
{
	if (atomic_exchange(&m->under_way, true))
		return;
	m->deliver = deliver;
	m->next = atomic_load(&to->mailbox);
	while (!atomic_compare_exchange_weak(&to->mailbox, &m->next, m))
		;
	if (atomic_exchange(&to->asleep, false))
		to->engine->ops->wake(to->engine);
}

bool mailbox_empty(const struct reactor *r)
{
	return !atomic_load(&r->mailbox);
}

/* What has come, the first letter first. */
static struct mail *take(struct reactor *r)
{
	struct mail *newest = atomic_exchange(&r->mailbox, NULL), *oldest = NULL;
	while (newest) {
		struct mail *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

int mailbox_open(struct reactor *r)
{
	int delivered = 0;
	if (mailbox_empty(r))
		return 0;
	for (struct mail *m = take(r), *next; m; m = next) {
		void (*deliver)(struct mail * m) = m->deliver;
		next = m->next;
		/* It is the receiver's now, who may free it, or post it again. */
		atomic_store(&m->under_way, false);
		deliver(m);
		delivered++;
	}
	return delivered;
}

int reactor_deliver(struct reactor *r)
{
	return mailbox_open(r);
}

void mailbox_forget(struct reactor *r)
{
	for (struct mail *m = take(r), *next; m; m = next) {
		next = m->next;
		atomic_store(&m->under_way, false);
	}
}
