/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the sandbox: each is entered for good. 0, -errno, or LEFT_OUT, which has been said. */
#ifndef LUNAR_SANDBOX_PRIV_H
#define LUNAR_SANDBOX_PRIV_H

#include "sandbox/sandbox.h"

enum { LEFT_OUT = 1 };

int privileges_drop(struct sandbox *s);
int landlock_enter(struct sandbox *s);
int syscalls_enter(struct sandbox *s);
int syscalls_no_more_rings(void);

#endif
