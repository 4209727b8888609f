/* SPDX-License-Identifier: MIT */
/* What one actor brings too much of is not asked, in the client that asks. No server is needed:
 * questions wait. */
#include "learner/process/label_client.h"

#include "learner/process/learner_options.h"
#include "learner/reward/reward_options.h"
#include "tests/onic_test.h"

enum { FLOOD = 1100, OTHERS = 100 };

/* n steps of one environment, each with a message of its own. */
static struct trajectory *trajectory_of(uint32_t actor, int n)
{
    struct trajectory_shape shape = {.T = FLOOD, .E = 1, .obs_bytes = 8, .actions = {.n = 2}};
    struct trajectory *t = trajectory_create(&shape);
    t->actor_id = actor;
    for (int i = 0; i < n; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "actor %u saw %d", actor, i);
        t->caption[i] = trajectory_caption(t, text, (size_t)len);
        t->caption_count[i] = 1;
    }
    return t;
}

static void report(struct label_client *a, double *waiting, double *held_back, double *most)
{
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    label_client_report(a, m);
    *waiting = metrics_get(m, "annot/backlog") + metrics_get(m, "annot/outstanding");
    *held_back = metrics_get(m, "annot/actor_held_back_total");
    *most = metrics_get(m, "annot/actor_share_max");
    metrics_free(m);
}

struct actors_scene {
    struct config cfg;
    struct reward_mix *mix;
    struct label_client *a;
    struct batch *b;
    char dir[256];
};

static void actors_begin(struct actors_scene *s)
{
    struct obs_spec obs = {0};
    char address[300];
    config_defaults(&s->cfg);
    s->cfg.reward_actor_share = 0.25;
    temp_dir_create(s->dir);
    snprintf(address, sizeof address, "ipc://%s/nobody", s->dir);
    obs_spec_add(&obs, "x", OBS_U8, 1, (int[]){1});
    assert_ok(reward_options_open(&s->mix, &s->cfg, &obs, &err));
    assert_ok(label_client_of_options(&s->a, &s->cfg, address, NULL, &err));
    s->b = batch_create();
}

static void actors_end(struct actors_scene *s)
{
    label_client_free(s->a);
    reward_mix_free(s->mix);
    batch_free(s->b);
    temp_dir_remove(s->dir);
}

static void actors_ask(struct actors_scene *s, struct trajectory *const *t, int n)
{
    batch_lay_out(s->b, t, n, 0, 0);
    label_client_ask(s->a, s->mix, s->b);
}

static void one_actor_does_not_ask_for_all(void **state)
{
    static struct actors_scene s;
    double waiting, held_back, most;
    (void)state;
    actors_begin(&s);
    struct trajectory *t[2] = {trajectory_of(3, FLOOD), trajectory_of(4, OTHERS)};
    actors_ask(&s, t, 1);
    report(s.a, &waiting, &held_back, &most);
    assert_close(waiting, 1000, 0, 0); /* the first thousand are free */
    assert_close(held_back, 100, 0, 0);
    assert_close(most, 1, 0, 0);
    actors_ask(&s, t, 2);
    report(s.a, &waiting, &held_back, &most);
    assert_close(waiting, 1100, 0, 0);
    assert_close(most, 0.9, 0, 1e-12);
    actors_end(&s);
    for (int i = 0; i < 2; i++)
        trajectory_free(t[i]);
}

/* Messages are seen again and again before their labels come. */
static void what_waits_takes_nobodys_share_again(void **state)
{
    static struct actors_scene s;
    double waiting, held_back, most;
    (void)state;
    actors_begin(&s);
    struct trajectory *t = trajectory_of(3, 600);
    for (int i = 0; i < 3; i++)
        actors_ask(&s, &t, 1);
    report(s.a, &waiting, &held_back, &most);
    assert_close(waiting, 600, 0, 0);
    assert_true(isnan(held_back));
    actors_end(&s);
    trajectory_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_actor_does_not_ask_for_all),
        cmocka_unit_test(what_waits_takes_nobodys_share_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
