/* SPDX-License-Identifier: MIT */
/* test_wire_keys.c - links over tcp with keys: who gets in, as what, for how long; what both sides
 * say of who does not. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#include <zmq.h>

#include "common/wire/frame/sock.h"
#include "common/wire/labels/labels.h"
#include "tests/support/audited.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"
#include "tests/support/wire_pair.h"
#include "tests/support/zmtp.h"

enum { JOIN_MS = 30000 };

static char dir[256], keys[300];

static int keys_setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    return 0;
}

/* --- a learner and its actors ------------------------------------------------------------ */

struct table {
    struct wire_learner *learner;
    struct wire_keys *keys;
};

static struct table table_open(const char *folder, const char *listen)
{
    struct table t = {.keys = keys_of(folder, KEY_LEARNER)};
    struct wire_learner_params p = pair_learner_params(listen);
    p.keys = t.keys;
    assert_ok(wire_learner_create(&t.learner, &p, &err));
    pair_publish(t.learner, 0);
    return t;
}

static void table_close(struct table *t)
{
    wire_learner_free(t->learner);
    wire_keys_free(t->keys);
}

static struct wire_actor *keyed_actor(const char *address, struct wire_keys *k, int id)
{
    struct wire_actor *a = NULL;
    struct wire_actor_params p = {.learner = address, .actor_id = id, .keys = k};
    assert_ok(wire_actor_create(&a, &p, &err));
    return a;
}

static int keyed_welcome(struct wire_actor *a, int timeout_ms, struct onic_err *err)
{
    struct wire_welcome w;
    int64_t end = clock_ms() + timeout_ms;
    int rc;
    while ((rc = wire_actor_welcome(a, 50, &w, err)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    return rc;
}

static void keyed_ready(struct wire_actor *a)
{
    struct wire_ready r = {.shape = pair_shape(0),
                           .env_text = pair_env,
                           .net_text = pair_net,
                           .weights_floats = PAIR_WEIGHTS};
    assert_ok(wire_actor_ready(a, &r, &err));
}

static struct wire_actor *keyed_join(const struct table *t, struct wire_keys *k, int id)
{
    struct wire_actor *a = keyed_actor(wire_learner_address(t->learner), k, id);
    assert_ok(keyed_welcome(a, JOIN_MS, &err));
    keyed_ready(a);
    return a;
}

static int keyed_end(struct wire_actor *a, struct onic_err *err)
{
    int64_t end = clock_ms() + JOIN_MS;
    int rc = ONIC_OK;
    while (!rc && clock_ms() < end)
        rc = wire_actor_poll(a, 50, err);
    return rc;
}

static void an_actor_with_a_key_plays_beyond_loopback_and_encrypted(void **state)
{
    (void)state;
    struct table t = table_open(keys, "tcp://0.0.0.0:*"); /* no allow_insecure */
    struct wire_keys *k = keys_of(keys, KEY_ACTOR);
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1%s",
             strrchr(wire_learner_address(t.learner), ':'));
    struct wire_actor *a = keyed_actor(address, k, -1);
    assert_ok(keyed_welcome(a, JOIN_MS, &err));
    keyed_ready(a);
    for (uint64_t n = 1; n <= 3; n++) {
        pair_play(a, 0, n);
        pair_consume_one(t.learner, a, n);
    }
    assert_ok(wire_actor_leave(a, 5000, &err));
    wire_actor_free(a);
    struct ledger l = pair_ledger(t.learner);
    assert_balanced(&l);
    table_close(&t);
    wire_keys_free(k);
}

static void ipc_wants_no_keys(void **state)
{
    (void)state;
    char address[300];
    snprintf(address, sizeof address, "ipc://%s/l", dir);
    struct table t = table_open(keys, address);
    struct wire_actor *a = keyed_actor(address, NULL, -1);
    assert_ok(keyed_welcome(a, JOIN_MS, &err));
    wire_actor_free(a);
    table_close(&t);
}

/* A stranger's key; then it is put into the list. */
static void a_key_gets_in_once_it_is_in_the_list(void **state)
{
    (void)state;
    char mine[300], theirs[300];
    keys_make(mine, dir, "stranger", 1u << KEY_ACTOR, "");
    keys_make(theirs, dir, "guarded", KEYS_ALL, "");
    struct table t = table_open(theirs, "tcp://127.0.0.1:*");
    const char *server = wire_keys_public(t.keys);
    keys_let_in(mine, KEY_LEARNER, &server, 1);
    struct wire_keys *k = keys_of(mine, KEY_ACTOR);
    struct onic_err e = {0};
    struct wire_actor *a = keyed_actor(wire_learner_address(t.learner), k, -1);
    assert_int_equal(keyed_welcome(a, JOIN_MS, &e), ONIC_EAUTH);
    assert_non_null(strstr(e.msg, "not authorised: the learner at tcp://127.0.0.1:"));
    assert_non_null(strstr(e.msg, wire_keys_public(k)));
    assert_non_null(strstr(e.msg, "actor.allow"));
    wire_actor_free(a);
    const char *key = wire_keys_public(k);
    keys_let_in(theirs, KEY_ACTOR, &key, 1);
    wire_actor_free(keyed_join(&t, k, -1));
    table_close(&t);
    wire_keys_free(k);
}

/* An observer's key, a reward server's: keys of the same folder, and not an actor's. */
static void only_the_role_of_a_socket_gets_in(void **state)
{
    (void)state;
    struct table t = table_open(keys, "tcp://127.0.0.1:*");
    static const enum key_role others[] = {KEY_OBSERVER, KEY_REWARD_SERVER, KEY_LEARNER};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct wire_keys *k = keys_of(keys, others[i]);
        struct onic_err e = {0};
        struct wire_actor *a = keyed_actor(wire_learner_address(t.learner), k, -1);
        assert_int_equal(keyed_welcome(a, JOIN_MS, &e), ONIC_EAUTH);
        wire_actor_free(a);
        wire_keys_free(k);
    }
    table_close(&t);
}

