/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory of records for one test, and shorthand for what is in it. */
#ifndef LUNAR_TESTS_RECORDS_RIG_H
#define LUNAR_TESTS_RECORDS_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "records/store.h"

#define STORE  "iqn.2026-11.org.example:store"
#define OTHER  "iqn.2026-11.org.example:other"
#define PORTAL "127.0.0.1"

struct rig {
	char dir[64];
	struct records db;
	struct config_why why;
	char said[8192];
	unsigned lines;
};

static void rig_note(void *ctx, const char *line)
{
	struct rig *t = ctx;
	size_t at = strlen(t->said);
	snprintf(t->said + at, sizeof(t->said) - at, "%s\n", line);
	t->lines++;
}

static struct records_options rig_options(struct rig *t)
{
	return (struct records_options){.root = t->dir, .wait_ms = 100, .say = {rig_note, t}};
}

static int rig_begin(void **state)
{
	struct rig *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	strcpy(t->dir, "/tmp/records.XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	struct records_options options = rig_options(t);
	assert_int_equal(records_open(&t->db, &options, &t->why), 0);
	*state = t;
	return 0;
}

static int rig_remove(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	return remove(path);
}

static int rig_end(void **state)
{
	struct rig *t = *state;
	records_close(&t->db);
	(void)nftw(t->dir, rig_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

/* What went wrong is printed. */
#define FINE(t, call)                                           \
	do {                                                    \
		int fine_err = (call);                          \
		if (fine_err < 0)                               \
			print_message("# %s\n", (t)->why.text); \
		assert_true(fine_err >= 0);                     \
	} while (0)

static inline void rig_path(const struct rig *t, const char *name, char out[1024])
{
	snprintf(out, 1024, "%s/%s", t->dir, name);
}

static inline bool there(const struct rig *t, const char *name)
{
	char path[1024];
	struct stat st;
	rig_path(t, name, path);
	return !lstat(path, &st);
}

/* Writes a file as somebody else would; what is missing above it is made. */
static inline void scribble(const struct rig *t, const char *name, const char *text)
{
	char path[1024];
	rig_path(t, name, path);
	for (char *p = path + strlen(t->dir) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		(void)mkdir(path, 0700);
		*p = '/';
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
}

/* The file's text, static until the next call. */
static inline const char *slurp(const struct rig *t, const char *name)
{
	static char text[16384];
	char path[1024];
	rig_path(t, name, path);
	FILE *f = fopen(path, "r");
	if (!f)
		return "";
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

static inline void rig_put(struct rig *t, struct record *r, const char *key, const char *value)
{
	FINE(t, record_put(r, key, value, &t->why));
}

static inline struct record *rig_node(struct rig *t, const char *target, const char *port,
				      const char *tpgt, const char *iface)
{
	struct record *r = record_new(RECORD_NODE);
	assert_non_null(r);
	rig_put(t, r, "node.name", target);
	rig_put(t, r, "node.conn[0].address", PORTAL);
	rig_put(t, r, "node.conn[0].port", port);
	rig_put(t, r, "node.tpgt", tpgt);
	rig_put(t, r, "iface.iscsi_ifacename", iface);
	return r;
}

/* True: it was not there before. */
static inline bool rig_add(struct rig *t, const char *target, const char *port, const char *tpgt,
			   const char *iface)
{
	struct record *r = rig_node(t, target, port, tpgt, iface);
	bool added = false;
	FINE(t, records_node_add(&t->db, r, &added, &t->why));
	record_free(r);
	return added;
}

struct rig_list {
	char text[8192];
	const char *key; /* whose value is listed, too */
};

static inline int rig_list_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct rig_list *l = ctx;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof(l->text) - at, "%s %s:%u,%d %s%s%s\n", key->target,
		 key->address, key->port, key->tpgt, key->iface, l->key ? " " : "",
		 l->key ? record_get(node, l->key) : "");
	return 0;
}

/* "TARGET ADDRESS:PORT,TPGT IFACE" line by line. */
static inline const char *rig_list(struct rig *t, struct rig_list *l,
				   const struct record_filter *filter, const char *key)
{
	const struct record_filter all = RECORD_FILTER_ALL;
	*l = (struct rig_list){.key = key};
	FINE(t, records_nodes(&t->db, filter ? filter : &all, rig_list_node, l, &t->why));
	return l->text;
}

static inline void rig_change(struct rig *t, const char *target, const char *key, const char *value)
{
	const struct record_filter filter = {.target = target, .tpgt = RECORDS_ANY_TPGT};
	const struct record_change change = {key, value};
	FINE(t, records_node_update(&t->db, &filter, &change, 1, &t->why));
}

#endif
