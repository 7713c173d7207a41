/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LUNAR_COMMON_SELF_CONNECT_H
#define LUNAR_COMMON_SELF_CONNECT_H

#include <stdbool.h>

/*
 * A TCP connection that has just been made is one with itself: where nobody listens, a port of this host can be met by
 * itself (RFC 9293 3.5), and would be taken by that. The socket is to be closed then, which leaves no TIME_WAIT.
 * False also of one that has ended already, as whoever uses it will see.
 */
bool socket_met_itself(int sock);

#endif
