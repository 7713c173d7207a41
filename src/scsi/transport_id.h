/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TransportIDs of iSCSI (SPC-4 7.6.4.6): an initiator port, "iqn...,i,0x00023d000001", or an initiator device, the
 * name alone. As text they are what scsi_nexus_new() takes as the name of the initiator port.
 */
#ifndef LUNAR_SCSI_TRANSPORT_ID_H
#define LUNAR_SCSI_TRANSPORT_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCSI_PORT_NAME_SIZE 256 /* of the name of an iSCSI port, with its NUL */

/* Bytes of the name of the device, without what names the port. */
size_t scsi_device_name_len(const char *port_name);
/* Both are ports of a device with the same name. */
bool scsi_same_device(const char *port_name, const char *other);
static inline bool scsi_names_port(const char *name)
{
	return name[scsi_device_name_len(name)] != '\0';
}

/*
 * Takes the one that begins at `p`, of `len` bytes that came from an initiator: bytes used, and its name in lower
 * case; -EINVAL: it is none of iSCSI's, is cut short, or has a name that is none (RFC 7143 4.2.7).
 */
int scsi_transport_id_parse(const uint8_t *p, size_t len, char name[SCSI_PORT_NAME_SIZE]);
/* Bytes of the one that has this name; writes it to `out`, which is zero and has room, unless that is NULL. */
size_t scsi_transport_id_put(uint8_t *out, const char *name);

#endif
