/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT (SPC-4 6.16): what each service action makes of the registrations and the reservation that
 * there are. All is judged before anything changes: an action works on a copy, which takes the place of the old value
 * when it has succeeded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/lu_priv.h"
#include "scsi/pr.h"

#define LIST_LEN        24          /* of all but REGISTER AND MOVE and SPEC_I_PT */
#define LIST_MAX        (16u << 10) /* bytes; above, it is refused unread */
#define SPEC_I_PT       0x08        /* byte 20 */
#define ALL_TG_PT       0x04
#define APTPL           0x01          /* of byte 17 with REGISTER AND MOVE */
#define UNREG           0x02          /* byte 17 */
#define PORTS_MOST      (PR_MOST + 1) /* with one more there are too many */
#define NO_RESOURCES    0x5504        /* INSUFFICIENT REGISTRATION RESOURCES */
#define INVALID_RELEASE 0x2604        /* INVALID RELEASE OF PERSISTENT RESERVATION */

struct request {
	struct scsi_io *io;
	const uint8_t *list;
	size_t len;
	uint64_t key, new_key; /* RESERVATION KEY, SERVICE ACTION RESERVATION KEY */
	struct pr_change *c;
	int at; /* the registration of the nexus, or -1 */
};

bool scsi_lengths_pr_out(struct scsi_io *io)
{
	uint32_t len = get_be32(io->cdb + 5);

	if (len < LIST_LEN || len > LIST_MAX) {
		scsi_sense_parameter_list_length(io);
		return false;
	}
	io->out_len = io->buf_len = len;
	return true;
}

/* --- refused; all false */

static bool conflict(struct request *q)
{
	q->io->status = SCSI_RESERVATION_CONFLICT;
	return false;
}

static bool bad_list(struct request *q, unsigned byte, int bit)
{
	scsi_sense_invalid_field_in_list(q->io, byte, bit);
	return false;
}

static bool bad_length(struct request *q)
{
	scsi_sense_parameter_list_length(q->io);
	return false;
}

static bool illegal(struct request *q, uint16_t asc_ascq)
{
	scsi_sense_code(q->io, SCSI_KEY_ILLEGAL_REQUEST, asc_ascq);
	return false;
}

static bool no_room(struct request *q, int err)
{
	if (err == -ENOSPC)
		return illegal(q, NO_RESOURCES);
	scsi_sense_no_resources(q->io);
	return false;
}

/* --- parts */

/* The nexus is registered, with this key. */
static bool is_registered(const struct request *q)
{
	return q->at >= 0 && q->c->next->of[q->at].key == q->key;
}

static bool is_own(const struct request *q, uint32_t i)
{
	return q->at == (int)i;
}

/* LU_SCOPE and a type that there is. */
static bool type_ok(struct request *q)
{
	if (pr_type_valid(q->io->cdb[2])) /* SCOPE are its upper bits */
		return true;
	scsi_sense_invalid_field_in_cdb(q->io, 2, -1);
	return false;
}

/* For those that stay registered. */
static void tell_others(struct request *q, uint16_t ua)
{
	struct pr_change *c = q->c;

	for (uint32_t i = 0; i < c->next->count; i++)
		if (!c->gone[i] && !is_own(q, i))
			c->ua[i] = ua;
}

static bool all_are_gone(const struct pr_change *c)
{
	for (uint32_t i = 0; i < c->next->count; i++)
		if (!c->gone[i])
			return false;
	return true;
}

/* Those that are marked unregister; what they hold ends with that (SPC-4 5.12.11.3). */
static void unregister(struct request *q)
{
	struct pr_change *c = q->c;
	struct pr_state *s = c->next;
	bool all = pr_all_registrants(s->type);

	if (s->type && (all ? all_are_gone(c) : c->gone[s->holder])) {
		if (pr_registrants_only(s->type))
			tell_others(q, SCSI_ASC_RESERVATIONS_RELEASED);
		s->type = PR_NONE;
	}
	pr_drop(s, c->gone);
}

/* --- REGISTER, REGISTER AND IGNORE EXISTING KEY (SPC-4 5.12.7) */

struct ports {
	unsigned count;
	struct {
		const char *name;
		uint16_t rel;
	} of[PORTS_MOST];
};

static bool has_port(const struct ports *p, const char *name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!strcmp(p->of[i].name, name))
			return true;
	return false;
}

