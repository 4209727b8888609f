/* SPDX-License-Identifier: MIT */
/* main.c - onic-reward-server: options, server, exit code. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/secrets.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "common/wire/keys/keys.h"
#include "reward_server/server_options.h"

enum { FILES_NEEDED = 64 }; /* 26 without a client, and as many again for connections */

static const char usage[] =
    "usage: onic-reward-server [CONFIG.yaml ...] --listen=ADDR [--run-dir=DIR | "
    "--labels.path=FILE]\n"
    "                          [--section.key=value ...]\n"
    "Labels captions with an annotator, keeps every label on disk, answers learners.\n";

/* Two threads of ZeroMQ, those of the clock and of the metrics, and one that an annotator may have.
 */
static const struct limits_need server_need = {
    .who = "onic-reward-server", .threads = 5, .address_mb = 64, .memory_mb = 4};

/* Of the annotators: llm and embedding ask a model, and a program of the user's (command) may ask
 * one by itself, with the keys of this environment, which is meant for it (README.md). */
static bool somebody_needs_keys(const struct config *c)
{
    static const char *const who[] = {"llm", "command"};
    bool needs = c->embedding_source == CONFIG_embedding_source_http;
    for (size_t i = 0; i < sizeof who / sizeof *who; i++)
        needs |= strstr(c->annotator_id, who[i]) || strstr(c->annotator_fallback, who[i]);
    return needs;
}

int main(int argc, char **argv)
{
    process_start();
    wire_keys_take_variable();
    static struct config config;
    static struct server_params params;
    struct onic_err err = {0};
    struct server *server = NULL;
    struct config_cli cli = {.who = 'R', .program = "onic-reward-server", .usage = usage};
    log_set_role("reward-server");
    log_follow_file();
    signal(SIGPIPE, SIG_IGN);
    json_set_alloc_funcs(xmalloc, free); /* an answer is not broken for want of memory */
    config_defaults(&config);
    int rc = config_load(&config, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!somebody_needs_keys(&config))
        secrets_forget();
    if (secrets_are_here()) /* whoever they are for */
        secrets_hold();
    if (!rc)
        rc = process_need_files(FILES_NEEDED, "a reward server", &err);
    if (!rc)
        rc = trace_open("reward-server", &err);
    if (!rc)
        rc = limits_check(&server_need, &err);
    if (!rc) {
        clock_leave_out_standstills();
        rc = server_options(&params, &config, &err);
    }
    if (!rc)
        rc = server_create(&server, &params, &err);
    if (!rc)
        rc = server_run(server, &err);
    server_free(server);
    if (rc)
        log_say(LOG_ERROR, "onic-reward-server", "%s", err.msg);
    return rc ? err_exit_code(rc) : 0;
}