/* --- lists that change ------------------------------------------------------------------- */

static void an_actor_whose_key_is_taken_off_the_list_is_out(void **state)
{
    (void)state;
    char theirs[300], more[300];
    keys_make(theirs, dir, "off", KEYS_ALL, "");
    keys_make(more, dir, "off-actor", 1u << KEY_ACTOR, theirs);
    struct table t = table_open(theirs, "tcp://127.0.0.1:*");
    struct wire_keys *gone = keys_of(theirs, KEY_ACTOR), *kept = keys_of(more, KEY_ACTOR);
    struct wire_actor *a = keyed_join(&t, gone, -1), *b = keyed_join(&t, kept, -1);
    pair_play(a, 0, 1);
    pair_consume_one(t.learner, a, 1);
    const char *left = wire_keys_public(kept);
    said_begin(LOG_WARN);
    keys_let_in(theirs, KEY_ACTOR, &left, 1);
    struct onic_err e = {0};
    assert_int_equal(keyed_end(a, &e), ONIC_EAUTH);
    said_end();
    assert_said("a connection is not heard any more: its key was taken off the list key=");
    assert_non_null(strstr(e.msg, "is no longer in"));
    assert_ok(pair_wait_start(b, JOIN_MS, &err)); /* untouched */
    wire_actor_free(a);
    wire_actor_free(b);
    struct ledger l = pair_ledger(t.learner);
    assert_balanced(&l);
    table_close(&t);
    wire_keys_free(gone);
    wire_keys_free(kept);
}

static char ends_at_once[] = "ends every connection at its beginning";

static void count_warnings(void *ctx, const char *line, size_t len)
{
    if (memmem(line, len, ends_at_once, sizeof ends_at_once - 1))
        (*(int *)ctx)++;
}

/* A key that nobody has, and that stands before this one in a list (key_file.c sorts): it is tried
 * first. */
static void key_before(const char *key, char out[KEY_TEXT])
{
    char secret[KEY_TEXT];
    do
        assert_int_equal(zmq_curve_keypair(out, secret), 0);
    while (strcmp(out, key) >= 0);
}

