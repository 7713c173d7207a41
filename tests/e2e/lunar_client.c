/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lunar_client URL: every part of liblunar once at a real target, in TAP. The disk is overwritten: 8 MiB at least.
 * What the target does not know is skipped.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lunar/scsi.h"

#define BLOCK 512

struct client {
	struct lunar *l;
	struct lunar_session *s;
	const char *url;
	uint64_t lun;
	struct lunar_capacity cap;
	unsigned cases;
};

static void ok(struct client *c, bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++c->cases, what);
	if (!good && c->s)
		printf("# %s\n", lunar_error(c->s));
	fflush(stdout);
}

static void skip(struct client *c, const char *what)
{
	printf("ok %u - %s # SKIP the target cannot do that\n", ++c->cases, what);
}

/* --- that wait */

static void facts(struct client *c)
{
	struct lunar_inquiry inquiry;
	struct lunar_disk disk;
	struct lunar_params params;
	uint64_t *luns;
	size_t n = 0;
	uint8_t page[252];
	uint16_t len = sizeof(page);
	struct lunar_designator d[8];
	struct lunar_port_group groups[4];

	ok(c, !lunar_test_unit_ready(c->s, c->lun), "it is ready");
	ok(c, !lunar_inquiry(c->s, c->lun, &inquiry) && inquiry.type == 0, "INQUIRY");
	ok(c, !lunar_capacity(c->s, c->lun, &c->cap) && c->cap.block_size == BLOCK, "capacity");
	ok(c, !lunar_identify(c->s, c->lun, &disk) && disk.capacity.blocks == c->cap.blocks,
	   "who it is");
	printf("# %s %s %s\n", disk.inquiry.vendor, disk.inquiry.product, disk.id);
	ok(c, strlen(disk.id) > 8 && strlen(disk.serial) > 4, "it has an identity");
	ok(c, !lunar_report_luns(c->s, &luns, &n) && n >= 1, "REPORT LUNS");
	free(luns);
	ok(c, !lunar_vpd(c->s, c->lun, 0x83, page, &len) && len > 8, "VPD page 83h");
	ok(c, lunar_parse_designators(d, 8, page, len) >= 1, "has designators");
	int err = lunar_port_groups(c->s, c->lun, groups, 4, &n);
	if (err == -EOPNOTSUPP)
		skip(c, "target port groups");
	else
		ok(c, !err && n == 1 && groups[0].access == 0, "target port groups");
	ok(c, !lunar_params(c->s, &params) && params.max_send_data >= 8192 && params.tsih,
	   "what was negotiated");
}

static void compares(struct client *c, const char *there, const char *zero)
{
	uint64_t at = 0;
	int err = lunar_compare_and_write(c->s, c->lun, 100, 1, BLOCK, there, zero, &at);
	if (err == -EOPNOTSUPP) {
		skip(c, "compare and write");
		return;
	}
	ok(c, !err, "compare and write");
	err = lunar_compare_and_write(c->s, c->lun, 100, 1, BLOCK, there, zero, &at);
	ok(c, err == -EILSEQ, "and again: it is another");
	ok(c, at == 0, "from its first byte on");
	ok(c, lunar_why(c->s) == LUNAR_COMMAND_FAILED, "which is not the session's fault");
}

static void data(struct client *c)
{
	char out[8 * BLOCK], in[8 * BLOCK], zero[8 * BLOCK] = {0};
	struct lunar_lba_status st[4];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + 1);
	ok(c, !lunar_write(c->s, c->lun, 100, 8, BLOCK, out, LUNAR_FUA), "write");
	ok(c, !lunar_read(c->s, c->lun, 100, 8, BLOCK, in) && !memcmp(in, out, sizeof(in)), "read");
	ok(c, !lunar_flush(c->s, c->lun), "flush");
	compares(c, out, zero);
	ok(c, !lunar_write_same(c->s, c->lun, 104, 4, BLOCK, out, false), "write same");
	ok(c, !lunar_read(c->s, c->lun, 107, 1, BLOCK, in) && !memcmp(in, out, BLOCK),
	   "to the last block");
	ok(c, !lunar_unmap(c->s, c->lun, 0, 1024), "unmap");
	ok(c, !lunar_read(c->s, c->lun, 100, 8, BLOCK, in) && !memcmp(in, zero, sizeof(in)),
	   "and zeroes are there");
	ok(c, !lunar_lba_status(c->s, c->lun, 0, st, 4, &n) && n >= 1, "GET LBA STATUS");
	ok(c, lunar_read(c->s, c->lun, c->cap.blocks, 1, BLOCK, in) == -ERANGE,
	   "past the end there is nothing");
	ok(c, lunar_read(c->s, 77, 0, 1, BLOCK, in) == -ENXIO, "at LUN 77 neither");
}

