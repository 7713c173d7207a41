/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/server.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/buf.h"
#include "common/list.h"

#define STAGE    (64u << 10)
#define WHY_SIZE 1024
/* Answers that a caller has not read, beyond which nothing more is read from it; and ends it. */
#define UNREAD_HIGH (1u << 20)
#define UNREAD_MAX  (256u << 20)
/* After a failed accept: out of descriptors, most likely. */
#define ACCEPT_PAUSE (100 * NSEC_PER_MSEC)

struct control_server {
	struct reactor *r;
	struct control_options o;
	int sock; /* -1: closed */
	struct op accept;
	bool accepting;
	struct timer retry;
	struct list peers;
	unsigned count;
	size_t calls;
	unsigned subscribers;
	json_int_t events; /* published, which is the number of the last */
};

struct peer {
	struct list link;
	struct control_server *server;
	struct net_local_peer who;
	int sock;
	struct op recv, send;
	struct iovec recv_iov, send_iov;
	bool receiving, sending, dead, ended;
	bool subscribed;
	json_int_t lost;           /* events, since the last one that it was told */
	size_t looked;             /* of `in`: without a newline so far */
	struct buf in, out, going; /* going: being sent */
	size_t gone;
	struct list calls;
	struct deferred reap; /* it is dead */
	uint8_t stage[STAGE];
};

struct control_call {
	struct list link;
	struct control_server *server;
	struct peer *peer; /* NULL: it is gone */
	struct net_local_peer who;
	struct rpc_request request;
	const struct control_method *method;
};

static void receive(struct peer *p);

/* --- the end of a connection */

static void peer_free(struct peer *p)
{
	struct control_server *s = p->server;
	list_for_each_safe (it, &p->calls) {
		struct control_call *call = list_entry(it, struct control_call, link);
		list_del(&call->link);
		call->peer = NULL;
	}
	deferred_cancel(&p->reap);
	net_close(s->r, p->sock);
	list_del(&p->link);
	s->count--;
	s->subscribers -= p->subscribed;
	buf_free(&p->in);
	buf_free(&p->out);
	buf_free(&p->going);
	free(p);
}

/* What is in flight has been ended, and comes back here. */
static void free_when_quiet(struct peer *p)
{
	if (p->dead && !p->receiving && !p->sending)
		peer_free(p);
}

static void reap(struct deferred *d)
{
	free_when_quiet(container_of(d, struct peer, reap));
}

/* Whoever is in the middle of something with it may go on until the end of the turn. */
static void drop(struct peer *p, const char *why)
{
	if (p->dead)
		return;
	if (why)
		log_info(reactor_log(p->server->r), "control: process %d of user %u: %s",
			 (int)p->who.pid, (unsigned)p->who.uid, why);
	p->dead = true;
	net_shutdown(p->server->r, p->sock);
	reactor_defer(p->server->r, &p->reap);
}

/* --- answers */

static void send_more(struct peer *p)
{
	if (p->sending || p->dead)
		return;
	if (p->gone == p->going.len) {
		buf_clear(&p->going);
		p->gone = 0;
		struct buf swap = p->going;
		p->going = p->out;
		p->out = swap;
	}
	if (p->gone == p->going.len) {
		if (p->ended && list_empty(&p->calls))
			drop(p, NULL);
		return;
	}
	p->send_iov = (struct iovec){p->going.data + p->gone, p->going.len - p->gone};
	p->sending = true;
	net_send(p->server->r, &p->send, p->sock, &p->send_iov, 1);
}

static void tell_lost(struct peer *p);

static void sent(struct op *op, int res)
{
	struct peer *p = container_of(op, struct peer, send);
	p->sending = false;
	if (res < 0)
		drop(p, NULL);
	else
		p->gone += (size_t)res;
	tell_lost(p);
	send_more(p);
	receive(p);
	free_when_quiet(p);
}

static void put_line(struct peer *p, char *line, size_t len)
{
	if (!line || buf_add(&p->out, line, len))
		drop(p, "it does not read its answers, or there is no memory for them");
	free(line);
	send_more(p);
}

/* --- events */

static size_t unread(const struct peer *p)
{
	return p->out.len + p->going.len - p->gone;
}

