/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole target, and a peer that logs in and then says anything: PDUs that are nearly right, bytes that
 * are none, silence, an end. It answers R2Ts now and then. Meanwhile the configuration changes. Whatever it
 * does, the target is there for the next one, and holds nothing when all have gone.
 */
#include "fuzz.h"
#include "backstore/backstore.h"
#include "iscsi/bhs.h"
#include "reactor/sim.h"
#include "scsi/lu.h"
#include "target/node.h"
#include "target/watch.h"

#define TARGET    "iqn.2026-01.test.lunar:target"
#define INITIATOR "iqn.2026-01.test.lunar:fuzz"
#define STEPS     200

struct peer {
	struct sim *sim;
	struct reactor *r;
	struct net_addr to;
	int sock;
	bool connected, ended;
	struct op connect, send, recv;
	struct iovec send_iov, recv_iov;
	bool sending, receiving;
	uint8_t *out;
	uint8_t in[512];
	uint32_t cmdsn, itt, ttt; /* ttt: of the last R2T, as far as we looked */
};

static void connected(struct op *op, int res)
{
	struct peer *p = container_of(op, struct peer, connect);
	p->sock = res;
	p->connected = res >= 0;
	p->ended = res < 0;
}

static void sent(struct op *op, int res)
{
	struct peer *p = container_of(op, struct peer, send);
	p->sending = false;
	p->ended |= res <= 0;
	free(p->out);
	p->out = NULL;
}

static void receive(struct peer *p);

static void received(struct op *op, int res)
{
	struct peer *p = container_of(op, struct peer, recv);
	p->receiving = false;
	p->ended |= res <= 0;
	/* PDUs are not put together: the tag of an R2T that begins what came is good enough. */
	if (res >= ISCSI_BHS_LEN && (p->in[0] & ISCSI_OPCODE_MASK) == ISCSI_R2T)
		p->ttt = get_be32(p->in + 20);
	receive(p);
}

static void receive(struct peer *p)
{
	if (p->ended || p->receiving || p->sock < 0)
		return;
	p->receiving = true;
	p->recv_iov = (struct iovec){p->in, sizeof(p->in)};
	net_recv(p->r, &p->recv, p->sock, &p->recv_iov, 1);
}

static void wait_ms(struct peer *p, uint64_t msec)
{
	sim_run(p->sim, sim_now(p->sim) + msec * NSEC_PER_MSEC);
}

static void say(struct peer *p, const void *head, size_t head_len, const void *data, size_t len)
{
	for (int i = 0; p->sending && i < 20; i++)
		wait_ms(p, 10);
	if (p->ended || p->sending || p->sock < 0)
		return;
	p->out = malloc(head_len + len + 4);
	MUST(p->out);
	memcpy(p->out, head, head_len);
	if (len)
		memcpy(p->out + head_len, data, len);
	memset(p->out + head_len + len, 0, 4);
	size_t pad = head_len == ISCSI_BHS_LEN ? iscsi_pad((uint32_t)len) : 0;
	p->send_iov = (struct iovec){p->out, head_len + len + pad};
	p->sending = true;
	net_send(p->r, &p->send, p->sock, &p->send_iov, 1);
}

static void hang_up(struct peer *p)
{
	if (p->sock < 0)
		return;
	net_shutdown(p->r, p->sock);
	for (int i = 0; (p->sending || p->receiving) && i < 1000; i++)
		wait_ms(p, 10);
	MUST(!p->sending && !p->receiving);
	net_close(p->r, p->sock);
	p->sock = -1;
	p->ended = true;
}

static void log_in(struct peer *p, bool discovery)
{
	static const char normal[] = "InitiatorName=" INITIATOR "\0TargetName=" TARGET
				     "\0SessionType=Normal\0InitialR2T=No\0ImmediateData=Yes";
	static const char finding[] = "InitiatorName=" INITIATOR "\0SessionType=Discovery";
	struct iscsi_login_request req = {.opcode = ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE,
					  .flags = 0x87};
	size_t len = discovery ? sizeof(finding) : sizeof(normal);
	hang_up(p);
	p->ended = p->connected = false;
	net_connect(p->r, &p->connect, &p->to);
	for (int i = 0; !p->connected && !p->ended && i < 100; i++)
		wait_ms(p, 10);
	MUST(p->connected);
	req.isid[0] = 0x80;
	put_be32(req.cmdsn, p->cmdsn);
	put_be24(req.data_segment_length, (uint32_t)len);
	receive(p);
	say(p, &req, sizeof(req), discovery ? finding : normal, len);
	wait_ms(p, 20);
}

static const uint8_t opcodes[] = {
	ISCSI_NOP_OUT,  ISCSI_SCSI_COMMAND,   ISCSI_TMF_REQUEST,
	ISCSI_DATA_OUT, ISCSI_LOGOUT_REQUEST, ISCSI_TEXT_REQUEST,
};

