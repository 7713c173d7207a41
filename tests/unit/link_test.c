/* SPDX-License-Identifier: BSD-2-Clause */
/* A session's connection on a reactor: names that somebody else resolves. */
#include "sim_rig.h"

#include <sys/socket.h>
#include "driver/link.h"

#define NAME "target.example"
#define PORT 3260

/* A link whose owner answers when he likes, and a place that may be connected to. */
struct rig_of_link {
	struct sim *sim;
	struct reactor *ours, *theirs;
	struct ini_link *link;
	struct net_addr addr;
	struct call accept;
	unsigned asked;
	uint32_t query; /* the last one */
	enum ini_state state;
};

static void resolve(void *ctx, struct ini_link *link, uint32_t query, const char *host,
		    uint16_t port)
{
	struct rig_of_link *g = ctx;
	assert_string_equal(host, NAME);
	assert_int_equal(port, PORT);
	assert_true(!g->asked || query != g->query);
	g->asked++;
	g->query = query;
}

static void state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct rig_of_link *g = ctx;
	g->state = state;
}

static const struct ini_link_ops ops = {.state = state, .resolve = resolve};

static int begin(void **out)
{
	static struct rig_of_link rig;
	struct rig_of_link *g = &rig;
	struct ini_config config;
	*g = (struct rig_of_link){.sim = sim_new(1, NULL)};
	g->ours = sim_node(g->sim);
	g->theirs = sim_node(g->sim);
	sim_node_addr(g->sim, g->theirs, AF_INET, PORT, &g->addr);
	int sock = net_listen(g->theirs, &g->addr, 8);
	assert_true(sock >= 0);
	net_accept(g->theirs, &call_init(&g->accept)->op, sock);
	ini_config_init(&config);
	config.initiator_name = "iqn.2026-11.org.example:us";
	config.target_name = "iqn.2026-11.org.example:them";
	config.address = NAME;
	config.times.connect = config.times.reconnect = NSEC_PER_SEC;
	config.patience = INI_NEVER;
	assert_int_equal(ini_link_new(&g->link, g->ours, &config, &ops, g), 0);
	ini_link_start(g->link);
	*out = g;
	return 0;
}

static int end(void **out)
{
	struct rig_of_link *g = *out;
	ini_link_abandon(g->link);
	sim_free(g->sim);
	return 0;
}

static void until_asked(struct rig_of_link *g, unsigned times)
{
	while (g->asked < times)
		assert_true(sim_step(g->sim, REACTOR_NEVER));
}

static void pass(struct rig_of_link *g, uint64_t time)
{
	sim_run(g->sim, sim_now(g->sim) + time);
}

static void an_answer_connects(void **out)
{
	struct rig_of_link *g = *out;
	until_asked(g, 1);
	ini_link_resolved(g->link, g->query, 1, &g->addr);
	pass(g, NSEC_PER_SEC / 2);
	assert_true(g->accept.done);
}

/* What a question that was given up was answered may be what the name meant before. */
static void a_late_answer_is_not_taken_for_the_next_question(void **out)
{
	struct rig_of_link *g = *out;
	until_asked(g, 1);
	uint32_t first = g->query;
	until_asked(g, 2);
	ini_link_resolved(g->link, first, 1, &g->addr);
	pass(g, NSEC_PER_SEC / 4);
	assert_false(g->accept.done);
	ini_link_resolved(g->link, g->query, 1, &g->addr);
	pass(g, NSEC_PER_SEC / 4);
	assert_true(g->accept.done);
}

static void the_same_answer_again_is_nothing(void **out)
{
	struct rig_of_link *g = *out;
	until_asked(g, 1);
	uint32_t first = g->query;
	ini_link_resolved(g->link, first, -EHOSTUNREACH, NULL);
	ini_link_resolved(g->link, first, 1, &g->addr);
	pass(g, NSEC_PER_MSEC);
	assert_false(g->accept.done);
	until_asked(g, 2);
	ini_link_resolved(g->link, first, 1, &g->addr);
	pass(g, NSEC_PER_SEC / 2);
	assert_false(g->accept.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_connects, begin, end),
		cmocka_unit_test_setup_teardown(a_late_answer_is_not_taken_for_the_next_question,
						begin, end),
		cmocka_unit_test_setup_teardown(the_same_answer_again_is_nothing, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
