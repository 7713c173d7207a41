/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FNV_PRIME  UINT64_C(0x100000001b3)
#define FIRST_SIZE 64

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++)
		seed = (seed ^ p[i]) * FNV_PRIME;
	return seed;
}

uint64_t hash_text(uint64_t seed, const char *text)
{
	return hash_bytes(seed, text, strlen(text));
}

void hash_init(struct hash *h)
{
	memset(h, 0, sizeof(*h));
}

void hash_free(struct hash *h)
{
	free(h->buckets);
	hash_init(h);
}

/* The high bits of FNV-1a are mixed better than the low ones. */
static struct hash_entry **bucket(struct hash_entry **buckets, size_t size, uint64_t key)
{
	return &buckets[(key ^ key >> 32) & (size - 1)];
}

static void put(struct hash_entry **head, struct hash_entry *entry)
{
	entry->next = *head;
	*head = entry;
}

static int resize(struct hash *h, size_t size)
{
	struct hash_entry **buckets = calloc(size, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < h->size; i++) {
		struct hash_entry *entry = h->buckets[i];
		while (entry) {
			struct hash_entry *next = entry->next;
			put(bucket(buckets, size, entry->key), entry);
			entry = next;
		}
	}
	free(h->buckets);
	h->buckets = buckets;
	h->size = size;
	return 0;
}

int hash_add(struct hash *h, struct hash_entry *entry, uint64_t key)
{
	if (h->count >= h->size && resize(h, h->size ? 2 * h->size : FIRST_SIZE) && !h->size)
		return -ENOMEM;
	entry->key = key;
	put(bucket(h->buckets, h->size, key), entry);
	h->count++;
	return 0;
}

void hash_del(struct hash *h, struct hash_entry *entry)
{
	struct hash_entry **at = bucket(h->buckets, h->size, entry->key);
	while (*at && *at != entry)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = entry->next;
	h->count--;
}

static struct hash_entry *same_key(struct hash_entry *from, uint64_t key)
{
	while (from && from->key != key)
		from = from->next;
	return from;
}

struct hash_entry *hash_find(const struct hash *h, uint64_t key)
{
	return h->size ? same_key(*bucket(h->buckets, h->size, key), key) : NULL;
}

struct hash_entry *hash_find_next(const struct hash_entry *entry)
{
	return same_key(entry->next, entry->key);
}