static void add_port(struct ports *p, const char *name, uint16_t rel)
{
	/* More registrations than there may be follow from more ports, and are refused then. */
	if (p->count == PORTS_MOST || has_port(p, name))
		return;
	p->of[p->count].name = name;
	p->of[p->count++].rel = rel;
}

static void add_ports_of(struct ports *p, const struct scsi_device *dev)
{
	list_for_each (it, &dev->ports) {
		const struct scsi_port *port = list_entry(it, struct scsi_port, link);

		add_port(p, port->name, port->rel);
	}
}

/* The one of the nexus first; with ALL_TG_PT those of every device that has the LU. */
static void find_ports(const struct request *q, struct ports *p)
{
	const struct scsi_nexus *nexus = q->io->nexus;
	const struct scsi_device *last = NULL;

	p->count = 0;
	add_port(p, nexus->target_port, nexus->rel_port);
	if (!(q->list[20] & ALL_TG_PT))
		return;
	list_for_each (it, &q->io->lu->mappings) {
		const struct scsi_mapping *m = list_entry(it, struct scsi_mapping, of_lu);

		if (m->map->dev != last)
			add_ports_of(p, m->map->dev);
		last = m->map->dev;
	}
}

static int find(const struct request *q, const char *initiator, const char *target)
{
	return pr_find(q->c->next, initiator, target, q->io->lu->options.any_isid);
}

static int add(struct request *q, const char *initiator, const char *target, uint16_t rel)
{
	struct pr_registrant r = {.key = q->new_key, .rel_port = rel};

	snprintf(r.initiator, sizeof(r.initiator), "%s", initiator);
	snprintf(r.target, sizeof(r.target), "%s", target);
	return pr_add(&q->c->next, &r);
}

/* The initiator's own registrations: made, with another key, or ended. */
static int set_keys(struct request *q, const struct ports *p)
{
	const char *initiator = q->io->nexus->initiator_port;
	int err = 0;

	for (unsigned i = 0; i < p->count && !err; i++) {
		int at = find(q, initiator, p->of[i].name);

		if (!q->new_key && at >= 0)
			q->c->gone[at] = true;
		else if (at >= 0)
			q->c->next->of[at].key = q->new_key;
		else if (q->new_key)
			err = add(q, initiator, p->of[i].name, p->of[i].rel);
	}
	return err;
}

/* SPEC_I_PT: of the TransportID at this offset. Its length, 0: refused. */
static size_t register_other(struct request *q, const struct ports *p, size_t at, size_t end)
{
	char name[SCSI_PORT_NAME_SIZE];
	int len = scsi_transport_id_parse(q->list + at, end - at, name);

	for (unsigned i = 0; i < p->count && len > 0; i++) {
		int err;

		/* The nexus itself may be among them, and be named twice, but nobody else is given another key. */
		if (find(q, name, p->of[i].name) >= 0) {
			if (strcmp(name, q->io->nexus->initiator_port))
				len = -EINVAL;
			continue;
		}
		err = add(q, name, p->of[i].name, p->of[i].rel);
		if (err) {
			no_room(q, err);
			return 0;
		}
	}
	if (len < 0) {
		bad_list(q, (unsigned)at, -1);
		return 0;
	}
	return (size_t)len;
}

/* SPC-4 6.16.3: TRANSPORTID PARAMETER DATA LENGTH, and the TransportIDs. */
static bool register_others(struct request *q, const struct ports *p)
{
	size_t at = LIST_LEN + 4, n;
	uint32_t bytes;

	if (q->len < at)
		return bad_length(q);
	bytes = get_be32(q->list + LIST_LEN);
	if (bytes > q->len - at)
		return bad_length(q);
	for (size_t end = at + bytes; at < end; at += n) {
		n = register_other(q, p, at, end);
		if (!n)
			return false;
	}
	return true;
}

static bool register_keys(struct request *q)
{
	bool others = q->list[20] & SPEC_I_PT;
	struct ports ports;
	int err;

	if (q->list[20] & APTPL && !scsi_pr_can_persist(q->io->lu))
		return bad_list(q, 20, 0);
	if (others && (q->at >= 0 || !q->new_key))
		return illegal(q, SCSI_ASC_INVALID_FIELD_IN_CDB);
	if (q->at < 0 && !q->new_key)
		return true; /* nothing is to be done, and that is not an error */
	find_ports(q, &ports);
	err = set_keys(q, &ports);
	if (err)
		return no_room(q, err);
	if (others && !register_others(q, &ports))
		return false;
	if (!q->new_key)
		unregister(q);
	/* The last one decides for all (SPC-4 5.12.5). */
	q->c->next->aptpl = q->list[20] & APTPL;
	q->c->next->generation++;
	return true;
}

