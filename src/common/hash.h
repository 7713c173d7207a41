/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive hash table that grows with what is in it: finding costs the same with ten entries and with
 * ten thousand. The caller compares: keys of different kinds may live in one table.
 *
 * For names that an administrator chose. Who chooses keys may choose ones that collide, so names that
 * strangers send are looked up and never added.
 */
#ifndef LUNAR_COMMON_HASH_H
#define LUNAR_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_entry {
	struct hash_entry *next; /* in its bucket */
	uint64_t key;
};

struct hash {
	struct hash_entry **buckets;
	size_t size; /* a power of two, or 0 before the first entry */
	size_t count;
};

#define HASH_SEED UINT64_C(0xcbf29ce484222325)

/* FNV-1a; `seed` is HASH_SEED or the key of what came before. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);
uint64_t hash_text(uint64_t seed, const char *text);

void hash_init(struct hash *h);
/* Forgets the entries, which are the caller's. */
void hash_free(struct hash *h);
/* 0 or -ENOMEM, and then only for the first entry: a table that cannot grow is slower. */
int hash_add(struct hash *h, struct hash_entry *entry, uint64_t key);
void hash_del(struct hash *h, struct hash_entry *entry);
/* The first entry with this key, and the next one; NULL: no more. */
struct hash_entry *hash_find(const struct hash *h, uint64_t key);
struct hash_entry *hash_find_next(const struct hash_entry *entry);

#endif
