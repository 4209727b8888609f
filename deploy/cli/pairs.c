/* SPDX-License-Identifier: MIT */
/* pairs.c - see pairs.h. */
#include "deploy/cli/pairs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/paths.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/json_text.h"
#include "deploy/cli/text_lines.h"
#include "learner/reward/observation_store.h"
#include "reward_server/store/label_store.h"

enum {
    PATH_MAX_BYTES = 544,
    CAPTIONS_KEPT = 1000000,
    LINE_MAX_BYTES = 1 << 14,
    DRAWS_PER_PAIR = 100
};

/* --- collecting ------------------------------------------------------------------------------ */

struct seen {
    struct observation_store *store;
    uint64_t captions;
};

static void see(void *ctx, const char *text, size_t len)
{
    struct seen *s = ctx;
    s->captions++;
    observation_store_put(s->store, text, len);
}

static int pairs_play(const struct pairs_collect *p, struct seen *seen, struct onic_err *err)
{
    static struct eval_result result;
    const struct eval_params e = {.envs = p->envs,
                                  .seed = p->seed,
                                  .policy = p->policy,
                                  .weights = p->weights,
                                  .episodes = p->episodes,
                                  .progress = true,
                                  .caption = see,
                                  .ctx = seen};
    return evaluate(&e, NULL, &result, err);
}

static int write_pairs(const struct pairs_collect *p, const struct seen *seen, const char *path,
                       struct onic_err *err)
{
    char part[PATH_MAX_BYTES + 8], question[QUESTION_MAX], name[QUESTION_MAX];
    snprintf(part, sizeof part, "%s.part", path);
    FILE *f = fopen(part, "we");
    if (!f)
        return err_set(err, ONIC_ECANTCREATE, "cannot write %s: %s", part, strerror(errno));
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_puts(&line, "{\"env\":");
    buf_json_string(&line, p->env_id, strlen(p->env_id));
    buf_puts(&line, ",\"from\":");
    buf_json_string(&line, p->run, strlen(p->run));
    buf_printf(&line, ",\"episodes\":%d,\"captions\":%llu}\n", p->episodes,
               (unsigned long long)seen->captions);
    fwrite(line.data, 1, line.len, f);
    struct strmap *once = strmap_create(1024);
    bool inserted;
    int written = 0;
    for (int64_t draw = 0; written < p->pairs && draw < (int64_t)p->pairs * DRAWS_PER_PAIR;
         draw++) {
        struct question q;
        size_t len = observation_store_pair(seen->store, question);
        if (!len || !question_split(question, len, &q) ||
            (strmap_put(once, name,
                        question_pair_name(name, q.caption, q.len, q.caption_b, q.len_b),
                        &inserted),
             !inserted))
            continue;
        buf_reset(&line);
        buf_puts(&line, "{\"caption\":");
        buf_json_string(&line, q.caption, q.len);
        buf_puts(&line, ",\"caption_b\":");
        buf_json_string(&line, q.caption_b, q.len_b);
        buf_puts(&line, "}\n");
        fwrite(line.data, 1, line.len, f);
        written++;
    }
    buf_release(&line);
    strmap_free(once);
    bool failed = fflush(f) != 0 || fsync(fileno(f)) != 0;
    failed |= fclose(f) != 0;
    if (failed || rename(part, path) != 0)
        return err_set(err, ONIC_EIO, "%s could not be written; is the disk full?", path);
    shown_printf(stdout, "%d pairs of %zu captions in %s", written,
                 observation_store_count(seen->store), path);
    if (written < p->pairs) /* few captions make few pairs, however many are drawn */
        printf("; no others were found (--pairs=%d)", p->pairs);
    puts("");
    return ONIC_OK;
}

int pairs_make_folder(const char *data, struct onic_err *err)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/pairs.jsonl", data);
    if (access(path, F_OK) == 0)
        return err_set(err, ONIC_ECANTCREATE,
                       "%s is there already; remove it or name another folder", path);
    return paths_make_dirs(data, err);
}

