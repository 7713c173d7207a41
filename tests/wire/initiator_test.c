/* SPDX-License-Identifier: BSD-2-Clause */
/* Our initiator against our target: the same cases in simulation and over loopback sockets. */
#include <errno.h>
#include <string.h>
#include "driver/link.h"
#include "initiator/discovery.h"
#include "initiator/sense.h"
#include "target/node.h"
#include "wire.h"

#define PATIENCE (60 * NSEC_PER_SEC)
#define KIB      1024u

struct me {
	struct wire_world *world;
	struct reactor *reactor;
	struct ini_link *link;
	enum ini_state state;
	struct ini_why why;
	unsigned ups, waits;
	struct ini_event event; /* the last one, and how many of each */
	unsigned events[INI_REJECTED + 1];
};

static void on_state(void *ctx, enum ini_state state, const struct ini_why *why)
{
	struct me *me = ctx;
	me->state = state;
	me->why = *why;
	me->ups += state == INI_UP;
	me->waits += state == INI_WAITING;
}

static void on_event(void *ctx, const struct ini_event *event)
{
	struct me *me = ctx;
	me->event = *event;
	me->events[event->kind]++;
}

/* No test asks a real name server: it may be away, or slow. */
static void on_resolve(void *ctx, struct ini_link *link, uint32_t question, const char *host,
		       uint16_t port)
{
	ini_link_resolved(link, question, strcmp(host, "nobody.to.ask") ? -ENOENT : -EAGAIN, NULL);
}

static const struct ini_link_ops link_ops = {
	.state = on_state, .event = on_event, .resolve = on_resolve};

/* --- waiting */

static bool until(struct me *me, bool (*so)(struct me *me))
{
	uint64_t end = wire_now(me->world) + PATIENCE;
	while (!so(me) && me->world->transport->turn(me->world, end))
		;
	return so(me);
}

static bool is_up(struct me *me)
{
	return me->state == INI_UP;
}

static bool is_ended(struct me *me)
{
	return me->state == INI_ENDED;
}

static bool is_waiting(struct me *me)
{
	return me->state == INI_WAITING;
}

/* --- making */

static char address[NET_ADDR_TEXT];

static void configure(struct me *me, struct ini_config *c)
{
	ini_config_init(c);
	c->initiator_name = WIRE_INITIATOR;
	c->target_name = WIRE_TARGET;
	c->address = net_addr_format(address, &me->world->addr);
	memcpy(c->isid, "\x80\x01\x02\x03\x04\x05", 6);
	c->times.connect = c->times.login = 5 * NSEC_PER_SEC;
}

static struct me *begin(struct wire_world *world, const struct ini_config *config)
{
	struct me *me = wire_alloc(world, sizeof(*me));
	struct ini_config c;
	me->world = world;
	me->reactor = world->client ? world->client : world->reactor;
	if (!config)
		configure(me, &c);
	assert_int_equal(ini_link_new(&me->link, me->reactor, config ? config : &c, &link_ops, me),
			 0);
	ini_link_start(me->link);
	return me;
}

static struct me *log_in(struct wire_world *world, const struct ini_config *config)
{
	struct me *me = begin(world, config);
	if (!until(me, is_up))
		wire_fail(world, "no login: %s", me->why.text);
	return me;
}

static void finish(struct me *me, bool force)
{
	ini_link_stop(me->link, force);
	assert_true(until(me, is_ended));
	ini_link_free(me->link);
}

static struct ini_session *session(struct me *me)
{
	return ini_link_session(me->link);
}

/* --- commands */

struct cmd {
	struct ini_task task;
	struct iovec iov[16];
	uint8_t *data;
	bool done;
	unsigned dones;
	int err;
};

static void cmd_done(struct ini_task *task, int err)
{
	struct cmd *c = container_of(task, struct cmd, task);
	c->done = true;
	c->dones++;
	c->err = err;
}

/* A buffer in so many uneven pieces. */
static unsigned pieces(struct iovec *iov, uint8_t *data, uint32_t len, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t part = i + 1 == n ? len : MIN(len, len / 3 + i * 7);
		iov[i] = (struct iovec){data, part};
		data += part;
		len -= part;
	}
	return n;
}

