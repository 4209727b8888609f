/* SPDX-License-Identifier: MIT */
/* cli.c - command line of every program; see config_load in config.h.
 *
 * Two passes over argv: the YAML files must be applied before the environment and the environment
 * before the flags, wherever the files stand on the line. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/config/scalar.h"

static const struct {
    const char *flag, *key;
} short_forms[] = {
    {"frames", "run.frames"},       {"seed", "run.seed"},
    {"run-dir", "run.dir"},         {"deterministic", "run.deterministic"},
    {"on-exists", "run.on_exists"}, {"listen", "listen.address"},
    {"learner", "actors.learner"},  {"orphan-timeout", "actors.orphan_timeout_s"},
    {"record", "record.on"},
};
enum { SHORT_FORMS = sizeof short_forms / sizeof short_forms[0] };

struct flag {
    char name[80];     /* without dashes and value */
    const char *value; /* NULL when none was given */
    int extra, index;  /* place in cli->extra, else in option_rows; the other is -1 */
    bool is_switch;    /* true or false, and true when nothing is said */
    bool takes_dash;   /* nothing, or "-" */
    bool of_plugin;    /* plugin.KEY: neither of the two, always with a value */
};

/* Position in cli->extra, or -1. *takes_value tells whether the entry ends with '=', *takes_dash
 * whether it ends with "=-". */
static int find_extra(const struct config_cli *cli, const char *name, bool *takes_value,
                      bool *takes_dash)
{
    for (int i = 0; cli->extra && cli->extra[i]; i++) {
        const char *e = cli->extra[i] + strspn(cli->extra[i], "-");
        size_t n = strcspn(e, "=");
        if (strlen(name) == n && strncmp(e, name, n) == 0) {
            *takes_dash = strcmp(e + n, "=-") == 0;
            *takes_value = e[n] == '=' && !*takes_dash;
            return i;
        }
    }
    return -1;
}

/* Key of a flag: a short form, or the name itself when it is an option. */
static int find_option(const char *name)
{
    for (int i = 0; i < SHORT_FORMS; i++)
        if (strcmp(short_forms[i].flag, name) == 0)
            return option_find(short_forms[i].key);
    return option_find(name);
}

static int unknown_flag(const struct config_cli *cli, const char *name, struct onic_err *err)
{
    char near[80] = "", key[64];
    int best = (int)strlen(name) / 3 + 1;
    for (int i = 0; i < SHORT_FORMS; i++) {
        int d = option_distance(name, short_forms[i].flag);
        if (d < best) {
            best = d;
            snprintf(near, sizeof near, "%s", short_forms[i].flag);
        }
    }
    for (int i = 0; cli->extra && cli->extra[i]; i++) {
        snprintf(key, sizeof key, "%s", cli->extra[i] + strspn(cli->extra[i], "-"));
        key[strcspn(key, "=")] = '\0';
        int d = option_distance(name, key);
        if (d < best) {
            best = d;
            snprintf(near, sizeof near, "%s", key);
        }
    }
    option_nearest(name, key);
    if (key[0] && (!near[0] || option_distance(name, key) < best))
        snprintf(near, sizeof near, "%s", key);
    if (near[0])
        return err_set(err, ONIC_ECONFIG, "unknown option '--%s', did you mean '--%s'?", name,
                       near);
    return err_set(err, ONIC_ECONFIG, "unknown option '--%s'; `%s --help` lists the options", name,
                   cli->program);
}

/* The word behind a flag that is true or false. 0 and 1 need '=': alone they may name a run. */
static bool is_bool_word(const char *s)
{
    bool v;
    return s && isalpha((unsigned char)*s) && scalar_bool(s, &v);
}

