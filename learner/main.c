/* SPDX-License-Identifier: MIT */
/* main.c - onic-learner: trajectories in, weights out. The only place of the learner that exits. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/pulse.h"
#include "common/base/secrets.h"
#include "common/base/trace.h"
#include "common/nn/blas.h"
#include "common/wire/keys/keys.h"
#include "learner/process/loop.h"
#include "learner/process/open.h"

enum { SECOND_SIGNAL_S = 2 };

static volatile sig_atomic_t stop_asked;
static volatile time_t first_signal_s;

/* Ctrl-C reaches us from the terminal and again from `onic train`: only a signal some time later
 * means "now". */
static void learner_main_on_signal(int sig)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!stop_asked) {
        stop_asked = 1;
        first_signal_s = now.tv_sec;
    } else if (now.tv_sec - first_signal_s >= SECOND_SIGNAL_S) {
        signal(sig, SIG_DFL);
        raise(sig);
    }
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = learner_main_on_signal},
                     ignore = {.sa_handler = SIG_IGN};
    int stops[PROCESS_STOPS_MAX], n = process_stop_signals(stops);
    for (int i = 0; i < n; i++)
        sigaction(stops[i], &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static int learner_main_fail(int rc, const struct onic_err *err)
{
    log_say(LOG_ERROR, "onic-learner", "%s", err->msg);
    return err_exit_code(rc);
}

int main(int argc, char **argv)
{
    process_start();
    log_set_role("learner");
    struct onic_err err = {0};
    char sentence[256];
    static struct config given;
    if (!cpu_supported(cpu_features(), sentence, sizeof sentence)) {
        err_set(&err, ONIC_ECONFIG, "%s", sentence);
        return learner_main_fail(ONIC_ECONFIG, &err);
    }
    blas_choose_kernels(argv); /* may execute the program again, which needs its keys then */
    wire_keys_take_variable();
    secrets_forget(); /* the reward server asks, not the learner */
    const struct config_cli cli = {
        .who = 'L',
        .program = "onic-learner",
        .usage =
            "usage: onic-learner [CONFIG.yaml ...] --listen=ADDR [--reward.server=ADDR] "
            "[--run-dir=DIR]\n"
            "                    [--section.key=value ...]\n"
            "Trains on the trajectories of actors that connect to ADDR (tcp://host:port or "
            "ipc://path) and\n"
            "publishes weights to them. An existing run directory is resumed. SIGTERM drains.\n",
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (rc)
        return learner_main_fail(rc, &err);
    log_follow_file();
    pulse_open();
    catch_signals();
    rc = trace_open("learner", &err);
    if (!rc)
        rc = learner_check_limits(&given, &err);
    if (rc)
        return learner_main_fail(rc, &err);
    clock_leave_out_standstills();
    struct learner learner = {.stop = &stop_asked};
    rc = learner_open(&learner, &given, &err);
    if (!rc)
        rc = learner_train(&learner, &err);
    learner_end(&learner, rc);
    return rc ? learner_main_fail(rc, &err) : 0;
}
