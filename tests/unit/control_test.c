/* SPDX-License-Identifier: BSD-2-Clause */
/* Both sides of the control socket: a server on a thread of its own, and callers well and badly behaved. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "control/client.h"
#include "control/server.h"

#define MOST 8

struct rig {
	char dir[64], path[96];
	struct log log;
	struct reactor *r;
	struct control_server *server;
	pthread_t thread;
	atomic_bool serves, stop;
	atomic_uint ran;
	struct control_call *kept; /* by "keep" */
	struct control_client *c;
};

/* --- methods */

static void echo(void *ctx, struct control_call *call)
{
	struct rig *rig = ctx;
	atomic_fetch_add(&rig->ran, 1);
	control_answer(call, json_incref(control_params(call)));
}

static void greet(void *ctx, struct control_call *call)
{
	bool ok;
	const char *name = control_text(call, "name");
	const char *title = name ? control_text_or(call, "title", "Dr.", &ok) : NULL;
	if (!title)
		return;
	bool loud = control_flag_or(call, "loud", false, &ok);
	if (ok)
		control_answer(call, json_pack("{s:s+++}", "said", loud ? "HELLO " : "hello ",
					       title, " ", name));
}

static void refuse(void *ctx, struct control_call *call)
{
	control_refuse_with(call, RPC_REFUSED, "not today", json_pack("{s:i}", "try", 2));
}

static void keep(void *ctx, struct control_call *call)
{
	struct rig *rig = ctx;
	rig->kept = call;
}

static void let_go(void *ctx, struct control_call *call)
{
	struct rig *rig = ctx;
	if (rig->kept)
		control_answer(rig->kept, json_string("at last"));
	rig->kept = NULL;
	control_answer(call, NULL);
}

static void subscribe(void *ctx, struct control_call *call)
{
	control_subscribe(call);
	control_answer(call, NULL);
}

/* So many events with so many bytes each. */
static void publish(void *ctx, struct control_call *call)
{
	struct rig *rig = ctx;
	json_t *params = control_params(call);
	json_int_t count = json_integer_value(json_object_get(params, "count"));
	size_t size = (size_t)json_integer_value(json_object_get(params, "size"));
	char *text = calloc(1, size + 1);
	memset(text, 'x', size);
	for (json_int_t i = 0; i < count; i++)
		control_publish(rig->server,
				json_pack("{s:s, s:s, s:I}", "kind", "test", "text", text, "i", i));
	free(text);
	control_answer(call, json_boolean(control_is_heard(rig->server)));
}

static void who(void *ctx, struct control_call *call)
{
	const struct net_local_peer *peer = control_peer(call);
	control_answer(call, json_pack("{s:i, s:i}", "pid", (int)peer->pid, "uid", (int)peer->uid));
}

static const struct control_method methods[] = {
	{"echo", echo, "a?, b?", "says the same"},
	{"greet", greet, "name, title?, loud?", "says hello"},
	{"refuse", refuse, "", "does not"},
	{"keep", keep, "", "answers later"},
	{"let_go", let_go, "", "lets keep answer"},
	{"subscribe", subscribe, "", "is told of events"},
	{"publish", publish, "count, size", "makes events"},
	{"who", who, "", "who calls"},
};

/* --- the rig */

/* A ring belongs to the thread that made it. */
static void *serve(void *arg)
{
	struct rig *rig = arg;
	char why[256];
	struct control_options o = {
		.path = rig->path,
		.group = (gid_t)-1,
		.methods = methods,
		.count = ARRAY_SIZE(methods),
		.ctx = rig,
		.most = MOST,
	};
	assert_int_equal(reactor_new_engine(&rig->r, getenv("LUNAR_ENGINE"), &rig->log), 0);
	assert_int_equal(control_server_new(&rig->server, rig->r, &o, why, sizeof(why)), 0);
	atomic_store(&rig->serves, true);
	while (!atomic_load(&rig->stop))
		reactor_turn(rig->r, reactor_now(rig->r) + 20 * NSEC_PER_MSEC);
	if (rig->kept)
		control_answer(rig->kept, NULL);
	rig->kept = NULL;
	control_server_free(rig->server);
	reactor_free(rig->r);
	return NULL;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/lunar-control.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->dir);
	rig->log = (struct log){.level = LOG_LEVEL_ERROR};
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
	control_disconnect(rig->c);
	atomic_store(&rig->stop, true);
	pthread_join(rig->thread, NULL);
	assert_int_equal(access(rig->path, F_OK), -1);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

