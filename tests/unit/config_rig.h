/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree, a transaction, and random numbers that are the same in each run. */
#ifndef LUNAR_TESTS_CONFIG_RIG_H
#define LUNAR_TESTS_CONFIG_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"
#include "config/edit.h"

#define IQN  "iqn.2026-11.org.example:store"
#define INIT "iqn.2026-11.org.example:init"

struct rig {
	struct config_tree *tree;
	struct config_txn txn;
	struct config_prefs prefs;
	uint64_t random; /* state */
};

static inline void rig_random(void *ctx, void *out, size_t len)
{
	struct rig *rig = ctx;
	for (size_t i = 0; i < len; i++) {
		rig->random = rig->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		((uint8_t *)out)[i] = (uint8_t)(rig->random >> 56);
	}
}

static inline int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->random = 1;
	rig->prefs = (struct config_prefs){
		true,       true, true,        true, "iqn.2003-01.org.example.host",
		rig_random, rig,  CONFIG_KINDS};
	rig->tree = config_tree_new();
	assert_non_null(rig->tree);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
	*state = rig;
	return 0;
}

static inline int rig_end(void **state)
{
	struct rig *rig = *state;
	config_abandon(&rig->txn, NULL, NULL);
	config_tree_free(rig->tree);
	free(rig);
	return 0;
}

/* Commits, and goes on with a new transaction. */
static inline void rig_commit(struct rig *rig)
{
	config_commit(&rig->txn);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
}

#define DONE(rig, call)                                      \
	do {                                                 \
		if (call)                                    \
			fail_msg("%s", (rig)->txn.why.text); \
	} while (0)

#define REFUSED(rig, err, words, call)                           \
	do {                                                     \
		assert_int_equal(call, -(err));                  \
		assert_string_equal((rig)->txn.why.text, words); \
	} while (0)

/* What was said since the last time, which is then forgotten. */
#define SAID(rig, words)                                               \
	do {                                                           \
		assert_string_equal(buf_str(&(rig)->txn.said), words); \
		buf_clear(&(rig)->txn.said);                           \
		(void)buf_add(&(rig)->txn.said, "", 0);                \
	} while (0)

static inline struct config_node *at(struct rig *rig, const char *path)
{
	return config_lookup(rig->tree, path);
}

static inline struct config_node *rig_fileio(struct rig *rig, const char *name, const char *path,
					     const char *size)
{
	struct config_backstore_args args = {.name = name, .dev = path, .size = size};
	struct config_node *node = NULL;
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_FILEIO, &args, &node));
	return node;
}

static inline struct config_node *rig_ramdisk(struct rig *rig, const char *name)
{
	struct config_backstore_args args = {.name = name, .size = "64M"};
	struct config_node *node = NULL;
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_RAMDISK, &args, &node));
	return node;
}

/* The group of a new target. */
static inline struct config_node *rig_target(struct rig *rig, const char *iqn)
{
	struct config_node *target = NULL;
	DONE(rig, config_create_target(&rig->txn, &rig->prefs, iqn, &target));
	return config_child(target, "tpg1");
}

#endif
