/* SPDX-License-Identifier: BSD-2-Clause */
/* What the word that is being typed may become. */
#ifndef LUNAR_CLI_SHELL_COMPLETE_H
#define LUNAR_CLI_SHELL_COMPLETE_H

#include "cli/shell.h"

/*
 * `text` ends where the cursor is. An array of texts that the last word may become, all of which begin with
 * what is there; `*from` is where that word begins. One that ends with "/" or "=" is to be gone on with.
 * NULL: no memory.
 */
json_t *shell_complete(struct shell *s, const char *text, size_t *from);

#endif
