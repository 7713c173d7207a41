/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/interrupt.h"

#include <unistd.h>
#include "cli/commands.h"

/* One request may well come as two: timeout(1) sends its signal to the process and then to the group. */
#define TOGETHER UINT64_C(500000000)

bool interrupt_first(struct interrupt *i, struct terminal *t, int signal, uint64_t now)
{
	if (i->signal && now < i->at + TOGETHER)
		return false;
	if (i->signal) {
		terminal_clear(t);
		_exit(EXIT_SIGNAL + signal);
	}
	*i = (struct interrupt){signal, now};
	return true;
}