/* The learner has another key than its actors know: a new one, of which they are told later. */
static void an_actor_finds_the_learners_new_key_without_a_restart(void **state)
{
    (void)state;
    char fresh[300], mine[300];
    keys_make(fresh, dir, "fresh", KEYS_ALL, "");
    keys_make(mine, dir, "fresh-actor", 1u << KEY_ACTOR, fresh);
    struct wire_keys *k = keys_of(mine, KEY_ACTOR);
    struct table t = table_open(fresh, "tcp://127.0.0.1:*");
    char old[KEY_TEXT];
    key_before(wire_keys_public(t.keys), old);
    const char *before = old;
    keys_let_in(mine, KEY_LEARNER, &before, 1);
    struct onic_err e = {0};
    int warnings = 0;
    log_set_writer(count_warnings, &warnings);
    struct wire_actor *a = keyed_actor(wire_learner_address(t.learner), k, -1);
    int64_t end = clock_ms() + JOIN_MS;
    while (!warnings && clock_ms() < end)
        assert_int_equal(keyed_welcome(a, 100, &e), ONIC_EAGAIN);
    log_set_writer(NULL, NULL);
    assert_int_equal(warnings, 1);
    const char *both[] = {before, wire_keys_public(t.keys)};
    keys_let_in(mine, KEY_LEARNER, both, 2);
    assert_ok(keyed_welcome(a, JOIN_MS, &err));
    wire_actor_free(a);
    table_close(&t);
    wire_keys_free(k);
}

static void an_actor_with_keys_names_a_learner_without(void **state)
{
    (void)state;
    struct wire_learner *l;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 0);
    struct wire_keys *k = keys_of(keys, KEY_ACTOR);
    struct onic_err e = {0};
    said_begin(LOG_WARN);
    struct wire_actor *a = keyed_actor(wire_learner_address(l), k, -1);
    int64_t end = clock_ms() + JOIN_MS;
    while (!log_said(ends_at_once) && clock_ms() < end)
        assert_int_equal(keyed_welcome(a, 100, &e), ONIC_EAGAIN);
    assert_said(ends_at_once);
    wire_actor_free(a);
    /* an actor ends a connection as soon as it reads that the other side has no keys, often before
     * the learner has read that it has some */
    int fd = zmtp_connect(zmtp_port(wire_learner_address(l)), "CURVE", 0);
    assert_true(fd >= 0);
    assert_said("a connection was refused: it has keys, and here are none; start this program with "
                "--security.keys=DIR, or that one without");
    close(fd);
    said_end();
    wire_learner_free(l);
    wire_keys_free(k);
}

/* --- whose place it is ------------------------------------------------------------------- */

static void an_actors_number_belongs_to_the_key_that_joined_first(void **state)
{
    (void)state;
    char theirs[300], more[300];
    keys_make(theirs, dir, "places", KEYS_ALL, "");
    keys_make(more, dir, "places-actor", 1u << KEY_ACTOR, theirs);
    struct table t = table_open(theirs, "tcp://127.0.0.1:*");
    struct wire_keys *first = keys_of(theirs, KEY_ACTOR), *second = keys_of(more, KEY_ACTOR);
    struct wire_actor *a = keyed_join(&t, first, 3);
    struct onic_err e = {0};
    said_begin(LOG_WARN);
    for (int dead = 0; dead < 2; dead++) { /* nor when its process is gone for a moment */
        struct wire_actor *b = keyed_actor(wire_learner_address(t.learner), second, 3);
        assert_int_equal(keyed_welcome(b, JOIN_MS, &e), ONIC_EAUTH);
        assert_non_null(strstr(e.msg, "actor number 3 belongs to the key"));
        assert_non_null(strstr(e.msg, wire_keys_public(first)));
        wire_actor_free(b);
        if (dead)
            break;
        pair_play(a, 3, 1);
        pair_consume_one(t.learner, a, 1);
        wire_actor_free(a);
    }
    said_end();
    assert_said("an actor number of another key was asked for actor=3 owner=");
    a = keyed_join(&t, first, 3);
    wire_actor_free(a);
    const char *left = wire_keys_public(second);
    keys_let_in(theirs, KEY_ACTOR, &left, 1); /* rotation: the old key's places are free */
    e = (struct onic_err){0};
    struct wire_actor *b;
    int64_t end = clock_ms() + JOIN_MS;
    int rc;
    do {
        b = keyed_actor(wire_learner_address(t.learner), second, 3);
        rc = keyed_welcome(b, JOIN_MS, &e);
        wire_actor_free(b);
    } while (rc == ONIC_EAUTH && clock_ms() < end);
    assert_int_equal(rc, ONIC_OK);
    table_close(&t);
    wire_keys_free(first);
    wire_keys_free(second);
}