static json_t *stamp(const struct control_server *s, json_t *event)
{
	json_object_set_new(event, "number", json_integer(s->events));
	json_object_set_new(event, "time", json_real((double)reactor_wall(s->r) / 1e9));
	return event;
}

/* Half of the room has to be free: who has lost some and reads slowly is not told of each one that follows. */
static void tell_lost(struct peer *p)
{
	size_t len = 0;
	if (!p->lost || p->dead || unread(p) > CONTROL_EVENTS_UNREAD / 2)
		return;
	json_t *event = json_pack("{s:s, s:I}", "kind", "events.lost", "count", p->lost);
	p->lost = 0;
	char *line = rpc_write_notification("event", stamp(p->server, event), &len);
	put_line(p, line, len);
}

static void tell(struct peer *p, const char *line, size_t len)
{
	if (p->dead || !p->subscribed)
		return;
	if (p->lost || unread(p) + len > CONTROL_EVENTS_UNREAD) {
		p->lost++;
		return;
	}
	char *copy = malloc(len);
	if (copy)
		memcpy(copy, line, len);
	put_line(p, copy, len);
}

void control_subscribe(struct control_call *call)
{
	struct peer *p = call->peer;
	if (!p || p->subscribed)
		return;
	p->subscribed = true;
	p->server->subscribers++;
}

bool control_is_heard(const struct control_server *s)
{
	return s && s->subscribers;
}

void control_publish(struct control_server *s, json_t *event)
{
	size_t len = 0;
	s->events++;
	char *line = rpc_write_notification("event", stamp(s, event), &len);
	list_for_each (it, &s->peers)
		if (line)
			tell(list_entry(it, struct peer, link), line, len);
	free(line);
}

/* --- what becomes of a call */

static void call_free(struct control_call *call)
{
	list_del(&call->link);
	call->server->calls--;
	rpc_request_free(&call->request);
	free(call);
}

static void answer(struct control_call *call, char *line, size_t len)
{
	struct peer *p = call->peer;
	bool wanted = p && !p->dead && call->request.id;
	if (wanted)
		put_line(p, line, len);
	else
		free(line);
	call_free(call);
	if (p)
		send_more(p);
}

void control_answer(struct control_call *call, json_t *result)
{
	size_t len = 0;
	char *line = rpc_write_result(call->request.id, result, &len);
	answer(call, line, len);
}

void control_refuse_with(struct control_call *call, enum rpc_code code, const char *message,
			 json_t *data)
{
	size_t len = 0;
	char *line = rpc_write_error(call->request.id, (int)code, message, data, &len);
	answer(call, line, len);
}

