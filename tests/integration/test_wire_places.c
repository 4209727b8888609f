/* SPDX-License-Identifier: MIT */
/* test_wire_places.c - an actor's number belongs to whom the learner gave it (R10): a stranger who
 * knows run, epoch and incarnations, which WELCOME tells everybody, takes none away and puts
 * nothing into the books. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "tests/support/wire_raw.h"

enum { VICTIM = 7 };

struct claim {
    int wanted;
    uint32_t id;
    uint64_t incarnation, held;
    Onic__Wire__Account own, previous;
    uint8_t secret[16];
    size_t secret_len;
};

static void say_hello(struct raw *r, const struct claim *c)
{
    uint8_t meta[1024], out[4096];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    struct claim copy = *c;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = c->wanted;
    h.own = &copy.own;
    h.previous = copy.previous.incarnation ? &copy.previous : NULL;
    h.held = c->held;
    h.secret = (ProtobufCBinaryData){c->secret_len, copy.secret};
    r->id = c->id;
    r->incarnation = c->incarnation;
    size_t n = onic__wire__hello__pack(&h, meta);
    n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
}

/* The learner of r, where VICTIM plays; *secret: what r was given when it joined by itself. */
static struct wire_actor *open_with_victim(struct raw *r, struct claim *mine)
{
    struct frame f;
    zmq_msg_t msg;
    open_raw(r);
    struct wire_actor *a = pair_join(r->address, NULL, VICTIM, NULL);
    pair_play(a, VICTIM, 1);
    pair_consume_one(r->l, a, 1);
    *mine = (struct claim){.wanted = -1, .id = (uint32_t)FRAME_ID_NONE};
    onic__wire__account__init(&mine->own);
    onic__wire__account__init(&mine->previous);
    say_hello(r, mine);
    assert_true(await(r, FRAME_WELCOME, &f, &msg));
    Onic__Wire__Welcome *m = onic__wire__welcome__unpack(NULL, f.head.meta_len, f.meta);
    assert_int_equal(m->secret.len, sizeof mine->secret);
    memcpy(mine->secret, m->secret.data, sizeof mine->secret);
    mine->secret_len = sizeof mine->secret;
    mine->id = m->actor_id;
    mine->held = mine->incarnation = m->incarnation;
    onic__wire__welcome__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
    return a;
}

static void plays_on(struct raw *r, struct wire_actor *a, uint64_t seq)
{
    struct wire_learner_status s;
    pair_play(a, VICTIM, seq);
    pair_consume_one(r->l, a, seq);
    wire_learner_status(r->l, &s);
    assert_int_equal(s.fenced, 0);
}

static char refusal[400]; /* what the last one said */

static uint32_t is_refused(struct raw *r)
{
    struct frame f;
    zmq_msg_t msg;
    assert_true(await(r, FRAME_REJECT, &f, &msg));
    Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f.head.meta_len, f.meta);
    uint32_t code = m->code;
    snprintf(refusal, sizeof refusal, "%.*s", (int)m->text.len, (const char *)m->text.data);
    onic__wire__reject__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
    return code;
}

/* As an actor asks: each half second again, for a HELLO that comes before it is known that the
 * holder is gone is not answered. */
static uint32_t is_refused_in_the_end(struct raw *r, const struct claim *c)
{
    zmq_pollitem_t heard = {.socket = r->socket, .events = ZMQ_POLLIN};
    for (int tries = 0; tries < 20; tries++) {
        say_hello(r, c);
        if (zmq_poll(&heard, 1, 500) > 0)
            return is_refused(r);
    }
    fail_msg("nobody answered");
    return 0;
}