/* The second key had the number before the first one, and has kept what it was given then. */
static void the_secret_of_an_earlier_place_takes_none_from_another_key(void **state)
{
    (void)state;
    char theirs[300], more[300], kept[300];
    keys_make(theirs, dir, "earlier", KEYS_ALL, "");
    keys_make(more, dir, "earlier-actor", 1u << KEY_ACTOR, theirs);
    snprintf(kept, sizeof kept, "%s/earlier-state", dir);
    struct table t = table_open(theirs, "tcp://127.0.0.1:*");
    struct wire_keys *first = keys_of(theirs, KEY_ACTOR), *second = keys_of(more, KEY_ACTOR);
    struct wire_actor *b = NULL;
    struct wire_actor_params p = {.learner = wire_learner_address(t.learner),
                                  .actor_id = 5,
                                  .keys = second,
                                  .state_dir = kept};
    assert_ok(wire_actor_create(&b, &p, &err));
    assert_ok(keyed_welcome(b, JOIN_MS, &err));
    keyed_ready(b);
    pair_play(b, 5, 1);
    pair_consume_one(t.learner, b, 1);
    assert_ok(wire_actor_leave(b, 5000, &err));
    wire_actor_free(b);
    struct wire_actor *a = keyed_join(&t, first, 5);
    pair_play(a, 5, 1);
    pair_consume_one(t.learner, a, 1);
    wire_actor_free(a); /* killed */
    struct onic_err e = {0};
    assert_ok(wire_actor_create(&b, &p, &err));
    assert_int_equal(keyed_welcome(b, JOIN_MS, &e), ONIC_EAUTH);
    assert_non_null(strstr(e.msg, "actor number 5 belongs to the key"));
    wire_actor_free(b);
    wire_actor_free(keyed_join(&t, first, 5));
    struct ledger l = pair_ledger(t.learner);
    assert_balanced(&l);
    table_close(&t);
    wire_keys_free(first);
    wire_keys_free(second);
}

/* --- who decides ------------------------------------------------------------------------- */

