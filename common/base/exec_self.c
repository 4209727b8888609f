/* SPDX-License-Identifier: MIT */
/* exec_self.c - see exec_self.h. By the name of the file, not as /proc/self/exe, which `ps` would
 * show as "exe". */
#define _GNU_SOURCE
#include "common/base/exec_self.h"

#include <unistd.h>

#include "common/base/paths.h"

void exec_self(char **argv)
{
    char self[PATHS_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return;
    self[n] = '\0';
    execv(self, argv);
}
