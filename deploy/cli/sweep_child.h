/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_CHILD_H
#define ONIC_DEPLOY_CLI_SWEEP_CHILD_H

/* sweep_child.h - one `onic` of a sweep: started with its share of the cores, what it says in a
 * file. */

#include <signal.h>
#include <sys/types.h>

#include "common/base/err.h"

enum { SWEEP_WORDS_MAX = 400 };

struct sweep_child_wish {
    char *const *words;   /* behind the program's name, ending with NULL */
    const char *log;      /* is added to */
    int lock_fd;          /* of the sweep's folder: held until the last of its children is gone */
    int slot, slots;      /* its share of the cores: the slot'th of so many */
    const sigset_t *mask; /* its signal mask */
};

/* In a process group of its own: Ctrl-C is for the sweep, which passes it on. *said: bytes of the
 * log before it. ONIC_ECANTCREATE, ONIC_ECONFIG: no process to be had. */
int sweep_child_start(const struct sweep_child_wish *w, pid_t *pid, off_t *said,
                      struct onic_err *err);
/* The last line that is not empty behind the first `said` bytes; "" when there is none. */
void sweep_child_last_words(const char *log, off_t said, char out[SWEEP_WORDS_MAX]);

#endif /* ONIC_DEPLOY_CLI_SWEEP_CHILD_H */