/* One question of any form to the handler of a context, as only libzmq should ask. */
static void ask_handler(void *context, const char *const *frame, int n)
{
    int no = 0, wait = 10000;
    char status[16] = "";
    void *s = zmq_socket(context, ZMQ_REQ);
    assert_int_equal(zmq_setsockopt(s, ZMQ_LINGER, &no, sizeof no), 0);
    assert_int_equal(zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(zmq_connect(s, "inproc://zeromq.zap.01"), 0);
    for (int i = 0; i < n; i++)
        assert_true(zmq_send(s, frame[i], strlen(frame[i]), i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
    for (int part = 0, more = 1; more; part++) {
        char text[300];
        size_t size = sizeof more;
        int len = zmq_recv(s, text, sizeof text, 0);
        assert_true(len >= 0);
        if (part == 2)
            snprintf(status, sizeof status, "%.*s", len, text);
        assert_int_equal(zmq_getsockopt(s, ZMQ_RCVMORE, &more, &size), 0);
    }
    assert_string_equal(status, "400");
    zmq_close(s);
}

static void whatever_is_asked_is_answered_and_lets_nobody_in(void **state)
{
    (void)state;
    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    static const char *const asked[][9] = {
        {""},
        {"1.0"},
        {"2.0", "1", "onic-1", "127.0.0.1", "", "CURVE", "01234567890123456789012345678901"},
        {"1.0", "1", "onic-1", "127.0.0.1", "", "CURVE", "01234567890123456789012345678901"},
        {"1.0", "1", "onic-ffffffff", "127.0.0.1", "", "CURVE", "01234567890123456789012345678901"},
        {"1.0", "1", "other", "127.0.0.1", "", "CURVE", "01234567890123456789012345678901"},
        {"1.0", "1", "onic-1", "127.0.0.1", "", "CURVE", "short"},
        {"1.0", "1", "onic-1", "127.0.0.1", "", "NULL"},
        {"1.0", "1", "onic-1", "127.0.0.1", "", "PLAIN", "user", "password"},
        {large, large, large, large, large, large, large, large, large},
    };
    void *context = zmq_ctx_new(), *server;
    struct wire_keys *k = keys_of(keys, KEY_LEARNER);
    struct sock_options o = {
        .hwm = 4, .max_msg_bytes = 1000, .option = "x", .keys = k, .roles = 1u << KEY_ACTOR};
    char bound[SOCK_ADDRESS_MAX];
    assert_ok(sock_bind(&server, context, "tcp://127.0.0.1:*", &o, bound, &err));
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        int n = 0;
        while (n < 9 && asked[i][n])
            n++;
        ask_handler(context, asked[i], n);
    }
    struct wire_keys *mine = keys_of(keys, KEY_ACTOR); /* and then the one it is for */
    struct sock_options c = {
        .hwm = 4, .max_msg_bytes = 1000, .option = "x", .keys = mine, .peer = KEY_LEARNER};
    void *client;
    assert_ok(sock_connect(&client, context, bound, &c, &err));
    zmq_pollitem_t out = {.socket = client, .events = ZMQ_POLLOUT},
                   in = {.socket = server, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&out, 1, 20000), 1);
    assert_int_equal(zmq_send(client, "x", 1, ZMQ_DONTWAIT), 1);
    assert_int_equal(zmq_poll(&in, 1, 20000), 1);
    struct sock_route from;
    zmq_msg_t m;
    assert_int_equal(sock_recv(server, &from, &m), SOCK_FRAME);
    assert_string_equal(from.key, wire_keys_public(mine));
    zmq_msg_close(&m);
    sock_close(client, 0);
    sock_close(server, 0);
    assert_ok(sock_bind(&server, context, "tcp://127.0.0.1:*", &o, bound, &err)); /* once more */
    sock_close(server, 0);
    zmq_ctx_term(context);
    wire_keys_free(k);
    wire_keys_free(mine);
}

/* --- labels ------------------------------------------------------------------------------ */

struct desk {
    struct wire_labels_server *s;
    struct wire_labels_client *c;
    struct wire_labels_client_status st;
    int asked;
};

static bool desk_turn(struct desk *d, bool (*done)(const struct desk *))
{
    int64_t end = clock_ms() + JOIN_MS;
    while (!done(d) && clock_ms() < end) {
        struct wire_labels_ask q;
        wire_labels_client_poll(d->c, 5);
        while (wire_labels_server_recv(d->s, &q))
            d->asked++;
        wire_labels_client_status(d->c, &d->st);
    }
    return done(d);
}

static bool is_connected(const struct desk *d)
{
    return d->st.connected;
}

static bool was_asked(const struct desk *d)
{
    return d->asked > 0;
}

static bool is_not_authorised(const struct desk *d)
{
    return strstr(d->st.waiting_for, "not authorised: the key of this program is not in "
                                     "actor.allow of the reward server at tcp://127.0.0.1:");
}

static bool misses_its_keys(const struct desk *d)
{
    return strstr(d->st.waiting_for, "not authorised: the reward server at tcp://127.0.0.1:") &&
           strstr(d->st.waiting_for, " wants keys (--security.keys=DIR), or it is none");
}

static bool finds_no_reward_server(const struct desk *d)
{
    return strstr(d->st.waiting_for, "who listens at tcp://127.0.0.1:") &&
           strstr(d->st.waiting_for, " has no key of reward-server.allow (security.keys), or is no "
                                     "reward server");
}

static void desk_seat(struct desk *d, struct wire_keys *k)
{
    wire_labels_client_free(d->c);
    d->st = (struct wire_labels_client_status){0};
    d->asked = 0;
    assert_ok(wire_labels_client_create(&d->c, wire_labels_server_address(d->s), NULL, k, &err));
    wire_labels_client_ask(d->c, "you see a key", 13);
}

static bool question_was_thrown_away(const struct desk *d)
{
    (void)d;
    return log_said((char[]){"an observer's question was thrown away: learners ask key="});
}

static void learners_ask_a_reward_server_observers_look(void **state)
{
    (void)state;
    static const struct wire_labels_identity self = {.identity = "x", .annotator = "rules"};
    struct wire_keys *server = keys_of(keys, KEY_REWARD_SERVER),
                     *learner = keys_of(keys, KEY_LEARNER), *observer = keys_of(keys, KEY_OBSERVER),
                     *actor = keys_of(keys, KEY_ACTOR);
    struct desk d = {0};
    assert_ok(
        wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, server, &self, &err));
    desk_seat(&d, learner);
    assert_true(desk_turn(&d, is_connected));
    assert_true(desk_turn(&d, was_asked));
    desk_seat(&d, observer);
    assert_true(desk_turn(&d, is_connected));
    audited_begin();
    said_begin(LOG_WARN);
    assert_true(desk_turn(&d, question_was_thrown_away));
    said_end();
    assert_audited("key_refused ", wire_keys_public(observer),
                   "it asked a question, which learners may");
    audited_end();
    assert_int_equal(d.asked, 0);
    desk_seat(&d, actor);
    assert_true(desk_turn(&d, is_not_authorised));
    desk_seat(&d, NULL);
    assert_true(desk_turn(&d, misses_its_keys));
    wire_labels_server_free(d.s);
    assert_ok(wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, NULL, &self, &err));
    desk_seat(&d, learner);
    assert_true(desk_turn(&d, finds_no_reward_server));
    wire_labels_client_free(d.c);
    wire_labels_server_free(d.s);
    wire_keys_free(server);
    wire_keys_free(learner);
    wire_keys_free(observer);
    wire_keys_free(actor);
}

