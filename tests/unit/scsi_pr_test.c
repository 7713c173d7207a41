/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent reservations (SPC-4 5.12, 6.15, 6.16): each service action, and what it tells to whom. */
#include "scsi_pr_rig.h"

#define A "iqn.2026-11.org.example:a,i,0x00023d000001"
#define B "iqn.2026-11.org.example:b,i,0x00023d000002"
#define C "iqn.2026-11.org.example:c,i,0x00023d000003"

static const uint8_t types[] = {WE, EA, WE_RO, EA_RO, WE_AR, EA_AR};

/* --- REGISTER */

static void keys(void **state)
{
	struct rig *rig = *state;

	pr_expect_keys(rig, 0, "");
	/* Whoever is not registered has no key yet. */
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, KEY_A, KEY_A), CONFLICTS);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, 0), SCSI_GOOD);
	pr_expect_keys(rig, 0, "");
	pr_register_both(rig);
	pr_expect_keys(rig, 2, "a1 b2");
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_C), CONFLICTS);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, KEY_A, KEY_C), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, REGISTER_IGNORE, 0, 0x77, KEY_C), SCSI_GOOD);
	pr_expect_keys(rig, 4, "c3 c3");
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, KEY_C, 0), SCSI_GOOD);
	pr_expect_keys(rig, 5, "c3");
	assert_int_equal(pr_out(rig, rig->other, REGISTER_IGNORE, 0, 0, 0), SCSI_GOOD);
	pr_expect_keys(rig, 6, "");
	pr_expect_told(rig, rig->nexus, 0);
	pr_expect_told(rig, rig->other, 0);
}

static void capabilities(void **state)
{
	static const uint8_t want[] = {0, 8, 0x1c, 0x90, 0xea, 0x01, 0, 0};
	struct rig *rig = *state;

	RIG_IN(rig, 0x5e, 2, 0, 0, 0, 0, 0, 0, 0xff, 0);
	rig_expect_bytes(rig, want, sizeof(want));
	rig_expect_truncation(rig, RIG_CDB(0x5e, 2, 0, 0, 0, 0, 0, 0, 0, 0), 7, 2);
}

static void every_reply_at_every_length(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	for (uint8_t action = 0; action < 4; action++)
		rig_expect_truncation(rig, RIG_CDB(0x5e, action, 0, 0, 0, 0, 0, 0, 0, 0), 7, 2);
}

static void refused(void **state)
{
	static const uint8_t zeroes[32];
	struct rig *rig = *state;
	uint8_t list[24] = {0};

	/* Actions that there are not; of these REPLACE LOST RESERVATION (RLR_C is 0). */
	RIG_IN(rig, 0x5e, 4, 0, 0, 0, 0, 0, 0, 8, 0);
	rig_expect_cdb_field(rig, 1, 4);
	pr_send(rig, rig->nexus, 8, 0, zeroes, 24);
	rig_expect_cdb_field(rig, 1, 4);
	for (size_t len = 0; len <= sizeof(zeroes); len++) {
		if (len == 24)
			continue;
		pr_send(rig, rig->nexus, RESERVE, WE, zeroes, len);
		rig_expect_sense(rig, 0x5, 0x1a00, 0);
		pr_send(rig, rig->nexus, REGISTER, WE, zeroes, len);
		rig_expect_sense(rig, 0x5, 0x1a00, 0);
	}
	/* More than anybody keeps in mind. */
	rig_send(rig, rig->nexus, 0, RIG_CDB(0x5f, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0), zeroes,
		 sizeof(zeroes));
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	/* Fewer bytes than were announced. */
	rig_send(rig, rig->nexus, 0, RIG_CDB(0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0), zeroes, 23);
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	/* PTPL_C is 0. */
	put_be64(list + 8, KEY_A);
	list[20] = 0x01;
	pr_send(rig, rig->nexus, REGISTER, 0, list, sizeof(list));
	rig_expect_list_field(rig, 20, 0);
	list[20] = 0x08;
	pr_send(rig, rig->nexus, REGISTER_IGNORE, 0, list, sizeof(list));
	rig_expect_list_field(rig, 20, 3);
	pr_expect_keys(rig, 0, "");
}

