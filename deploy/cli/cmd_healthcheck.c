/* SPDX-License-Identifier: MIT */
/* cmd_healthcheck.c - `onic healthcheck [ADDR|RUN]`: for container engines and scripts, which ask
 * for an exit code: 0 it is well, 1 it is not, and one sentence. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/file_owner.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/config/config.h"
#include "common/http/http_get.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/run_status.h"

enum { HEALTH_TIMEOUT_MS = 5000, HEALTH_BODY_MAX = 4096 };
static const double SILENT_S = 60; /* a learner writes a line every 10 s */

struct health_args {
    char target[CONFIG_STR_MAX]; /* ADDR or RUN; "" = dashboard.listen */
    bool ready;
};

static int health_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name;
    (void)value;
    (void)err;
    ((struct health_args *)ctx)->ready = true;
    return ONIC_OK;
}

static int health_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct health_args *a = ctx;
    if (a->target[0])
        return err_set(err, ONIC_ECONFIG, "one at a time: '%s' or '%s'", a->target, arg);
    snprintf(a->target, sizeof a->target, "%s", arg);
    return ONIC_OK;
}

/* The address of its page, where this user or root wrote it: whoever else may have, would say where
 * we connect. ONIC_ENOTFOUND: there is none. */
static int address_of_run(const char *dir, char *out, size_t size, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 16];
    struct stat st;
    snprintf(path, sizeof path, "%s/dashboard", dir);
    if (stat(path, &st) != 0 || file_owner_is_another(&st))
        return err_set(err, ONIC_ENOTFOUND, "%s says no address", dir);
    int rc = run_dir_read(dir, "dashboard", out, size, err);
    out[rc ? 0 : strcspn(out, "\n")] = '\0';
    return rc;
}

/* Without a page its files say whether it moves. */
static int ask_files(const char *dir, struct buf *said, struct onic_err *err)
{
    const struct run_status_wish wish = {.dir = dir, .stop = {.frames = UINT64_MAX}};
    struct run_status s;
    char word[2 * CONFIG_STR_MAX];
    int rc = run_status_read(&s, &wish, err);
    if (rc)
        return rc;
    if (s.state != RUN_RUNNING)
        rc = err_set(err, ONIC_EIO, "nobody runs %s; `%s status %s` says how it ended", dir,
                     command_program(), shell_word(dir, word, sizeof word));
    else if (s.age_s > SILENT_S)
        rc = err_set(err, ONIC_EIO, "%s: %s", dir, s.why);
    else
        buf_puts(said, "running");
    run_status_free(&s);
    return rc;
}

/* Bound to every address, it is asked on this machine. */
static void health_reachable(char *address, size_t size)
{
    char port[CONFIG_STR_MAX];
    static const char *const any[] = {"*:", "0.0.0.0:", "[::]:"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
        if (strncmp(address, any[i], strlen(any[i])) == 0) {
            snprintf(port, sizeof port, "%s", address + strlen(any[i]));
            snprintf(address, size, "%s:%.400s", i == 2 ? "[::1]" : "127.0.0.1", port);
            return;
        }
}

static int address_of_options(const struct config *cfg, char *out, size_t size,
                              struct onic_err *err)
{
    const char *listen = cfg->dashboard_listen;
    size_t n = strlen(listen);
    if (strcmp(listen, "auto") == 0 || strcmp(listen, "off") == 0)
        return err_set(err, ONIC_ECONFIG,
                       "give an address or a run directory, or --dashboard.listen as the program "
                       "has it (ONIC_DASHBOARD_LISTEN)");
    if (n && listen[n - 1] == '*')
        return err_set(err, ONIC_ECONFIG,
                       "%s is a free port: give the address that the program printed", listen);
    snprintf(out, size, "%s", listen);
    health_reachable(out, size);
    return ONIC_OK;
}

/* ONIC_EIO: asked, and not well. */
static int health_ask(const char *address, const char *path, struct buf *body, struct onic_err *err)
{
    int status = 0;
    int rc = http_get(address, path, HEALTH_TIMEOUT_MS, body, &status, err);
    if (rc)
        return rc;
    body->data[strcspn(body->data, "\n")] = '\0';
    if (status == 200)
        return ONIC_OK;
    if (status == 404)
        return err_set(err, ONIC_EIO, "%s has no %s: is it a learner or a reward server of onic?",
                       address, path);
    return err_set(err, ONIC_EIO, "%s: %s", address, body->data);
}

/* Of a run: somebody runs it, and its learner answers, or where it has no page, writes. */
static int ask_run(const char *dir, const char *path, struct buf *said, struct onic_err *err)
{
    char address[CONFIG_STR_MAX];
    int rc = ask_files(dir, said, err);
    if (rc || address_of_run(dir, address, sizeof address, NULL) != ONIC_OK)
        return rc;
    if (!http_get_stays_here(address))
        return err_set(err, ONIC_EAUTH,
                       "%s/dashboard names %.200s, which is no address of this machine, and no "
                       "other is asked because a file says so: give it instead of the run",
                       dir, address);
    buf_reset(said);
    return health_ask(address, path, said, err);
}

static int health_check(struct health_args *a, const struct config *cfg, struct buf *said,
                        struct onic_err *err)
{
    const char *path = a->ready ? "/readyz" : "/healthz";
    struct stat st;
    bool there = a->target[0] && stat(a->target, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return ask_run(a->target, path, said, err);
    if (a->target[0] && !there && errno != ENOENT && errno != ENOTDIR)
        return file_unreadable(a->target, errno, err);
    int rc = a->target[0] ? ONIC_OK : address_of_options(cfg, a->target, sizeof a->target, err);
    return rc ? rc : health_ask(a->target, path, said, err);
}

int cmd_healthcheck(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    struct health_args a = {0};
    struct buf said;
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic healthcheck",
        .rows = "dashboard.listen",
        .usage = "usage: onic healthcheck [ADDR|RUN] [--ready]\n"
                 "Exit code 0 when the learner or reward server there is well (/healthz), with "
                 "--ready when it can work (/readyz);\n"
                 "else 1 and one sentence. ADDR is HOST:PORT; without one, the address of "
                 "dashboard.listen.\n",
        .extra = (const char *const[]){"--ready", NULL},
        .on_extra = health_on_extra,
        .on_positional = health_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (rc)
        return command_result("healthcheck", rc, &err);
    buf_init(&said, HEALTH_BODY_MAX);
    rc = health_check(&a, &cfg, &said, &err);
    if (!rc)
        shown_printf(stdout, "%s: %s\n", a.target, said.data);
    buf_release(&said);
    int code = command_result("healthcheck", rc, &err);
    return code && rc != ONIC_ECONFIG ? 1 : code; /* two answers, but for a question that is none */
}
