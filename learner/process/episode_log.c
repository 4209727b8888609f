/* SPDX-License-Identifier: MIT */
/* episode_log.c - see episode_log.h.
 *
 * Trajectories of an actor arrive in order, an environment's steps lie in one column of each, and
 * the end of an episode is flagged. So recording is: a recorder per chosen (actor, environment),
 * which appends a line per step and checks at the start of each trajectory that it continues where
 * the last one stopped. An episode that begins in the middle of a trajectory has the next number of
 * its environment, from which its seed follows (common/data/episode.h); the next trajectory
 * confirms it.
 *
 * A file is written beside and renamed; it is not made durable, because losing one costs nothing.
 */
#include "learner/process/episode_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_limits.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/data/episode.h"

/* An actor of which nothing came for so long is gone, or has become far too slow to wait for. */
enum { GONE_MS = 60000 };

enum { DIR_LEN = 544, PATH_LEN = DIR_LEN + 288, FILES_MAX = 1 << 17, HEAD_MAX = 1 << 16 };

struct recorder {
    bool active;
    uint64_t id, incarnation;
    uint32_t steps;
    uint64_t first_version, last_version;
    int64_t heard_ms;           /* when the last trajectory of it came */
    double ret, ext, intrinsic; /* sums: as the environment gave it, and as paid by source */
    struct buf lines;
};

struct episode_log {
    char dir[DIR_LEN], env_id[64];
    char *options;
    const struct run_home *home; /* NULL: not asked */
    struct action_dist dist;
    uint64_t run_seed, every, started, kept;
    int64_t files;
    size_t bytes_max;
    int64_t log_ms;
    struct recorder recorder[EPISODE_LOG_OPEN_MAX];
};

struct episode_log *episode_log_create(const struct episode_log_params *p)
{
    struct episode_log *r = xcalloc(1, sizeof *r);
    ONIC_ASSERT(p->every > 0);
    snprintf(r->dir, sizeof r->dir, "%s/replays", p->run_dir);
    snprintf(r->env_id, sizeof r->env_id, "%s", p->env_id);
    r->options = xstrdup(p->options);
    r->dist = *p->actions;
    r->run_seed = p->run_seed;
    r->every = p->every;
    r->files = p->files;
    r->bytes_max = p->bytes_max;
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++)
        buf_init(&r->recorder[i].lines, r->bytes_max);
    return r;
}

void episode_log_free(struct episode_log *r)
{
    if (!r)
        return;
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++)
        buf_release(&r->recorder[i].lines);
    free(r->options);
    free(r);
}

void episode_log_ask(struct episode_log *r, const struct run_home *home)
{
    if (r)
        r->home = home;
}

uint64_t episode_log_kept(const struct episode_log *r)
{
    return r ? r->kept : 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_ours(const char *name)
{
    size_t n = strlen(name);
    return n > 6 && strcmp(name + n - 6, ".jsonl") == 0;
}

/* Names begin with the number of environment steps, so their order is that of time. */
static int list_files(const struct episode_log *r, char ***names)
{
    int n = 0, cap = 0;
    DIR *d = opendir(r->dir);
    *names = NULL;
    for (struct dirent *e; d && n < FILES_MAX && (e = readdir(d));) {
        if (!is_ours(e->d_name))
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 128;
            *names = xrealloc(*names, (size_t)cap * sizeof **names);
        }
        (*names)[n++] = xstrdup(e->d_name);
    }
    if (d)
        closedir(d);
    if (n)
        qsort(*names, (size_t)n, sizeof **names, by_name);
    return n;
}

/* Removes the oldest files beyond the bounds. */
static void prune(const struct episode_log *r)
{
    char **names, path[PATH_LEN];
    int n = list_files(r, &names), kept = 0;
    size_t bytes = 0;
    for (int i = n - 1; i >= 0; i--) { /* from the newest */
        struct stat st = {0};
        snprintf(path, sizeof path, "%s/%s", r->dir, names[i]);
        if (stat(path, &st) == 0)
            bytes += (size_t)st.st_size;
        if (++kept > r->files || bytes > r->bytes_max)
            unlink(path);
        free(names[i]);
    }
    free(names);
}

static bool episode_log_write_file(const char *path, const struct buf *head,
                                   const struct buf *lines)
{
    int fd = plain_file_open_own(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f)
        return false;
    bool good = fwrite(head->data, 1, head->len, f) == head->len &&
                fwrite(lines->data, 1, lines->len, f) == lines->len;
    return fclose(f) == 0 && good;
}

