/* SPDX-License-Identifier: BSD-2-Clause */
/* Text Requests in full feature phase, SendTargets among them (RFC 7143 11.10, appendix C). */
#include <errno.h>
#include <string.h>
#include "target/priv.h"

static void add_portal(const struct conn *c, const struct net_addr *at, uint16_t tag,
		       struct buf *out)
{
	char host[NET_ADDR_TEXT], address[NET_ADDR_TEXT + 8];
	struct net_addr addr;
	if (!portal_address(at, &c->local, &addr))
		return;
	snprintf(address, sizeof(address), "%s:%u", net_addr_format_host(host, &addr),
		 net_addr_port(&addr));
	iscsi_add_address(out, address, tag);
}

static void add_group(const struct conn *c, const struct target_group *group, struct buf *out)
{
	list_for_each (it, &group->portals) {
		const struct group_portal *p = list_entry(it, struct group_portal, link);
		if (p->advertise[0])
			iscsi_add_address(out, p->advertise, group->tag);
		else
			add_portal(c, &p->addr, group->tag, out);
	}
	if (!group->everywhere)
		return;
	list_for_each (it, &c->target->home->portals) {
		const struct portal *p = list_entry(it, struct portal, link);
		if (!p->closing)
			add_portal(c, &p->addr, group->tag, out);
	}
}

static void add_node(const struct conn *c, const struct target_node *node, struct buf *out)
{
	bool named = false;
	list_for_each (it, &node->groups) {
		const struct target_group *group = list_entry(it, struct target_group, link);
		if (!access_visible(group, c->session->initiator, &c->peer))
			continue;
		if (!named)
			iscsi_add_target(out, node->name);
		named = true;
		add_group(c, group, out);
	}
}

static void send_targets(void *ctx, const char *which, struct buf *out)
{
	struct conn *c = ctx;
	const struct target_node *own = c->session->node;
	config_read(c->target);
	list_for_each (it, &c->target->home->nodes) {
		const struct target_node *node = list_entry(it, struct target_node, link);
		bool wanted = !strcmp(which, "All") || !strcmp(which, node->name) ||
			      (!which[0] && node == own);
		/* A normal session learns of its own target only. */
		if (wanted && (!own || node == own))
			add_node(c, node, out);
	}
	config_done(c->target);
}

static const struct iscsi_text_target_ops text_ops = {send_targets};

void text_start(struct conn *c)
{
	iscsi_text_target_init(&c->text, &text_ops, c, &c->params, !c->session->node);
}

static void reject(struct task *task, enum iscsi_reject_reason reason)
{
	session_reject(task);
	conn_reject(task->conn, &task->bhs, reason);
	command_forget(task);
}

void text_deliver(struct task *task)
{
	struct conn *c = task->conn;
	const uint8_t *text = NULL;
	uint32_t len = 0, got = iscsi_data_length(&task->bhs);
	if (got > task->buf_len) { /* longer than any text, or no memory for it */
		reject(task, ISCSI_REJECT_LONG_OPERATION);
		return;
	}
	struct iscsi_text_response *bhs =
		(struct iscsi_text_response *)task_response(task, ISCSI_TEXT_RESPONSE);
	int err = iscsi_text_target_request(&c->text, (const struct iscsi_text_request *)&task->bhs,
					    task->buf, got, bhs, &text, &len);
	if (!err && len && !task_get_buf(task, len, false))
		err = ISCSI_REJECT_LONG_OPERATION;
	if (err) {
		iscsi_text_target_free(&c->text);
		reject(task, (enum iscsi_reject_reason)err);
		return;
	}
	if (len)
		memcpy(task->buf, text, len);
	iscsi_text_target_used(&c->text);
	task_respond(task, task->buf, len);
}
