/* SPDX-License-Identifier: BSD-2-Clause */
/* linux/ublk_cmd.h, and what kernels after Debian 12's have added to it, by number. */
#ifndef LUNAR_ATTACH_UBLK_ABI_H
#define LUNAR_ATTACH_UBLK_ABI_H

#include <linux/ublk_cmd.h>
#include <sys/ioctl.h>

/* Commands are numbers up to Linux 6.3; from then on they are encoded like those of ioctl(), and the plain numbers
 * may be missing. The direction of some differs, and counts. */
#define UBLK_ENCODED_CTRL(nr)    _IOWR('u', nr, struct ublksrv_ctrl_cmd)
#define UBLK_ENCODED_CTRL_IN(nr) _IOR('u', nr, struct ublksrv_ctrl_cmd)
#define UBLK_ENCODED_IO(nr)      _IOWR('u', nr, struct ublksrv_io_cmd)
#define UBLK_NR_UPDATE_SIZE      0x15 /* Linux 6.16 */

/* Of a device. Kernels drop those that they do not know. */
#define UBLK_FLAG_ENCODED     (UINT64_C(1) << 6)
#define UBLK_FLAG_UPDATE_SIZE (UINT64_C(1) << 10)

#endif
