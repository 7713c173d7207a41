/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations beside a model of them, written from SPC-4 5.12 and from nothing else: nexuses by number,
 * what each has registered, and who holds what. Every sequence of three commands of two nexuses, and long ones by
 * chance.
 */
#include "scsi_pr_rig.h"

#define NEXUSES 3

struct command {
	unsigned nexus;
	uint8_t action, type;
	uint64_t key, new_key;
};

/* --- the model */

struct model {
	uint64_t key[NEXUSES]; /* 0: not registered */
	uint8_t type;          /* 0: nothing is reserved */
	unsigned holder;
	uint32_t generation;
	uint16_t told[NEXUSES]; /* by the last command */
};

enum outcome {
	DONE = 0,
	CONFLICT = 1,
	BAD_CDB = 0x2400,
	BAD_LIST = 0x2600,
	BAD_RELEASE = 0x2604,
};

static bool of_all(const struct model *m)
{
	return m->type == WE_AR || m->type == EA_AR;
}

static bool of_registrants(const struct model *m)
{
	return m->type != WE && m->type != EA;
}

static bool is_holder(const struct model *m, unsigned n)
{
	if (!m->type || !m->key[n])
		return false;
	return of_all(m) || m->holder == n;
}

static bool is_type(uint8_t scope_and_type)
{
	switch (scope_and_type) {
	case WE:
	case EA:
	case WE_RO:
	case EA_RO:
	case WE_AR:
	case EA_AR: return true;
	default: return false;
	}
}

static void tell(struct model *m, unsigned by, uint16_t what)
{
	for (unsigned n = 0; n < NEXUSES; n++)
		if (n != by && m->key[n])
			m->told[n] = what;
}

static bool nobody_is_registered(const struct model *m)
{
	for (unsigned n = 0; n < NEXUSES; n++)
		if (m->key[n])
			return false;
	return true;
}

/* 5.12.11.3: unregistering */
static void unregister(struct model *m, unsigned n)
{
	bool held = m->type && !of_all(m) && m->holder == n;

	m->key[n] = 0;
	if (held && of_registrants(m))
		tell(m, n, RELEASED);
	if (held || (of_all(m) && nobody_is_registered(m)))
		m->type = 0;
}

/* 5.12.7, table 49 and 50 of 6.16.2 */
static enum outcome registered(struct model *m, const struct command *c)
{
	uint64_t *key = &m->key[c->nexus];

	if (c->action == REGISTER && c->key != *key)
		return CONFLICT;
	if (!*key && !c->new_key)
		return DONE;
	m->generation++;
	if (c->new_key)
		*key = c->new_key;
	else
		unregister(m, c->nexus);
	return DONE;
}

/* 5.12.9 */
static enum outcome reserved(struct model *m, const struct command *c)
{
	if (!is_type(c->type))
		return BAD_CDB;
	if (m->type)
		return is_holder(m, c->nexus) && m->type == c->type ? DONE : CONFLICT;
	m->type = c->type;
	m->holder = c->nexus;
	return DONE;
}

/* 5.12.11.2.2 */
static enum outcome released(struct model *m, const struct command *c)
{
	if (!is_holder(m, c->nexus))
		return DONE;
	if (m->type != c->type)
		return BAD_RELEASE;
	if (of_registrants(m))
		tell(m, c->nexus, RELEASED);
	m->type = 0;
	return DONE;
}

/* 5.12.11.2.7 */
static enum outcome cleared(struct model *m, const struct command *c)
{
	tell(m, c->nexus, CLEARED);
	memset(m->key, 0, sizeof(m->key));
	m->type = 0;
	m->generation++;
	return DONE;
}

static void take_out(struct model *m, unsigned n, unsigned by)
{
	m->key[n] = 0;
	if (n != by)
		m->told[n] = PREEMPTED;
}

/* 5.12.11.2.4: the reservation, with those who have this key (0: with all) */
static enum outcome preempted_reservation(struct model *m, const struct command *c)
{
	if (!is_type(c->type))
		return BAD_CDB;
	for (unsigned n = 0; n < NEXUSES; n++)
		if (n != c->nexus && m->key[n] && (!c->new_key || m->key[n] == c->new_key))
			take_out(m, n, c->nexus);
	if (m->type != c->type)
		for (unsigned n = 0; n < NEXUSES; n++)
			if (n != c->nexus && m->key[n])
				m->told[n] = RELEASED;
	m->type = c->type;
	m->holder = c->nexus;
	m->generation++;
	return DONE;
}

/* 5.12.11.2.5: registrations only */
static enum outcome preempted_registrations(struct model *m, const struct command *c)
{
	bool found = false;

	for (unsigned n = 0; n < NEXUSES; n++) {
		if (m->key[n] != c->new_key)
			continue;
		found = true;
		take_out(m, n, c->nexus);
	}
	if (!found)
		return CONFLICT;
	if (of_all(m) && nobody_is_registered(m))
		m->type = 0;
	m->generation++;
	return DONE;
}

