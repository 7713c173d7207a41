/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "reactor/engine.h"

/* --- addresses */

/* Decimal digits only, no sign, nothing behind them; at most `max`. */
static int parse_number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;
	if (len == 0 || len > 10)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n > max)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

/* The zone of a link-local address (RFC 4007 11): the name of an interface, or its number. */
static int parse_scope(const char *text, size_t len, uint32_t *out)
{
	char name[IF_NAMESIZE];
	if (parse_number(text, len, UINT32_MAX, out) == 0)
		return *out ? 0 : -EINVAL;
	if (len == 0 || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = 0;
	*out = if_nametoindex(name);
	return *out ? 0 : -EINVAL;
}

static int parse_in6(struct net_addr *out, const char *text, size_t len)
{
	char host[INET6_ADDRSTRLEN];
	const char *percent = memchr(text, '%', len);
	size_t n = percent ? (size_t)(percent - text) : len;
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = 0;
	out->in6.sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, host, &out->in6.sin6_addr) != 1)
		return -EINVAL;
	return percent ? parse_scope(percent + 1, len - n - 1, &out->in6.sin6_scope_id) : 0;
}

static int parse_in4(struct net_addr *out, const char *text, size_t len)
{
	char host[INET_ADDRSTRLEN];
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = 0;
	out->in4.sin_family = AF_INET;
	return inet_pton(AF_INET, host, &out->in4.sin_addr) == 1 ? 0 : -EINVAL;
}

/* The host's part of the text (without brackets) and what follows it: "" or ":PORT". */
static int parse_host(struct net_addr *out, const char *text, const char **rest)
{
	if (text[0] == '[') {
		const char *end = strchr(text, ']');
		if (!end)
			return -EINVAL;
		*rest = end + 1;
		return parse_in6(out, text + 1, (size_t)(end - text) - 1);
	}
	const char *colon = strchr(text, ':');
	if (colon && strchr(colon + 1, ':')) {
		*rest = "";
		return parse_in6(out, text, strlen(text));
	}
	size_t len = strcspn(text, ":");
	*rest = text + len;
	return parse_in4(out, text, len);
}

int net_addr_parse(struct net_addr *out, const char *text, uint16_t default_port)
{
	struct net_addr addr;
	const char *rest;
	uint32_t port = default_port;
	memset(&addr, 0, sizeof(addr));
	int ret = parse_host(&addr, text, &rest);
	if (ret)
		return ret;
	if (rest[0] &&
	    (rest[0] != ':' || parse_number(rest + 1, strlen(rest + 1), UINT16_MAX, &port)))
		return -EINVAL;
	net_addr_set_port(&addr, (uint16_t)port);
	*out = addr;
	return 0;
}

static void format_scope(char *out, size_t size, uint32_t scope)
{
	char name[IF_NAMESIZE];
	out[0] = 0;
	if (scope && if_indextoname(scope, name))
		snprintf(out, size, "%%%s", name);
	else if (scope)
		snprintf(out, size, "%%%u", scope);
}

char *net_addr_format(char out[NET_ADDR_TEXT], const struct net_addr *addr)
{
	char host[INET6_ADDRSTRLEN] = "";
	char scope[IF_NAMESIZE + 1];
	unsigned port = net_addr_port(addr);
	if (addr->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, host, sizeof(host));
		format_scope(scope, sizeof(scope), addr->in6.sin6_scope_id);
		snprintf(out, NET_ADDR_TEXT, "[%s%s]:%u", host, scope, port);
	} else if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in4.sin_addr, host, sizeof(host));
		snprintf(out, NET_ADDR_TEXT, "%s:%u", host, port);
	} else {
		snprintf(out, NET_ADDR_TEXT, "-");
	}
	return out;
}

char *net_addr_format_host(char out[NET_ADDR_TEXT], const struct net_addr *addr)
{
	char host[INET6_ADDRSTRLEN] = "";
	if (addr->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, host, sizeof(host));
		snprintf(out, NET_ADDR_TEXT, "[%s]", host);
	} else if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in4.sin_addr, out, NET_ADDR_TEXT);
	} else {
		snprintf(out, NET_ADDR_TEXT, "-");
	}
	return out;
}

