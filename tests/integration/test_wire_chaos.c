/* SPDX-License-Identifier: MIT */
/* test_wire_chaos.c - random kills of actors and learner; the ledger must balance, nothing may be
 * trained on twice.
 *
 * The learner's memory dies with it: it comes back from the last blob that was saved. The test
 * keeps its own account of what each learner lineage trained on, by (actor, incarnation, seq),
 * rolled back together with the blob, and holds the ledger against it. The seed is printed;
 * ONIC_TEST_SEED repeats a run. */
#define _DEFAULT_SOURCE
#include <time.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/base/strmap.h"
#include "tests/support/wire_pair.h"

enum { ACTORS = 4, ROUNDS = 1000 };

struct chaos {
    struct rng rng;
    char dir[256], address[300], state[300];
    struct wire_learner *l;
    uint32_t epoch;
    uint64_t version;
    struct wire_actor *a[ACTORS];
    uint64_t played[ACTORS];
    int actor_kills, learner_kills, saves;
    struct buf blob;
    struct strmap *trained, *saved; /* (actor, incarnation, seq) -> times */
    struct trajectory *held[8];
    int nheld;
};

static void copy_map(struct strmap *to, const struct strmap *from)
{
    size_t it = 0, len;
    const char *key;
    uint64_t n;
    strmap_clear(to);
    while (strmap_next(from, &it, &key, &len, &n))
        *strmap_put(to, key, len, NULL) = n;
}

static void start_learner(struct chaos *c)
{
    struct wire_learner_params p = pair_learner_params(c->address);
    p.epoch = ++c->epoch;
    p.max_queued = 3;
    assert_ok(wire_learner_create(&c->l, &p, &err));
    if (c->blob.len)
        assert_ok(wire_learner_load(c->l, c->blob.data, c->blob.len, &err));
    pair_publish(c->l, c->version);
}

static void kill_learner(struct chaos *c)
{
    for (int i = 0; i < c->nheld; i++)
        wire_learner_release(c->l, c->held[i]);
    c->nheld = 0;
    wire_learner_free(c->l);
    copy_map(c->trained, c->saved);
    c->learner_kills++;
    start_learner(c);
}

static void save(struct chaos *c)
{
    buf_reset(&c->blob);
    wire_learner_save(c->l, &c->blob);
    copy_map(c->saved, c->trained);
    c->saves++;
}

static void train(struct chaos *c)
{
    for (int i = 0; i < c->nheld; i++) {
        struct trajectory *t = c->held[i];
        char key[64];
        int n = snprintf(key, sizeof key, "%u/%llu/%llu", t->actor_id,
                         (unsigned long long)t->incarnation, (unsigned long long)t->seq);
        (*strmap_put(c->trained, key, (size_t)n, NULL))++;
        wire_learner_consumed(c->l, t);
        wire_learner_release(c->l, t);
    }
    c->nheld = 0;
    pair_publish(c->l, ++c->version);
}

static void take_some(struct chaos *c)
{
    while (c->nheld < 8 && wire_learner_take(c->l, &c->held[c->nheld], 0) == ONIC_OK)
        c->nheld++;
    if (c->nheld == 8 || rng_below(&c->rng, 4) == 0)
        train(c);
}

static void step_actor(struct chaos *c, int i)
{
    struct onic_err err = {0};
    if (!c->a[i]) {
        struct wire_actor_params p = {.learner = c->address, .actor_id = i, .state_dir = c->state};
        assert_int_equal(wire_actor_create(&c->a[i], &p, &err), ONIC_OK);
        c->played[i] = UINT64_MAX;
    }
    if (c->played[i] == UINT64_MAX) { /* not welcomed yet */
        struct wire_welcome w;
        int rc = wire_actor_welcome(c->a[i], 0, &w, &err);
        if (rc == ONIC_EAGAIN)
            return;
        if (rc)
            print_error("actor %d: %s\n", i, err.msg);
        assert_int_equal(rc, ONIC_OK);
        struct wire_ready r = {.shape = pair_shape(0),
                               .env_text = pair_env,
                               .net_text = pair_net,
                               .weights_floats = PAIR_WEIGHTS};
        assert_int_equal(wire_actor_ready(c->a[i], &r, &err), ONIC_OK);
        c->played[i] = 0;
    }
    int rc = wire_actor_poll(c->a[i], 0, &err);
    if (rc)
        print_error("actor %d: %s\n", i, err.msg);
    assert_int_equal(rc, ONIC_OK);
    uint64_t version = 0;
    if (!wire_actor_may_start(c->a[i]))
        return;
    wire_actor_weights(c->a[i], &version);
    struct trajectory *t = wire_actor_take(c->a[i]);
    pair_fill(t, (uint32_t)i, ++c->played[i], version);
    wire_actor_put(c->a[i], t);
}

static void one_round(struct chaos *c)
{
    for (int i = 0; i < ACTORS; i++)
        step_actor(c, i);
    take_some(c);
    uint32_t dice = rng_below(&c->rng, 1000);
    int i = (int)rng_below(&c->rng, ACTORS);
    if (dice < 20) { /* kill -9: nothing is said, the ledger page stays */
        wire_actor_free(c->a[i]);
        c->a[i] = NULL;
        c->actor_kills++;
    } else if (dice < 28) {
        kill_learner(c);
    } else if (dice < 60) {
        save(c);
    }
    struct ledger led = pair_ledger(c->l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed_twice, 0);
    assert_int_equal(led.trajectories.consumed, strmap_count(c->trained));
    nanosleep(&(struct timespec){.tv_nsec = 1000000},
              NULL); /* lets the other threads run; nothing is timed */
}

static bool everything_has_come(void *ctx)
{
    struct chaos *c = ctx;
    for (int i = 0; i < ACTORS; i++)
        step_actor(c, i);
    take_some(c);
    return strmap_count(c->trained) >= 200;
}

static void the_ledger_balances_under_random_kills(void **state)
{
    (void)state;
    struct chaos *c = calloc(1, sizeof *c);
    const char *given = getenv("ONIC_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu (ONIC_TEST_SEED repeats it)\n", (unsigned long long)seed);
    c->rng = rng_stream(seed, "chaos", 0, 0, 0);
    temp_dir_create(c->dir);
    snprintf(c->address, sizeof c->address, "ipc://%s/t", c->dir);
    snprintf(c->state, sizeof c->state, "%s/state", c->dir);
    buf_init(&c->blob, 1 << 22);
    c->trained = strmap_create(1024);
    c->saved = strmap_create(1024);
    c->version = 1;
    start_learner(c);
    for (int i = 0; i < ROUNDS; i++)
        one_round(c);
    assert_true(wait_until(everything_has_come, c, TEST_PATIENCE_MS));
    train(c);
    size_t it = 0, len;
    const char *key;
    uint64_t times;
    while (strmap_next(c->trained, &it, &key, &len, &times))
        assert_int_equal(times, 1);
    struct ledger led = pair_ledger(c->l);
    struct buf line;
    buf_init(&line, 4096);
    ledger_line(&led, &line);
    print_message("%d actor kills, %d learner kills, %d saves: %s\n", c->actor_kills,
                  c->learner_kills, c->saves, line.data);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, strmap_count(c->trained));
    for (int i = 0; i < ACTORS; i++)
        wire_actor_free(c->a[i]);
    wire_learner_free(c->l);
    strmap_free(c->trained);
    strmap_free(c->saved);
    buf_release(&c->blob);
    buf_release(&line);
    temp_dir_remove(c->dir);
    free(c);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_ledger_balances_under_random_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