/* 5.12.11.2.3, figure 9 */
static enum outcome preempted(struct model *m, const struct command *c)
{
	if (of_all(m))
		return c->new_key ? preempted_registrations(m, c) : preempted_reservation(m, c);
	if (!c->new_key)
		return BAD_LIST;
	if (m->type && m->key[m->holder] == c->new_key)
		return preempted_reservation(m, c);
	return preempted_registrations(m, c);
}

static enum outcome run_model(struct model *m, const struct command *c)
{
	static enum outcome (*const actions[])(struct model * m, const struct command *c) = {
		registered, reserved, released, cleared, preempted, preempted, registered,
	};
	bool by_key = c->action != REGISTER && c->action != REGISTER_IGNORE;

	memset(m->told, 0, sizeof(m->told));
	if (by_key && (!m->key[c->nexus] || m->key[c->nexus] != c->key))
		return CONFLICT;
	return actions[c->action](m, c);
}

/* Table 33, of a WRITE and of a READ. */
static enum pr_access allowed(const struct model *m, unsigned n)
{
	if (!m->type || is_holder(m, n) || (of_registrants(m) && m->key[n]))
		return PR_ACCESS_ALL;
	return m->type == WE || m->type == WE_RO || m->type == WE_AR ? PR_ACCESS_READ
								     : PR_ACCESS_NONE;
}

/* --- the LU beside it */

static const char *const initiators[NEXUSES] = {
	"iqn.2026-11.org.example:a,i,0x00023d000001",
	"iqn.2026-11.org.example:b,i,0x00023d000002",
	"iqn.2026-11.org.example:c,i,0x00023d000003",
};

struct world {
	struct rig *rig;
	struct scsi_nexus *nexus[NEXUSES];
	struct model m;
};

static enum outcome run(struct world *w, const struct command *c)
{
	struct rig *rig = w->rig;

	switch (pr_out(rig, w->nexus[c->nexus], c->action, c->type, c->key, c->new_key)) {
	case SCSI_GOOD: return DONE;
	case SCSI_RESERVATION_CONFLICT: return CONFLICT;
	default:
		assert_int_equal(rig->io.status, SCSI_CHECK_CONDITION);
		assert_int_equal(rig->io.sense[2], 0x5);
		return (enum outcome)get_be16(rig->io.sense + 12);
	}
}

/* What a full status descriptor says, and the way to the next. */
static const uint8_t *compare_one(const struct world *w, const uint8_t *d, bool seen[NEXUSES])
{
	unsigned n = 0;

	while (n < NEXUSES && strcmp((const char *)d + 28, initiators[n]) != 0)
		n++;
	assert_true(n < NEXUSES && !seen[n]);
	seen[n] = true;
	assert_true(get_be64(d) == w->m.key[n]);
	assert_int_equal(d[12], is_holder(&w->m, n));
	assert_int_equal(d[13], is_holder(&w->m, n) ? w->m.type : 0);
	assert_int_equal(get_be16(d + 18), 1);
	return d + 24 + get_be32(d + 20);
}

static void compare_registrations(struct world *w)
{
	struct rig *rig = w->rig;
	bool seen[NEXUSES] = {false};
	const uint8_t *d, *end;

	RIG_IN(rig, 0x5e, 3, 0, 0, 0, 0, 0, 2, 0, 0);
	assert_int_equal(get_be32(rig->data), w->m.generation);
	end = rig->data + 8 + get_be32(rig->data + 4);
	for (d = rig->data + 8; d < end;)
		d = compare_one(w, d, seen);
	for (unsigned n = 0; n < NEXUSES; n++)
		assert_int_equal(seen[n], w->m.key[n] != 0);
	pr_expect_reserved(rig, w->m.type, w->m.type && !of_all(&w->m) ? w->m.key[w->m.holder] : 0);
}

static void compare(struct world *w)
{
	for (unsigned n = 0; n < NEXUSES; n++) {
		int err;
		struct scsi_itl *itl = scsi_nexus_itl(w->nexus[n], 0, &err);
		uint16_t told = itl->ua_count ? itl->ua[0] : 0;

		assert_true(itl->ua_count <= 1);
		assert_int_equal(told, w->m.told[n]);
		itl->ua_count = 0;
		assert_int_equal(scsi_pr_access(w->rig->lu, w->nexus[n]), allowed(&w->m, n));
	}
	compare_registrations(w);
}

static void step(struct world *w, const struct command *c)
{
	enum outcome want = run_model(&w->m, c), is = run(w, c);

	if (want != is)
		fail_msg("nexus %u, action %u, type %u, key %u, %u: %#x and not %#x", c->nexus,
			 c->action, c->type, (unsigned)c->key, (unsigned)c->new_key, is, want);
	compare(w);
}

