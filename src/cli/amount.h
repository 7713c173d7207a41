/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts as people read them. */
#ifndef LUNAR_CLI_AMOUNT_H
#define LUNAR_CLI_AMOUNT_H

#include <stdbool.h>

/* 1234567 as "1.23M": by thousands; bytes by 1024, "1.18 MiB". Returns `out`. */
const char *amount_text(char out[24], double n, bool bytes);

#endif