/* The name of the flag at argv[i] and what kind it is. */
static int flag_named(struct flag *f, const char *arg, const struct config_cli *cli,
                      struct onic_err *err)
{
    const char *text = arg + 2, *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);
    if (n >= sizeof f->name)
        return err_set(err, ONIC_ECONFIG, "unknown option '--%.60s...'", text);
    memcpy(f->name, text, n);
    f->name[n] = '\0';
    f->value = equals ? equals + 1 : NULL;
    bool takes_value = true;
    f->extra = find_extra(cli, f->name, &takes_value, &f->takes_dash);
    f->index = f->extra < 0 ? find_option(f->name) : -1;
    f->of_plugin = f->extra < 0 && f->index < 0 && option_is_of_plugin(f->name);
    if (f->extra < 0 && f->index < 0 && !f->of_plugin)
        return unknown_flag(cli, f->name, err);
    f->is_switch = f->extra >= 0 ? !takes_value && !f->takes_dash
                                 : f->index >= 0 && option_rows[f->index].type == OPTION_BOOL;
    return ONIC_OK;
}

/* Its value, which may be the next word: then *i moves there. */
static int flag_value(struct flag *f, int argc, char **argv, int *i, struct onic_err *err)
{
    const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (f->takes_dash) {
        if (!f->value && next && strcmp(next, "-") == 0)
            f->value = argv[++*i];
        if (f->value && strcmp(f->value, "-") != 0)
            return err_set(
                err, ONIC_ECONFIG,
                "--%s is '%.200s', but it only writes to standard output: --%s, or --%s=-", f->name,
                f->value, f->name, f->name);
        return ONIC_OK;
    }
    if (f->is_switch && !f->value)
        f->value = is_bool_word(next) ? argv[++*i] : "true";
    if (!f->value && !next)
        return err_set(err, ONIC_ECONFIG, "--%s needs a value, for example --%s=VALUE", f->name,
                       f->name);
    if (!f->value)
        f->value = argv[++*i];
    return ONIC_OK;
}

/* Applies, or with apply == false only measures, the flag at argv[*i]; *i moves to its last word.
 */
static int one_flag(struct config *c, int argc, char **argv, int *i, const struct config_cli *cli,
                    bool apply, struct onic_err *err)
{
    struct flag f = {.value = NULL};
    bool on = true;
    int rc = flag_named(&f, argv[*i], cli, err);
    if (!rc)
        rc = flag_value(&f, argc, argv, i, err);
    if (rc)
        return rc;
    if (f.is_switch && f.extra >= 0 && !scalar_bool(f.value, &on))
        return err_set(err, ONIC_ECONFIG, "--%s is '%.80s', must be true or false", f.name,
                       f.value);
    if (!apply || !on) /* --greedy=false is as if it were not there */
        return ONIC_OK;
    if (f.extra >= 0)
        return cli->on_extra(cli->ctx, f.name, f.is_switch ? NULL : f.value, err);
    char where[96];
    snprintf(where, sizeof where, "--%s", f.name);
    return f.of_plugin ? option_set_of_plugin(c, f.name, f.value, CONFIG_CLI, 0, where, err)
                       : option_set(c, f.index, f.value, CONFIG_CLI, 0, where, err);
}