static struct cmd *command(struct me *me, uint8_t lun, const uint8_t *cdb, uint32_t out,
			   uint32_t in, unsigned n)
{
	struct cmd *c = wire_alloc(me->world, sizeof(*c));
	iscsi_lun_put(c->task.lun, lun);
	memcpy(c->task.cdb, cdb, 16);
	c->task.attr = SCSI_SIMPLE;
	c->task.flags = INI_RETRY;
	c->task.done = cmd_done;
	c->data = wire_alloc(me->world, MAX(out + in, 1u));
	c->task.out_len = out;
	c->task.in_len = in;
	if (out) {
		c->task.out = c->iov;
		c->task.out_count = pieces(c->iov, c->data, out, n);
	} else if (in) {
		c->task.in = c->iov;
		c->task.in_count = pieces(c->iov, c->data, in, n);
	}
	return c;
}

static struct cmd *submit(struct me *me, struct cmd *c)
{
	assert_int_equal(ini_link_submit(me->link, &c->task), 0);
	assert_false(c->done); /* never from inside */
	return c;
}

static struct cmd *awaited;

static bool is_done(struct me *me)
{
	return awaited->done;
}

static struct cmd *await(struct me *me, struct cmd *c)
{
	awaited = c;
	if (!until(me, is_done))
		wire_fail(me->world, "a command does not end");
	assert_int_equal(c->dones, 1);
	return c;
}

static void good(struct me *me, struct cmd *c)
{
	await(me, c);
	if (c->err || c->task.status)
		wire_fail(me->world, "err %d status %02x %s", c->err, c->task.status, me->why.text);
}

static void rw_cdb(uint8_t cdb[16], uint8_t opcode, uint32_t lba, uint32_t blocks)
{
	memset(cdb, 0, 16);
	cdb[0] = opcode;
	put_be32(cdb + 2, lba);
	put_be16(cdb + 7, (uint16_t)blocks);
}

static struct cmd *write_cmd(struct me *me, uint32_t lba, uint32_t blocks, uint8_t fill)
{
	uint8_t cdb[16];
	rw_cdb(cdb, 0x2a, lba, blocks);
	struct cmd *c = command(me, 0, cdb, blocks * 512, 0, 1 + lba % 7);
	for (uint32_t i = 0; i < blocks * 512; i++)
		c->data[i] = (uint8_t)(fill + i * 13 + i / 512);
	return c;
}

static struct cmd *read_cmd(struct me *me, uint32_t lba, uint32_t blocks)
{
	uint8_t cdb[16];
	rw_cdb(cdb, 0x28, lba, blocks);
	return command(me, 0, cdb, 0, blocks * 512, 1 + lba % 5);
}

static struct cmd *tur(struct me *me)
{
	static const uint8_t cdb[16];
	return command(me, 0, cdb, 0, 0, 0);
}

static void same(struct me *me, uint32_t lba, uint32_t blocks, uint8_t fill)
{
	struct cmd *w = write_cmd(me, lba, blocks, fill), *r = read_cmd(me, lba, blocks);
	good(me, submit(me, w));
	good(me, submit(me, r));
	assert_memory_equal(w->data, r->data, blocks * 512);
	assert_int_equal(r->task.got, blocks * 512);
	assert_int_equal(r->task.residual, 0);
}

/* --- cases */

static void reads_and_writes(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	for (uint32_t blocks = 1; blocks <= 4096; blocks *= 2)
		same(me, blocks % 100, blocks, (uint8_t)blocks);
	/* The unit attention of a new nexus was seen, and the command came through all the same. */
	assert_true(me->events[INI_UNIT_ATTENTION] >= 1);
	finish(me, false);
}

