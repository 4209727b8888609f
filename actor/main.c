/* SPDX-License-Identifier: MIT */
/* main.c - onic-actor: environments, policy inference, trajectories to a learner.
 *
 * The only place of the actor that exits. An actor is one crash domain: it has no children but the
 * Python processes of environments (envs/gym), which die with it; its supervisor (onic train,
 * Slurm, Kubernetes, Compose) restarts it. Recycling replaces the process by itself under the same
 * identity. */
#include <stdio.h>

#include "actor/actor_loop.h"
#include "actor/envs/progress.h"
#include "actor/open.h"
#include "actor/watch.h"
#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/exec_self.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/secrets.h"
#include "common/base/trace.h"
#include "common/config/config.h"
#include "common/nn/blas.h"
#include "common/wire/keys/keys.h"

/* Two threads of ZeroMQ, the watch and that of the clock. */
static const struct limits_need actor_need = {
    .who = "onic-actor", .threads = 4, .address_mb = 64, .memory_mb = 6};

enum { FILES_NEEDED = 40 }; /* 17 at rest; NetHack takes two more per game */

static int actor_main_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name;
    (void)value;
    (void)err;
    *(bool *)ctx = true;
    return ONIC_OK;
}

static int actor_main_fail(const struct onic_err *err)
{
    log_say(LOG_ERROR, "onic-actor", "%s", err->msg);
    return err_exit_code(err->code);
}

static int actor_main_run(struct config *cfg, struct watch *watch, bool *recycle,
                          struct onic_err *err)
{
    struct actor a = {.watch = watch};
    env_progress_to(actor_lives, &a);
    int rc = actor_open(&a, cfg, err);
    if (!rc)
        rc = actor_play(&a, recycle, err);
    env_progress_to(NULL, NULL);
    return actor_leave(&a, rc, err);
}

int main(int argc, char **argv)
{
    process_start();
    struct onic_err err = {0};
    char sentence[256];
    if (!cpu_supported(cpu_features(), sentence, sizeof sentence)) {
        err_set(&err, ONIC_ECONFIG, "%s", sentence);
        return actor_main_fail(&err);
    }
    blas_choose_kernels(argv); /* may execute the program again, which needs its keys then */
    wire_keys_take_variable();
    secrets_forget(); /* an actor asks nobody */
    static struct config cfg;
    bool describe = false;
    const struct config_cli cli = {
        .who = 'A',
        .program = "onic-actor",
        .usage =
            "usage: onic-actor --learner=ADDR [--section.key=value ...]\n"
            "       onic-actor --describe --env.id=ENV        what an environment gives and takes\n"
            "Plays environments and sends trajectories to the learner at ADDR (tcp://host:port or\n"
            "ipc://path). Environment and network come from the learner; what is set here must "
            "agree with it.\n",
        .extra = (const char *const[]){"--describe", NULL},
        .on_extra = actor_main_on_extra,
        .ctx = &describe,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (rc)
        return actor_main_fail(&err);
    rc = process_need_files(FILES_NEEDED, "an actor", &err);
    if (rc)
        return actor_main_fail(&err);
    log_set_role("actor");
    log_follow_file();
    if (describe) {
        rc = actor_describe(&cfg, &err);
        return !rc || rc == ONIC_ESTOPPED ? 0 : actor_main_fail(&err);
    }
    rc = trace_open("actor", &err);
    if (!rc)
        rc = limits_check(&actor_need, &err);
    if (rc)
        return actor_main_fail(&err);
    clock_leave_out_standstills();
    struct watch *watch = NULL;
    bool recycle = false;
    rc = watch_create(&watch, (int)cfg.actors_step_timeout_s, &err);
    if (!rc)
        rc = actor_main_run(&cfg, watch, &recycle, &err);
    watch_free(watch);
    if (!rc && recycle) {
        log_info("recycling: starting afresh in the same process");
        wire_keys_put_variable();
        exec_self(argv);
    }
    return rc ? actor_main_fail(&err) : 0;
}
