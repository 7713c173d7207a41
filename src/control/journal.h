/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a daemon's log goes. */
#ifndef LUNAR_CONTROL_JOURNAL_H
#define LUNAR_CONTROL_JOURNAL_H

#include "common/log.h"

/* Where standard error is the journal, lines get what it knows levels by, and their modules (sd-daemon(3)). */
void journal_use(struct log *log);

#endif