uint16_t net_addr_port(const struct net_addr *addr)
{
	switch (addr->sa.sa_family) {
	case AF_INET: return ntohs(addr->in4.sin_port);
	case AF_INET6: return ntohs(addr->in6.sin6_port);
	default: return 0;
	}
}

void net_addr_set_port(struct net_addr *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET)
		addr->in4.sin_port = htons(port);
	else if (addr->sa.sa_family == AF_INET6)
		addr->in6.sin6_port = htons(port);
}

bool net_addr_equal_host(const struct net_addr *a, const struct net_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	return a->sa.sa_family == AF_INET6 &&
	       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

/* Whether the first `bits` (up to 16) of an IPv4 address are these. */
static bool in4_within(const struct net_addr *addr, uint32_t net, unsigned bits)
{
	return addr->sa.sa_family == AF_INET &&
	       (ntohl(addr->in4.sin_addr.s_addr) ^ net) >> (32 - bits) == 0;
}

bool net_addr_is_any(const struct net_addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
	return in4_within(addr, INADDR_ANY, 32);
}

bool net_addr_is_loopback(const struct net_addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	return in4_within(addr, 0x7f000000, 8);
}

bool net_addr_is_link_local(const struct net_addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr);
	return in4_within(addr, 0xa9fe0000, 16); /* 169.254/16, RFC 3927 */
}

void net_addr_unmap(struct net_addr *addr)
{
	if (addr->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return;
	struct net_addr in4;
	memset(&in4, 0, sizeof(in4));
	in4.in4.sin_family = AF_INET;
	in4.in4.sin_port = addr->in6.sin6_port;
	memcpy(&in4.in4.sin_addr, &addr->in6.sin6_addr.s6_addr[12], 4);
	*addr = in4;
}

/* --- sockets */

int net_resolve(struct reactor *r, const char *host, uint16_t port, struct net_addr *out,
		size_t max)
{
	struct engine *e = reactor_engine(r);
	return e->ops->resolve(e, host, port, out, max);
}

int net_listen(struct reactor *r, const struct net_addr *addr, int backlog)
{
	struct engine *e = reactor_engine(r);
	return e->ops->listen(e, addr, backlog);
}

int net_take_listener(struct reactor *r, int sock)
{
	struct engine *e = reactor_engine(r);
	return e->ops->take_listener ? e->ops->take_listener(e, sock) : -ENOSYS;
}

int net_local_addr(struct reactor *r, int sock, struct net_addr *out)
{
	struct engine *e = reactor_engine(r);
	return e->ops->local_addr(e, sock, out);
}

ssize_t net_send_now(struct reactor *r, int sock, const struct iovec *iov, unsigned iovcnt)
{
	struct engine *e = reactor_engine(r);
	return e->ops->send_now(e, sock, iov, MIN(iovcnt, IOV_MAX));
}

void net_shutdown(struct reactor *r, int sock)
{
	struct engine *e = reactor_engine(r);
	e->ops->shutdown(e, sock);
}

void net_close(struct reactor *r, int sock)
{
	struct engine *e = reactor_engine(r);
	e->ops->close_socket(e, sock);
}

static void submit(struct reactor *r, struct op *op, enum op_kind kind, int sock, struct iovec *iov,
		   unsigned iovcnt)
{
	struct engine *e = reactor_engine(r);
	op->kind = kind;
	op->handle = sock;
	op->iov = iov;
	op->iovcnt = MIN(iovcnt, IOV_MAX); /* moving less than asked for is allowed */
	e->ops->submit(e, op);
}

void net_accept(struct reactor *r, struct op *op, int listener)
{
	submit(r, op, OP_ACCEPT, listener, NULL, 0);
}

void net_connect_from(struct reactor *r, struct op *op, const struct net_from *from,
		      const struct net_addr *to)
{
	op->addr = *to;
	op->from = from;
	submit(r, op, OP_CONNECT, -1, NULL, 0);
}

void net_connect(struct reactor *r, struct op *op, const struct net_addr *to)
{
	net_connect_from(r, op, NULL, to);
}

void net_recv(struct reactor *r, struct op *op, int sock, struct iovec *iov, unsigned iovcnt)
{
	submit(r, op, OP_RECV, sock, iov, iovcnt);
}

void net_send(struct reactor *r, struct op *op, int sock, struct iovec *iov, unsigned iovcnt)
{
	submit(r, op, OP_SEND, sock, iov, iovcnt);
}
