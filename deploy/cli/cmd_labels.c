/* SPDX-License-Identifier: MIT */
/* cmd_labels.c - `onic labels count|list|sources|export|import|verify|distrust|top|collect|
 * annotate`:
 * the durable label store of a run, which captions earned most, and pairs for offline rewards. */
#include <stdio.h>
#include <string.h>

#include "deploy/cli/commands.h"
#include "deploy/cli/labels_distrust.h"
#include "deploy/cli/labels_open.h"
#include "deploy/cli/labels_rows.h"
#include "deploy/cli/labels_sources.h"
#include "deploy/cli/labels_verify.h"

enum { TOP_DEFAULT = 20, PAIRS_DEFAULT = 100000, EPISODES_DEFAULT = 1000 };

struct labels_args {
    char verb[16], run[CONFIG_STR_MAX], file[CONFIG_STR_MAX];
    int n;               /* top: lines */
    bool json;           /* top */
    int pairs, episodes; /* collect */
    bool random, distinct;
    char chunk[32]; /* annotate */
};

static int labels_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct labels_args *a = ctx;
    if (!a->verb[0])
        snprintf(a->verb, sizeof a->verb, "%s", arg);
    else if (!a->run[0])
        snprintf(a->run, sizeof a->run, "%s", arg);
    else if (!a->file[0])
        snprintf(a->file, sizeof a->file, "%s", arg);
    else
        return err_set(err, ONIC_ECONFIG, "'%s' is one argument too many; see `onic labels --help`",
                       arg);
    return ONIC_OK;
}

static int labels_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct labels_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "json", 4) == 0) {
        a->json = true;
        return ONIC_OK;
    }
    if (strncmp(name, "random", 6) == 0) {
        a->random = true;
        return ONIC_OK;
    }
    if (strncmp(name, "distinct", 8) == 0) {
        a->distinct = true;
        return ONIC_OK;
    }
    if (strncmp(name, "chunk", 5) == 0) {
        snprintf(a->chunk, sizeof a->chunk, "%s", value);
        return ONIC_OK;
    }
    int *number = name[0] == 'n' ? &a->n : name[0] == 'p' ? &a->pairs : &a->episodes;
    int64_t n = *number;
    int rc = config_flag_int(name, value, 1, 10000000, &n, err);
    *number = (int)n;
    return rc;
}

static int labels_run(const struct labels_args *a, const struct config *given, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32], address[CONFIG_STR_MAX];
    if (strcmp(a->verb, "top") == 0)
        return labels_open_top(a->run, given, a->n, a->json, err);
    if (strcmp(a->verb, "annotate") == 0)
        return labels_open_annotate(a->run, given, a->chunk, err);
    if (strcmp(a->verb, "collect") == 0) {
        const struct labels_collect c = {.data = a->run,
                                         .run = a->random ? "" : a->file,
                                         .episodes = a->episodes,
                                         .pairs = a->pairs,
                                         .distinct = a->distinct};
        return a->random || a->file[0]
                   ? labels_open_collect(&c, given, err)
                   : err_set(err, ONIC_ECONFIG,
                             "name the run whose agent plays, or --random and an env.id");
    }
    int rc = labels_open_store_path(a->run, given, path, sizeof path, err);
    if (rc)
        return rc;
    if (strcmp(a->verb, "count") == 0) {
        labels_open_server(a->run, given, address, sizeof address);
        return labels_count(path, address, given->security_keys, err);
    }
    bool exports = strcmp(a->verb, "export") == 0;
    if (exports || strcmp(a->verb, "list") == 0)
        return labels_write(path, exports, a->file, err);
    if (strcmp(a->verb, "sources") == 0)
        return labels_sources(path, err);
    if (strcmp(a->verb, "import") == 0)
        return labels_import(path, a->file, err);
    if (strcmp(a->verb, "distrust") == 0)
        return labels_distrust(path, a->run, a->file, err);
    if (strcmp(a->verb, "verify") == 0)
        return labels_verify(path, a->run, err);
    return err_set(err, ONIC_ECONFIG,
                   "'%s' is not count, list, sources, export, import, verify, distrust, top, "
                   "collect or annotate",
                   a->verb);
}

int cmd_labels(int argc, char **argv)
{
    static struct config given;
    struct onic_err err = {0};
    struct labels_args a = {.n = TOP_DEFAULT, .pairs = PAIRS_DEFAULT, .episodes = EPISODES_DEFAULT};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic labels",
        .rows = "labels reward.server security.keys run.seed env annotator rules embedding llm "
                "command random",
        .usage =
            "usage: onic labels count RUN            answered labels\n"
            "       onic labels list RUN             one line per label\n"
            "       onic labels sources RUN          which annotator and model gave which share\n"
            "       onic labels export RUN [FILE|-]  JSON lines\n"
            "       onic labels import RUN [FILE|-]  adds exported labels; those that are "
            "there stay\n"
            "       onic labels verify RUN           is every label there, and as it was given?\n"
            "       onic labels distrust RUN SOURCE  takes the labels of an annotator or a model "
            "out; "
            "the reward model\n"
            "                                        learns anew from the others\n"
            "       onic labels top RUN [--n=20] [--json]  captions that were paid most, as of "
            "the newest checkpoint\n"
            "       onic labels collect DATA RUN [--pairs=100000] [--episodes=1000] [--distinct]  "
            "pairs of captions that\n"
            "                                        an agent sees (or --random --env.id=ENV)\n"
            "       onic labels annotate DATA [--chunk=i/n]  asks about every line; goes on where "
            "it "
            "was stopped\n"
            "RUN is a run directory or a label store (labels.sqlite).\n",
        .extra = (const char *const[]){"--json=-", "--n=", "--pairs=", "--episodes=", "--random",
                                       "--distinct", "--chunk=", NULL},
        .on_extra = labels_on_extra,
        .on_positional = labels_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !a.run[0])
        rc = err_set(
            &err, ONIC_ECONFIG,
            "say what to do and where, for example `onic labels count runs/keycorridor-s1`");
    if (!rc)
        rc = labels_run(&a, &given, &err);
    return command_result("labels", rc, &err);
}