static void every_way_of_sending(struct wire_world *world)
{
	for (unsigned i = 0; i < 16; i++) {
		struct me probe = {.world = world};
		struct ini_config c;
		configure(&probe, &c);
		c.offer.want.immediate_data = i & 1;
		c.offer.want.initial_r2t = i & 2;
		c.offer.want.header_digest = i & 4;
		c.offer.want.data_digest = i & 8;
		c.offer.header_digests = i & 4 ? ISCSI_DIGEST_CRC32C : ISCSI_DIGEST_NONE;
		c.offer.data_digests = i & 8 ? ISCSI_DIGEST_CRC32C : ISCSI_DIGEST_NONE;
		c.offer.want.first_burst = 16 * KIB;
		c.offer.want.max_burst = 24 * KIB + 512;
		c.offer.want.max_recv_data = 4096 + 512 * i;
		c.offer.want.max_outstanding_r2t = 1 + i % 4;
		c.cmdsn = UINT32_MAX - i;
		struct me *me = log_in(world, &c);
		same(me, 1, 1, 1);
		same(me, 7, 31, 2);
		same(me, 9, 200, 3);
		same(me, 33, 1000, 4);
		assert_int_equal(ini_params(session(me))->header_digest, !!(i & 4));
		finish(me, false);
	}
}

static void many_at_once(struct wire_world *world)
{
	enum { N = 600 };
	struct me *me = log_in(world, NULL);
	struct cmd *w[N], *r[N];
	struct ini_stats stats;
	for (unsigned i = 0; i < N; i++)
		w[i] = submit(me, write_cmd(me, i * 13, 1 + i % 13, (uint8_t)i));
	for (unsigned i = 0; i < N; i++)
		good(me, w[i]);
	for (unsigned i = 0; i < N; i++)
		r[i] = submit(me, read_cmd(me, i * 13, 1 + i % 13));
	for (unsigned i = 0; i < N; i++) {
		good(me, r[i]);
		assert_memory_equal(w[i]->data, r[i]->data, (1 + i % 13) * 512);
	}
	ini_get_stats(session(me), &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.waiting, 0);
	finish(me, false);
}

static void what_is_wrong_is_said(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	struct ini_sense sense;
	struct cmd *c = submit(me, read_cmd(me, 0x7fffffff, 1));
	await(me, c);
	assert_int_equal(c->err, 0);
	assert_int_equal(c->task.status, SCSI_CHECK_CONDITION);
	assert_true(ini_sense_read(&sense, c->task.sense, c->task.sense_len));
	assert_int_equal(sense.key, SCSI_KEY_ILLEGAL_REQUEST);
	assert_int_equal(sense.asc_ascq, SCSI_ASC_LBA_OUT_OF_RANGE);
	/* INQUIRY gives less than was asked for. */
	c = submit(me, command(me, 0, (const uint8_t[16]){0x12, 0, 0, 0, 255}, 0, 255, 1));
	good(me, c);
	assert_true(c->task.got > 35 && c->task.got < 255);
	assert_int_equal(c->task.residual, 255 - c->task.got);
	assert_false(c->task.overflow);
	/* More than there is room for. */
	uint8_t cdb[16];
	rw_cdb(cdb, 0x28, 0, 4);
	c = submit(me, command(me, 0, cdb, 0, 512, 1));
	await(me, c);
	assert_true(c->task.overflow && c->task.residual == 3 * 512);
	/* What makes no sense does not go. */
	c = command(me, 0, cdb, 512, 0, 1);
	c->task.out_len = 513;
	assert_int_equal(ini_link_submit(me->link, &c->task), -EINVAL);
	c->task.out_len = 512;
	c->task.in_len = 1;
	assert_int_equal(ini_link_submit(me->link, &c->task), -ENOTSUP);
	finish(me, false);
	assert_false(c->done);
}

static void refused(struct wire_world *world, const struct ini_config *c, enum ini_reason reason,
		    uint16_t status)
{
	struct me *me = begin(world, c);
	struct cmd *cmd = submit(me, tur(me));
	assert_true(until(me, is_ended));
	if (me->why.reason != reason || me->why.status != status)
		wire_fail(world, "%s (%s, %04x)", ini_reason_word(me->why.reason), me->why.text,
			  me->why.status);
	assert_true(cmd->done);
	assert_int_equal(cmd->err, -ESHUTDOWN);
	assert_int_equal(ini_link_submit(me->link, &cmd->task), -ESHUTDOWN);
	ini_link_free(me->link);
}

