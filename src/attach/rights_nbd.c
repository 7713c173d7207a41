/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's NBD client, by generic netlink ("nbd", linux/nbd-netlink.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "attach/rights_priv.h"

#define MESSAGE  2048
#define GONE_MS  5000
#define WAIT_MS  20
#define READY_MS 5000
/* What has been sent on a socket that is dead is sent on a new one when the kernel looks at it, which it does this
 * often: a disk stands still for as long when the process that serves it was killed. Each look is a line in the
 * kernel's log for a request that waits; without a time limit nothing else comes of it. */
#define LOOK_MS "10000"

/* A message that is being made, or has come. */
struct message {
	union {
		struct nlmsghdr head;
		uint8_t bytes[MESSAGE];
	};
};

static void begin(struct message *m, uint16_t family, uint8_t command)
{
	memset(m, 0, sizeof(*m));
	struct genlmsghdr *genl = NLMSG_DATA(&m->head);
	m->head = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
				    .nlmsg_type = family,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	*genl = (struct genlmsghdr){.cmd = command, .version = 1};
}

/* All that is put fits: nothing of it has a length that others choose. */
static struct nlattr *put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (struct nlattr *)(m->bytes + NLMSG_ALIGN(m->head.nlmsg_len));
	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((uint8_t *)attr + NLA_HDRLEN, data, len);
	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + NLA_ALIGN(attr->nla_len);
	return attr;
}

static void put_u32(struct message *m, uint16_t type, uint32_t v)
{
	put(m, type, &v, sizeof(v));
}

static void put_u64(struct message *m, uint16_t type, uint64_t v)
{
	put(m, type, &v, sizeof(v));
}

static struct nlattr *nest(struct message *m, uint16_t type)
{
	return put(m, type | NLA_F_NESTED, NULL, 0);
}

static void end_nest(const struct message *m, struct nlattr *attr)
{
	attr->nla_len = (uint16_t)(m->bytes + m->head.nlmsg_len - (uint8_t *)attr);
}

/* An attribute of a message that has come; NULL: it has none of that type. */
static const void *find(const struct message *m, uint16_t type, size_t size)
{
	size_t at = NLMSG_LENGTH(GENL_HDRLEN);
	while (at + NLA_HDRLEN <= m->head.nlmsg_len) {
		const struct nlattr *attr = (const struct nlattr *)(m->bytes + at);
		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > m->head.nlmsg_len - at)
			return NULL;
		if (attr->nla_type == type && attr->nla_len >= NLA_HDRLEN + size)
			return m->bytes + at + NLA_HDRLEN;
		at += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}

/* What of a datagram that has come is a message for us. The acknowledgement comes last: 0 or -errno; 1: more is
 * to come. */
static int take(const uint8_t *data, size_t len, struct message *answer)
{
	while (len >= NLMSG_HDRLEN) {
		const struct nlmsghdr *head = (const struct nlmsghdr *)data;
		if (head->nlmsg_len < NLMSG_HDRLEN || head->nlmsg_len > len)
			return -EPROTO;
		if (head->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
		memcpy(answer, data, MIN(head->nlmsg_len, sizeof(*answer)));
		size_t next = MIN(NLMSG_ALIGN(head->nlmsg_len), len);
		data += next;
		len -= next;
	}
	return 1;
}

static int exchange(int sock, struct message *m, struct message *answer)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[8192];
	} in;
	memset(answer, 0, sizeof(*answer));
	if (send(sock, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	for (int err = 1;;) {
		ssize_t n = recv(sock, &in, sizeof(in), 0);
		if (n < 0)
			return -errno;
		err = take(in.bytes, (size_t)n, answer);
		if (err <= 0)
			return err;
	}
}

static int find_family(int sock, uint16_t *family)
{
	struct message m, answer;
	begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof(NBD_GENL_FAMILY_NAME));
	int err = exchange(sock, &m, &answer);
	const void *id = err ? NULL : find(&answer, CTRL_ATTR_FAMILY_ID, sizeof(*family));
	if (!id)
		return err ? err : -EPROTO;
	memcpy(family, id, sizeof(*family));
	return 0;
}

struct netlink {
	int sock;
	uint16_t family;
};

static int open_netlink(struct netlink *n, struct rights_answer *answer)
{
	n->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (n->sock < 0)
		return rights_fail(answer, -errno, "netlink");
	int err = find_family(n->sock, &n->family);
	if (!err)
		return 0;
	close(n->sock);
	return rights_fail(answer, err, "the kernel's NBD client (modprobe nbd)");
}

/* --- what it is told */

static void put_sockets(struct message *m, const int *files, unsigned count)
{
	struct nlattr *sockets = nest(m, NBD_ATTR_SOCKETS);
	for (unsigned i = 0; i < count; i++) {
		struct nlattr *item = nest(m, NBD_SOCK_ITEM);
		put_u32(m, NBD_SOCK_FD, (uint32_t)files[i]);
		end_nest(m, item);
	}
	end_nest(m, sockets);
}

static void put_identity(struct message *m, const struct rights_order *o)
{
	put(m, NBD_ATTR_BACKEND_IDENTIFIER, o->name, strlen(o->name) + 1);
}

