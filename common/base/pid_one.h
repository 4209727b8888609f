/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PID_ONE_H
#define ONIC_COMMON_BASE_PID_ONE_H

/* pid_one.h - a program that is process 1, as the one of a container without an init is.
 *
 * To it come all whose parent has died, and it must wait for them, or each stays a zombie and
 * counts in the container's limit of processes. And signals that it does not catch never end it. So
 * the program goes on in a child, and process 1 does nothing else: it waits for whoever ends, hands
 * signals on, and ends as the program ends. Its copy of keys in the environment is wiped. */

/* Before anything is opened and any thread is made. Returns at once unless this is process 1, and
 * then in the child; where there is no room for one, in process 1 as it is. */
void pid_one_stand_in(void);

#endif /* ONIC_COMMON_BASE_PID_ONE_H */