static void every_refusal_has_its_reason(struct wire_world *world)
{
	struct me probe = {.world = world};
	struct ini_config c;
	configure(&probe, &c);
	c.target_name = "iqn.2026-01.test.lunar:nobody";
	refused(world, &c, INI_NO_SUCH_TARGET, ISCSI_LOGIN_NOT_FOUND);
	configure(&probe, &c);
	c.tpgt = 77;
	refused(world, &c, INI_NO_AGREEMENT, 0);
	configure(&probe, &c);
	struct net_addr nobody = world->addr;
	char text[NET_ADDR_TEXT];
	net_addr_set_port(&nobody, 1);
	c.address = net_addr_format(text, &nobody);
	refused(world, &c, INI_REFUSED, 0);
	configure(&probe, &c);
	c.address = "no.such.host";
	refused(world, &c, INI_UNRESOLVED, 0);
	configure(&probe, &c);
	c.address = "nobody.to.ask";
	refused(world, &c, INI_NO_NAME_SERVER, 0);
}

static const struct wire_config with_chap = {
	.auth = {"user", "a secret of user", "target", "a secret of target", 0}};

static void chap(struct wire_world *world)
{
	struct me probe = {.world = world};
	struct iscsi_chap_account ours, theirs;
	struct ini_config c;
	configure(&probe, &c);
	refused(world, &c, INI_WRONG_SECRET, ISCSI_LOGIN_AUTH_FAILED);
	iscsi_chap_account_set(&ours, "user", "not that secret", 15);
	c.ours = &ours;
	refused(world, &c, INI_WRONG_SECRET, ISCSI_LOGIN_AUTH_FAILED);
	iscsi_chap_account_set(&ours, "user", "a secret of user", 16);
	iscsi_chap_account_set(&theirs, "target", "not the target's", 16);
	c.theirs = &theirs;
	refused(world, &c, INI_TARGET_UNPROVEN, 0);
	iscsi_chap_account_set(&theirs, "target", "a secret of target", 18);
	struct me *me = log_in(world, &c);
	same(me, 0, 8, 1);
	finish(me, false);
	/* One secret for both ways is no configuration. */
	iscsi_chap_account_set(&theirs, "target", "a secret of user", 16);
	assert_int_equal(ini_link_new(&me->link, me->reactor, &c, &link_ops, me), -EINVAL);
}

/* --- discovery */

struct found {
	struct me *me;
	bool done;
	int err;
	unsigned targets, addresses;
	struct ini_targets_count count;
	char last[ISCSI_NAME_SIZE];
};

static struct found *looking;

static void found_target(void *ctx, const char *name)
{
	struct found *f = ctx;
	f->targets++;
	snprintf(f->last, sizeof(f->last), "%s", name);
}

static void found_address(void *ctx, const char *name, const struct ini_address *a)
{
	struct found *f = ctx;
	struct net_addr addr;
	char text[ISCSI_ADDRESS_SIZE];
	f->addresses++;
	assert_int_equal(net_addr_parse(&addr, ini_address_format(text, a), 0), 0);
	assert_true(net_addr_equal_host(&addr, &f->me->world->addr));
	assert_int_equal(a->tpgt, 1);
}

static void listed(struct ini_text *text, int err)
{
	static const struct ini_targets_sink sink = {found_target, found_address};
	struct found *f = text->ctx;
	f->done = true;
	f->err = err;
	if (!err)
		assert_int_equal(ini_targets_read(text->data, text->len, &sink, f, &f->count), 0);
}

static bool is_listed(struct me *me)
{
	return looking->done;
}

static struct found list(struct me *me, const char *which)
{
	struct found f = {.me = me};
	struct ini_text text = {.which = which, .done = listed, .ctx = &f};
	looking = &f;
	assert_int_equal(ini_send_targets(session(me), &text, reactor_now(me->reactor)), 0);
	assert_true(until(me, is_listed));
	return f;
}

static const struct wire_config two_nodes = {.other_node = true};

