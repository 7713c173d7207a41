/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the sandbox: each is entered for good. 0 or -errno. */
#ifndef LUNAR_SANDBOX_PRIV_H
#define LUNAR_SANDBOX_PRIV_H

#include "sandbox/sandbox.h"

int privileges_drop(struct sandbox *s);
int landlock_enter(struct sandbox *s);
int syscalls_enter(struct sandbox *s);
int syscalls_no_more_rings(void);

#endif
