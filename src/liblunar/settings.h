/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be set of a session, one row each: name, form, range, default, help. The same rows take what a program
 * or a URL says, give it back, and are what lunar-settings(7) has.
 */
#ifndef LUNAR_LIBLUNAR_SETTINGS_H
#define LUNAR_LIBLUNAR_SETTINGS_H

#include "initiator/session.h"
#include "lunar/lunar.h"

#define SETTINGS_WHY 200

struct settings {
	struct ini_config config; /* all but the pointers */
	char initiator_name[ISCSI_NAME_SIZE], target[ISCSI_NAME_SIZE];
	char alias[ISCSI_SIMPLE_MAX + 1];
	char portal[ISCSI_ADDRESS_SIZE];
	char user[ISCSI_CHAP_NAME_SIZE], target_user[ISCSI_CHAP_NAME_SIZE];
	char secret[ISCSI_CHAP_SECRET_MAX + 1], target_secret[ISCSI_CHAP_SECRET_MAX + 1];
	bool has_isid;
};

void settings_init(struct settings *s);
void settings_wipe(struct settings *s);
/* An initiator's name, if none is set. */
void settings_name_host(struct settings *s);
/* 0; -ENOENT, -EINVAL, -ERANGE with a sentence in `why`, and nothing is changed. */
int settings_set(struct settings *s, const char *name, const char *value, char why[SETTINGS_WHY]);
int settings_get(const struct settings *s, const char *name, char *out, size_t size);

/*
 * Fills the pointers of a configuration that can be used, into `s` and into the two accounts, which the caller wipes.
 * 0, or -EINVAL: what does not go together.
 */
int settings_use(const struct settings *s, struct ini_config *out, struct iscsi_chap_account *ours,
		 struct iscsi_chap_account *theirs, char why[SETTINGS_WHY]);

#endif