static void registrations_outlive_their_nexus(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->other, RESERVE, EA, KEY_B, 0), SCSI_GOOD);
	scsi_nexus_free(rig->other);
	pr_expect_keys(rig, 2, "a1 b2");
	assert_int_equal(pr_read(rig, rig->nexus), CONFLICTS);
	scsi_lu_reset(rig->lu);
	assert_int_equal(pr_read(rig, rig->nexus), CONFLICTS);
	rig->other = pr_nexus(rig, B, PORT_1, 1);
	assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
	/* The same initiator by another port of its own is another nexus. */
	scsi_nexus_free(rig->other);
	rig->other = pr_nexus(rig, "iqn.2026-11.org.example:b,i,0x00023d000009", PORT_1, 1);
	assert_int_equal(pr_read(rig, rig->other), CONFLICTS);
	rig->lu->options.any_isid = true;
	assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, RELEASE, EA, KEY_B, 0), SCSI_GOOD);
	pr_expect_reserved(rig, 0, 0);
}

static void no_more_than_so_many(void **state)
{
	struct rig *rig = *state;
	char name[64];

	for (int i = 0; i <= PR_MOST; i++) {
		struct scsi_nexus *n;

		snprintf(name, sizeof(name), "iqn.2026-11.org.example:n,i,0x%012x", (unsigned)i);
		n = pr_nexus(rig, name, PORT_1, 1);
		pr_out(rig, n, REGISTER, 0, 0, (uint64_t)i + 1);
		if (i < PR_MOST)
			assert_int_equal(rig->io.status, SCSI_GOOD);
		else
			rig_expect_sense(rig, 0x5, 0x5504, 0);
		scsi_nexus_free(n);
	}
	RIG_IN(rig, 0x5e, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0);
	assert_int_equal(rig->io.in_len, 8 + 8 * PR_MOST);
	RIG_IN(rig, 0x5e, 3, 0, 0, 0, 0, 0, 0xff, 0xff, 0);
	assert_int_equal(get_be32(rig->data + 4), PR_MOST * (24 + 4 + 44));
	assert_int_equal(rig->io.in_len, 8 + PR_MOST * (24 + 4 + 44));
}

/* --- RESERVE, RELEASE, CLEAR */

static void reserve_and_release(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_B, 0), CONFLICTS);
	for (unsigned type = 0; type < 256; type++) {
		if (memchr(types, (int)type, sizeof(types)))
			continue;
		pr_out(rig, rig->nexus, RESERVE, (uint8_t)type, KEY_A, 0);
		rig_expect_cdb_field(rig, 2, -1);
	}
	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t type = types[i], another = types[(i + 1) % sizeof(types)];
		bool all = type >= WE_AR;

		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, type, KEY_A, 0), SCSI_GOOD);
		pr_expect_reserved(rig, type, all ? 0 : KEY_A);
		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, type, KEY_A, 0), SCSI_GOOD);
		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, another, KEY_A, 0), CONFLICTS);
		assert_int_equal(pr_out(rig, rig->other, RESERVE, type, KEY_B, 0),
				 all ? SCSI_GOOD : CONFLICTS);
		assert_int_equal(pr_out(rig, rig->nexus, RELEASE, type, KEY_B, 0), CONFLICTS);
		pr_out(rig, rig->nexus, RELEASE, another, KEY_A, 0);
		rig_expect_sense(rig, 0x5, 0x2604, 0);
		/* Who does not hold it lets go of nothing. */
		if (!all)
			assert_int_equal(pr_out(rig, rig->other, RELEASE, type, KEY_B, 0),
					 SCSI_GOOD);
		pr_expect_reserved(rig, type, all ? 0 : KEY_A);
		assert_int_equal(pr_out(rig, rig->nexus, RELEASE, type, KEY_A, 0), SCSI_GOOD);
		pr_expect_reserved(rig, 0, 0);
		pr_expect_told(rig, rig->nexus, 0);
		pr_expect_told(rig, rig->other, type >= WE_RO ? RELEASED : 0);
		assert_int_equal(pr_out(rig, rig->nexus, RELEASE, type, KEY_A, 0), SCSI_GOOD);
	}
	pr_expect_keys(rig, 2, "a1 b2");
}