static void discovery(struct wire_world *world)
{
	struct me probe = {.world = world};
	struct ini_config c;
	configure(&probe, &c);
	c.discovery = true;
	c.target_name = NULL;
	c.offer.want.max_recv_data = 512; /* the answer comes in parts */
	for (int i = 0; i < 40; i++) {
		char name[64];
		struct target_node *node;
		snprintf(name, sizeof(name), "iqn.2026-01.test.lunar:one.of.many.%d", i);
		assert_int_equal(target_node_open(&node, world->target, name, NULL), 0);
	}
	struct me *me = log_in(world, &c);
	struct found f = list(me, "All");
	assert_int_equal(f.err, 0);
	assert_int_equal(f.targets, 42);
	assert_true(f.addresses >= 42);
	assert_int_equal(f.count.bad, 0);
	f = list(me, WIRE_TARGET2);
	assert_int_equal(f.targets, 1);
	assert_string_equal(f.last, WIRE_TARGET2);
	f = list(me, "iqn.2026-01.test.lunar:nobody");
	assert_int_equal(f.err, 0);
	assert_int_equal(f.targets, 0);
	assert_int_equal(ini_link_submit(me->link, &tur(me)->task), -ENOTSUP);
	finish(me, false);
	/* On a normal session: its own. */
	me = log_in(world, NULL);
	f = list(me, "");
	assert_int_equal(f.targets, 1);
	assert_string_equal(f.last, WIRE_TARGET);
	f = list(me, "All");
	assert_int_equal(f.err, -EREMOTEIO);
	same(me, 0, 8, 1);
	finish(me, false);
}

/* --- losing the session */

static void lose_session(struct me *me)
{
	struct wire *w = wire_open(me->world);
	/* Somebody with our name and ISID: the target ends our session for his. */
	wire_login(w, &(struct wire_login){.isid = (const uint8_t *)"\x80\x01\x02\x03\x04\x05"});
	wire_close(w);
}

static void a_lost_session_comes_back(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	struct cmd *c[40];
	for (int round = 0; round < 3; round++) {
		unsigned ups = me->ups;
		for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
			c[i] = submit(me, write_cmd(me, i * 20, 17, (uint8_t)(i + round)));
		lose_session(me);
		for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
			good(me, c[i]);
		assert_true(until(me, is_up));
		same(me, 17, 3, 3); /* between them */
		assert_true(me->ups > ups);
		for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
			struct cmd *r = submit(me, read_cmd(me, i * 20 + 4, 1));
			good(me, r);
			assert_memory_equal(r->data, c[i]->data + 4 * 512, 512);
		}
	}
	finish(me, false);
}

static void asked_out(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	struct target_group *group = target_group_find(world->node, 1);
	same(me, 0, 4, 1);
	assert_int_equal(target_group_disable(group, 4, NULL, NULL), 0);
	assert_true(until(me, is_waiting));
	assert_int_equal(me->events[INI_LOGOUT_ASKED], 1);
	struct cmd *c = submit(me, write_cmd(me, 0, 4, 9));
	wire_run(world, 1);
	assert_false(c->done);
	target_group_enable(group);
	good(me, c);
	finish(me, false);
}

static void the_policy_of_an_outage(struct wire_world *world)
{
	struct me probe = {.world = world};
	struct ini_config config;
	configure(&probe, &config);
	config.outage = 2 * NSEC_PER_SEC;
	struct me *me = log_in(world, &config);
	struct target_group *group = target_group_find(world->node, 1);
	same(me, 0, 4, 1);
	assert_int_equal(target_group_disable(group, 0, NULL, NULL), 0);
	assert_true(until(me, is_waiting));
	uint64_t began = wire_now(world);
	struct cmd *c = submit(me, write_cmd(me, 0, 4, 9));
	await(me, c);
	assert_int_equal(c->err, -EHOSTDOWN);
	assert_false(c->task.unknown);
	assert_true(wire_now(world) - began < 3 * NSEC_PER_SEC);
	assert_int_equal(me->events[INI_OUTAGE], 1);
	assert_int_equal(ini_link_submit(me->link, &c->task), -EHOSTDOWN);
	target_group_enable(group);
	assert_true(until(me, is_up));
	same(me, 0, 4, 2);
	finish(me, false);
}

