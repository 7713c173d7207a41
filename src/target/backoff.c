/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who guesses waits. After a few logins from one address that were the initiator's fault, each refusal is sent
 * later than the one before, up to a limit. A table of fixed size, so what a flood from many addresses can do is to
 * have others forgotten. It is home's, under a lock: whatever reactor a login came to, it is the same guesser's.
 */
#include <string.h>
#include "target/priv.h"

#define FREE_TRIES 5
#define FIRST_NS   (100 * NSEC_PER_MSEC)
#define FORGET_NS  (60 * NSEC_PER_SEC) /* after the last one */
#define WAYS       4

/* Of IPv6 the network is who it is: its hosts are free to choose the rest. */
static uint64_t key_of(const struct net_addr *addr)
{
	uint64_t key;
	if (addr->sa.sa_family == AF_INET)
		return UINT64_C(1) << 63 | addr->in4.sin_addr.s_addr;
	memcpy(&key, &addr->in6.sin6_addr, sizeof(key));
	return key;
}

static struct failures *row_of(struct target *t, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
	return &t->home->failures[(hash >> 32) % (TARGET_FAILURES / WAYS) * WAYS];
}

/* The place of this address; with `make` maybe that of whoever has been quiet for longest. */
static struct failures *find(struct target *t, const struct net_addr *addr, bool make)
{
	uint64_t key = key_of(addr), now = reactor_now(t->reactor);
	struct failures *row = row_of(t, key), *oldest = row;
	for (unsigned i = 0; i < WAYS; i++) {
		struct failures *f = &row[i];
		/* Another reactor's clock may be ahead of ours by a turn. */
		if (f->count && f->key == key && now < f->last + FORGET_NS)
			return f;
		if (!f->count || (oldest->count && f->last < oldest->last))
			oldest = f;
	}
	if (!make)
		return NULL;
	*oldest = (struct failures){.key = key};
	return oldest;
}

uint64_t backoff_failed(struct target *t, const struct net_addr *peer)
{
	uint64_t most = t->limits.login_backoff * NSEC_PER_SEC;
	pthread_mutex_lock(&t->home->failures_lock);
	struct failures *f = find(t, peer, true);
	f->last = reactor_now(t->reactor);
	if (f->count < FREE_TRIES + 32)
		f->count++;
	unsigned count = f->count;
	pthread_mutex_unlock(&t->home->failures_lock);
	return count <= FREE_TRIES ? 0 : MIN(most, FIRST_NS << (count - FREE_TRIES - 1));
}

void backoff_succeeded(struct target *t, const struct net_addr *peer)
{
	pthread_mutex_lock(&t->home->failures_lock);
	struct failures *f = find(t, peer, false);
	if (f)
		f->count = 0;
	pthread_mutex_unlock(&t->home->failures_lock);
}