static void the_holder_unregisters(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t type = types[i];
		bool only = type == WE_RO || type == EA_RO;

		pr_register_both(rig);
		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, type, KEY_A, 0), SCSI_GOOD);
		assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, KEY_A, KEY_C), SCSI_GOOD);
		pr_expect_reserved(rig, type, type >= WE_AR ? 0 : KEY_C);
		assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, KEY_C, 0), SCSI_GOOD);
		/* Where all hold it the last one lets go. */
		pr_expect_reserved(rig, type >= WE_AR ? type : 0, 0);
		pr_expect_told(rig, rig->other, only ? RELEASED : 0);
		assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, KEY_B, 0), SCSI_GOOD);
		pr_expect_reserved(rig, 0, 0);
		pr_expect_told(rig, rig->nexus, 0);
	}
}

static void clear(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(pr_out(rig, rig->nexus, CLEAR, 0, 0, 0), CONFLICTS);
	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, CLEAR, 0, KEY_A, 0), CONFLICTS);
	assert_int_equal(pr_out(rig, rig->other, CLEAR, 0, KEY_B, 0), SCSI_GOOD);
	pr_expect_told(rig, rig->nexus, CLEARED);
	pr_expect_told(rig, rig->other, 0);
	pr_expect_reserved(rig, 0, 0);
	pr_expect_keys(rig, 3, "");
}

/* --- PREEMPT */

static void preempt_a_registration(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, 0, KEY_A, KEY_C), CONFLICTS);
	assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, 0, KEY_B, KEY_B), CONFLICTS);
	pr_out(rig, rig->nexus, PREEMPT, 0, KEY_A, 0);
	rig_expect_list_field(rig, 8, -1);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE_RO, KEY_A, 0), SCSI_GOOD);
	/* The type means nothing here. */
	assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, 0xff, KEY_A, KEY_B), SCSI_GOOD);
	pr_expect_told(rig, rig->other, PREEMPTED);
	pr_expect_told(rig, rig->nexus, 0);
	pr_expect_keys(rig, 3, "a1");
	pr_expect_reserved(rig, WE_RO, KEY_A);
	assert_int_equal(pr_write(rig, rig->other), CONFLICTS);
}

static void preempt_the_holder(void **state)
{
	struct rig *rig = *state;
	struct scsi_nexus *c = pr_nexus(rig, C, PORT_1, 1);

	for (size_t i = 0; i < sizeof(types) - 2; i++) {
		for (size_t j = 0; j < sizeof(types); j++) {
			pr_register_both(rig);
			assert_int_equal(pr_out(rig, c, REGISTER, 0, 0, KEY_C), SCSI_GOOD);
			assert_int_equal(pr_out(rig, rig->other, RESERVE, types[i], KEY_B, 0),
					 SCSI_GOOD);
			pr_out(rig, rig->nexus, PREEMPT, 2, KEY_A, KEY_B);
			rig_expect_cdb_field(rig, 2, -1);
			assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, types[j], KEY_A, KEY_B),
					 SCSI_GOOD);
			pr_expect_reserved(rig, types[j], types[j] >= WE_AR ? 0 : KEY_A);
			pr_expect_told(rig, rig->other, PREEMPTED);
			pr_expect_told(rig, c, i != j ? RELEASED : 0);
			pr_expect_told(rig, rig->nexus, 0);
			assert_int_equal(pr_out(rig, rig->nexus, CLEAR, 0, KEY_A, 0), SCSI_GOOD);
			pr_expect_told(rig, c, CLEARED);
		}
	}
	scsi_nexus_free(c);
}

