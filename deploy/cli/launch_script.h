/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LAUNCH_SCRIPT_H
#define ONIC_DEPLOY_CLI_LAUNCH_SCRIPT_H

/* launch_script.h - the commands that give runs to Slurm, as a script of bash: `--dry-run` prints
 * it, and without that option it is what is run.
 *
 * Of each run there is a job of learner and reward server (deploy/slurm/onic.sbatch) and an array
 * of actors that begins with it (actors.sbatch). The learners of a sweep are one array, whose
 * script says which task is which run. */

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/config/config.h"

/* What sbatch is asked for. Texts are in Slurm's own spelling; "" = what the cluster gives. */
struct launch_wish {
    int64_t actors; /* of each run */
    int64_t jobs;   /* runs of a sweep at a time; 0 = as many as there is room for */
    int64_t cpus;   /* of a learner with its reward server */
    char mem[32], actor_mem[32];
    char time[32]; /* of each job; it is requeued before its end */
    char partition[CONFIG_STR_MAX], account[CONFIG_STR_MAX], qos[CONFIG_STR_MAX];
    /* further words for sbatch, each an option of its own; ending with NULL */
    char **both, **learner, **actor;
};

struct launch_run {
    char *dir;
    /* behind onic.sbatch: CONFIG ("" = none) RUN [option ...]; behind actors.sbatch: RUN [option
     * ...]; ending with NULL */
    char **learner, **actor;
    int index; /* its place in the sweep's array */
};

struct launch {
    char name[CONFIG_STR_MAX]; /* of the jobs */
    char dir[CONFIG_STR_MAX];  /* run directory, or the folder of the sweep */
    bool sweep;
    struct launch_run *run;
    int n;
    int trained; /* runs of the sweep that need no job */
};

/* *words gets one word more; it ends with NULL. */
void launch_add_word(char ***words, const char *text);
void launch_free_words(char **words);

/* bin: folder of the programs; scripts: that of onic.sbatch. */
void launch_script(const struct launch *l, const struct launch_wish *w, const char *bin,
                   const char *scripts, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_LAUNCH_SCRIPT_H */
