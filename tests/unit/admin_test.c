/* SPDX-License-Identifier: BSD-2-Clause */
/* The administration methods over a socket: what they answer, and that a change is whole or is not. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "control/client.h"
#include "daemon/admin.h"

#define IQN "iqn.2026-11.org.example:store"
#define TPG "/iscsi/" IQN "/tpg1"
#define ACL TPG "/acls/iqn.2026-11.org.example:init"

/* A runtime that answers later, and cannot do what has to do with port 13. */
struct rig {
	char dir[64], path[96];
	struct log log;
	struct admin admin;
	struct control_server *server;
	pthread_t thread;
	atomic_bool serves, stop;
	atomic_int told; /* changes that the runtime has made true, less those it has undone */
	struct control_client *c;
	struct timer timer;
	struct config_txn *waits;
	struct timer glance;
	admin_looked *looked;
	void *looked_ctx;
	char path_asked[64];
	_Atomic int looks;
	struct control_error error; /* of the last call */
};

static void let_go(struct timer *t)
{
	struct rig *rig = container_of(t, struct rig, timer);
	struct config_txn *txn = rig->waits;
	rig->waits = NULL;
	config_txn_continue(txn, 0, NULL);
}

/* The machine has a device; one path hangs. */
static void glance(struct timer *t)
{
	struct rig *rig = container_of(t, struct rig, glance);
	enum config_kind found = strcmp(rig->path_asked, "/dev/sdb") ? CONFIG_KINDS : CONFIG_BLOCK;
	int err = strcmp(rig->path_asked, "/mnt/gone") ? 0 : -ETIMEDOUT;
	rig->looked(rig->looked_ctx, found, err, err ? "/mnt/gone does not answer" : "");
}

static int look(void *ctx, const char *path, admin_looked *done, void *done_ctx)
{
	struct rig *rig = ctx;
	snprintf(rig->path_asked, sizeof(rig->path_asked), "%s", path);
	rig->looked = done;
	rig->looked_ctx = done_ctx;
	atomic_fetch_add(&rig->looks, 1);
	timer_set(rig->admin.r, &rig->glance, reactor_now(rig->admin.r) + 5 * NSEC_PER_MSEC);
	return 0;
}

static int apply(void *ctx, struct config_txn *txn, const struct config_change *change, bool back,
		 struct config_why *why)
{
	struct rig *rig = ctx;
	const struct config_node *node = change->node;
	if (!back && node->kind == CONFIG_PORTAL && node->number == 13)
		return config_refuse(why, EADDRINUSE, "Could not listen on port 13: it is taken");
	atomic_fetch_add(&rig->told, back ? -1 : 1);
	if (node->kind != CONFIG_RAMDISK)
		return 0;
	rig->waits = txn;
	timer_set(rig->admin.r, &rig->timer, reactor_now(rig->admin.r) + 5 * NSEC_PER_MSEC);
	return CONFIG_LATER;
}

static const struct config_runtime runtime = {apply, 1};

static void random_bytes(void *ctx, void *out, size_t len)
{
	reactor_random(ctx, out, len);
}

static void sessions(void *ctx, struct control_call *call)
{
	(void)ctx;
	control_answer(call,
		       json_pack("{s:[{s:i, s:s}]}", "sessions", "sid", 1, "initiator", "iqn.x"));
}