static void preempt_itself(void **state)
{
	struct rig *rig = *state;

	/* The holder takes its own reservation: it is of another type then. */
	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, EA, KEY_A, KEY_A), SCSI_GOOD);
	pr_expect_reserved(rig, EA, KEY_A);
	pr_expect_told(rig, rig->other, RELEASED);
	/* Who holds nothing takes itself out. */
	assert_int_equal(pr_out(rig, rig->other, PREEMPT, EA, KEY_B, KEY_B), SCSI_GOOD);
	pr_expect_told(rig, rig->other, 0);
	pr_expect_keys(rig, 4, "a1");
}

static void preempt_all_registrants(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 4; i < sizeof(types); i++) {
		uint8_t type = types[i];

		pr_register_both(rig);
		assert_int_equal(pr_out(rig, rig->other, RESERVE, type, KEY_B, 0), SCSI_GOOD);
		/* A key is that of a registration. */
		assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, EA, KEY_A, KEY_B), SCSI_GOOD);
		pr_expect_reserved(rig, type, 0);
		pr_expect_told(rig, rig->other, PREEMPTED);
		assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
		/* No key: the reservation, and everybody. */
		assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, EA, KEY_A, 0), SCSI_GOOD);
		pr_expect_reserved(rig, EA, KEY_A);
		pr_expect_told(rig, rig->other, PREEMPTED);
		assert_int_equal(pr_out(rig, rig->nexus, CLEAR, 0, KEY_A, 0), SCSI_GOOD);
	}
	/* The last one preempts itself. */
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, EA_AR, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, PREEMPT, EA, KEY_A, KEY_A), SCSI_GOOD);
	pr_expect_reserved(rig, 0, 0);
}

/* --- ports and names */

static size_t put_id(uint8_t *p, const char *name)
{
	return scsi_transport_id_put(p, name);
}

static uint8_t spec_i_pt(struct rig *rig, uint64_t key, const char *const *names)
{
	uint8_t list[1024] = {0};
	size_t len = 28;

	put_be64(list + 8, KEY_A);
	put_be64(list, key);
	list[20] = 0x08;
	for (; *names; names++)
		len += put_id(list + len, *names);
	put_be32(list + 24, (uint32_t)(len - 28));
	return pr_send(rig, rig->nexus, REGISTER, 0, list, len);
}