static void stopped_during_an_outage(struct wire_world *world)
{
	for (int force = 0; force < 2; force++) {
		struct me *me = log_in(world, NULL);
		struct target_group *group = target_group_find(world->node, 1);
		assert_int_equal(target_group_disable(group, 0, NULL, NULL), 0);
		assert_true(until(me, is_waiting));
		struct cmd *c = submit(me, tur(me));
		finish(me, force);
		assert_true(c->done);
		assert_int_equal(c->err, -ESHUTDOWN);
		target_group_enable(group);
	}
}

/* --- a disk that hangs (in simulation: disks of memory do not) */

static void a_deadline_aborts(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	same(me, 0, 4, 1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	struct cmd *c = write_cmd(me, 0, 4, 7);
	uint64_t began = wire_now(world);
	c->task.deadline = reactor_now(me->reactor) + 2 * NSEC_PER_SEC;
	submit(me, c);
	await(me, c);
	assert_int_equal(c->err, -ETIMEDOUT);
	/* ABORT TASK, LOGICAL UNIT RESET, and the end of the session: each has its time. */
	assert_true(wire_now(world) - began < 40 * NSEC_PER_SEC);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	same(me, 0, 4, 1);
	finish(me, false);
}

static void a_cancelled_one_ends(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	struct ini_stats stats;
	same(me, 0, 4, 1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_HANGS);
	struct cmd *c = submit(me, read_cmd(me, 100, 4));
	wire_run(world, 0.1);
	ini_cancel(session(me), &c->task, reactor_now(me->reactor));
	wire_run(world, 0.1);
	sim_disk_state(world->sim, wire_disk(0), SIM_DISK_OK);
	await(me, c);
	assert_true(c->err == -ECANCELED || !c->err);
	ini_get_stats(session(me), &stats);
	assert_int_equal(stats.aborts, 1);
	same(me, 0, 4, 1);
	finish(me, false);
}

/* --- held, and LUNs that are others */

static void held_until_the_owner_has_looked(struct wire_world *world)
{
	struct me probe = {.world = world};
	struct ini_config config;
	configure(&probe, &config);
	config.hold = true;
	struct me *me = log_in(world, &config);
	struct cmd *c = submit(me, write_cmd(me, 0, 4, 9)), *look = tur(me);
	look->task.flags = INI_AHEAD;
	good(me, submit(me, look));
	wire_run(world, 0.2);
	assert_false(c->done);
	ini_release(session(me), reactor_now(me->reactor));
	good(me, c);
	lose_session(me);
	assert_true(until(me, is_waiting) && until(me, is_up));
	c = submit(me, write_cmd(me, 0, 4, 9));
	wire_run(world, 0.2);
	assert_false(c->done);
	ini_fail_lun(session(me), c->task.lun, reactor_now(me->reactor));
	await(me, c);
	assert_int_equal(c->err, -ENXIO);
	finish(me, false);
}

static void lun_changes_are_events(struct wire_world *world)
{
	struct me *me = log_in(world, NULL);
	same(me, 0, 4, 1);
	memset(me->events, 0, sizeof(me->events));
	assert_int_equal(scsi_device_map(target_node_device(world->node), 5, world->lu[0]), 0);
	same(me, 0, 4, 2);
	assert_int_equal(me->events[INI_UNIT_ATTENTION], 1);
	assert_int_equal(me->event.asc_ascq, SCSI_ASC_LUNS_CHANGED);
	finish(me, false);
}

static const struct wire_case cases[] = {
	REAL(reads_and_writes),
	REAL(every_way_of_sending),
	REAL(many_at_once),
	REAL(what_is_wrong_is_said),
	REAL(every_refusal_has_its_reason),
	REAL_WITH(chap, &with_chap),
	REAL_WITH(discovery, &two_nodes),
	REAL(a_lost_session_comes_back),
	REAL(asked_out),
	REAL(the_policy_of_an_outage),
	REAL(stopped_during_an_outage),
	CASE(a_deadline_aborts),
	CASE(a_cancelled_one_ends),
	REAL(held_until_the_owner_has_looked),
	REAL(lun_changes_are_events),
};

WIRE_THEME_DEFINE(initiator);