static void reservations(struct client *c)
{
	struct lunar_reservation r;
	int err = lunar_reserve(c->s, c->lun, LUNAR_PR_REGISTER, 0, 0, 0x1234, false);
	if (err == -EOPNOTSUPP) {
		skip(c, "reservations");
		return;
	}
	ok(c, !err, "a key");
	ok(c,
	   !lunar_reserve(c->s, c->lun, LUNAR_PR_RESERVE, LUNAR_PR_WRITE_EXCLUSIVE, 0x1234, 0,
			  false),
	   "a reservation");
	ok(c, !lunar_reservation(c->s, c->lun, &r) && r.held && r.key == 0x1234 && r.type == 1,
	   "is held");
	ok(c, !lunar_reserve(c->s, c->lun, LUNAR_PR_CLEAR, 0, 0x1234, 0, false), "and cleared");
	ok(c, !lunar_reservation(c->s, c->lun, &r) && !r.held, "is gone");
}

/* --- that do not wait */

enum { MANY = 64, VECTORS = 5 };

struct many {
	struct client *c;
	struct lunar_task tasks[MANY];
	struct iovec iov[MANY][VECTORS];
	char *out[MANY], *in[MANY];
	size_t len;
	unsigned left, failed;
};

static void many_done(struct lunar_task *t, int err)
{
	struct many *m = t->user;
	m->left--;
	m->failed += lunar_task_result(t, err) != 0;
}

/* Vectors of odd lengths. */
static void split(struct iovec iov[VECTORS], char *buf, size_t len)
{
	const size_t lens[VECTORS] = {1, 511, 4099, 0, len};
	for (unsigned i = 0; i < VECTORS; i++) {
		iov[i] = (struct iovec){buf, lens[i] < len ? lens[i] : len};
		buf += iov[i].iov_len;
		len -= iov[i].iov_len;
	}
}

static bool round_of(struct many *m, bool write)
{
	struct client *c = m->c;
	uint32_t blocks = (uint32_t)(m->len / BLOCK);
	m->failed = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct lunar_task *t = &m->tasks[i];
		split(m->iov[i], write ? m->out[i] : m->in[i], m->len);
		if (write)
			lunar_prepare_write(t, c->lun, i * blocks, blocks, BLOCK, m->iov[i],
					    VECTORS, 0);
		else
			lunar_prepare_read(t, c->lun, i * blocks, blocks, BLOCK, m->iov[i], VECTORS,
					   0);
		t->done = many_done;
		t->user = m;
		if (lunar_submit(c->s, t))
			return false;
		m->left++;
	}
	while (m->left) {
		struct pollfd fd = {.fd = lunar_fd(c->l), .events = POLLIN};
		poll(&fd, 1, lunar_timeout(c->l));
		lunar_service(c->l);
	}
	return !m->failed;
}

static void at_once(struct client *c, size_t len)
{
	struct many *m = calloc(1, sizeof(*m));
	char name[64];
	bool same = true;
	m->c = c;
	m->len = len;
	for (unsigned i = 0; i < MANY; i++) {
		m->out[i] = malloc(len);
		m->in[i] = calloc(1, len);
		for (size_t k = 0; k < len; k++)
			m->out[i][k] = (char)(k + i * 31 + (k >> 8));
	}
	snprintf(name, sizeof(name), "%d writes of %zu bytes at once", MANY, len);
	ok(c, round_of(m, true), name);
	snprintf(name, sizeof(name), "%d reads of %zu bytes at once", MANY, len);
	ok(c, round_of(m, false), name);
	for (unsigned i = 0; i < MANY; i++) {
		same = same && !memcmp(m->out[i], m->in[i], len);
		free(m->out[i]);
		free(m->in[i]);
	}
	ok(c, same, "each has what was written");
	free(m);
}

struct seen {
	struct client *c;
	unsigned states, ended, waited;
	int err;
};

static void seen_done(struct lunar_task *t, int err)
{
	struct seen *seen = t->user;
	seen->ended++;
	seen->err = err;
	seen->waited += lunar_test_unit_ready(seen->c->s, 0) != -EDEADLK;
	seen->waited += lunar_wait(seen->c->l, 0) != -EDEADLK;
}

static void freeing_done(struct lunar_task *t, int err)
{
	struct seen *seen = t->user;
	seen_done(t, err);
	lunar_session_free(seen->c->s);
	seen->c->s = NULL;
}

static void functions(struct client *c)
{
	struct lunar_tmf f = {.function = LUNAR_LU_RESET, .lun = c->lun};
	ok(c, !lunar_tmf_run(c->s, &f) && f.response == 0, "LOGICAL UNIT RESET");
	ok(c, !lunar_test_unit_ready(c->s, c->lun), "whose unit attention is waited out");
	f = (struct lunar_tmf){.function = LUNAR_ABORT_TASK};
	ok(c, lunar_tmf_run(c->s, &f) == -EINVAL, "ABORT TASK without a task is refused");
}

