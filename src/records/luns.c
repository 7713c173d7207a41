/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of LUNs as records have them: numbers and ranges with commas, such as 0,2,5-7; or "all". */
#include "records/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t first, last;
};

/* The next range; NULL: there is none. Lists were checked when they came into the record. */
static const char *next_range(const char *p, struct range *out)
{
	char *end;
	if (*p < '0' || *p > '9')
		return NULL;
	out->first = out->last = strtoull(p, &end, 10);
	if (*end == '-')
		out->last = strtoull(end + 1, &end, 10);
	return end + (*end == ',');
}

bool luns_are_all(const char *list)
{
	return !strcmp(list, "all");
}

bool luns_have(const char *list, uint64_t lun)
{
	struct range r;
	for (const char *p = list; (p = next_range(p, &r));) {
		if (lun >= r.first && lun <= r.last)
			return true;
	}
	return luns_are_all(list);
}

/* A range behind the others; one that is empty is none. */
static int put(char out[LUNS_TEXT], uint64_t first, uint64_t last)
{
	size_t at = strlen(out), room = LUNS_TEXT - at;
	const char *comma = at ? "," : "";
	if (first > last)
		return 0;
	int n = first == last ? snprintf(out + at, room, "%s%llu", comma, (unsigned long long)first)
			      : snprintf(out + at, room, "%s%llu-%llu", comma,
					 (unsigned long long)first, (unsigned long long)last);
	return (size_t)n < room ? 0 : -ENOSPC;
}

int luns_add(char out[LUNS_TEXT], const char *list, uint64_t lun)
{
	size_t len = strlen(list);
	if (len >= LUNS_TEXT)
		return -ENOSPC;
	memcpy(out, list, len + 1);
	return luns_have(list, lun) ? 0 : put(out, lun, lun);
}

int luns_remove(char out[LUNS_TEXT], const char *list, uint64_t lun)
{
	struct range r;
	int err = 0;
	out[0] = 0;
	for (const char *p = list; !err && (p = next_range(p, &r));) {
		if (lun < r.first || lun > r.last) {
			err = put(out, r.first, r.last);
			continue;
		}
		if (lun > r.first)
			err = put(out, r.first, lun - 1);
		if (!err)
			err = put(out, lun + 1, r.last);
	}
	return err;
}
