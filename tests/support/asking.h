/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_ASKING_H
#define ONIC_TESTS_SUPPORT_ASKING_H

/* asking.h - a learner's client of labels with a batch of two captions to ask for, and the real
 * server side of the link; header only, as the test support library does not link the learner. */

#include <stdlib.h>

#include "learner/process/label_client.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_options.h"
#include "tests/onic_test.h"

enum { ASKING_T = 2, ASKING_E = 2, PATIENCE_MS = 10000 };

struct asking {
    char dir[256], address[300];
    struct config cfg;
    struct wire_labels_server *server;
    struct label_client *annotate;
    struct reward_mix *mix;
    struct trajectory *t;
    struct batch *batch;
    char asked[8][64];
    int nasked, want;
    bool mute; /* the server answers nothing */
};

static inline void asking_server(struct asking *f, const char *identity, unsigned kinds)
{
    struct wire_labels_identity self = {.kinds = kinds};
    snprintf(self.identity, sizeof self.identity, "%s", identity);
    strcpy(self.annotator, "rules");
    assert_ok(wire_labels_server_create(&f->server, f->address, NULL, false, NULL, &self, &err));
}

static inline void asking_open_with(struct asking *f, const char *identity, const char *model,
                                    unsigned kinds)
{
    struct obs_spec obs = {0};
    memset(f, 0, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->address, sizeof f->address, "ipc://%s/s", f->dir);
    config_defaults(&f->cfg);
    snprintf(f->cfg.reward_model, sizeof f->cfg.reward_model, "%s", model);
    f->cfg.reward_store_every = 1;
    obs_spec_add(&obs, "x", OBS_U8, 1, (int[]){1});
    assert_ok(reward_options_open(&f->mix, &f->cfg, &obs, &err));
    asking_server(f, identity, kinds);
    assert_ok(label_client_of_options(&f->annotate, &f->cfg, f->address, NULL, &err));
    struct trajectory_shape shape = {
        .T = ASKING_T, .E = ASKING_E, .obs_bytes = 8, .actions = {.n = 2}};
    f->t = trajectory_create(&shape);
    static const char *const captions[ASKING_T * ASKING_E] = {"a key", "", "a door", "a key"};
    for (int i = 0; i < ASKING_T * ASKING_E; i++) {
        f->t->caption[i] = trajectory_caption(f->t, captions[i], strlen(captions[i]));
        f->t->caption_count[i] = captions[i][0] ? 1 : 0;
    }
    f->batch = batch_create();
    batch_lay_out(f->batch, &f->t, 1, 0, 0);
}

static inline void asking_open(struct asking *f, const char *identity)
{
    asking_open_with(f, identity, "hash", 1u << QUESTION_CLASS);
}

static inline void asking_close(struct asking *f)
{
    label_client_free(f->annotate);
    wire_labels_server_free(f->server);
    reward_mix_free(f->mix);
    batch_free(f->batch);
    trajectory_free(f->t);
    temp_dir_remove(f->dir);
}

/* The server labels what it is asked: captions of five letters 1, everything else 0. */
static inline bool serve(void *ctx)
{
    struct asking *f = ctx;
    struct wire_labels_ask ask;
    wire_labels_server_tick(f->server);
    while (wire_labels_server_recv(f->server, &ask)) {
        assert_true(f->nasked < 8 && ask.question_len < 64);
        memcpy(f->asked[f->nasked], ask.question, ask.question_len);
        f->asked[f->nasked++][ask.question_len] = '\0';
        struct label l = {.id = (uint64_t)f->nasked,
                          .state = LABEL_ANSWERED,
                          .value = ask.question_len == 5 ? 1.0 : 0.0,
                          .asked_at = 1.0,
                          .answered_at = 2.0,
                          .question = f->asked[f->nasked - 1],
                          .question_len = ask.question_len};
        strcpy(l.source, "rules");
        if (!f->mute)
            wire_labels_server_send(f->server, 0, &l, 1);
    }
    struct onic_err err = {0};
    if (label_client_poll(f->annotate, f->mix, 1, &err) != ONIC_OK)
        return true;
    return f->nasked >= f->want && !label_client_pending(f->annotate);
}

static inline bool was_asked(void *ctx)
{
    struct asking *f = ctx;
    serve(f);
    return f->nasked >= f->want;
}

static inline bool known(struct asking *f, const char *caption, float *score)
{
    bool is_known;
    *score = reward_mix_caption(f->mix, caption, strlen(caption), &is_known);
    return is_known;
}

#endif /* ONIC_TESTS_SUPPORT_ASKING_H */
