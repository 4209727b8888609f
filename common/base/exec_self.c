/* SPDX-License-Identifier: MIT */
/* exec_self.c - see exec_self.h. By the name of the file, not as /proc/self/exe, which `ps` would
 * show as "exe". */
#include "common/base/exec_self.h"

#include <unistd.h>

#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/process.h"

void exec_self(char **argv)
{
    char self[PATHS_MAX];
    if (paths_program(self, sizeof self, NULL) != ONIC_OK)
        return;
    log_reopen();
    process_restore_limits();
    execv(self, argv);
}