static void put_head(const struct episode_log *r, const struct recorder *c, uint8_t flags,
                     const struct reward_mix *mix, const struct wire_labels_identity *identity,
                     uint64_t env_steps, struct buf *out)
{
    buf_puts(out, "{\"onic_replay\":1");
    buf_json_key_text(out, "env", r->env_id);
    buf_puts(out, r->options);
    buf_printf(out, ",\"actor\":%d,\"environment\":%d,\"episode\":%llu,\"seed\":\"%llu\"",
               episode_actor(c->id), episode_environment(c->id),
               (unsigned long long)episode_number(c->id),
               (unsigned long long)episode_seed(r->run_seed, c->id));
    buf_printf(out, ",\"weights_versions\":[%llu,%llu],\"env_steps\":%llu,\"steps\":%u",
               (unsigned long long)c->first_version, (unsigned long long)c->last_version,
               (unsigned long long)env_steps, c->steps);
    buf_json_key_text(out, "end", flags & STEP_TERMINATED ? "terminated" : "truncated");
    buf_printf(out, ",\"success\":%s", flags & STEP_SUCCESS ? "true" : "false");
    buf_json_key_number(out, "return", c->ret);
    buf_json_key_number(out, "paid_ext", c->ext);
    buf_json_key_number(out, "paid_int", c->intrinsic);
    buf_json_key_text(out, "reward_model", reward_mix_type(mix)->name);
    buf_json_key_text(out, "shaping", reward_mix_chain(mix));
    buf_json_key_number(out, "coef_ext", (double)reward_mix_coef_ext(mix));
    buf_json_key_number(out, "coef_int", (double)reward_mix_coef_int(mix));
    buf_json_key_text(out, "annotator", identity ? identity->annotator : "");
    buf_json_key_text(out, "goal", identity ? identity->goal : "");
    buf_json_key_text(out, "prompt_version", identity ? identity->goal_version : "");
    buf_puts(out, "}\n");
}

static void episode_log_keep(struct episode_log *r, struct recorder *c, uint8_t flags,
                             const struct reward_mix *mix,
                             const struct wire_labels_identity *identity, uint64_t env_steps)
{
    char path[PATH_LEN], temporary[PATH_LEN + 8];
    struct buf head;
    if (r->home && !run_home_is_here(r->home)) /* the run ends */
        return;
    buf_init(&head, HEAD_MAX);
    put_head(r, c, flags, mix, identity, env_steps, &head);
    snprintf(path, sizeof path, "%s/%013llu-a%d-e%d-%llu.jsonl", r->dir,
             (unsigned long long)env_steps, episode_actor(c->id), episode_environment(c->id),
             (unsigned long long)episode_number(c->id));
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (episode_log_write_file(temporary, &head, &c->lines) && rename(temporary, path) == 0) {
        r->kept++;
        if (!r->home || run_home_is_here(r->home))
            prune(r);
    } else {
        int why = errno;
        unlink(temporary);
        if (log_every_ms(&r->log_ms, 60000))
            log_warn("an episode could not be kept", kv("file", (const char *)path),
                     kv("why", file_write_why(why)));
    }
    buf_release(&head);
}

/* --- recording ------------------------------------------------------------------------------- */

/* Its memory goes too: what is kept for the next one is small. */
static void end_recording(struct episode_log *r, struct recorder *c)
{
    c->active = false;
    buf_release(&c->lines);
    buf_init(&c->lines, r->bytes_max);
}

/* Actors that are gone keep no place and no memory that others need. True: there were some. */
static bool forget_the_gone(struct episode_log *r)
{
    int64_t now = clock_ms();
    bool any = false;
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++) {
        struct recorder *c = &r->recorder[i];
        if (!c->active || now - c->heard_ms <= GONE_MS)
            continue;
        end_recording(r, c);
        any = true;
    }
    return any;
}

/* All that are open have as much memory together as one may have; an episode that does not end
 * costs the others nothing. */
static bool keep_to_budget(struct episode_log *r)
{
    struct recorder *longest = NULL;
    size_t bytes = 0;
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++) {
        struct recorder *c = &r->recorder[i];
        bytes += c->active ? c->lines.len : 0;
        if (c->active && (!longest || c->lines.len > longest->lines.len))
            longest = c;
    }
    if (bytes <= r->bytes_max)
        return true;
    if (!forget_the_gone(r))
        end_recording(r, longest);
    return false;
}

static struct recorder *recorder_of(struct episode_log *r, int actor, int environment)
{
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++)
        if (r->recorder[i].active && episode_actor(r->recorder[i].id) == actor &&
            episode_environment(r->recorder[i].id) == environment)
            return &r->recorder[i];
    return NULL;
}

static struct recorder *free_recorder(struct episode_log *r)
{
    for (int i = 0; i < EPISODE_LOG_OPEN_MAX; i++)
        if (!r->recorder[i].active)
            return &r->recorder[i];
    return NULL;
}

/* An episode begins: is it one to keep? The first one is, then every N-th; one more when none could
 * be recorded for lack of room. */
static struct recorder *episode_log_begin(struct episode_log *r, uint64_t id,
                                          const struct trajectory *t)
{
    if (r->started++ % r->every != 0)
        return NULL;
    struct recorder *c = free_recorder(r);
    if (!c && forget_the_gone(r))
        c = free_recorder(r);
    if (!c) {
        r->started--; /* the next one, then */
        return NULL;
    }
    struct buf lines = c->lines;
    *c = (struct recorder){.active = true,
                           .id = id,
                           .incarnation = t->incarnation,
                           .first_version = t->weights_version,
                           .heard_ms = clock_ms(),
                           .lines = lines};
    return c;
}

