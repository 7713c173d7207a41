/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/presented.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "config/edit_priv.h"

#define VENDOR_LEN  8
#define PRODUCT_LEN 16
#define NAA_DIGITS  32
#define SCSI_ID_LEN 36 /* with which tgt fills up */

/* NAA 6h with the kernel's company, 00 14 05h. */
#define LIO_NAA "6001405"

struct presented {
	const char *name, *value;
};

static int give_missing(struct config_txn *txn, struct config_node *backstore,
			const struct presented *all, size_t count)
{
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		if (!config_value(backstore, CONFIG_OBJECT, all[i].name)[0])
			err = config_give_named(txn, backstore, CONFIG_OBJECT, all[i].name,
						all[i].value);
	}
	return err;
}

/* The digits of the serial number, whatever is between them, until it is full; then zeroes. */
static void lio_naa(const char *wwn, char out[NAA_DIGITS + 1])
{
	size_t len = strlen(LIO_NAA);
	memset(out, '0', NAA_DIGITS);
	memcpy(out, LIO_NAA, len);
	for (const char *p = wwn; *p && len < NAA_DIGITS; p++) {
		if (isxdigit((unsigned char)*p))
			out[len++] = (char)tolower((unsigned char)*p);
	}
	out[NAA_DIGITS] = 0;
}

static const char *lio_product(const struct config_node *backstore)
{
	if (config_true(backstore, CONFIG_ATTRIBUTE, "emulate_model_alias"))
		return backstore->name;
	return backstore->kind == CONFIG_BLOCK    ? "IBLOCK"
	       : backstore->kind == CONFIG_FILEIO ? "FILEIO"
						  : "RAMDISK-MCP";
}

int config_present_as_lio(struct config_txn *txn, struct config_node *backstore)
{
	const char *wwn = config_value(backstore, CONFIG_OBJECT, "wwn");
	char naa[NAA_DIGITS + 1], product[PRODUCT_LEN + 1], t10[300];
	lio_naa(wwn, naa);
	snprintf(product, sizeof(product), "%s", lio_product(backstore));
	snprintf(t10, sizeof(t10), "%-8s%s:%.200s", "LIO-ORG", product, wwn);
	const struct presented all[] = {
		{"naa", naa},    {"product", product}, {"revision", "4.0"},
		{"serial", wwn}, {"t10_id", t10},      {"vendor", "LIO-ORG"},
	};
	return give_missing(txn, backstore, all, ARRAY_SIZE(all));
}

/* tgt takes the characters of its SCSI ID, blanks and letters as zero, for one number of 128 bits, and puts
 * the type 6h in front: what of it is more than that is lost at the left. */
static void tgt_naa(const char *scsi_id, char out[NAA_DIGITS + 1])
{
	size_t len = strlen(scsi_id);
	memset(out, '0', NAA_DIGITS);
	for (size_t i = 0; i < NAA_DIGITS && i < len; i++) {
		char c = scsi_id[len - 1 - i];
		out[NAA_DIGITS - 1 - i] = isxdigit((unsigned char)c) ? (char)tolower(c) : '0';
	}
	out[0] = '6';
	out[NAA_DIGITS] = 0;
}

int config_present_as_tgt(struct config_txn *txn, struct config_node *backstore,
			  const struct config_tgt_identity *id)
{
	char scsi_id[SCSI_ID_LEN + 1], serial[64], vendor[VENDOR_LEN + 1], product[PRODUCT_LEN + 1];
	char revision[5], naa[NAA_DIGITS + 1];
	if (id->scsi_id)
		snprintf(scsi_id, sizeof(scsi_id), "%s", id->scsi_id);
	else
		snprintf(scsi_id, sizeof(scsi_id), "IET     %04" PRIx64 "%04" PRIx64, id->tid,
			 id->lun);
	if (id->scsi_sn)
		snprintf(serial, sizeof(serial), "%s", id->scsi_sn);
	else
		snprintf(serial, sizeof(serial), "beaf%" PRIu64 "%" PRIu64, id->tid, id->lun);
	snprintf(vendor, sizeof(vendor), "%s", id->vendor_id ? id->vendor_id : "IET");
	snprintf(product, sizeof(product), "%s", id->product_id ? id->product_id : "VIRTUAL-DISK");
	snprintf(revision, sizeof(revision), "%s", id->product_rev ? id->product_rev : "0001");
	tgt_naa(scsi_id, naa);
	const struct presented all[] = {
		{"naa", naa},       {"product", product}, {"revision", revision},
		{"serial", serial}, {"t10_id", scsi_id},  {"vendor", vendor},
	};
	return give_missing(txn, backstore, all, ARRAY_SIZE(all));
}