/* No time limit for requests: how long one waits is the disk's to say. */
static int connect_device(const struct netlink *n, struct rights_slot *s,
			  const struct rights_order *o, const int *files, unsigned count)
{
	struct message m, answer;
	begin(&m, n->family, NBD_CMD_CONNECT);
	put_u64(&m, NBD_ATTR_SIZE_BYTES, o->size);
	put_u64(&m, NBD_ATTR_BLOCK_SIZE_BYTES, o->block);
	put_u64(&m, NBD_ATTR_SERVER_FLAGS, o->nbd_flags);
	put_u64(&m, NBD_ATTR_CLIENT_FLAGS, 0);
	put_u64(&m, NBD_ATTR_DEAD_CONN_TIMEOUT, o->dead_timeout);
	put_identity(&m, o);
	put_sockets(&m, files, count);
	int err = exchange(n->sock, &m, &answer);
	const void *index = err ? NULL : find(&answer, NBD_ATTR_INDEX, sizeof(s->number));
	if (!index)
		return err ? err : -EPROTO;
	memcpy(&s->number, index, sizeof(s->number));
	return 0;
}

static int reconfigure(const struct rights_slot *s, const struct rights_order *o, const int *files,
		       unsigned count, struct rights_answer *out)
{
	struct netlink n = {-1, 0};
	struct message m, answer;
	int err = open_netlink(&n, out);
	if (err)
		return err;
	begin(&m, n.family, NBD_CMD_RECONFIGURE);
	put_u32(&m, NBD_ATTR_INDEX, s->number);
	put_identity(&m, o);
	if (count)
		put_sockets(&m, files, count);
	else
		put_u64(&m, NBD_ATTR_SIZE_BYTES, o->size);
	err = exchange(n.sock, &m, &answer);
	close(n.sock);
	return err ? rights_fail(out, err, "%s: changing it", s->path) : 0;
}

/* --- the device */

static void wait_a_little(void)
{
	const struct timespec ts = {.tv_nsec = WAIT_MS * 1000000L};
	nanosleep(&ts, NULL);
}

/* Whether it is connected, and still to what we have connected it to. */
static bool is_ours(const struct rights_slot *s)
{
	char path[64], backend[64] = "";
	snprintf(path, sizeof(path), "/sys/block/nbd%u/backend", s->number);
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, backend, sizeof(backend) - 1);
	if (n < 0)
		return false;
	backend[strcspn(backend, "\n")] = 0;
	return !strncmp(backend, s->name, sizeof(backend) - 1);
}

static bool size_is_known(const struct rights_slot *s)
{
	uint64_t size = 0;
	CLEANUP(fd) int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !ioctl(fd, BLKGETSIZE64, &size) && size;
}

static int nbd_change(struct rights_slot *s, const struct rights_order *o,
		      struct rights_answer *answer)
{
	int read_only = o->read_only;
	int err = reconfigure(s, o, NULL, 0, answer);
	if (err)
		return err;
	CLEANUP(fd) int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKROSET, &read_only))
		return rights_fail(answer, -errno, "read-only of %s", s->path);
	return 0;
}

static int disconnect(const struct rights_slot *s, struct rights_answer *out)
{
	struct netlink n = {-1, 0};
	struct message m, answer;
	int err = open_netlink(&n, out);
	if (err)
		return err;
	begin(&m, n.family, NBD_CMD_DISCONNECT);
	put_u32(&m, NBD_ATTR_INDEX, s->number);
	err = exchange(n.sock, &m, &answer);
	close(n.sock);
	return err ? rights_fail(out, err, "ending %s", s->path) : 0;
}

static int nbd_stop(struct rights_slot *s, const struct rights_order *o,
		    struct rights_answer *answer)
{
	if (!is_ours(s))
		return 0; /* somebody has ended it already */
	int err = o->force ? 0 : rights_check_unused(s, answer);
	if (!err)
		err = disconnect(s, answer);
	for (int ms = 0; !err && ms < GONE_MS && is_ours(s); ms += WAIT_MS)
		wait_a_little();
	return err;
}

static bool nbd_is_there(const struct rights_slot *s)
{
	return is_ours(s);
}

const struct rights_device rights_nbd_device = {
	.kind = "nbd", .is_there = nbd_is_there, .change = nbd_change, .stop = nbd_stop};

int rights_nbd_start(struct rights_slot *s, const struct rights_order *o, const int *files,
		     unsigned count, struct rights_answer *answer)
{
	struct netlink n = {-1, 0};
	if (s->device || !count)
		return rights_fail(answer, -EINVAL,
				   "a device of NBD needs a free slot and sockets");
	int err = open_netlink(&n, answer);
	if (err)
		return err;
	err = connect_device(&n, s, o, files, count);
	close(n.sock);
	if (err)
		return rights_fail(answer, err, "connecting a device of NBD");
	snprintf(s->path, sizeof(s->path), "/dev/nbd%u", s->number);
	snprintf(s->name, sizeof(s->name), "%s", o->name);
	s->device = &rights_nbd_device;
	for (int ms = 0; ms < READY_MS && !size_is_known(s); ms += WAIT_MS)
		wait_a_little();
	rights_set_rotational(s, o->rotational);
	rights_set_queue(s, "io_timeout", LOOK_MS);
	answer->number = s->number;
	snprintf(answer->path, sizeof(answer->path), "%s", s->path);
	return 0;
}

/* The sockets of the process that was there before are dead, or will be shortly. */
int rights_nbd_take_over(struct rights_slot *s, const struct rights_order *o, const int *files,
			 unsigned count, struct rights_answer *answer)
{
	if (s->device != &rights_nbd_device || !is_ours(s))
		return rights_fail(answer, -ENOENT, "there is no device of NBD to take over");
	int err = -ENOSPC;
	for (int ms = 0; ms < READY_MS && err == -ENOSPC; ms += WAIT_MS) {
		err = reconfigure(s, o, files, count, answer);
		if (err == -ENOSPC)
			wait_a_little();
	}
	answer->number = s->number;
	snprintf(answer->path, sizeof(answer->path), "%s", s->path);
	return err;
}