static void *serve(void *arg)
{
	struct rig *rig = arg;
	char why[256];
	struct control_options o = {
		.path = rig->path,
		.group = (gid_t)-1,
		.methods = admin_methods,
		.count = admin_method_count,
		.ctx = &rig->admin,
		.most = 8,
	};
	assert_int_equal(reactor_new_engine(&rig->admin.r, "epoll", &rig->log), 0);
	rig->admin.prefs.ctx = rig->admin.r;
	timer_init(&rig->timer, let_go);
	timer_init(&rig->glance, glance);
	assert_int_equal(control_server_new(&rig->server, rig->admin.r, &o, why, sizeof(why)), 0);
	atomic_store(&rig->serves, true);
	while (!atomic_load(&rig->stop))
		reactor_turn(rig->admin.r, reactor_now(rig->admin.r) + 20 * NSEC_PER_MSEC);
	assert_true(admin_is_idle(&rig->admin));
	control_server_free(rig->server);
	reactor_free(rig->admin.r);
	return NULL;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/lunar-admin.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->dir);
	rig->log = (struct log){.level = LOG_LEVEL_ERROR};
	rig->admin.tree = config_tree_new();
	rig->admin.runtime = &runtime;
	rig->admin.runtime_ctx = rig;
	rig->admin.hooks.sessions = sessions;
	rig->admin.hooks.look = look;
	rig->admin.hooks_ctx = rig;
	rig->admin.prefs = (struct config_prefs){.auto_add_default_portal = true,
						 .auto_add_mapped_luns = true,
						 .auto_enable_tpgt = true,
						 .model_alias = true,
						 .iqn_prefix = "iqn.2003-01.org.example.host",
						 .random = random_bytes};
	admin_init(&rig->admin);
	assert_int_equal(pthread_create(&rig->thread, NULL, serve, rig), 0);
	while (!atomic_load(&rig->serves))
		usleep(1000);
	assert_int_equal(control_connect(&rig->c, rig->path), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	control_error_free(&rig->error);
	control_disconnect(rig->c);
	atomic_store(&rig->stop, true);
	pthread_join(rig->thread, NULL);
	config_tree_free(rig->admin.tree);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

/* The result as text, sorted and compact, to be freed; NULL: rig->error. */
static char *ask(struct rig *rig, const char *method, const char *params)
{
	control_error_free(&rig->error);
	json_t *p = json_loads(params, 0, NULL);
	assert_non_null(p);
	json_t *result = control_call(rig->c, method, p, 10, &rig->error);
	char *text =
		result ? json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	json_decref(result);
	return text;
}

static void done(struct rig *rig, const char *method, const char *params, const char *has)
{
	char *text = ask(rig, method, params);
	if (!text)
		fail_msg("%s %s: %s", method, params, rig->error.message);
	if (!strstr(text, has))
		fail_msg("%s %s: %s has no %s", method, params, text, has);
	free(text);
}

static void refused(struct rig *rig, const char *method, const char *params, int code,
		    const char *has)
{
	char *text = ask(rig, method, params);
	if (text)
		fail_msg("%s %s: %s", method, params, text);
	if (!strstr(rig->error.message, has))
		fail_msg("%s %s: \"%s\" has no %s", method, params, rig->error.message, has);
	assert_int_equal(rig->error.code, code);
}

static void make_target(struct rig *rig)
{
	done(rig, "tree.create",
	     "{\"path\": \"/backstores/ramdisk\", \"args\": {\"name\": \"r0\", \"size\": \"1M\"}}",
	     "\"Created ramdisk r0 with size 1M.\"");
	done(rig, "tree.create", "{\"path\": \"/iscsi\", \"args\": {\"wwn\": \"" IQN "\"}}",
	     "\"path\":\"/iscsi/" IQN "\"");
	done(rig, "tree.create",
	     "{\"path\": \"" TPG
	     "/luns\", \"args\": {\"storage_object\": \"/backstores/ramdisk/r0\", \"lun\": 7}}",
	     "\"Created LUN 7.\"");
	done(rig, "tree.create",
	     "{\"path\": \"" TPG "/acls\", \"args\": {\"wwn\": \"iqn.2026-11.org.example:init\"}}",
	     "\"Created mapped LUN 7.\"");
}

static void what_is_made_is_listed(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	done(rig, "tree.list", "{\"path\": \"/backstores/ramdisk/r0\"}", "(1.0MiB) activated");
	done(rig, "tree.list", "{\"path\": \"" TPG "\", \"depth\": 0}", "no-gen-acls, no-auth");
	done(rig, "tree.list", "{\"path\": \"" ACL "\"}", "lun7 ramdisk/r0 (rw)");
	done(rig, "tree.set",
	     "{\"path\": \"" TPG
	     "\", \"group\": \"attribute\", \"values\": {\"authentication\": 1}}",
	     "Parameter authentication is now '1'.");
	done(rig, "tree.list", "{\"path\": \"" ACL "\", \"depth\": 0}",
	     "\"health\":\"error\",\"kind\":\"acl\"");
	done(rig, "tree.disable", "{\"path\": \"" TPG "\"}", "The TPGT has been disabled.");
	done(rig, "tree.list", "{\"path\": \"" TPG "\", \"depth\": 0}", "\"disabled\"");
	refused(rig, "tree.list", "{\"path\": \"/nosuch\"}", RPC_REFUSED, "No such path /nosuch");
	refused(rig, "tree.list", "{\"path\": \"/\", \"depth\": -1}", RPC_BAD_PARAMS, "depth");
	refused(rig, "tree.info", "{\"path\": \"/backstores\"}", RPC_REFUSED,
		"Command not found info");
	done(rig, "session.list", "{}", "\"iqn.x\"");
	done(rig, "version", "{}", "\"protocol\":1");
}

static void secrets_are_hidden_unless_asked_for(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	done(rig, "tree.set",
	     "{\"path\": \"" ACL "\", \"group\": \"auth\", \"values\": {\"userid\": \"me\", "
	     "\"password\": \"secretsecret12\"}}",
	     "Parameter password is now '(hidden)'.");
	static const struct {
		const char *method, *more;
	} ways[] = {
		{"tree.get", ", \"path\": \"" ACL "\", \"group\": \"auth\""},
		{"tree.info", ", \"path\": \"" ACL "\""},
		{"config.export", ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char params[256];
		snprintf(params, sizeof(params), "{\"secrets\": false%s}", ways[i].more);
		char *text = ask(rig, ways[i].method, params);
		assert_non_null(text);
		assert_null(strstr(text, "secretsecret12"));
		assert_non_null(strstr(text, "(hidden)"));
		free(text);
		snprintf(params, sizeof(params), "{\"secrets\": true%s}", ways[i].more);
		done(rig, ways[i].method, params, "secretsecret12");
	}
}

/* All of the configuration, as text. */
static char *document(struct rig *rig)
{
	CLEANUP(free) char *answer = ask(rig, "config.export", "{\"secrets\": true}");
	json_t *result = json_loads(answer, 0, NULL);
	char *text = strdup(json_string_value(json_object_get(result, "document")));
	json_decref(result);
	return text;
}

/* Half of a change is in no file: who saves waits for it, and in a transaction it is the last thing. */
static void saving_waits(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	refused(rig, "batch",
		"{\"atomic\": true, \"calls\": [{\"method\": \"config.save\"}, {\"method\": "
		"\"tree.create\", \"params\": {\"path\": \"/backstores/ramdisk\", \"args\": "
		"{\"name\": "
		"\"r1\", \"size\": \"1M\"}}}]}",
		RPC_BAD_PARAMS, "can only be the last one");
}

static void what_the_runtime_refuses_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	int told = atomic_load(&rig->told);
	char *before = document(rig);
	refused(rig, "tree.create",
		"{\"path\": \"" TPG "/portals\", \"args\": {\"ip_port\": \"13\"}}", RPC_REFUSED,
		"Could not listen on port 13: it is taken");
	refused(rig, "batch",
		"{\"atomic\": true, \"calls\": [{\"method\": \"tree.create\", \"params\": "
		"{\"path\": "
		"\"/backstores/ramdisk\", \"args\": {\"name\": \"r1\", \"size\": \"1M\"}}}, "
		"{\"method\": \"tree.create\", \"params\": {\"path\": \"" TPG
		"/portals\", \"args\": {\"ip_port\": \"13\"}}}]}",
		RPC_REFUSED, "port 13");
	assert_int_equal(json_integer_value(json_object_get(rig->error.data, "index")), 1);
	char *after = document(rig);
	assert_string_equal(before, after);
	assert_int_equal(atomic_load(&rig->told), told);
	free(before);
	free(after);
	done(rig, "batch",
	     "{\"calls\": [{\"method\": \"tree.create\", \"params\": {\"path\": "
	     "\"/backstores/ramdisk\", \"args\": {\"name\": \"r1\", \"size\": \"1M\"}}}, "
	     "{\"method\": \"tree.create\", \"params\": {\"path\": \"" TPG
	     "/portals\", \"args\": {\"ip_port\": \"13\"}}}]}",
	     "{\"error\":{\"code\":1,");
	done(rig, "tree.list", "{\"path\": \"/backstores/ramdisk/r1\"}", "deactivated");
}

/* Calls of two callers that do not wait: each comes while the one before waits for the runtime. */
static void *call_many(void *arg)
{
	struct rig *rig = arg;
	struct control_client *c;
	struct control_error error;
	uintptr_t failed = control_connect(&c, rig->path) ? 100 : 0;
	for (int i = 0; i < 10 && failed < 100; i++) {
		json_t *result = control_call(
			c, "tree.create",
			json_pack("{s:s, s:{s:s+%, s:s}}", "path", "/backstores/ramdisk", "args",
				  "name", "other", &"0123456789"[i], (size_t)1, "size", "1M"),
			10, &error);
		failed += !result;
		json_decref(result);
	}
	if (failed < 100)
		control_disconnect(c);
	return (void *)failed;
}

static void calls_wait_for_each_other(void **state)
{
	struct rig *rig = *state;
	pthread_t other;
	void *failed;
	assert_int_equal(pthread_create(&other, NULL, call_many, rig), 0);
	for (int i = 0; i < 10; i++) {
		char params[160];
		snprintf(params, sizeof(params),
			 "{\"path\": \"/backstores/ramdisk\", \"args\": {\"name\": \"d%d\", "
			 "\"size\": \"1M\"}}",
			 i);
		done(rig, "tree.create", params, "Created ramdisk");
	}
	pthread_join(other, &failed);
	assert_ptr_equal(failed, NULL);
	done(rig, "tree.list", "{\"path\": \"/backstores/ramdisk\", \"depth\": 0}",
	     "Storage Objects: 20");
}

static void parameters_are_checked(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	refused(rig, "tree.create", "{\"path\": \"" TPG "\"}", RPC_REFUSED,
		"Command not found create");
	refused(rig, "tree.create", "{\"path\": \"/iscsi\", \"args\": {\"iqn\": \"x\"}}",
		RPC_REFUSED, "Unexpected keyword parameter 'iqn'");
	refused(rig, "tree.create", "{\"path\": \"" TPG "/luns\"}", RPC_REFUSED,
		"Missing required parameter storage_object");
	refused(rig, "tree.create", "{\"path\": \"/iscsi\", \"args\": []}", RPC_BAD_PARAMS,
		"\"args\" is not an object");
	refused(rig, "tree.create", "{\"path\": \"/iscsi\", \"args\": {\"wwn\": []}}",
		RPC_BAD_PARAMS, "\"wwn\" in \"args\"");
	refused(rig, "tree.set", "{\"path\": \"/iscsi\", \"group\": \"auth\", \"values\": {}}",
		RPC_BAD_PARAMS, "nothing in it");
	refused(rig, "batch", "{\"calls\": [{\"method\": \"version\"}]}", RPC_BAD_PARAMS,
		"\"version\" is no method");
	refused(rig, "batch", "{}", RPC_BAD_PARAMS, "not an array");
	refused(rig, "batch",
		"{\"calls\": [{\"method\": \"tree.create\", \"params\": {\"path\": \"/iscsi\"}}, "
		"{\"method\": \"config.clear\", \"params\": {\"confrim\": true}}]}",
		RPC_BAD_PARAMS, "call 1 of the batch: \"confrim\" is no parameter of config.clear");
	refused(rig, "batch", "{\"calls\": [{\"method\": \"tree.create\", \"params\": []}]}",
		RPC_BAD_PARAMS, "call 0 of the batch: \"params\" is not an object");
	done(rig, "tree.list", "{\"path\": \"/iscsi\"}", "Targets: 1");
	refused(rig, "config.clear", "{}", RPC_NOT_CONFIRMED, "As a precaution");
	refused(rig, "config.save", "{}", RPC_REFUSED, "no file of its own");
	/* What was wrong in one call is not remembered in the next. */
	done(rig, "tree.create",
	     "{\"path\": \"/iscsi\", \"args\": {}, \"prefs\": {\"auto_add_default_portal\": "
	     "false}}",
	     "Created TPG 1.\"]");
}

static void documents_are_restored_and_applied(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	json_t *exported = control_call(rig->c, "config.export",
					json_pack("{s:b}", "secrets", true), 10, &rig->error);
	assert_non_null(exported);
	json_t *again = json_pack("{s:O}", "document", json_object_get(exported, "document"));
	char *params = json_dumps(again, 0);
	refused(rig, "config.restore", params, RPC_REFUSED,
		"storageobject 'ramdisk:r0' exist not restoring");
	done(rig, "config.apply", params, "\"changes\":[]");
	done(rig, "config.clear", "{\"confirm\": true}", "All configuration cleared");
	json_object_set_new(again, "dry_run", json_true());
	char *dry = json_dumps(again, 0);
	done(rig, "config.apply", dry, "create /backstores/ramdisk/r0");
	done(rig, "tree.list", "{\"path\": \"/iscsi\"}", "Targets: 0");
	done(rig, "config.restore", params, "\"report\":[]");
	done(rig, "tree.list", "{\"path\": \"" ACL "\"}", "lun7 ramdisk/r0 (rw)");
	refused(rig, "config.restore", "{\"document\": \"{broken\"}", RPC_REFUSED,
		"line 1, column 7");
	free(params);
	free(dry);
	json_decref(again);
	json_decref(exported);
}

static void a_disk_is_made_in_one_command(void **state)
{
	struct rig *rig = *state;
	done(rig, "tree.create",
	     "{\"path\": \"/\", \"args\": {\"what\": \"disk\", \"image\": \"/srv/vm1.img\", "
	     "\"size\": \"1G\"}}",
	     "\"path\":\"/backstores/fileio/vm1\"");
	done(rig, "tree.resize", "{\"path\": \"/backstores/fileio/vm1\", \"size\": \"2G\"}",
	     "Resized fileio vm1 to 2147483648.");
	refused(rig, "tree.resize", "{\"path\": \"/backstores/fileio/vm1\", \"size\": \"1G\"}",
		RPC_REFUSED, "force=true");
	done(rig, "tree.list", "{\"path\": \"/backstores/fileio/vm1\"}",
	     "/srv/vm1.img (2.0GiB) write-back deactivated");
	done(rig, "tree.delete",
	     "{\"path\": \"/backstores/fileio\", \"args\": {\"name\": \"vm1\"}}",
	     "Deleted storage object vm1.");
	refused(rig, "tree.delete",
		"{\"path\": \"/backstores/fileio\", \"args\": {\"name\": \"vm1\"}}", RPC_REFUSED,
		"No storage object named vm1.");
}

static void a_path_is_looked_at_before_the_change(void **state)
{
	struct rig *rig = *state;
	make_target(rig);
	done(rig, "tree.create",
	     "{\"path\": \"" TPG "/luns\", \"args\": {\"storage_object\": \"/dev/sdb\"}}",
	     "Created storage object dev-sdb.");
	assert_int_equal(atomic_load(&rig->looks), 1);
	refused(rig, "tree.create",
		"{\"path\": \"" TPG "/luns\", \"args\": {\"storage_object\": \"/dev/none\"}}",
		RPC_REFUSED, "storage object or path not valid");
	refused(rig, "tree.create",
		"{\"path\": \"" ACL "\", \"args\": {\"mapped_lun\": \"9\", "
		"\"tpg_lun_or_backstore\": \"/mnt/gone\"}}",
		RPC_REFUSED, "/mnt/gone does not answer");
	assert_int_equal(atomic_load(&rig->looks), 3);
	/* Nobody looks for what the tree has, or is no path. */
	done(rig, "tree.create",
	     "{\"path\": \"/backstores/ramdisk\", \"args\": {\"name\": \"r9\", \"size\": \"1M\"}}",
	     "Created ramdisk r9");
	done(rig, "tree.create",
	     "{\"path\": \"" TPG "/luns\", \"args\": {\"storage_object\": "
	     "\"/backstores/ramdisk/r9\"}}",
	     "Created LUN");
	refused(rig, "tree.create",
		"{\"path\": \"" TPG "/luns\", \"args\": {\"storage_object\": \"none\"}}",
		RPC_REFUSED, "not valid");
	assert_int_equal(atomic_load(&rig->looks), 3);
	/* In a batch of which one path hangs, nothing is done. */
	refused(rig, "batch",
		"{\"atomic\": true, \"calls\": ["
		"{\"method\": \"tree.create\", \"params\": {\"path\": \"/backstores/ramdisk\", "
		"\"args\": {\"name\": \"r8\", \"size\": \"1M\"}}}, "
		"{\"method\": \"tree.create\", \"params\": {\"path\": \"" TPG "/luns\", "
		"\"args\": {\"storage_object\": \"/mnt/gone\"}}}]}",
		RPC_REFUSED, "does not answer");
	refused(rig, "tree.list", "{\"path\": \"/backstores/ramdisk/r8\"}", RPC_REFUSED,
		"No such path");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_is_made_is_listed),
		CASE(secrets_are_hidden_unless_asked_for),
		CASE(what_the_runtime_refuses_leaves_nothing),
		CASE(saving_waits),
		CASE(calls_wait_for_each_other),
		CASE(parameters_are_checked),
		CASE(documents_are_restored_and_applied),
		CASE(a_disk_is_made_in_one_command),
		CASE(a_path_is_looked_at_before_the_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