static int model_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *rig;

	rig_setup(&rig);
	w->rig = rig;
	w->nexus[0] = w->rig->nexus;
	w->nexus[1] = w->rig->other;
	w->nexus[2] = pr_nexus(w->rig, initiators[2], PORT_1, 1);
	*state = w;
	return 0;
}

static int model_teardown(void **state)
{
	struct world *w = *state;
	void *rig = w->rig;

	scsi_nexus_free(w->nexus[2]);
	w->rig->nexus = w->nexus[0];
	w->rig->other = w->nexus[1];
	free(w);
	return rig_teardown(&rig);
}

/* --- every sequence of three */

#define ALPHABET 128

static unsigned alphabet(struct command *out)
{
	static const uint8_t types[] = {WE, EA, WE_RO, EA_RO, WE_AR, EA_AR};
	unsigned n = 0;

	for (unsigned nexus = 0; nexus < 2; nexus++) {
		uint64_t own = nexus + 1, others = 2 - nexus;

		out[n++] = (struct command){nexus, REGISTER, 0, 0, own};
		out[n++] = (struct command){nexus, REGISTER, 0, 0, others};
		out[n++] = (struct command){nexus, REGISTER, 0, own, 0};
		out[n++] = (struct command){nexus, REGISTER, 0, own, others};
		out[n++] = (struct command){nexus, REGISTER_IGNORE, 0, 9, own};
		out[n++] = (struct command){nexus, REGISTER_IGNORE, 0, 9, 0};
		out[n++] = (struct command){nexus, CLEAR, 0, own, 0};
		out[n++] = (struct command){nexus, RESERVE, 2, own, 0};
		out[n++] = (struct command){nexus, PREEMPT, 2, own, others};
		for (size_t i = 0; i < sizeof(types); i++) {
			out[n++] = (struct command){nexus, RESERVE, types[i], own, 0};
			out[n++] = (struct command){nexus, RELEASE, types[i], own, 0};
			for (uint64_t key = 0; key < 3; key++)
				out[n++] = (struct command){nexus, PREEMPT, types[i], own, key};
		}
	}
	assert_true(n <= ALPHABET);
	return n;
}

/* Back to where it was, without commands. */
static void restore(struct world *w, const struct model *m, const struct pr_state *s)
{
	free(w->rig->lu->pr.state);
	w->rig->lu->pr.state = s ? pr_copy(s) : NULL;
	w->m = *m;
}

static void explore(struct world *w, const struct command *of, unsigned count, unsigned depth)
{
	struct model m = w->m;
	struct pr_state *s = w->rig->lu->pr.state ? pr_copy(w->rig->lu->pr.state) : NULL;

	for (unsigned i = 0; i < count; i++) {
		step(w, &of[i]);
		if (depth > 1)
			explore(w, of, count, depth - 1);
		restore(w, &m, s);
	}
	free(s);
}

/* From nothing, and from both being registered: where most of it happens. */
static void every_three(void **state)
{
	struct world *w = *state;
	struct command of[ALPHABET];
	unsigned count = alphabet(of);

	explore(w, of, count, 2);
	step(w, &(struct command){0, REGISTER, 0, 0, 1});
	step(w, &(struct command){1, REGISTER, 0, 0, 2});
	explore(w, of, count, 3);
}

/* --- long ones */

static void reconnect(struct world *w, unsigned n)
{
	scsi_nexus_free(w->nexus[n]);
	w->nexus[n] = pr_nexus(w->rig, initiators[n], PORT_1, 1);
	w->rig->nexus = w->nexus[0];
}

static void by_chance(void **state)
{
	static const uint8_t types[] = {WE, EA, WE_RO, EA_RO, WE_AR, EA_AR, 0, 0x11};
	struct world *w = *state;
	struct sim *sim = w->rig->sim;

	for (unsigned i = 0; i < 50000; i++) {
		struct command c = {
			.nexus = (unsigned)sim_rand(sim, NEXUSES),
			.action = (uint8_t)sim_rand(sim, MOVE),
			.type = types[sim_rand(sim, sizeof(types))],
			.new_key = sim_rand(sim, 4),
		};

		/* The right key and the right type are rare by chance alone. */
		c.key = sim_rand(sim, 8) ? w->m.key[c.nexus] : sim_rand(sim, 4);
		if (c.action == RELEASE && sim_rand(sim, 4))
			c.type = w->m.type;
		if (c.action == CLEAR && sim_rand(sim, 4))
			continue;
		step(w, &c);
		if (!sim_rand(sim, 50))
			reconnect(w, (unsigned)sim_rand(sim, NEXUSES));
	}
}

#define MODEL_TEST(f) cmocka_unit_test_setup_teardown(f, model_setup, model_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL_TEST(every_three),
		MODEL_TEST(by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
