/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal of a copy: what is taken of it is sane, whatever it says. */
#include <string.h>
#include "copy/journal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal j;
	int err = journal_parse(&j, (const char *)data, size);
	MUST(memchr(j.from, 0, sizeof(j.from)) && memchr(j.to, 0, sizeof(j.to)));
	MUST(j.done <= j.total && j.total <= INT64_MAX);
	MUST(!err || (!j.from[0] && !j.to[0] && !j.total));
	return 0;
}
