/* SPDX-License-Identifier: BSD-2-Clause */
/* What getaddrinfo() says, as -errno. */
#ifndef LUNAR_COMMON_EAI_H
#define LUNAR_COMMON_EAI_H

#include <errno.h>
#include <netdb.h>

/* `err` is errno. -EAGAIN: nobody could be asked, which says nothing of the name; -ENOENT: it has no address. */
static inline int eai_errno(int eai, int err)
{
	switch (eai) {
	case EAI_AGAIN:
	case EAI_FAIL: return -EAGAIN;
	case EAI_MEMORY: return -ENOMEM;
	case EAI_SYSTEM: return err ? -err : -EIO;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY: return -ENOENT;
	default: return -EIO;
	}
}

#endif