/* As an actor does of its learner. */
static void a_learner_finds_the_reward_servers_new_key(void **state)
{
    (void)state;
    static const struct wire_labels_identity self = {.identity = "x", .annotator = "rules"};
    char fresh[300], old[KEY_TEXT];
    keys_make(fresh, dir, "fresh-desk", KEYS_ALL, "");
    struct wire_keys *server = keys_of(fresh, KEY_REWARD_SERVER),
                     *learner = keys_of(fresh, KEY_LEARNER);
    key_before(wire_keys_public(server), old);
    const char *both[] = {old, wire_keys_public(server)};
    keys_let_in(fresh, KEY_REWARD_SERVER, both, 2);
    struct desk d = {0};
    assert_ok(
        wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, server, &self, &err));
    desk_seat(&d, learner);
    skewed_clock_set(60000000000); /* it waits for long before it tries the next one */
    assert_true(desk_turn(&d, is_connected));
    wire_labels_client_free(d.c);
    wire_labels_server_free(d.s);
    wire_keys_free(server);
    wire_keys_free(learner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_with_a_key_plays_beyond_loopback_and_encrypted),
        cmocka_unit_test(ipc_wants_no_keys),
        cmocka_unit_test(a_key_gets_in_once_it_is_in_the_list),
        cmocka_unit_test(only_the_role_of_a_socket_gets_in),
        cmocka_unit_test(an_actor_whose_key_is_taken_off_the_list_is_out),
        cmocka_unit_test(an_actor_finds_the_learners_new_key_without_a_restart),
        cmocka_unit_test(an_actor_with_keys_names_a_learner_without),
        cmocka_unit_test(an_actors_number_belongs_to_the_key_that_joined_first),
        cmocka_unit_test(the_secret_of_an_earlier_place_takes_none_from_another_key),
        cmocka_unit_test(whatever_is_asked_is_answered_and_lets_nobody_in),
        cmocka_unit_test(learners_ask_a_reward_server_observers_look),
        cmocka_unit_test_teardown(a_learner_finds_the_reward_servers_new_key, skewed_clock_end),
    };
    return cmocka_run_group_tests(tests, keys_setup, NULL);
}