/* What the model says of a caption, before shaping, and whether a label of it was there: nothing
 * has been learned since the batch was bound. */
static void put_score(struct recorder *c, struct reward_mix *mix, const char *caption, size_t len)
{
    bool labelled;
    if (!reward_mix_type(mix)->traits.caption_only)
        return;
    buf_json_key_number(&c->lines, "score",
                        (double)reward_mix_caption(mix, caption, len, &labelled));
    buf_printf(&c->lines, ",\"labelled\":%s", labelled ? "true" : "false");
}

/* What the environment got: from these numbers the episode is played again. */
static void put_action(const struct action_dist *dist, const struct trajectory *t, size_t own,
                       struct buf *out)
{
    union action_cell action[BOUND_ACTION_PARTS];
    size_t parts = (size_t)action_space_parts(&dist->space);
    for (size_t k = 0; k < parts; k++)
        if (t->number)
            action[k].number = t->number[own * parts + k];
        else
            action[k].choice = t->action[own * parts + k];
    action_dist_act(dist, action, 1);
    action_space_json(&dist->space, action, out);
}

/* Step `step` of column `column`; false when the episode has become too long to keep. */
static bool episode_log_append(struct recorder *c, const struct batch *b, int step, int column,
                               const struct action_dist *dist, struct reward_mix *mix)
{
    const struct trajectory *t = b->column[column].t;
    size_t at = (size_t)step * (size_t)b->C + (size_t)column;
    size_t own = (size_t)step * (size_t)t->shape.E + (size_t)b->column[column].e;
    double ext = (double)(reward_mix_coef_ext(mix) * b->r_ext[at]);
    double intrinsic = (double)(reward_mix_coef_int(mix) * b->r_int[at]);
    uint32_t caption = b->reward.caption[at];
    c->steps++;
    c->last_version = t->weights_version;
    c->ret += (double)t->reward[own];
    c->ext += ext;
    c->intrinsic += intrinsic;
    buf_printf(&c->lines, "{\"t\":%u,\"action\":", c->steps);
    put_action(dist, t, own, &c->lines);
    buf_json_key_number(&c->lines, "reward", (double)t->reward[own]);
    buf_json_key_number(&c->lines, "ext", ext);
    buf_json_key_number(&c->lines, "int", intrinsic);
    if (caption) {
        buf_printf(&c->lines, ",\"n\":%u,\"caption\":", b->reward.episodic_count[at]);
        buf_json_string(&c->lines, b->reward.caption_text[caption], b->reward.caption_len[caption]);
        put_score(c, mix, b->reward.caption_text[caption], b->reward.caption_len[caption]);
    }
    return buf_puts(&c->lines, "}\n") == ONIC_OK && !c->lines.overflow;
}

static bool continues(const struct recorder *c, const struct trajectory *t, int e)
{
    return c->id == t->episode_id[e] && c->incarnation == t->incarnation &&
           c->steps == t->first_step[e] && t->shape.T > 0;
}

/* The steps of one column of the batch. */
static void add_column(struct episode_log *r, const struct batch *b, int column,
                       struct reward_mix *mix, const struct wire_labels_identity *identity,
                       uint64_t env_steps)
{
    const struct trajectory *t = b->column[column].t;
    int e = b->column[column].e;
    uint64_t id = t->episode_id[e];
    struct recorder *c = recorder_of(r, (int)t->actor_id, e);
    if (c && !continues(c, t, e))
        end_recording(r, c), c = NULL;
    if (!c && t->seq == 1) /* of later trajectories the beginning was seen at the end before */
        c = t->first_step[e] == 0 ? episode_log_begin(r, id, t) : NULL;
    for (int step = 0; step < b->T; step++) {
        uint8_t flags = t->flags[(size_t)step * (size_t)t->shape.E + (size_t)e];
        if (c && !episode_log_append(c, b, step, column, &r->dist, mix))
            end_recording(r, c), c = NULL;
        if (!(flags & STEP_ENDED))
            continue;
        if (c) {
            if (!(flags & STEP_FAILED)) /* what broke does not break the same way again */
                episode_log_keep(r, c, flags, mix, identity, env_steps);
            end_recording(r, c);
        }
        id = episode_next(id);
        c = episode_log_begin(r, id, t);
    }
}

/* Before any of them can be taken for gone. */
static void episode_log_hear(struct episode_log *r, const struct batch *b)
{
    int64_t now = clock_ms();
    for (int column = 0; column < b->C; column++) {
        const struct batch_column *of = &b->column[column];
        struct recorder *c = recorder_of(r, (int)of->t->actor_id, of->e);
        if (c)
            c->heard_ms = now;
    }
}

void episode_log_add(struct episode_log *r, const struct batch *b, struct reward_mix *mix,
                     const struct wire_labels_identity *identity, uint64_t env_steps)
{
    if (!r)
        return;
    episode_log_hear(r, b);
    for (int column = 0; column < b->C; column++) {
        add_column(r, b, column, mix, identity, env_steps);
        while (!keep_to_budget(r))
            ;
    }
}
