/* SPDX-License-Identifier: MIT */
/* labels_annotate.c - `onic labels annotate DATA`: a reward server in a thread of this process, and
 * a client that asks it about every pair.
 *
 * Nothing is new here but the questions: labels are durable before they are counted, what is
 * answered is never asked again, so breaking off costs nothing and calling again goes on. Pairs are
 * asked in groups, each when the one before is answered, so that memory stays bounded and a signal
 * is obeyed within a group. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/wire/frame/sock_folder.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/pairs.h"
#include "reward_server/server_options.h"

enum { GROUP = 1024, PROGRESS_MS = 2000, POLL_MS = 50 };

struct serving {
    struct server *server;
    pthread_t thread;
    atomic_bool ended;
    int rc;
    struct onic_err err;
};

static void *labels_annotate_serve(void *arg)
{
    struct serving *s = arg;
    s->rc = server_run(s->server, &s->err);
    atomic_store(&s->ended, true);
    return NULL;
}

/* Of n chunks the i-th: pairs i - 1, i - 1 + n, ... */
struct chunk {
    unsigned i, n;
};

struct asking {
    struct serving *serving;
    struct chunk chunk;
    unsigned at; /* pairs read */
    struct wire_labels_client *client;
    int total, in_group;
    uint64_t labels, abstained;
    int64_t start_ms, shown_ms;
    bool broken_off;
};

static void labels_annotate_show(struct asking *a)
{
    double s = (double)(clock_ms() - a->start_ms) * 1e-3;
    uint64_t done = a->labels + a->abstained;
    double rate = s > 0 ? (double)done / s : 0, left = (double)a->total - (double)done;
    fprintf(stderr,
            "annotate: %" PRIu64 " of %d pairs, %" PRIu64
            " without an answer, %.1f/s, ETA %.0f s\n",
            done, a->total, a->abstained, rate, rate > 0 && left > 0 ? left / rate : 0.0);
}

/* Until every question of the group has an answer, or the server ended. */
static void finish_group(struct asking *a)
{
    struct wire_labels_client_status st;
    struct label l;
    do {
        wire_labels_client_poll(a->client, POLL_MS);
        while (wire_labels_client_next(a->client, &l))
            *(l.state == LABEL_ANSWERED ? &a->labels : &a->abstained) += 1;
        wire_labels_client_status(a->client, &st);
        if (clock_ms() - a->shown_ms > PROGRESS_MS) {
            a->shown_ms = clock_ms();
            if (st.waiting_for[0])
                fprintf(stderr, "annotate: waiting for %s\n", st.waiting_for);
            labels_annotate_show(a);
        }
        a->broken_off = atomic_load(&a->serving->ended);
    } while (!a->broken_off && st.outstanding + st.waiting > 0);
    a->in_group = 0;
}

static void labels_annotate_ask(void *ctx, const char *question, size_t len)
{
    struct asking *a = ctx;
    if (a->broken_off || a->at++ % a->chunk.n != a->chunk.i - 1)
        return;
    wire_labels_client_ask(a->client, question, len);
    if (++a->in_group == GROUP)
        finish_group(a);
}

static void labels_annotate_count(void *ctx, const char *question, size_t len)
{
    (void)question;
    (void)len;
    ++*(int *)ctx;
}

static int ask_all(struct serving *s, const char *data, struct chunk chunk, int total,
                   struct onic_err *err)
{
    struct asking a = {.serving = s, .chunk = chunk, .start_ms = clock_ms()};
    a.total = (int)(((unsigned)total + chunk.n - chunk.i) / chunk.n);
    a.shown_ms = a.start_ms;
    int rc = wire_labels_client_create(&a.client, server_address(s->server), NULL, err);
    if (rc)
        return rc;
    wire_labels_client_wait_for_all(a.client, true);
    rc = pairs_read(data, NULL, labels_annotate_ask, &a, err);
    if (!rc)
        finish_group(&a);
    labels_annotate_show(&a);
    wire_labels_client_free(a.client);
    if (!rc && a.broken_off && !s->rc)
        fputs("annotate: stopped; the same command goes on\n", stderr);
    return rc;
}

static int read_chunk(const char *text, struct chunk *out, struct onic_err *err)
{
    char end;
    *out = (struct chunk){1, 1};
    if (text[0] && (sscanf(text, "%u/%u%c", &out->i, &out->n, &end) != 2 || out->i < 1 ||
                    out->i > out->n || out->n > 100000))
        return err_set(err, ONIC_ECONFIG,
                       "--chunk is '%s', must be i/n with i from 1 to n, for example 1/4", text);
    return ONIC_OK;
}

/* As the pairs say: a name, of which goal files are found. */
static int take_environment(struct config *cfg, const char *data, const char *env,
                            struct onic_err *err)
{
    struct config *said = xmalloc(sizeof *said);
    config_defaults(said);
    int rc = config_set(said, "env.id", env, CONFIG_FILE, data, err);
    if (!rc)
        rc = config_take_portable(cfg, said, NULL, data, err);
    free(said);
    return rc;
}

/* Options of the server: the store in DATA, the socket in a private folder. */
static int configure(struct server_params *out, struct config *cfg, const char *data,
                     const char *env, struct scratch *folder, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (env[0] && config_origin_of(cfg, "env.id") == CONFIG_DEFAULT)
        rc = take_environment(cfg, data, env, err);
    if (!rc)
        rc = sock_folder_create(folder, data, err);
    if (rc)
        return rc;
    snprintf(cfg->run_dir, sizeof cfg->run_dir, "%s", data);
    snprintf(cfg->listen_address, sizeof cfg->listen_address, "ipc://%.91s/reward", folder->path);
    rc = server_options(out, cfg, err);
    /* the server drops what its annotator does not answer, and the client would wait for ever */
    return rc ? rc
              : annotator_check_kind(&out->annotators, QUESTION_PAIR, "onic labels annotate", err);
}

/* Serves and asks until all is answered or the server ends. */
static int labels_annotate_run(struct serving *s, const char *data, struct chunk chunk, int total,
                               struct onic_err *err)
{
    if (pthread_create(&s->thread, NULL, labels_annotate_serve, s) != 0)
        return err_set(err, ONIC_EIO, "cannot start the thread of the reward server");
    int rc = ask_all(s, data, chunk, total, err);
    server_stop(s->server);
    pthread_join(s->thread, NULL);
    if (s->rc && err)
        *err = s->err;
    return s->rc ? s->rc : rc;
}

int labels_annotate(const char *data, const struct config *given, const char *chunk_text,
                    struct onic_err *err)
{
    struct config *cfg = xmalloc(sizeof *cfg);
    struct server_params *params = xmalloc(sizeof *params);
    struct serving s = {0};
    struct chunk chunk;
    char env[CONFIG_STR_MAX] = "";
    struct scratch folder = {0};
    int total = 0;
    *cfg = *given;
    int rc = read_chunk(chunk_text, &chunk, err);
    if (!rc)
        rc = pairs_read(data, env, labels_annotate_count, &total, err);
    if (!rc)
        rc = configure(params, cfg, data, env, &folder, err);
    if (!rc)
        rc = server_create(&s.server, params, err);
    if (!rc)
        rc = labels_annotate_run(&s, data, chunk, total, err);
    server_free(s.server);
    scratch_remove(&folder);
    free(params);
    free(cfg);
    return rc;
}