void control_refuse(struct control_call *call, enum rpc_code code, const char *fmt, ...)
{
	char why[WHY_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	control_refuse_with(call, code, why, NULL);
}

/* --- parameters */

json_t *control_params(const struct control_call *call)
{
	return call->request.params;
}

const struct net_local_peer *control_peer(const struct control_call *call)
{
	return &call->who;
}

const char *control_text_or(struct control_call *call, const char *name, const char *standard,
			    bool *ok)
{
	const json_t *value = json_object_get(call->request.params, name);
	*ok = !value || json_is_null(value) || json_is_string(value);
	if (*ok)
		return json_is_string(value) ? json_string_value(value) : standard;
	control_refuse(call, RPC_BAD_PARAMS, "\"%s\" is not a string", name);
	return NULL;
}

const char *control_text(struct control_call *call, const char *name)
{
	bool ok;
	const char *text = control_text_or(call, name, NULL, &ok);
	if (ok && !text)
		control_refuse(call, RPC_BAD_PARAMS, "%s needs \"%s\"; it takes: %s",
			       call->method->name, name, call->method->params);
	return text;
}

bool control_flag_or(struct control_call *call, const char *name, bool standard, bool *ok)
{
	const json_t *value = json_object_get(call->request.params, name);
	*ok = !value || json_is_null(value) || json_is_boolean(value);
	if (*ok)
		return json_is_boolean(value) ? json_is_true(value) : standard;
	control_refuse(call, RPC_BAD_PARAMS, "\"%s\" is not true or false", name);
	return false;
}

/* Whether `name` is one of "path, depth?". */
static bool is_param(const char *params, const char *name)
{
	size_t len = strlen(name);
	for (const char *p = params; p && *p; p += strspn(p, "?, ")) {
		size_t n = strcspn(p, "?, ");
		if (n == len && !strncmp(p, name, len))
			return true;
		p += n;
	}
	return false;
}

const char *control_unknown_param(const struct control_method *m, json_t *params)
{
	const char *name;
	json_t *value;
	json_object_foreach(params, name, value) if (!is_param(m->params, name)) return name;
	return NULL;
}

/* --- requests */

static const struct control_method *find_method(const struct control_options *o, const char *name)
{
	for (size_t i = 0; i < o->count; i++)
		if (!strcmp(o->methods[i].name, name))
			return &o->methods[i];
	return NULL;
}

static void run(struct control_call *call)
{
	const struct control_options *o = &call->server->o;
	const struct control_method *m = find_method(o, call->request.method);
	call->method = m;
	const char *unknown = m ? control_unknown_param(m, call->request.params) : NULL;
	if (!m)
		control_refuse(call, RPC_NO_METHOD, "there is no method \"%.64s\"",
			       call->request.method);
	else if (unknown)
		control_refuse(call, RPC_BAD_PARAMS, "\"%.64s\" is no parameter of %s; it has: %s",
			       unknown, m->name, m->params[0] ? m->params : "none");
	else
		m->run(o->ctx, call);
}

static void take_line(struct peer *p, const char *line, size_t len)
{
	char why[256];
	struct rpc_request request;
	if (len == strspn(line, " \t\r") || !len)
		return;
	int code = rpc_read(line, len, &request, why, sizeof(why));
	if (code) {
		size_t n = 0;
		char *text = rpc_write_error(request.id, code, why, NULL, &n);
		rpc_request_free(&request);
		put_line(p, text, n);
		return;
	}
	struct control_call *call = calloc(1, sizeof(*call));
	if (!call) {
		rpc_request_free(&request);
		drop(p, "no memory for its call");
		return;
	}
	call->server = p->server;
	call->peer = p;
	call->who = p->who;
	call->request = request;
	list_add_tail(&p->calls, &call->link);
	p->server->calls++;
	run(call);
}

static bool takes_more(const struct peer *p)
{
	return !p->dead && unread(p) <= UNREAD_HIGH;
}

static void take_lines(struct peer *p)
{
	size_t done = 0;
	while (takes_more(p)) {
		size_t from = MAX(done, p->looked);
		uint8_t *end =
			from < p->in.len ? memchr(p->in.data + from, '\n', p->in.len - from) : NULL;
		if (!end)
			break;
		*end = 0;
		size_t len = (size_t)(end - p->in.data) - done;
		take_line(p, (const char *)p->in.data + done, len);
		done += len + 1;
		p->looked = done;
	}
	if (takes_more(p))
		p->looked = p->in.len;
	buf_consume(&p->in, done);
	p->looked -= MIN(done, p->looked);
}

static void received(struct op *op, int res)
{
	struct peer *p = container_of(op, struct peer, recv);
	p->receiving = false;
	if (res < 0) {
		drop(p, NULL);
	} else if (res == 0) {
		/* It may still want its answers. */
		p->ended = true;
		send_more(p);
	} else if (buf_add(&p->in, p->stage, (size_t)res)) {
		drop(p, p->in.err == -EMSGSIZE ? "a request that is too long" : "no memory");
	} else {
		receive(p);
	}
	free_when_quiet(p);
}

static void receive(struct peer *p)
{
	if (p->receiving || p->dead || p->ended)
		return;
	take_lines(p);
	if (!takes_more(p))
		return;
	p->recv_iov = (struct iovec){p->stage, sizeof(p->stage)};
	p->receiving = true;
	net_recv(p->server->r, &p->recv, p->sock, &p->recv_iov, 1);
}

/* --- who comes */

static bool may_come_in(const struct control_server *s, const struct net_local_peer *who)
{
	return who->uid == 0 || who->uid == geteuid() || (s->o.group != (gid_t)-1 && who->in_group);
}

static struct peer *peer_new(struct control_server *s, int sock)
{
	struct peer *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->server = s;
	p->sock = sock;
	deferred_init(&p->reap, reap);
	p->recv.done = received;
	p->send.done = sent;
	buf_init(&p->in, RPC_LINE_MAX);
	buf_init(&p->out, UNREAD_MAX);
	buf_init(&p->going, UNREAD_MAX);
	list_init(&p->calls);
	list_add_tail(&s->peers, &p->link);
	s->count++;
	return p;
}

static int come_in(struct control_server *s, int sock)
{
	struct net_local_peer who;
	int err = net_local_peer(s->r, sock, s->o.group, &who);
	if (err)
		return err;
	if (!may_come_in(s, &who))
		return -EACCES;
	struct peer *p = s->count < s->o.most ? peer_new(s, sock) : NULL;
	if (!p)
		return -EUSERS;
	p->who = who;
	receive(p);
	return 0;
}

static void accept_next(struct control_server *s)
{
	s->accepting = true;
	net_accept(s->r, &s->accept, s->sock);
}

static void accepted(struct op *op, int res)
{
	struct control_server *s = container_of(op, struct control_server, accept);
	s->accepting = false;
	int err = res < 0 ? 0 : come_in(s, res);
	if (err) {
		log_info(reactor_log(s->r), "control: a connection was refused: %s",
			 strerror(-err));
		net_close(s->r, res);
	}
	if (s->sock < 0)
		return;
	if (res >= 0)
		accept_next(s);
	else
		timer_set(s->r, &s->retry, reactor_now(s->r) + ACCEPT_PAUSE);
}

static void retry(struct timer *t)
{
	accept_next(container_of(t, struct control_server, retry));
}

/* --- the whole */

static int why_not(const struct control_options *o, int err, char *why, size_t why_size)
{
	snprintf(why, why_size, "the control socket %s: %s%s", o->path, strerror(-err),
		 err == -EADDRINUSE ? "; another daemon serves there, or it is no socket" : "");
	return err;
}

int control_server_new(struct control_server **out, struct reactor *r,
		       const struct control_options *o, char *why, size_t why_size)
{
	struct control_server *s = calloc(1, sizeof(*s));
	if (!s)
		return why_not(o, -ENOMEM, why, why_size);
	s->r = r;
	s->o = *o;
	list_init(&s->peers);
	timer_init(&s->retry, retry);
	s->accept.done = accepted;
	int err = o->has_socket ? net_take_listener(r, o->socket) : 0;
	s->sock = err ? err : o->has_socket ? o->socket : net_listen_local(r, o->path, o->group);
	if (s->sock < 0) {
		err = s->sock;
		free(s);
		return why_not(o, err, why, why_size);
	}
	accept_next(s);
	*out = s;
	return 0;
}

void control_server_close(struct control_server *s)
{
	if (s->sock < 0)
		return;
	timer_cancel(s->r, &s->retry);
	if (s->accepting)
		reactor_cancel(s->r, &s->accept);
	if (s->o.stays)
		net_close(s->r, s->sock);
	else
		net_unlisten_local(s->r, s->sock, s->o.path);
	s->sock = -1;
}

int control_server_socket(const struct control_server *s)
{
	return s->sock;
}

bool control_server_stays(const struct control_server *s)
{
	return s->o.stays;
}

bool control_server_is_sending(const struct control_server *s)
{
	list_for_each (it, &s->peers) {
		const struct peer *p = list_entry(it, struct peer, link);
		if (!p->dead && unread(p))
			return true;
	}
	return false;
}

size_t control_server_calls(const struct control_server *s)
{
	return s->calls;
}

void control_server_free(struct control_server *s)
{
	if (!s)
		return;
	control_server_close(s);
	assert(!s->calls);
	list_for_each (it, &s->peers)
		drop(list_entry(it, struct peer, link), NULL);
	uint64_t deadline = reactor_now(s->r) + NSEC_PER_SEC;
	while ((s->count || s->accepting) && reactor_now(s->r) < deadline)
		if (reactor_turn(s->r, deadline) < 0)
			break;
	free(s);
}
