/* SPDX-License-Identifier: BSD-2-Clause */
/* What liblunar reads: a URL with its settings, and any reply to a command. The first byte says which. */
#include "fuzz.h"
#include "liblunar/settings.h"
#include "liblunar/url.h"
#include "lunar/scsi.h"

static void url(const char *text)
{
	char why[URL_WHY], name[64], value[URL_VALUE_MAX + 1];
	struct settings set;
	struct url u;
	settings_init(&set);
	if (url_parse(&u, text, why)) {
		MUST(strlen(why) < sizeof(why) && !u.secret[0]);
		return;
	}
	MUST(!u.target[0] || iscsi_name_valid(u.target));
	MUST(!u.has_lun || u.lun <= LUNAR_LUN_MAX);
	const char *at = u.settings;
	while (url_next_setting(&at, name, value, why) > 0)
		if (!settings_set(&set, name, value, why))
			MUST(settings_get(&set, name, value, sizeof(value)) >= 0);
}

static void replies(const uint8_t *p, size_t len)
{
	struct lunar_sense sense;
	struct lunar_inquiry inquiry;
	struct lunar_capacity capacity;
	struct lunar_reservation reservation;
	struct lunar_lba_status lba[3];
	struct lunar_port_group groups[3];
	struct lunar_designator designators[3];
	uint64_t numbers[3];
	uint32_t generation;
	size_t took;
	lunar_parse_sense(&sense, p, len);
	if (lunar_parse_inquiry(&inquiry, p, len))
		MUST(strlen(inquiry.product) < sizeof(inquiry.product));
	if (lunar_parse_capacity(&capacity, p, len))
		MUST(capacity.block_size >= 512 &&
		     capacity.physical_block_size >= capacity.block_size &&
		     capacity.blocks <= UINT64_MAX / capacity.block_size);
	lunar_parse_reservation(&reservation, p, len);
	MUST(lunar_parse_lba_status(lba, 3, p, len) <= len / 16);
	MUST(lunar_parse_port_groups(groups, 3, p, len) <= len / 8);
	MUST(lunar_parse_designators(designators, 3, p, len) <= len / 4);
	MUST(lunar_parse_keys(numbers, 3, &generation, p, len) <= len / 8);
	lunar_parse_luns(numbers, 3, &took, p, len);
	MUST(took <= 3 && took <= len / 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const uint8_t *p;
	bool is_url = take_byte(&in) == 'u';
	size_t len = take_bytes(&in, in.left, &p);
	uint8_t *copy = copy_of(p, len);
	if (is_url) {
		char *text = calloc(1, len + 1);
		MUST(text);
		memcpy(text, copy, len);
		url(text);
		free(text);
	} else {
		replies(copy, len);
	}
	free(copy);
	return 0;
}
