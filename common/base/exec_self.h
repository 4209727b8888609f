/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_EXEC_SELF_H
#define ONIC_COMMON_BASE_EXEC_SELF_H

/* exec_self.h - the running program from its beginning, in the same process: same number, parent,
 * arguments and environment. Returns only when that failed; the caller then goes on. Not for a
 * program that was started through ld.so: /proc/self/exe is ld.so then. */
void exec_self(char **argv);

#endif /* ONIC_COMMON_BASE_EXEC_SELF_H */
