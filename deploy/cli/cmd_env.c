/* SPDX-License-Identifier: MIT */
/* cmd_env.c - `onic env list | describe ENV | trace ENV`: which environments there are, what one
 * looks like, and what it does under given actions (env_trace.h). */
#include <stdio.h>
#include <string.h>

#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/config/config.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/env_trace.h"

struct env_args {
    char verb[32], env[CONFIG_STR_MAX], actions[CONFIG_STR_MAX];
    bool json;
};

static int env_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)err;
    struct env_args *a = ctx;
    if (strcmp(name, "json") == 0)
        a->json = true;
    else
        snprintf(a->actions, sizeof a->actions, "%s", value);
    return ONIC_OK;
}

static int env_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct env_args *a = ctx;
    if (!a->verb[0])
        snprintf(a->verb, sizeof a->verb, "%s", arg);
    else if (!a->env[0])
        snprintf(a->env, sizeof a->env, "%s", arg);
    else
        return err_set(err, ONIC_ECONFIG, "'%s' is one argument too many; see `onic env --help`",
                       arg);
    return ONIC_OK;
}

/* ---- list ---- */

/* A number where one of so many is done, else the text of the action space. */
static void put_actions_json(const struct action_space *s, struct buf *out)
{
    bool plain = s->kind == ACTION_DISCRETE && !s->masked;
    buf_puts(out, plain ? "" : "\"");
    action_space_text(s, out);
    buf_puts(out, plain ? "" : "\"");
}

/* "7 actions", "3 choices (2,4,2), masked", "1 number" */
static void put_actions_text(const struct action_space *s, struct buf *out)
{
    static const char *const one[] = {"action", "choice", "number"};
    buf_printf(out, "%2d %s%s", s->n, one[s->kind], s->n == 1 ? "" : "s");
    for (int i = 0; s->kind == ACTION_MULTI && i < s->n; i++)
        buf_printf(out, "%s%d%s", i ? "," : " (", s->choices[i], i == s->n - 1 ? ")" : "");
    buf_puts(out, s->masked ? ", masked" : "");
}

static void list_one(const struct env_family *f, const char *name, const struct config *cfg,
                     bool json, bool first, struct buf *out)
{
    char id[2 * ENV_ID_MAX];
    snprintf(id, sizeof id, "%s%s%s", f->family, name[0] ? ":" : "", name);
    struct env *e;
    struct onic_err why = {0};
    bool available = env_create(&e, id, cfg, 0, &why) == ONIC_OK;
    if (json) {
        buf_puts(out, first ? "[" : ",\n ");
        buf_puts(out, "{\"id\":");
        buf_json_string(out, id, strlen(id));
        buf_puts(out, ",\"actions\":");
        if (available)
            put_actions_json(&e->spec.actions, out);
        else
            buf_puts(out, "null");
        buf_printf(out, ",\"available\":%s", available ? "true" : "false");
        if (!available) {
            buf_puts(out, ",\"reason\":");
            buf_json_string(out, why.msg, strlen(why.msg));
        }
        buf_puts(out, "}");
    } else if (available) {
        buf_printf(out, "  %-32s ", id);
        put_actions_text(&e->spec.actions, out);
        buf_printf(out, ", %d steps\n", e->spec.max_steps);
    } else {
        struct onic_err family = {0};
        bool told = f->available && f->available(cfg, &family) != ONIC_OK; /* for all of them */
        buf_printf(out, "  %-32s not available%s%s\n", id, told ? "" : ": ", told ? "" : why.msg);
    }
    if (available)
        env_free(e);
}

static int env_list(const struct config *cfg, bool json, struct buf *out, struct onic_err *err)
{
    int rc = env_plugin_load(cfg->env_plugin, err);
    if (rc)
        return rc;
    /* An explicit env.obs is for one environment; others lack its fields. */
    struct config any = *cfg;
    snprintf(any.env_obs, sizeof any.env_obs, "auto");
    bool first = true;
    for (int i = 0; i < env_family_count(); i++) {
        const struct env_family *f = env_family_at(i);
        struct onic_err why = {0};
        if (!json)
            buf_printf(out, "%s - %s\n", f->family, f->summary);
        if (!json && f->available && f->available(&any, &why) != ONIC_OK)
            buf_printf(out, "  (not available: %s)\n", why.msg);
        for (int n = 0; f->names[n]; n++) {
            list_one(f, f->names[n], &any, json, first, out);
            first = false;
        }
    }
    if (json)
        buf_puts(out, first ? "[]\n" : "]\n");
    return ONIC_OK;
}

/* ---- */

static int not_of_one(const char *env, struct onic_err *err)
{
    char word[2 * CONFIG_STR_MAX];
    return err_set(err, ONIC_ECONFIG,
                   "`%s env list` shows all environments; for '%s' alone say "
                   "`%s env describe %s`",
                   command_program(), env, command_program(), shell_word(env, word, sizeof word));
}

static int env_run(const struct env_args *a, struct config *cfg, struct buf *out,
                   struct onic_err *err)
{
    if (strcmp(a->verb, "list") == 0)
        return a->env[0] ? not_of_one(a->env, err) : env_list(cfg, a->json, out, err);
    bool is_trace = strcmp(a->verb, "trace") == 0;
    if (!is_trace && strcmp(a->verb, "describe") != 0)
        return err_set(err, ONIC_ECONFIG, "'%s' is not one of list, describe ENV, trace ENV",
                       a->verb[0] ? a->verb : "nothing");
    struct env *e = NULL;
    int rc = ONIC_OK;
    if (a->env[0]) /* as --env.id */
        rc = config_set(cfg, "env.id", a->env, CONFIG_CLI, "ENV", err);
    if (!rc)
        rc = config_name_module(cfg, err);
    if (!rc)
        rc = env_create(&e, cfg->env_id, cfg, 0, err);
    if (rc)
        return rc;
    if (is_trace)
        rc = env_trace(e, (uint64_t)cfg->run_seed, a->actions, err);
    else
        env_describe(e, out);
    env_free(e);
    return rc;
}

int cmd_env(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    struct env_args a = {.json = false};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic env",
        .rows = "run.seed env",
        .usage =
            "usage: onic env list [--json]\n"
            "       onic env describe ENV\n"
            "       onic env trace ENV --seed=S --actions=FILE|- [--env.key=value ...]\n"
            "trace reads whitespace-separated action numbers (of several choices or numbers all "
            "of one action, then\n"
            "the next) and prints one JSON object per line: the reset with seed S, then one "
            "per action; an episode that ends is followed by a reset "
            "without a seed.\n",
        .extra = (const char *const[]){"--json=-", "--actions=", NULL},
        .on_extra = env_on_extra,
        .on_positional = env_on_positional,
        .ctx = &a,
    };
    struct buf out;
    buf_init(&out, 1 << 20);
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (!rc)
        rc = env_run(&a, &cfg, &out, &err);
    if (!rc)
        shown_write(stdout, out.data, out.len);
    buf_release(&out);
    return command_result("env", rc, &err);
}