static json_t *call(struct rig *rig, const char *method, json_t *params)
{
	struct control_error error;
	json_t *result = control_call(rig->c, method, params, 10, &error);
	if (!result)
		fail_msg("%s: %s", method, error.message);
	return result;
}

static void call_fails(struct rig *rig, const char *method, json_t *params, int code,
		       const char *words)
{
	struct control_error error;
	json_t *result = control_call(rig->c, method, params, 10, &error);
	assert_null(result);
	assert_int_equal(error.code, code);
	if (!strstr(error.message, words))
		fail_msg("\"%s\" does not say \"%s\"", error.message, words);
	control_error_free(&error);
}

/* A connection without manners. */
static int raw(const struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(addr.sun_path, rig->path, strlen(rig->path));
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

static void say(int sock, const char *text)
{
	assert_int_equal(send(sock, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void hear(int sock, const char *words)
{
	char line[4096];
	size_t n = 0;
	while (n < sizeof(line) - 1 && recv(sock, line + n, 1, 0) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	if (!strstr(line, words))
		fail_msg("\"%s\" does not say \"%s\"", line, words);
}

/* --- cases */

static void calls_are_answered(void **state)
{
	struct rig *rig = *state;
	json_t *r = call(rig, "greet", json_pack("{s:s}", "name", "Watson"));
	assert_string_equal(json_string_value(json_object_get(r, "said")), "hello Dr. Watson");
	json_decref(r);
	r = call(rig, "greet",
		 json_pack("{s:s, s:s, s:b}", "name", "Holmes", "title", "Mr.", "loud", 1));
	assert_string_equal(json_string_value(json_object_get(r, "said")), "HELLO Mr. Holmes");
	json_decref(r);
	r = call(rig, "who", NULL);
	assert_int_equal(json_integer_value(json_object_get(r, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(r, "uid")), getuid());
	json_decref(r);
}

static void what_is_wrong_is_said(void **state)
{
	struct rig *rig = *state;
	struct control_error error;
	call_fails(rig, "greet", NULL, RPC_BAD_PARAMS,
		   "greet needs \"name\"; it takes: name, title?");
	call_fails(rig, "greet", json_pack("{s:i}", "name", 7), RPC_BAD_PARAMS, "not a string");
	call_fails(rig, "greet", json_pack("{s:s, s:s}", "name", "x", "loud", "y"), RPC_BAD_PARAMS,
		   "\"loud\" is not true or false");
	call_fails(rig, "greet", json_pack("{s:s}", "nme", "x"), RPC_BAD_PARAMS,
		   "\"nme\" is no parameter of greet; it has: name, title?, loud?");
	call_fails(rig, "refuse", json_pack("{s:i}", "a", 1), RPC_BAD_PARAMS, "it has: none");
	call_fails(rig, "fly", NULL, RPC_NO_METHOD, "no method \"fly\"");
	assert_null(control_call(rig->c, "refuse", NULL, 10, &error));
	assert_int_equal(error.code, RPC_REFUSED);
	assert_string_equal(error.message, "not today");
	assert_int_equal(json_integer_value(json_object_get(error.data, "try")), 2);
	control_error_free(&error);
	assert_int_equal(atomic_load(&rig->ran), 0);
}

static void nonsense_is_answered(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"{\n", "-32700"},
		{"hello\n", "not JSON, at byte"},
		{"{\"a\":1,\"a\":2}\n", "duplicate"},
		{"\"\xff\"\n", "-32700"},
		{"[]\n", "batches"},
		{"17\n", "expected near"},
		{"{\"id\":5}\n", "\"id\":5"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"who\"}\n", "\\\"id\\\" is neither"},
		{"{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":9}\n", "\\\"method\\\" is not a string"},
		{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"who\",\"params\":[1]}\n",
		 "have names"},
		{"\r\n \n{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}\n",
		 "\"id\":\"x\",\"result\":null"},
	};
	struct rig *rig = *state;
	int sock = raw(rig);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		say(sock, cases[i].line);
		hear(sock, cases[i].words);
	}
	close(sock);
}

/* Many at once, in pieces, one of them without an id: all run, in order, and those that want it are answered. */
static void many_in_one_breath(void **state)
{
	struct rig *rig = *state;
	int sock = raw(rig);
	for (int i = 0; i < 100; i++) {
		char text[200];
		snprintf(
			text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n{\"jsonrpc\":\"2.0\",\"id\":%d,"
			"\"method\":\"echo\",\"params\":{\"a\":%d}}\n",
			i, i * 7);
		size_t half = strlen(text) / 3;
		assert_int_equal(send(sock, text, half, MSG_NOSIGNAL), (ssize_t)half);
		say(sock, text + half);
	}
	shutdown(sock, SHUT_WR);
	for (int i = 0; i < 100; i++) {
		char words[64];
		snprintf(words, sizeof(words), "\"id\":%d,\"result\":{\"a\":%d}", i, i * 7);
		hear(sock, words);
	}
	hear(sock, "");
	assert_int_equal(recv(sock, (char[1]){0}, 1, 0), 0);
	assert_int_equal(atomic_load(&rig->ran), 200);
	close(sock);
}

static void large_ones(void **state)
{
	struct rig *rig = *state;
	size_t len = 9u << 20;
	char *text = malloc(len + 1);
	memset(text, 'x', len);
	text[len] = 0;
	json_t *r = call(rig, "echo", json_pack("{s:s}", "a", text));
	assert_int_equal(json_string_length(json_object_get(r, "a")), len);
	json_decref(r);
	free(text);
}

/* An answer that comes later keeps nobody else waiting; one that nobody waits for is no harm. */
static void answers_that_take_their_time(void **state)
{
	struct rig *rig = *state;
	struct control_error error;
	int sock = raw(rig);
	say(sock, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n");
	say(sock, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"who\"}\n");
	hear(sock, "\"id\":2");
	json_decref(call(rig, "let_go", NULL));
	hear(sock, "at last");
	say(sock, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"keep\"}\n"
		  "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"who\"}\n");
	hear(sock, "\"id\":4");
	close(sock);
	json_decref(call(rig, "let_go", NULL));
	assert_null(control_call(rig->c, "keep", NULL, 1, &error));
	assert_int_equal(error.code, -ETIMEDOUT);
	/* Its answer comes before the one that is waited for then. */
	json_decref(call(rig, "let_go", NULL));
	json_decref(call(rig, "who", NULL));
}

static json_int_t of(const json_t *event, const char *name)
{
	return json_integer_value(json_object_get(event, name));
}

static void events_come_to_those_who_asked(void **state)
{
	struct rig *rig = *state;
	struct control_client *other;
	int err;
	assert_int_equal(control_connect(&other, rig->path), 0);
	json_decref(call(rig, "subscribe", NULL));
	json_t *heard =
		control_call(other, "publish", json_pack("{s:i, s:i}", "count", 3, "size", 1), 10,
			     &(struct control_error){0});
	assert_true(json_is_true(heard));
	json_decref(heard);
	for (int i = 0; i < 3; i++) {
		json_t *event = control_next_event(rig->c, 5000, &err);
		assert_non_null(event);
		assert_int_equal(of(event, "i"), i);
		assert_int_equal(of(event, "number"), i + 1);
		assert_true(json_real_value(json_object_get(event, "time")) > 1e9);
		json_decref(event);
	}
	assert_null(control_next_event(rig->c, 0, &err));
	assert_int_equal(err, -ETIMEDOUT);
	assert_null(control_next_event(other, 10, &err));
	assert_int_equal(err, -ETIMEDOUT);
	/* One who subscribes twice is told once, and answers come as ever. */
	json_decref(call(rig, "subscribe", NULL));
	json_decref(call(rig, "publish", json_pack("{s:i, s:i}", "count", 1, "size", 1)));
	json_decref(call(rig, "who", NULL));
	control_disconnect(other);
}

/* Who does not read loses events, is told how many, and costs no more memory than that. */
static void events_that_are_not_read_are_counted(void **state)
{
	struct rig *rig = *state;
	json_int_t told = 0, lost = 0, last = 0, marks = 0;
	struct control_client *other;
	int err;
	assert_int_equal(control_connect(&other, rig->path), 0);
	json_decref(call(rig, "subscribe", NULL));
	json_t *heard =
		control_call(other, "publish", json_pack("{s:i, s:i}", "count", 5000, "size", 1000),
			     20, &(struct control_error){0});
	json_decref(heard);
	while (told + lost < 5000) {
		json_t *event = control_next_event(rig->c, 5000, &err);
		assert_non_null(event);
		const char *kind = json_string_value(json_object_get(event, "kind"));
		if (!strcmp(kind, "events.lost")) {
			lost += of(event, "count");
			marks++;
		} else {
			assert_int_equal(of(event, "i"), told + lost);
			assert_true(of(event, "number") > last);
			last = of(event, "number");
			told++;
		}
		json_decref(event);
	}
	assert_int_equal(told + lost, 5000);
	assert_true(told > 100 && lost > 100 && marks >= 1);
	control_disconnect(other);
}

static void there_is_room_for_so_many(void **state)
{
	struct rig *rig = *state;
	int socks[MOST];
	json_decref(call(rig, "who", NULL));
	for (int i = 0; i < MOST; i++)
		socks[i] = raw(rig);
	/* The last one finds none. */
	assert_int_equal(recv(socks[MOST - 1], (char[1]){0}, 1, 0), 0);
	for (int i = 0; i < MOST; i++)
		close(socks[i]);
	json_decref(call(rig, "who", NULL));
}

/* It never reads: it costs a bounded amount of memory, and nobody else notices. */
static void who_does_not_read(void **state)
{
	struct rig *rig = *state;
	size_t len = 1u << 20;
	int sock = raw(rig);
	char *text = malloc(len + 100);
	int n = snprintf(text, 100,
			 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"a\":\"");
	memset(text + n, 'x', len);
	memcpy(text + n + len, "\"}}\n", 4);
	for (int i = 0; i < 64; i++)
		if (send(sock, text, (size_t)n + len + 4, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			usleep(10000);
	assert_true(atomic_load(&rig->ran) < 32);
	json_decref(call(rig, "who", NULL));
	close(sock);
	free(text);
}

static void only_who_may(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A second daemon is told so; what a dead one left is taken over; what is no socket stays. */
static void the_name_of_the_socket(void **state)
{
	struct rig *rig = *state;
	struct reactor *r;
	char path[120];
	assert_int_equal(reactor_new_epoll(&r, &rig->log), 0);
	assert_int_equal(net_listen_local(r, rig->path, (gid_t)-1), -EADDRINUSE);
	json_decref(call(rig, "who", NULL));

	snprintf(path, sizeof(path), "%s/left", rig->dir);
	int sock = net_listen_local(r, path, getgid());
	assert_true(sock >= 0);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	net_close(r, sock); /* the name stays, as after a kill */
	sock = net_listen_local(r, path, (gid_t)-1);
	assert_true(sock >= 0);
	net_unlisten_local(r, sock, path);
	assert_int_equal(access(path, F_OK), -1);

	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(net_listen_local(r, path, (gid_t)-1), -EADDRINUSE);
	assert_int_equal(unlink(path), 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	assert_int_equal(net_listen_local(r, path, (gid_t)-1), -ENAMETOOLONG);
	reactor_free(r);
}

static void nobody_there(void **state)
{
	struct control_client *c;
	assert_int_equal(control_connect(&c, "/tmp/lunar-control.none/socket"), -ENOENT);
}

#define CONTROL_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTROL_CASE(calls_are_answered),
		CONTROL_CASE(what_is_wrong_is_said),
		CONTROL_CASE(nonsense_is_answered),
		CONTROL_CASE(many_in_one_breath),
		CONTROL_CASE(large_ones),
		CONTROL_CASE(answers_that_take_their_time),
		CONTROL_CASE(events_come_to_those_who_asked),
		CONTROL_CASE(events_that_are_not_read_are_counted),
		CONTROL_CASE(there_is_room_for_so_many),
		CONTROL_CASE(who_does_not_read),
		CONTROL_CASE(only_who_may),
		CONTROL_CASE(the_name_of_the_socket),
		cmocka_unit_test(nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
