/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/self_connect.h"

#include <string.h>
#include <sys/socket.h>

bool socket_met_itself(int sock)
{
	struct sockaddr_storage here = {0}, there = {0};
	const struct linger at_once = {.l_onoff = 1};
	socklen_t here_len = sizeof(here), there_len = sizeof(there);
	if (getsockname(sock, (struct sockaddr *)&here, &here_len) ||
	    getpeername(sock, (struct sockaddr *)&there, &there_len) ||
	    memcmp(&here, &there, sizeof(here)) != 0)
		return false;
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return true;
}