/* A connection of its own for the next try: one that is an actor gets no second number. */
static void connect_again(struct raw *r)
{
    int linger = 0, wait_ms = TEST_PATIENCE_MS;
    zmq_close(r->socket);
    r->socket = zmq_socket(r->context, ZMQ_DEALER);
    zmq_setsockopt(r->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(r->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    assert_int_equal(zmq_connect(r->socket, r->address), 0);
}

static void a_living_actor_is_not_fenced_by_a_guess(void **state)
{
    struct raw r;
    struct claim mine;
    uint64_t seq = 2;
    (void)state;
    struct wire_actor *a = open_with_victim(&r, &mine);
    /* the victim's own incarnation (it came before us), and larger ones */
    const uint64_t incarnations[] = {mine.incarnation - 1, mine.incarnation,
                                     mine.incarnation + 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof incarnations / sizeof *incarnations; i++)
        for (int k = 0; k < 3; k++) { /* no secret, a wrong one, one of another place */
            struct claim c = mine;
            connect_again(&r);
            c.id = c.wanted = VICTIM;
            c.incarnation = c.held = c.own.incarnation = incarnations[i];
            c.secret_len = k ? sizeof c.secret : 0;
            c.secret[0] ^= k == 1;
            c.held = k == 2 ? mine.held : c.held;
            say_hello(&r, &c);
            assert_int_equal(is_refused(&r), WIRE_REJECT_OTHER_RUN);
            assert_string_equal(refusal, "the learner does not know this session as one that it "
                                         "has given; restart the actor to join it");
            plays_on(&r, a, seq++);
        }
    struct wire_learner_status s;
    wire_learner_status(r.l, &s);
    assert_int_equal(s.unproved, 12);
    connect_again(&r);
    r.run_id[0] ^= 1;
    say_hello(&r, &mine);
    assert_int_equal(is_refused(&r), WIRE_REJECT_OTHER_RUN);
    assert_string_equal(refusal, "another run answers at this address now; restart the actor to "
                                 "join it");
    wire_actor_free(a);
    close_raw(&r);
}

/* A killed actor's number is kept for a moment for the one who can show that it is his. */
static void a_number_that_is_free_for_a_moment_is_not_snatched(void **state)
{
    struct raw r;
    struct claim mine;
    char dir[300];
    (void)state;
    wire_actor_free(open_with_victim(&r, &mine));
    snprintf(dir, sizeof dir, "%s/state", r.dir);
    connect_again(&r);
    struct wire_actor *a = pair_join(r.address, NULL, 3, dir);
    pair_play(a, 3, 1);
    wire_actor_free(a); /* killed */
    struct claim c = {.wanted = 3, .id = (uint32_t)FRAME_ID_NONE};
    onic__wire__account__init(&c.own);
    onic__wire__account__init(&c.previous);
    assert_int_equal(is_refused_in_the_end(&r, &c), WIRE_REJECT_RETRY);
    assert_non_null(strstr(refusal, "actor number 3 is kept for its last process (host "));
    assert_non_null(strstr(refusal, ") for some seconds; asking again"));
    a = pair_join(r.address, NULL, 3, dir);
    pair_play(a, 3, 1);
    wire_actor_free(a);
    close_raw(&r);
}

struct asker {
    struct raw *r;
    const struct claim *c;
};

/* Asked again until the learner has seen that the connection of before is gone. */
static bool is_welcome(void *ctx)
{
    struct asker *k = ctx;
    struct frame f;
    zmq_msg_t msg;
    int wait_ms = 200;
    zmq_setsockopt(k->r->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    say_hello(k->r, k->c);
    if (!await(k->r, FRAME_WELCOME, &f, &msg))
        return false;
    zmq_msg_close(&msg);
    return true;
}

/* Without its secret nobody says what an incarnation produced; with it, no more than can be. */
static void an_account_that_is_not_shown_to_be_ones_own_is_not_booked(void **state)
{
    struct raw r;
    struct claim mine;
    (void)state;
    struct wire_actor *a = open_with_victim(&r, &mine);
    for (int k = 0; k < 4; k++) {
        struct claim c = mine;
        connect_again(&r);
        c.wanted = k == 3 ? (int)mine.id : 100 + k;
        c.incarnation = 0;
        c.id = (uint32_t)FRAME_ID_NONE;
        c.previous.incarnation = k == 0 ? mine.incarnation + 5 : mine.incarnation;
        c.previous.produced = 1ull << 40;
        c.previous.acked = k == 1 ? c.previous.produced : c.previous.produced - 5;
        c.previous.steps_each = 12;
        c.secret_len = k == 2 ? 0 : c.secret_len;
        assert_true(wait_until(is_welcome, &(struct asker){&r, &c}, TEST_PATIENCE_MS));
        struct ledger led = pair_ledger(r.l);
        assert_balanced(&led);
        assert_int_equal(led.trajectories.produced, 1);
    }
    plays_on(&r, a, 2);
    wire_actor_free(a);
    close_raw(&r);
}

static void say_bye(struct raw *r, const struct claim *mine)
{
    uint8_t meta[100], out[1000];
    struct frame f;
    zmq_msg_t msg;
    Onic__Wire__Bye m = ONIC__WIRE__BYE__INIT;
    Onic__Wire__Account own = mine->own;
    m.own = &own;
    r->id = mine->id;
    r->incarnation = mine->incarnation;
    size_t n = onic__wire__bye__pack(&m, meta);
    n = build(out, head(r, FRAME_BYE), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
    assert_true(await(r, FRAME_BYE_ACK, &f, &msg));
    zmq_msg_close(&msg);
}

/* Who had a number and left it may have it again once nobody has it; of the one that had it in
 * between its old secret says nothing. */
static void the_secret_of_an_earlier_place_says_nothing_of_a_later_one(void **state)
{
    struct raw r;
    struct claim mine;
    (void)state;
    struct wire_actor *a = open_with_victim(&r, &mine);
    say_bye(&r, &mine);
    struct wire_actor *later = pair_join(r.address, NULL, (int)mine.id, NULL);
    pair_play(later, mine.id, 1);
    pair_consume_one(r.l, later, 1);
    wire_actor_free(later); /* killed */
    struct claim c = mine;
    connect_again(&r);
    c.wanted = (int)mine.id;
    c.id = (uint32_t)FRAME_ID_NONE;
    c.incarnation = 0;
    c.previous.incarnation = mine.incarnation + 1;
    c.previous.produced = 3;
    c.previous.acked = 1;
    c.previous.steps_each = 12;
    assert_true(wait_until(is_welcome, &(struct asker){&r, &c}, 20000));
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 2); /* the victim's and the later one's */
    plays_on(&r, a, 2);
    wire_actor_free(a);
    close_raw(&r);
}

/* It knows its own incarnation and those before it; one that comes after has no page yet, however
 * little it tells of. */
static void a_page_of_an_incarnation_to_come_is_not_booked(void **state)
{
    struct raw r;
    struct claim mine;
    (void)state;
    struct wire_actor *a = open_with_victim(&r, &mine);
    say_bye(&r, &mine);
    struct claim c = mine;
    connect_again(&r);
    c.wanted = (int)mine.id;
    c.id = (uint32_t)FRAME_ID_NONE;
    c.incarnation = 0;
    c.previous.incarnation = mine.incarnation + 1;
    c.previous.produced = 3;
    c.previous.acked = 1;
    c.previous.steps_each = 12;
    assert_true(wait_until(is_welcome, &(struct asker){&r, &c}, 20000));
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 1);
    plays_on(&r, a, 2);
    wire_actor_free(a);
    close_raw(&r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_actor_is_not_fenced_by_a_guess),
        cmocka_unit_test(a_number_that_is_free_for_a_moment_is_not_snatched),
        cmocka_unit_test(an_account_that_is_not_shown_to_be_ones_own_is_not_booked),
        cmocka_unit_test(the_secret_of_an_earlier_place_says_nothing_of_a_later_one),
        cmocka_unit_test(a_page_of_an_incarnation_to_come_is_not_booked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