/* A PDU with numbers that fit, but for what the input says. */
static void say_pdu(struct peer *p, struct input *in)
{
	struct iscsi_scsi_command bhs = {0};
	const uint8_t *cdb, *data = NULL;
	uint8_t how = take_byte(in), odd = take_byte(in);
	bhs.opcode = opcodes[how % sizeof(opcodes)] | (how & 0x40);
	bhs.flags = take_byte(in);
	bhs.lun[1] = how & 0x80 ? odd & 3 : 0;
	put_be32(bhs.itt, odd & 1 ? p->itt - 1 : ++p->itt);
	put_be32(bhs.cmdsn, odd & 2 ? p->cmdsn + (odd >> 4) : p->cmdsn);
	size_t cdb_len = take_bytes(in, sizeof(bhs.cdb), &cdb);
	memcpy(bhs.cdb, cdb, cdb_len);
	put_be32(bhs.expected_length, take_number(in, 2));
	if ((bhs.opcode & ISCSI_OPCODE_MASK) == ISCSI_DATA_OUT) {
		put_be32(bhs.expected_length, p->ttt);
		put_be32(bhs.itt, p->itt);
	}
	size_t len = odd & 4 ? take_bytes(in, take_number(in, 2), &data) : 0;
	put_be24(bhs.data_segment_length, (uint32_t)len);
	if (!(bhs.opcode & ISCSI_IMMEDIATE) && !(odd & 2) &&
	    (bhs.opcode & ISCSI_OPCODE_MASK) != ISCSI_DATA_OUT)
		p->cmdsn++;
	say(p, &bhs, sizeof(bhs), data, len);
}

struct world {
	struct sim *sim;
	struct target *target;
	struct target_node *node;
	struct scsi_lu *lu[2];
};

static void open_node(struct world *w)
{
	MUST(!target_node_open(&w->node, w->target, TARGET, NULL));
	for (unsigned i = 0; i < ARRAY_SIZE(w->lu); i++)
		MUST(!scsi_device_map(target_node_device(w->node), (uint16_t)i, w->lu[i]));
}

/* What a daemon would do meanwhile. All of it ends, and some of it ends sessions. */
static void administer(struct world *w, uint8_t what)
{
	struct target_group *group = target_group_find(w->node, 1);
	struct target_acl *acl = target_acl_find(group, INITIATOR);
	struct scsi_map *map = acl && what & 8 ? target_acl_map(acl) : target_group_map(group);
	uint16_t lun = what & 1;
	switch (what >> 4 & 7) {
	case 0:
		if (scsi_map_remove(map, lun))
			scsi_map_add(map, lun, w->lu[lun], what & 2);
		break;
	case 1: scsi_map_set_readonly(map, lun, what & 2); break;
	case 2:
		if (acl)
			MUST(!target_acl_delete(acl, what & 3, NULL, NULL));
		else
			MUST(!target_acl_new(&acl, group, INITIATOR));
		break;
	case 3: MUST(!target_group_disable(group, what & 3, NULL, NULL)); break;
	case 4:
		MUST(!target_node_delete(w->node, what & 3, NULL, NULL));
		open_node(w);
		break;
	case 5: target_session_end(w->target, what & 15, 0, NULL, NULL); break;
	case 6: scsi_lu_resized(w->lu[lun], scsi_lu_backstore(w->lu[lun])->size, what & 2); break;
	default: target_group_enable(group);
	}
}

static void step(struct world *w, struct peer *p, struct input *in)
{
	const uint8_t *bytes;
	uint8_t how = take_byte(in);
	size_t n;
	switch (how % 8) {
	case 0:
		if (how & 0x80)
			administer(w, take_byte(in));
		wait_ms(p, how & 0x7f);
		break;
	case 1: wait_ms(p, (uint64_t)how * 100); break;
	case 2:
		n = take_bytes(in, take_byte(in), &bytes);
		if (n)
			say(p, bytes, n, NULL, 0);
		break;
	case 3:
		if (p->ended || how & 0x80)
			log_in(p, how & 0x40);
		break;
	default: say_pdu(p, in);
	}
}

static void start(struct world *w, struct peer *p, struct log *quiet)
{
	struct config_limits limits;
	struct net_addr addr;
	char why[256];
	w->sim = sim_new(1, quiet);
	struct reactor *r = sim_node(w->sim);
	config_limits_defaults(&limits);
	limits.memory_limit = 64u << 20;
	MUST(!target_new(&w->target, r, &limits));
	for (unsigned i = 0; i < ARRAY_SIZE(w->lu); i++) {
		struct scsi_lu_config config = {
			.block_size = 512, .thin = true, .fence_hold = NSEC_PER_SEC};
		struct backstore *bs;
		config.id[0] = (uint8_t)i;
		MUST(!bs_open_memory(&bs, r, 256u << 10, why, sizeof(why)));
		MUST(!scsi_lu_new(&w->lu[i], bs, &config, quiet, why, sizeof(why)));
	}
	open_node(w);
	MUST(!net_addr_parse(&addr, "0.0.0.0", 3260));
	MUST(!target_listen(w->target, &addr, NULL));
	*p = (struct peer){.sim = w->sim, .r = sim_node(w->sim), .sock = -1, .ended = true};
	p->connect.done = connected;
	p->send.done = sent;
	p->recv.done = received;
	sim_node_addr(w->sim, r, AF_INET, 3260, &p->to);
}

static void drained(void *ctx)
{
	*(bool *)ctx = true;
}

static void stop(struct world *w, struct peer *p)
{
	struct target_stats stats;
	bool over = false;
	hang_up(p);
	wait_ms(p, 1000);
	target_get_stats(w->target, &stats);
	MUST(stats.connections == 0 && stats.sessions == 0);
	MUST(stats.memory == 0);
	target_drain(w->target, 0, drained, &over);
	for (int i = 0; !over && i < 100; i++)
		wait_ms(p, 10);
	MUST(over);
	target_free(w->target);
	for (unsigned i = 0; i < ARRAY_SIZE(w->lu); i++) {
		MUST(!scsi_lu_busy(w->lu[i]));
		scsi_lu_free(w->lu[i]);
	}
	sim_free(w->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct log quiet = {.level = LOG_LEVEL_ERROR};
	struct world w;
	struct peer p;
	start(&w, &p, &quiet);
	log_in(&p, false);
	for (int i = 0; i < STEPS && in.left; i++)
		step(&w, &p, &in);
	stop(&w, &p);
	return 0;
}