static bool do_register(struct request *q)
{
	uint64_t is = q->at >= 0 ? q->c->next->of[q->at].key : 0;

	return q->key == is ? register_keys(q) : conflict(q);
}

static bool do_register_ignoring(struct request *q)
{
	return q->list[20] & SPEC_I_PT ? bad_list(q, 20, 3) : register_keys(q);
}

/* --- RESERVE, RELEASE, CLEAR (SPC-4 5.12.9, 5.12.11.2.2, 5.12.11.2.7) */

static bool do_reserve(struct request *q)
{
	struct pr_state *s = q->c->next;
	uint8_t type = q->io->cdb[2];

	if (!is_registered(q))
		return conflict(q);
	if (!type_ok(q))
		return false;
	if (s->type)
		return pr_holds(s, q->at) && s->type == type ? true : conflict(q);
	s->type = type;
	s->holder = (uint32_t)q->at;
	q->c->finds = true;
	return true;
}

static bool do_release(struct request *q)
{
	struct pr_state *s = q->c->next;

	if (!is_registered(q))
		return conflict(q);
	if (!pr_holds(s, q->at))
		return true;
	if (q->io->cdb[2] != s->type)
		return illegal(q, INVALID_RELEASE);
	if (pr_registrants_only(s->type))
		tell_others(q, SCSI_ASC_RESERVATIONS_RELEASED);
	s->type = PR_NONE;
	return true;
}

static bool do_clear(struct request *q)
{
	struct pr_state *s = q->c->next;

	if (!is_registered(q))
		return conflict(q);
	tell_others(q, SCSI_ASC_RESERVATIONS_PREEMPTED);
	s->type = PR_NONE;
	s->count = 0;
	s->generation++;
	q->c->finds = true;
	return true;
}

/* --- PREEMPT, PREEMPT AND ABORT (SPC-4 5.12.11.2.3 to 5.12.11.2.6) */

/* Marks those whom the key names; whether there was one. `takes`: then the nexus itself stays. */
static bool preempt_keys(struct request *q, bool takes)
{
	struct pr_change *c = q->c;
	bool everyone = !q->new_key, found = false;

	for (uint32_t i = 0; i < c->next->count; i++) {
		if (!everyone && c->next->of[i].key != q->new_key)
			continue;
		found = true;
		if (takes && is_own(q, i))
			continue;
		c->gone[i] = true;
		c->ua[i] = SCSI_ASC_REGISTRATIONS_PREEMPTED;
	}
	return found;
}

static void take_reservation(struct request *q)
{
	struct pr_state *s = q->c->next;
	uint8_t type = q->io->cdb[2];

	if (type != s->type)
		tell_others(q, SCSI_ASC_RESERVATIONS_RELEASED);
	s->type = type;
	s->holder = (uint32_t)q->at;
}

static bool do_preempt(struct request *q)
{
	struct pr_state *s = q->c->next;
	bool all = pr_all_registrants(s->type), takes = false;

	if (!is_registered(q))
		return conflict(q);
	if (!q->new_key && !all)
		return bad_list(q, 8, -1);
	if (s->type)
		takes = all ? !q->new_key : s->of[s->holder].key == q->new_key;
	if (takes && !type_ok(q))
		return false;
	if (!preempt_keys(q, takes))
		return conflict(q);
	if (takes)
		take_reservation(q);
	else if (all && all_are_gone(q->c))
		s->type = PR_NONE;
	pr_drop(s, q->c->gone);
	s->generation++;
	q->c->finds = true;
	return true;
}

static bool do_preempt_and_abort(struct request *q)
{
	q->c->abort = true;
	return do_preempt(q);
}

/* --- REGISTER AND MOVE (SPC-4 5.12.8, 6.16.4) */

/* The name of the target port with this identifier, of the device of the nexus; NULL: there is none. */
static const char *port_name(const struct scsi_nexus *nexus, uint16_t rel)
{
	const struct scsi_port *port;

	if (rel == nexus->rel_port)
		return nexus->target_port;
	port = scsi_device_port(nexus->dev, rel);
	return port ? port->name : NULL;
}

