/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the configuration tree costs, by its size: making it, saving, loading, comparing, and one change.
 * No disk and no network; a line for each size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "config/diff.h"
#include "config/edit.h"
#include "config/json.h"

#define IQN          "iqn.2026-11.org.example:store"
#define LUNS_OF_ACL  10
#define ACLS_OF_LUNS 10 /* LUNs for each ACL there is */
#define CHANGES      200
#define MUST(call)                                      \
	do {                                            \
		if (call) {                             \
			fprintf(stderr, "%s\n", #call); \
			exit(1);                        \
		}                                       \
	} while (0)

struct bench {
	struct config_tree *tree;
	struct config_prefs prefs;
	uint64_t random;
};

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct bench *b = ctx;
	for (size_t i = 0; i < len; i++) {
		b->random = b->random * 6364136223846793005u + 1442695040888963407u;
		((uint8_t *)out)[i] = (uint8_t)(b->random >> 56);
	}
}

static void add_lun(struct bench *b, struct config_txn *txn, struct config_node *tpg,
		    const char *name)
{
	char path[64], store[64];
	snprintf(path, sizeof(path), "/srv/iscsi/%s.img", name);
	snprintf(store, sizeof(store), "/backstores/fileio/%s", name);
	const struct config_backstore_args args = {.name = name, .dev = path, .size = "1G"};
	MUST(config_create_backstore(txn, &b->prefs, CONFIG_FILEIO, &args, NULL));
	MUST(config_create_lun(txn, &b->prefs, tpg, store, NULL, "false", NULL));
}

static void add_acl(struct bench *b, struct config_txn *txn, struct config_node *tpg, unsigned n)
{
	char text[64];
	struct config_node *acl;
	snprintf(text, sizeof(text), "iqn.2026-11.org.example:init%u", n);
	MUST(config_create_acl(txn, &b->prefs, tpg, text, "false", &acl));
	MUST(config_set(txn, acl, "auth", "userid", "user"));
	MUST(config_set(txn, acl, "auth", "password", "secretsecret12"));
	for (unsigned i = 0; i < LUNS_OF_ACL; i++) {
		snprintf(text, sizeof(text), "%u", n * LUNS_OF_ACL + i);
		MUST(config_create_mapped_lun(txn, &b->prefs, acl, text, text, NULL, NULL));
	}
}

static struct config_node *fill(struct bench *b, unsigned luns)
{
	struct config_txn txn;
	struct config_node *target;
	char name[32];
	MUST(config_begin(&txn, b->tree));
	MUST(config_create_target(&txn, &b->prefs, IQN, &target));
	struct config_node *tpg = config_child(target, "tpg1");
	for (unsigned i = 0; i < luns; i++) {
		snprintf(name, sizeof(name), "disk%u", i);
		add_lun(b, &txn, tpg, name);
	}
	for (unsigned i = 0; i < luns / ACLS_OF_LUNS; i++)
		add_acl(b, &txn, tpg, i);
	config_commit(&txn);
	return tpg;
}

/* Microseconds of one LUN more with its backstore, and away again. */
static double one_change(struct bench *b, struct config_node *tpg)
{
	double begin = now();
	for (unsigned i = 0; i < CHANGES; i++) {
		struct config_txn txn;
		MUST(config_begin(&txn, b->tree));
		add_lun(b, &txn, tpg, "one");
		config_commit(&txn);
		MUST(config_begin(&txn, b->tree));
		MUST(config_delete_backstore(&txn,
					     config_lookup(b->tree, "/backstores/fileio/one")));
		config_commit(&txn);
	}
	return (now() - begin) * 1e6 / CHANGES;
}

/* Milliseconds of comparing two trees that are alike. */
static double compare(struct bench *b, const struct config_tree *want)
{
	struct config_txn txn;
	double begin = now();
	MUST(config_begin(&txn, b->tree));
	MUST(config_become(&txn, want));
	MUST(txn.count);
	config_abandon(&txn, NULL, NULL);
	return (now() - begin) * 1e3;
}

static void measure(unsigned luns)
{
	struct bench b = {.tree = config_tree_new(), .random = 1};
	struct config_tree *again = NULL;
	struct config_report report;
	struct buf text;
	b.prefs = (struct config_prefs){.iqn_prefix = "iqn.x", .random = random_bytes, .ctx = &b};
	buf_init(&text, CONFIG_TEXT_MAX);
	config_report_init(&report);

	double t0 = now();
	struct config_node *tpg = fill(&b, luns);
	double t1 = now();
	MUST(config_save(b.tree, &text));
	double t2 = now();
	MUST(config_load(&again, buf_str(&text), text.len, &b.prefs, CONFIG_FROM_FILE, NULL,
			 &report));
	double t3 = now();
	double diff = compare(&b, again);
	printf("%6u LUNs, %5u ACLs: made in %7.1f ms, saved %7.1f ms (%5.1f MiB), loaded %7.1f ms, "
	       "compared %6.1f ms, one change %5.1f us\n",
	       luns, luns / ACLS_OF_LUNS, (t1 - t0) * 1e3, (t2 - t1) * 1e3,
	       (double)text.len / (1 << 20), (t3 - t2) * 1e3, diff, one_change(&b, tpg));
	config_report_free(&report);
	buf_free(&text);
	config_tree_free(again);
	config_tree_free(b.tree);
}

int main(void)
{
	for (unsigned luns = 10; luns <= 10000; luns *= 10)
		measure(luns);
	return 0;
}
