/* SPDX-License-Identifier: MIT */
/* test_wire_claims.c - what an actor that has joined says of itself enters the books only where it
 * can be true, and costs others nothing where it is not. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "tests/support/said.h"
#include "tests/support/wire_raw.h"

/* --- READY ------------------------------------------------------------------------------- */

/* Of who has said HELLO. */
static void say_ready_with(struct raw *r, uint32_t envs)
{
    uint8_t meta[512], out[4096];
    char text[200];
    Onic__Wire__Ready m = pair_ready_message();
    m.envs = envs;
    int bulk = snprintf(text, sizeof text, "%s%s", pair_env, pair_net);
    size_t n = onic__wire__ready__pack(&m, meta);
    n = build(out, head(r, FRAME_READY), meta, n, text, (size_t)bulk);
    zmq_send(r->socket, out, n, 0);
}

static void is_told(struct raw *r, uint32_t code, const char *part)
{
    struct frame f;
    zmq_msg_t msg;
    char text[1000] = {0};
    assert_true(await(r, FRAME_REJECT, &f, &msg));
    Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f.head.meta_len, f.meta);
    assert_non_null(m);
    snprintf(text, sizeof text, "%.*s", (int)m->text.len, (const char *)m->text.data);
    if (!strstr(text, part))
        fail_msg("%s", text);
    assert_int_equal(m->code, code);
    onic__wire__reject__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
}

static void is_granted(struct raw *r)
{
    struct frame f;
    zmq_msg_t msg;
    assert_true(await(r, FRAME_CREDIT, &f, &msg));
    zmq_msg_close(&msg);
}

/* As production has it: actors of one run may have different numbers of environments. */
static void open_for_any_envs(struct raw *r)
{
    struct wire_learner_params p = pair_learner_params("");
    p.shape.E = 0;
    open_raw_as(r, &p);
}

/* What was booked in trajectories of one size would be counted in steps of another. */
static void an_account_keeps_the_size_of_its_trajectories(void **state)
{
    struct trajectory_shape shape = pair_shape(0);
    struct raw r;
    (void)state;
    shape.E = 1;
    open_for_any_envs(&r);
    say_ready(&r, NULL);
    is_granted(&r);
    say_ready_with(&r, 1); /* nothing was played: it may think again */
    is_granted(&r);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    trajectory_seal(t->storage);
    send_block(&r, t->storage, 1);
    pair_consume_one(r.l, NULL, 1);
    say_ready_with(&r, 1); /* the same again changes nothing */
    is_granted(&r);
    say_ready_with(&r, 64);
    is_told(&r, WIRE_REJECT_INCOMPATIBLE,
            "environment steps of a trajectory: actor 256, learner 4");
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.steps.produced, PAIR_T);
    trajectory_free(t);
    assert_alive(&r);
    close_raw(&r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_keeps_the_size_of_its_trajectories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