int pairs_collect(const struct pairs_collect *p, struct onic_err *err)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/pairs.jsonl", p->data);
    struct seen seen = {.store =
                            observation_store_create(CAPTIONS_KEPT, p->distinct, p->draw_seed)};
    int rc = pairs_play(p, &seen, err);
    if (!rc && observation_store_count(seen.store) < 2)
        rc = err_set(err, ONIC_ECONFIG, "%d episodes of %s showed no two captions; play more",
                     p->episodes, p->env_id);
    if (!rc)
        rc = write_pairs(p, &seen, path, err);
    observation_store_free(seen.store);
    return rc;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The first line names the environment, the others are pairs. False: this one is neither. */
static bool read_pair(const struct text_lines *l, char env[PAIRS_ENV_MAX],
                      void (*each)(void *ctx, const char *question, size_t len), void *ctx)
{
    char question[QUESTION_MAX];
    json_t *o = json_loads(l->text, 0, NULL);
    bool fine = json_is_object(o);
    if (fine && l->number == 1 && json_object_get(o, "env")) {
        if (env)
            snprintf(env, PAIRS_ENV_MAX, "%s", json_text(o, "env"));
    } else if (fine) {
        size_t len = json_question(o, question);
        fine = json_is_string(json_object_get(o, "caption")) &&
               question_kind_of(question, len) != QUESTION_SCORE;
        if (fine)
            each(ctx, question, len);
    }
    json_decref(o);
    return fine;
}

int pairs_read(const char *data, char env[PAIRS_ENV_MAX],
               void (*each)(void *ctx, const char *question, size_t len), void *ctx,
               struct onic_err *err)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/pairs.jsonl", data);
    struct text_lines l = {.from = fopen(path, "re"), .name = path, .max = LINE_MAX_BYTES};
    int rc = ONIC_OK;
    bool more = true;
    if (!l.from)
        return err_set(err, ONIC_ENOTFOUND, "%s cannot be opened; `onic labels collect` writes it",
                       path);
    while (!rc && more) {
        rc = text_lines_next(&l, &more, err);
        if (!rc && more && !read_pair(&l, env, each, ctx))
            rc = err_set(err, ONIC_ECONFIG,
                         "%s:%d is not a pair: it needs \"caption\" and \"caption_b\" (or, to be "
                         "asked about alone, \"caption\")",
                         path, l.number);
    }
    fclose(l.from);
    text_lines_free(&l);
    return rc;
}

/* --- labels ---------------------------------------------------------------------------------- */

struct labelled {
    struct pair_data *pairs;
    char identity[192];
    bool mixed;
};

static int pairs_keep(void *ctx, const struct label_row *row)
{
    struct labelled *l = ctx;
    char text[192];
    if (row->label.state != LABEL_ANSWERED ||
        question_kind_of(row->label.question, row->label.question_len) != QUESTION_PAIR)
        return 0;
    label_identity_text(&row->identity, text);
    l->mixed |= l->identity[0] && strcmp(l->identity, text) != 0;
    snprintf(l->identity, sizeof l->identity, "%s", text);
    pair_data_put(l->pairs, row->label.question, row->label.question_len, (float)row->label.value);
    return 0;
}

int pairs_labelled(const char *data, struct pair_data **out, char identity[192],
                   struct onic_err *err)
{
    char path[PATH_MAX_BYTES], word[2 * PATH_MAX_BYTES];
    struct label_store *store = NULL;
    struct labelled l = {.pairs = pair_data_create(0)};
    snprintf(path, sizeof path, "%s/labels.sqlite", data);
    int rc = label_store_open(&store, path, LABEL_STORE_READ, err);
    if (!rc)
        rc = label_store_each(store, 0, pairs_keep, &l, err);
    if (!rc)
        rc = label_store_damage(store, err);
    label_store_close(store);
    if (!rc && l.mixed)
        rc = err_set(err, ONIC_ECONFIG,
                     "%s holds pairs labelled by different annotators, goals or prompts; annotate "
                     "each in a folder of its own",
                     path);
    if (!rc && pair_data_count(l.pairs) == 0)
        rc = err_set(err, ONIC_ENOTFOUND, "%s holds no labelled pair; run `%s labels annotate %s`",
                     path, command_program(), shell_word(data, word, sizeof word));
    if (rc) {
        pair_data_free(l.pairs);
        return rc;
    }
    if (identity)
        memcpy(identity, l.identity, sizeof l.identity);
    *out = l.pairs;
    return ONIC_OK;
}