static void callbacks_do_not_wait(struct client *c)
{
	struct seen seen = {.c = c};
	struct lunar_task t = {.done = seen_done, .user = &seen};
	lunar_prepare_test_unit_ready(&t, c->lun);
	ok(c, !lunar_submit(c->s, &t) && !seen.ended, "submitting runs no callback");
	while (!seen.ended)
		lunar_wait(c->l, -1);
	ok(c, !seen.err && !seen.waited, "a callback cannot wait");
	lunar_prepare_test_unit_ready(&t, c->lun);
	lunar_submit(c->s, &t);
	lunar_cancel(&t);
	while (seen.ended < 2)
		lunar_wait(c->l, -1);
	ok(c, seen.err == 0 || seen.err == -ECANCELED, "what is cancelled ends once");
	ok(c, lunar_run(c->s, &(struct lunar_task){.lun = UINT64_C(1) << 20}) == -EINVAL,
	   "a LUN that is neither number nor bytes is refused");
}

static struct lunar_session *another(struct client *c)
{
	struct lunar_session *s = NULL;
	if (lunar_session_new(c->l, &s) || lunar_set_url(s, c->url, &c->lun) ||
	    lunar_set(s, "initiator_name", "iqn.2026-11.io.lunar:another"))
		return NULL;
	return s;
}

static void endings(struct client *c)
{
	struct seen seen = {.c = c};
	struct lunar_task t = {.done = seen_done, .user = &seen};
	struct lunar_session *first = c->s;

	ok(c, !lunar_logout(c->s) && lunar_state(c->s) == LUNAR_ENDED, "logout");
	lunar_prepare_test_unit_ready(&t, c->lun);
	ok(c, lunar_submit(c->s, &t) == -ESHUTDOWN, "after which nothing goes");
	ok(c, !lunar_login(c->s) && !lunar_test_unit_ready(c->s, c->lun), "and login again");
	ok(c, lunar_start(c->s) == -EALREADY, "but not twice");

	c->s = another(c);
	ok(c, c->s && !lunar_login(c->s), "a second session beside the first");
	t.done = freeing_done;
	lunar_submit(c->s, &t);
	while (c->s)
		lunar_wait(c->l, -1);
	ok(c, seen.ended == 1 && !seen.err, "a session is freed by its own callback");

	c->s = another(c);
	alarm(20);
	ok(c, c->s && !lunar_login(c->s) && !lunar_logout(c->s), "a third one, that ends");
	lunar_start(c->s);
	lunar_stop(c->s, true);
	ok(c, !lunar_logout(c->s), "and whose forced end is not waited for in vain");
	alarm(0);
	lunar_session_free(c->s);

	c->s = another(c);
	t.done = seen_done;
	seen.ended = 0;
	ok(c, lunar_submit(c->s, &t) == -ENOTCONN, "what was never started takes nothing");
	lunar_start(c->s);
	ok(c, !lunar_submit(c->s, &t), "what logs in does, to send it later");
	lunar_session_free(c->s);
	c->s = first;
	ok(c, seen.ended == 1 && seen.err == -ESHUTDOWN, "and ends it when the session goes");
}

static void discovers(struct client *c)
{
	struct lunar_found *found;
	size_t n = 0;
	char portal[300], target[300];
	struct lunar_session *s = another(c);
	lunar_get(s, "portal", portal, sizeof(portal));
	lunar_get(s, "target", target, sizeof(target));
	int err = lunar_discover(s, &found, &n);
	ok(c, !err && n == 1, "discovery finds one target");
	ok(c, n == 1 && !strcmp(found[0].target, target) && !strcmp(found[0].address, portal),
	   "ours, where it is");
	free(found);
	ok(c, !lunar_login(s), "and a login on the same session");
	lunar_session_free(s);
}

int main(int argc, char **argv)
{
	struct client c = {.url = argc > 1 ? argv[1] : ""};
	if (argc != 2 || lunar_new(&c.l) || lunar_session_new(c.l, &c.s))
		return 2;
	ok(&c, !lunar_set_url(c.s, c.url, &c.lun), "the URL");
	ok(&c, !lunar_login(c.s), "login");
	facts(&c);
	data(&c);
	reservations(&c);
	at_once(&c, 512);
	at_once(&c, 8192);
	at_once(&c, 128 * 1024);
	functions(&c);
	callbacks_do_not_wait(&c);
	discovers(&c);
	endings(&c);
	struct lunar_stats st;
	ok(&c, !lunar_stats(c.s, &st) && st.logins == 1 && !st.in_flight, "counts");
	lunar_free(c.l);
	printf("1..%u\n", c.cases);
	return 0;
}
