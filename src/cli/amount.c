/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/amount.h"

#include <stdio.h>

const char *amount_text(char out[24], double n, bool bytes)
{
	static const char *const units[2][6] = {{"", "k", "M", "G", "T", "P"},
						{" B", " KiB", " MiB", " GiB", " TiB", " PiB"}};
	double step = bytes ? 1024 : 1000;
	unsigned i = 0;
	/* 999.7 would be written as 1000. */
	for (; n >= step - 0.5 && i < 5; i++)
		n /= step;
	snprintf(out, 24, "%.*f%s", !i || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2, n, units[bytes][i]);
	return out;
}
