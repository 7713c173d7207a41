/* SPDX-License-Identifier: BSD-2-Clause */
/* What a LU says of itself. Each reply: which one, its length, its bytes. */
#include <string.h>
#include "device/facts.h"
#include "fuzz.h"

static bool (*const takers[])(struct lu_facts *f, const uint8_t *p, size_t len) = {
	lu_take_inquiry,        lu_take_pages,       lu_take_serial,
	lu_take_identification, lu_take_limits,      lu_take_characteristics,
	lu_take_provisioning,   lu_take_capacity10,  lu_take_capacity16,
	lu_take_mode,           lu_take_port_groups,
};

static void check_text(const char *text, size_t size)
{
	MUST(memchr(text, 0, size));
	for (; *text; text++)
		MUST(*text >= ' ' && *text <= '~');
}

static void check(const struct lu_facts *f)
{
	check_text(f->vendor, sizeof(f->vendor));
	check_text(f->product, sizeof(f->product));
	check_text(f->revision, sizeof(f->revision));
	check_text(f->serial, sizeof(f->serial));
	check_text(f->id, sizeof(f->id));
	MUST(f->block_size == 0 || (f->block_size >= 512 && f->block_size <= 65536 &&
				    !(f->block_size & (f->block_size - 1))));
	MUST(f->block_size == 0 || f->blocks <= UINT64_MAX / f->block_size);
	MUST(f->physical_exponent < 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct lu_facts f;

	lu_facts_init(&f);
	while (in.left) {
		uint8_t what = take_byte(&in);
		size_t len = MIN((size_t)take_byte(&in), in.left);
		uint8_t *p = copy_of(in.p, len), luns[4][8];
		size_t took;
		if (what % 16 < ARRAY_SIZE(takers)) {
			takers[what % 16](&f, p, len);
		} else {
			lu_list_luns(p, len, luns, ARRAY_SIZE(luns), &took);
			MUST(took <= ARRAY_SIZE(luns) && took * 8 <= len);
		}
		check(&f);
		free(p);
		in.p += len;
		in.left -= len;
	}
	return 0;
}
