/* SPDX-License-Identifier: BSD-2-Clause */
/* admin_only SOCKET: the control socket and the tree of the daemon, with nothing behind them: what is
 * configured is configured and no more. For tests of the shell. Ends on SIGTERM. */
#include <signal.h>
#include <string.h>
#include "daemon/admin.h"

static void random_bytes(void *ctx, void *out, size_t len)
{
	struct reactor *r = ctx;
	reactor_random(r, out, len);
}

static void quit(int signal)
{
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv)
{
	struct log log = {.level = getenv("VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR};
	struct admin admin = {0};
	struct control_server *server;
	char why[256];
	if (argc != 2) {
		fprintf(stderr, "usage: admin_only SOCKET\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, quit);
	if (reactor_new_engine(&admin.r, "epoll", &log))
		return 1;
	admin.tree = config_tree_new();
	admin.prefs = (struct config_prefs){
		true,         true,    true,        true, "iqn.2003-01.org.lunar.test.x8664",
		random_bytes, admin.r, CONFIG_KINDS};
	admin_init(&admin);
	struct control_options o = {
		.path = argv[1],
		.group = (gid_t)-1,
		.methods = admin_methods,
		.count = admin_method_count,
		.ctx = &admin,
		.most = 64,
	};
	if (control_server_new(&server, admin.r, &o, why, sizeof(why))) {
		fprintf(stderr, "admin_only: %s\n", why);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	return reactor_run(admin.r) ? 1 : 0;
}