static void other_initiators(void **state)
{
	static const char *const both[] = {A, B, B, NULL}, *const bad[] = {B, "iqn.2026-11,i,",
									   NULL};
	static const char *const device[] = {"iqn.2026-11.org.example:b", NULL};
	struct rig *rig = *state;
	uint8_t list[32] = {[20] = 0x08};

	put_be64(list + 8, KEY_A);
	put_be32(list + 24, 5); /* more than there is */
	pr_send(rig, rig->nexus, REGISTER, 0, list, sizeof(list));
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	pr_send(rig, rig->nexus, REGISTER, 0, list, 27);
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	spec_i_pt(rig, 0, bad);
	rig_expect_list_field(rig, 28 + 48, -1);
	pr_expect_keys(rig, 0, "");

	/* What is named twice is registered already. */
	spec_i_pt(rig, 0, both);
	rig_expect_list_field(rig, 28 + 48 + 48, -1);
	pr_expect_keys(rig, 0, "");
	assert_int_equal(spec_i_pt(rig, 0, (const char *const[]){A, B, NULL}), SCSI_GOOD);
	pr_expect_keys(rig, 1, "a1 a1");
	assert_int_equal(pr_out(rig, rig->other, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	/* Whoever is registered has registered others before. */
	spec_i_pt(rig, KEY_A, both);
	rig_expect_sense(rig, 0x5, 0x2400, 0);
	assert_int_equal(pr_out(rig, rig->other, CLEAR, 0, KEY_A, 0), SCSI_GOOD);
	pr_expect_told(rig, rig->nexus, CLEARED);

	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
	spec_i_pt(rig, 0, both);
	rig_expect_list_field(rig, 28 + 48, -1);
	assert_int_equal(pr_out(rig, rig->other, REGISTER, 0, KEY_B, 0), SCSI_GOOD);

	/* The name of a device stands for all of its ports. */
	assert_int_equal(spec_i_pt(rig, 0, device), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->other, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
}

static void every_target_port(void **state)
{
	struct rig *rig = *state;
	struct scsi_nexus *second;
	uint8_t list[24] = {[20] = 0x04};

	assert_int_equal(scsi_device_add_port(rig->dev, PORT_1, 1), 0);
	assert_int_equal(scsi_device_add_port(rig->dev, PORT_2, 2), 0);
	assert_int_equal(scsi_device_add_port(rig->dev, PORT_2, 2), -EEXIST);
	second = pr_nexus(rig, A, PORT_2, 2);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(rig, second, RESERVE, WE, KEY_A, 0), CONFLICTS);

	put_be64(list, KEY_A);
	put_be64(list + 8, KEY_C);
	assert_int_equal(pr_send(rig, rig->nexus, REGISTER, 0, list, 24), SCSI_GOOD);
	pr_expect_keys(rig, 2, "c3 c3");
	/* Each is a nexus of its own. */
	assert_int_equal(pr_out(rig, second, RESERVE, WE, KEY_C, 0), SCSI_GOOD);
	assert_int_equal(pr_write(rig, rig->nexus), CONFLICTS);
	assert_int_equal(pr_write(rig, second), SCSI_GOOD);
	RIG_IN(rig, 0x5e, 3, 0, 0, 0, 0, 0, 1, 0, 0);
	assert_int_equal(get_be16(rig->data + 8 + 18), 1);
	assert_int_equal(rig->data[8 + 12], 0);
	assert_int_equal(get_be16(rig->data + 8 + 72 + 18), 2);
	assert_int_equal(rig->data[8 + 72 + 12], 1);
	assert_int_equal(rig->data[8 + 72 + 13], WE);

	put_be64(list, KEY_C);
	put_be64(list + 8, 0);
	assert_int_equal(pr_send(rig, rig->nexus, REGISTER, 0, list, 24), SCSI_GOOD);
	pr_expect_keys(rig, 3, "");
	pr_expect_reserved(rig, 0, 0);
	scsi_nexus_free(second);
}

static uint8_t move(struct rig *rig, uint64_t key, uint64_t new_key, uint8_t flags, uint16_t rel,
		    const char *name)
{
	uint8_t list[256] = {0};
	size_t id = put_id(list + 24, name);

	put_be64(list, key);
	put_be64(list + 8, new_key);
	list[17] = flags;
	put_be16(list + 18, rel);
	put_be32(list + 20, (uint32_t)id);
	return pr_send(rig, rig->nexus, MOVE, 0, list, 24 + id);
}

static void moved(void **state)
{
	struct rig *rig = *state;
	uint8_t list[24] = {0};

	assert_int_equal(move(rig, KEY_A, KEY_B, 0, 1, B), CONFLICTS);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	move(rig, KEY_A, KEY_B, 0, 1, B); /* nothing is reserved */
	rig_expect_sense(rig, 0x5, 0x2400, 0);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE_AR, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(move(rig, KEY_A, KEY_B, 0, 1, B), CONFLICTS); /* nobody holds it alone */
	assert_int_equal(pr_out(rig, rig->nexus, RELEASE, WE_AR, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(move(rig, KEY_C, KEY_B, 0, 1, B), CONFLICTS);
	move(rig, KEY_A, 0, 0, 1, B);
	rig_expect_list_field(rig, 8, -1);
	move(rig, KEY_A, KEY_B, 0x01, 1, B);
	rig_expect_list_field(rig, 17, 0);
	move(rig, KEY_A, KEY_B, 0, 2, B);
	rig_expect_list_field(rig, 18, -1);
	move(rig, KEY_A, KEY_B, 0, 1, A);
	rig_expect_list_field(rig, 24, -1);
	move(rig, KEY_A, KEY_B, 0, 1, "iqn.2026-11.org.example:b");
	rig_expect_list_field(rig, 24, -1);
	put_be64(list, KEY_A);
	put_be64(list + 8, KEY_B);
	list[19] = 1;
	list[23] = 24;
	pr_send(rig, rig->nexus, MOVE, 0, list, sizeof(list));
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	pr_expect_keys(rig, 1, "a1");

	assert_int_equal(move(rig, KEY_A, KEY_B, 0, 1, B), SCSI_GOOD);
	pr_expect_keys(rig, 2, "a1 b2");
	pr_expect_reserved(rig, WE, KEY_B);
	assert_int_equal(pr_write(rig, rig->nexus), CONFLICTS);
	assert_int_equal(pr_write(rig, rig->other), SCSI_GOOD);
	pr_expect_told(rig, rig->other, 0);
}

static void moved_and_gone(void **state)
{
	struct rig *rig = *state;

	pr_register_both(rig);
	assert_int_equal(pr_out(rig, rig->nexus, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(move(rig, KEY_A, KEY_C, 0x02, 1, B), SCSI_GOOD);
	pr_expect_keys(rig, 3, "c3");
	pr_expect_reserved(rig, EA, KEY_C);
}

/* --- with RESERVE of SPC-2 */

static uint8_t old_reserve(struct rig *rig, struct scsi_nexus *n)
{
	return rig_send(rig, n, 0, RIG_CDB(0x16, 0, 0, 0, 0, 0), NULL, 0);
}

static uint8_t old_release(struct rig *rig, struct scsi_nexus *n)
{
	return rig_send(rig, n, 0, RIG_CDB(0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0), NULL, 0);
}

static void beside_reserve(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(old_reserve(rig, rig->nexus), SCSI_GOOD);
	assert_int_equal(pr_out(rig, rig->nexus, REGISTER, 0, 0, KEY_A), CONFLICTS);
	assert_int_equal(RIG_IN(rig, 0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0), CONFLICTS);
	assert_int_equal(old_release(rig, rig->nexus), SCSI_GOOD);
	pr_register_both(rig);
	/* As long as there are registrations. */
	assert_int_equal(old_reserve(rig, rig->nexus), CONFLICTS);
	assert_int_equal(old_release(rig, rig->nexus), CONFLICTS);
	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t others = types[i] >= WE_RO ? SCSI_GOOD : CONFLICTS;

		assert_int_equal(pr_out(rig, rig->nexus, RESERVE, types[i], KEY_A, 0), SCSI_GOOD);
		assert_int_equal(old_reserve(rig, rig->nexus), SCSI_GOOD);
		assert_int_equal(old_release(rig, rig->nexus), SCSI_GOOD);
		assert_int_equal(old_reserve(rig, rig->other), others);
		assert_int_equal(old_release(rig, rig->other), others);
		assert_null(rig->lu->reserved_by);
		pr_expect_reserved(rig, types[i], types[i] >= WE_AR ? 0 : KEY_A);
		assert_int_equal(pr_out(rig, rig->nexus, RELEASE, types[i], KEY_A, 0), SCSI_GOOD);
		pr_expect_told(rig, rig->other, types[i] >= WE_RO ? RELEASED : 0);
	}
}

#define PR_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PR_TEST(keys),
		PR_TEST(capabilities),
		PR_TEST(every_reply_at_every_length),
		PR_TEST(refused),
		PR_TEST(registrations_outlive_their_nexus),
		PR_TEST(no_more_than_so_many),
		PR_TEST(reserve_and_release),
		PR_TEST(the_holder_unregisters),
		PR_TEST(clear),
		PR_TEST(preempt_a_registration),
		PR_TEST(preempt_the_holder),
		PR_TEST(preempt_itself),
		PR_TEST(preempt_all_registrants),
		PR_TEST(other_initiators),
		PR_TEST(every_target_port),
		PR_TEST(moved),
		PR_TEST(moved_and_gone),
		PR_TEST(beside_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
