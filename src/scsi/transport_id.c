/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/transport_id.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"

#define ISCSI       0x05
#define WITH_PORT   0x40 /* FORMAT CODE 01b */
#define FORMAT_MASK 0xc0
#define HEADER      4
#define LEAST       20 /* ADDITIONAL LENGTH */
#define NAME_MOST   223
#define ISID_DIGITS 12

static const char separator[] = ",i,0x";

size_t scsi_device_name_len(const char *port_name)
{
	return strcspn(port_name, ",");
}

bool scsi_same_device(const char *port_name, const char *other)
{
	size_t len = scsi_device_name_len(port_name);

	return len == scsi_device_name_len(other) && !memcmp(port_name, other, len);
}

static bool is_device_name(const char *name, size_t len)
{
	static const char *const kinds[] = {"iqn.", "eui.", "naa."};
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		known |= !strncmp(name, kinds[i], 4);
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-.:_", name[i]))
			return false;
	return known && len > 4 && len <= NAME_MOST;
}

/* Behind the name of the device. */
static bool is_port(const char *text)
{
	size_t at = sizeof(separator) - 1;

	return !strncmp(text, separator, at) && strlen(text + at) == ISID_DIGITS &&
	       strspn(text + at, "0123456789abcdef") == ISID_DIGITS;
}

int scsi_transport_id_parse(const uint8_t *p, size_t len, char name[SCSI_PORT_NAME_SIZE])
{
	size_t more, n, device;

	if (len < HEADER + LEAST || (p[0] & ~FORMAT_MASK) != ISCSI)
		return -EINVAL;
	more = get_be16(p + 2);
	if (more < LEAST || more % 4 || more > len - HEADER)
		return -EINVAL;
	n = strnlen((const char *)p + HEADER, more);
	if (n == more || n >= SCSI_PORT_NAME_SIZE)
		return -EINVAL;
	for (size_t i = 0; i <= n; i++)
		name[i] = (char)tolower(p[HEADER + i]);
	device = scsi_device_name_len(name);
	if (!is_device_name(name, device))
		return -EINVAL;
	switch (p[0] & FORMAT_MASK) {
	case 0: return device == n ? (int)(HEADER + more) : -EINVAL;
	case WITH_PORT: return is_port(name + device) ? (int)(HEADER + more) : -EINVAL;
	default: return -EINVAL;
	}
}

size_t scsi_transport_id_put(uint8_t *out, const char *name)
{
	size_t n = strlen(name), more = MAX((n + 4) & ~(size_t)3, (size_t)LEAST);

	if (out) {
		out[0] = ISCSI | (scsi_names_port(name) ? WITH_PORT : 0);
		put_be16(out + 2, (uint16_t)more);
		memcpy(out + HEADER, name, n + 1);
	}
	return HEADER + more;
}
