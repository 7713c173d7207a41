/* SPDX-License-Identifier: BSD-2-Clause */
/* All of a file's bytes, however many calls that takes. May block; no signal ends it early. */
#ifndef LUNAR_CONFIG_FDIO_H
#define LUNAR_CONFIG_FDIO_H

#include <stddef.h>
#include "common/buf.h"

/* 0 or -errno; then what came before the error is written. */
int fd_write_all(int fd, const void *data, size_t len);
/* Adds what comes up to the end. 0, -ENOMEM, -EFBIG (more than the buffer may hold) or what reading said. No copy
 * is left on the stack: it may be a secret. */
int fd_read_all(int fd, struct buf *out);

#endif
