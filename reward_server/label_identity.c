/* SPDX-License-Identifier: MIT */
/* label_identity.c - see label_identity.h. An annotator is made as the server makes it, but idle:
 * what it calls itself depends on files and options that only it knows. */
#include "reward_server/label_identity.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

void label_identity_of(struct label_identity *out, char goal_name[LABEL_IDENTITY_GOAL_MAX],
                       const struct annotator *a, const struct annotator_order *o,
                       const char *names, const struct goal *goal)
{
    snprintf(goal_name, LABEL_IDENTITY_GOAL_MAX, "%.30s/%.30s", goal->domain, goal->name);
    *out = (struct label_identity){
        .annotator = names, .goal = goal_name, .goal_version = goal->version, .vote = o->vote};
    a->v->identity(a, &out->model, &out->parameters);
}

static void label_identity_wake_nobody(void *ctx)
{
    (void)ctx;
}

static int identity_with(char out[192], const struct annotator_order *o,
                         const struct goal_choice *choice, uv_loop_t *loop, struct onic_err *err)
{
    char names[ANNOTATOR_NAMES_MAX], goal_name[LABEL_IDENTITY_GOAL_MAX];
    struct annotator *a;
    struct goal *goal = NULL;
    struct label_identity id;
    int rc = annotator_goal(&goal, o, choice, err);
    struct annotator_setup setup = {
        .goal = goal, .loop = loop, .wake = label_identity_wake_nobody, .idle = true};
    if (!rc)
        rc = annotator_open(&a, o, &setup, err);
    if (!rc) {
        annotator_names(o, names);
        label_identity_of(&id, goal_name, a, o, names, goal);
        label_identity_text(&id, out);
        a->v->free(a);
    }
    goal_free(goal);
    return rc;
}

int label_identity_expected(char out[192], const struct annotator_order *o,
                            const struct goal_choice *choice, struct onic_err *err)
{
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        return err_set(err, ONIC_EIO, "cannot create an event loop");
    int rc = identity_with(out, o, choice, &loop, err);
    uv_run(&loop, UV_RUN_DEFAULT); /* handles close here */
    uv_loop_close(&loop);
    return rc;
}