/* pass 0: positional arguments (YAML files); pass 1: flags. */
static int cli_walk(struct config *c, int argc, char **argv, const struct config_cli *cli, int pass,
                    struct onic_err *err)
{
    bool flags = true;
    for (int i = 1; i < argc; i++) {
        int rc = ONIC_OK;
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && strncmp(argv[i], "--", 2) == 0)
            rc = one_flag(c, argc, argv, &i, cli, pass == 1, err);
        else if (flags && argv[i][0] == '-' && argv[i][1])
            rc = err_set(err, ONIC_ECONFIG, "unknown option '%.60s'; options start with two dashes",
                         argv[i]);
        else if (pass == 0)
            rc = cli->on_positional ? cli->on_positional(cli->ctx, argv[i], err)
                                    : config_read_file(c, argv[i], err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

/* Those of options.def but for those of the command. */
static void command_defaults(struct config *c, const struct config_cli *cli)
{
    char key[64], value[CONFIG_STR_MAX];
    int used = 0;
    config_defaults(c);
    for (const char *p = cli->defaults; p && *p; p += used) {
        int found = sscanf(p, " %63[^=]=%511s%n", key, value, &used);
        ONIC_ASSERT(found == 2 && !config_set(c, key, value, CONFIG_DEFAULT, cli->program, NULL));
    }
}

/* ONIC_ESTOPPED when arg asks for help (also of a section: --help=train) or version. */
static int print_and_stop(const char *arg, const struct config *defaults,
                          const struct config_cli *cli, struct onic_err *err)
{
    const char *what = strncmp(arg, "--help=", 7) == 0 ? arg + 7 : NULL;
    bool help = what || strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
    if (!help && strcmp(arg, "--version") != 0)
        return ONIC_OK;
    struct buf out;
    int rc = ONIC_OK;
    buf_init(&out, 1 << 20);
    if (help) {
        if (cli->usage && !what)
            buf_puts(&out, cli->usage);
        rc = config_help(cli->who, cli->rows, what, defaults, &out, err);
    } else {
        config_version(&out);
    }
    if (!rc) {
        fwrite(out.data, 1, out.len, stdout);
        rc = output_flush(err);
    }
    buf_release(&out);
    return rc ? rc : ONIC_ESTOPPED;
}

static void note_differences(struct config *c, const struct config *before)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char was[CONFIG_STR_MAX], is[CONFIG_STR_MAX];
        if (c->origin[i] != CONFIG_ENV && c->origin[i] != CONFIG_CLI)
            continue;
        option_text(before, i, was);
        option_text(c, i, is);
        c->differs[i] = strcmp(was, is) != 0;
    }
}

void config_use_log(const struct config *c)
{
    static const enum log_level levels[] = {
        [CONFIG_log_level_error] = LOG_ERROR,
        [CONFIG_log_level_warn] = LOG_WARN,
        [CONFIG_log_level_info] = LOG_INFO,
        [CONFIG_log_level_debug] = LOG_DEBUG,
    };
    log_set_level(levels[c->log_level]);
    log_set_format(c->log_format == CONFIG_log_format_json ? LOG_JSON : LOG_TEXT);
}

/* A configuration that is refused is refused in the format that was asked for: what environment and
 * command line say of it alone, before anything is checked. */
static void foresee_log_format(int argc, char **argv)
{
    static const char flag[] = "--log.format";
    const char *variable = getenv("ONIC_LOG_FORMAT"), *word = variable ? variable : "";
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        size_t n = strlen(flag);
        if (strncmp(argv[i], flag, n) != 0)
            continue;
        if (argv[i][n] == '=')
            word = argv[i] + n + 1;
        else if (!argv[i][n] && i + 1 < argc)
            word = argv[i + 1];
    }
    log_set_format(strcmp(word, "json") == 0 ? LOG_JSON : LOG_TEXT);
}

int config_load(struct config *c, int argc, char **argv, const struct config_cli *cli,
                struct onic_err *err)
{
    int rc = ONIC_OK;
    foresee_log_format(argc, argv);
    command_defaults(c, cli);
    for (int i = 1; !rc && i < argc && strcmp(argv[i], "--") != 0; i++)
        rc = print_and_stop(argv[i], c, cli, err);
    if (rc)
        return rc;
    rc = cli_walk(c, argc, argv, cli, 0, err);
    struct config *files = xmalloc(sizeof *files);
    *files = *c;
    if (!rc)
        rc = config_read_env(c, err);
    if (!rc)
        rc = cli_walk(c, argc, argv, cli, 1, err);
    if (!rc)
        rc = config_name_module(c, err);
    if (!rc)
        note_differences(c, files);
    if (!rc)
        config_use_log(c);
    free(files);
    return rc;
}