/* The nexus that the list names is registered with the new key: its place. -1: refused. */
static int register_destination(struct request *q)
{
	uint16_t rel = get_be16(q->list + 18);
	const char *target = port_name(q->io->nexus, rel);
	char name[SCSI_PORT_NAME_SIZE];
	uint32_t bytes = get_be32(q->list + 20);
	int at, err;

	if (!target) {
		bad_list(q, 18, -1);
		return -1;
	}
	if (bytes > q->len - LIST_LEN) {
		bad_length(q);
		return -1;
	}
	/* A device is not enough: one nexus is to hold the reservation. */
	if (scsi_transport_id_parse(q->list + LIST_LEN, bytes, name) < 0 ||
	    !scsi_names_port(name) || find(q, name, target) == q->at) {
		bad_list(q, LIST_LEN, -1);
		return -1;
	}
	at = find(q, name, target);
	if (at >= 0) {
		q->c->next->of[at].key = q->new_key;
		return at;
	}
	err = add(q, name, target, rel);
	if (err) {
		no_room(q, err);
		return -1;
	}
	return (int)q->c->next->count - 1;
}

static bool do_move(struct request *q)
{
	const struct pr_state *s = q->c->next;
	int to;

	if (!is_registered(q))
		return conflict(q);
	if (!s->type)
		return illegal(q, SCSI_ASC_INVALID_FIELD_IN_CDB);
	if (!pr_holds(s, q->at) || pr_all_registrants(s->type))
		return conflict(q);
	if (!q->new_key)
		return bad_list(q, 8, -1);
	if (q->list[17] & APTPL && !scsi_pr_can_persist(q->io->lu))
		return bad_list(q, 17, 0);
	to = register_destination(q);
	if (to < 0)
		return false;
	q->c->next->holder = (uint32_t)to;
	q->c->next->aptpl = q->list[17] & APTPL;
	q->c->next->generation++;
	q->c->gone[q->at] = q->list[17] & UNREG;
	pr_drop(q->c->next, q->c->gone);
	return true;
}

/* --- the command */

/* The change is made, or the task has its status. */
static bool (*const actions[])(struct request *q) = {
	do_register, do_reserve,           do_release,           do_clear,
	do_preempt,  do_preempt_and_abort, do_register_ignoring, do_move,
};
#define MOVE 7

/* Those that may be longer look themselves. */
static bool length_ok(struct request *q)
{
	if (q->len == LIST_LEN || q->io->cmd->action == MOVE || q->list[20] & SPEC_I_PT)
		return true;
	return bad_length(q);
}

/* What has become of it while its data moved, or it waited for another change. */
static bool may_still(struct scsi_io *io)
{
	if (!scsi_command_offered(io->cmd, io->lu))
		scsi_sense_invalid_opcode(io);
	else if (io->lu->reserved_by)
		io->status = SCSI_RESERVATION_CONFLICT;
	else
		return true;
	scsi_io_done(io);
	return false;
}

void scsi_pr_out_run(struct scsi_io *io)
{
	struct request q = {.io = io, .list = io->data, .len = io->out_len};

	if (!may_still(io))
		return;
	q.c = calloc(1, sizeof(*q.c));
	if (q.c)
		q.c->next = pr_copy(io->lu->pr.state);
	if (!q.c || !q.c->next) {
		pr_change_free(q.c);
		scsi_sense_no_resources(io);
		scsi_io_done(io);
		return;
	}
	q.c->io = io;
	q.c->lu = io->lu;
	q.key = get_be64(q.list);
	q.new_key = get_be64(q.list + 8);
	q.at = scsi_pr_of(io->lu, io->nexus);
	if (length_ok(&q) && actions[io->cmd->action](&q)) {
		scsi_pr_commit(q.c);
	} else {
		pr_change_free(q.c);
		scsi_io_done(io);
	}
}

static void moved(struct scsi_io *io, int err)
{
	struct scsi_pr *pr = &io->lu->pr;

	if (pr->change || pr->going_on) {
		io->state = SCSI_IO_RESERVING;
		list_add_tail(&pr->waiting, &io->wait);
	} else {
		scsi_pr_out_run(io);
	}
}

void scsi_cmd_pr_out(struct scsi_io *io)
{
	scsi_move(io, moved);
}
