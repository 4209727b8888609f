/* SPDX-License-Identifier: MIT */
/* test_wire_refused.c - whom a port turns away, and what is said of it there: connections for which
 * there are no files, that do nothing, send what never ends or fetch nothing; an actor that sends
 * nonsense; a learner whose key is off the list. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/frame/sock.h"
#include "common/wire/labels/labels.h"
#include "tests/support/audited.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"
#include "tests/support/wire_raw.h"
#include "tests/support/zmtp.h"

enum { FILES = 400, KEPT = 32, PATIENCE_MS = 30000 };

static int tcp_to(const char *address)
{
    int fd = zmtp_connect(zmtp_port(address), NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static bool has_ended(void *ctx)
{
    const int *fd = ctx;
    char bytes[256];
    ssize_t n;
    do
        n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

/* --- limits of the process ------------------------------------------------------------------- */

static void the_last_files_are_kept_from_connections(void **state)
{
    struct rlimit before, few;
    struct raw r;
    struct wire_learner_params p = pair_learner_params("");
    int held[FILES], n = 0;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = FILES;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    audited_begin();
    open_raw_at(&r, &p, "tcp://127.0.0.1:*");
    do /* all that connections may have */
        held[n] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (held[n++] < FILES - KEPT - 1);
    said_begin(LOG_WARN);
    int fd = tcp_to(r.address);
    assert_true(wait_until(has_ended, &fd, PATIENCE_MS));
    assert_audited("cut ", "address=\"127.0.0.1\"", "the limit of open files leaves no room");
    assert_said("connections are refused: the last open files of the limit are kept for "
                "checkpoints and logs; raise it (ulimit -n) limit=400 kept=32");
    said_end();
    close(fd);
    while (n > 0)
        close(held[--n]);
    assert_alive(&r);
    close_raw(&r);
    audited_end();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

struct port {
    void *context, *server;
    char at[SOCK_ADDRESS_MAX];
};

static void port_open(struct port *p, const struct sock_options *o)
{
    assert_ok(sock_bind(&p->server, p->context, "tcp://127.0.0.1:*", o, p->at, &err));
}

/* A peer of libzmq's that has sent something, and where it is. */
static void *peer_of(const struct port *p, struct sock_route *route)
{
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1 << 20, .option = "x"};
    void *peer;
    zmq_msg_t m;
    assert_ok(sock_connect(&peer, p->context, p->at, &o, &err));
    zmq_pollitem_t out = {.socket = peer, .events = ZMQ_POLLOUT},
                   in = {.socket = p->server, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&out, 1, PATIENCE_MS), 1);
    assert_int_equal(zmq_send(peer, "x", 1, ZMQ_DONTWAIT), 1);
    assert_int_equal(zmq_poll(&in, 1, PATIENCE_MS), 1);
    assert_int_equal(sock_recv(p->server, route, &m), SOCK_FRAME);
    zmq_msg_close(&m);
    return peer;
}

/* Threads of now on want a stack that no address space has. */
static void where_no_thread_can_be_started_connections_are_not_limited(void **state)
{
    pthread_attr_t usual, large;
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1000, .option = "x", .stranger_ms = 1};
    struct port p = {.context = zmq_ctx_new()};
    void *first = zmq_socket(p.context, ZMQ_PAIR); /* libzmq's own threads */
    struct sock_route route;
    (void)state;
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    assert_int_equal(pthread_attr_init(&large), 0);
    assert_int_equal(pthread_attr_setstacksize(&large, (size_t)1 << 47), 0);
    assert_int_equal(pthread_setattr_default_np(&large), 0);
    said_begin(LOG_WARN);
    port_open(&p, &o);
    said_end();
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    assert_said("connections are not limited: no thread can be started");
    sock_close(peer_of(&p, &route), 0); /* and served */
    assert_int_equal(sock_cuts(p.server), 0);
    sock_close(p.server, 0);
    zmq_close(first);
    zmq_ctx_term(p.context);
    pthread_attr_destroy(&large);
    pthread_attr_destroy(&usual);
}

/* --- connections that do not behave ---------------------------------------------------------- */

#define CUT "a connection was cut; others like it go without a word why="

static void who_comes_and_does_not_join_is_cut_and_told_of(void **state)
{
    struct sock_options soon = {.hwm = 4, .max_msg_bytes = 1000, .option = "x", .stranger_ms = 50},
                        few = {.hwm = 4,
                               .max_msg_bytes = 1000,
                               .option = "x",
                               .strangers_max = 2,
                               .stranger_ms = 600000};
    struct port p = {.context = zmq_ctx_new()};
    (void)state;
    said_begin(LOG_WARN);
    port_open(&p, &soon);
    int a = tcp_to(p.at);
    assert_true(wait_until(has_ended, &a, PATIENCE_MS));
    assert_said(CUT "\"it came and did not join\" cut_so_far=1");
    sock_close(p.server, 0);
    close(a);
    port_open(&p, &few);
    a = tcp_to(p.at);
    int b = tcp_to(p.at);
    assert_true(wait_until(has_ended, &a, PATIENCE_MS));
    assert_said(CUT "\"too many came that did not join; the oldest goes\" cut_so_far=1");
    said_end();
    assert_false(has_ended(&b));
    sock_close(p.server, 0);
    zmq_ctx_term(p.context);
    close(a);
    close(b);
}

static void who_is_told_to_go_is_cut_and_told_of(void **state)
{
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1000, .option = "x"};
    struct port p = {.context = zmq_ctx_new()};
    struct sock_route route;
    (void)state;
    port_open(&p, &o);
    void *peer = peer_of(&p, &route);
    said_begin(LOG_WARN);
    sock_cut(p.server, &route);
    assert_said(CUT "\"it was told to go\" cut_so_far=1");
    said_end();
    sock_close(peer, 0);
    sock_close(p.server, 0);
    zmq_ctx_term(p.context);
}

/* Of libzmq, which takes some messages and no more; half a minute of the clock goes by. */
static void who_fetches_nothing_is_cut_and_told_of(void **state)
{
    static char word[] = CUT "\"it does not fetch what is sent to it\" cut_so_far=1";
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1 << 20, .option = "x"};
    struct port p = {.context = zmq_ctx_new()};
    struct sock_route route;
    (void)state;
    skewed_clock_set(0);
    port_open(&p, &o);
    void *peer = peer_of(&p, &route);
    sock_know(p.server, &route, 1000);
    said_begin(LOG_WARN);
    for (int i = 0; i < 300 && !log_said(word); i++) {
        zmq_msg_t m;
        zmq_msg_init_size(&m, 1 << 20);
        memset(zmq_msg_data(&m), 0, 1 << 20);
        if (sock_send(p.server, &route, &m) == SOCK_SENT)
            continue;
        usleep(40000); /* the guard looks in real time */
        skewed_clock_advance(2000000000);
    }
    assert_said(word);
    said_end();
    clock_replace(NULL);
    sock_close(peer, 0);
    sock_close(p.server, 0);
    zmq_ctx_term(p.context);
}

/* --- an actor -------------------------------------------------------------------------------- */

static void an_actor_whose_hellos_cannot_be_read_is_put_out(void **state)
{
    struct raw r;
    struct frame f;
    zmq_msg_t msg;
    uint8_t out[512];
    (void)state;
    open_raw(&r);
    join(&r);
    said_begin(LOG_ERROR);
    for (int i = 0; i < 10; i++) {
        size_t n = build(out, head(&r, FRAME_HELLO), "\xff\xff\xff", 3, NULL, 0);
        zmq_send(r.socket, out, n, 0);
    }
    assert_true(await(&r, FRAME_REJECT, &f, &msg));
    zmq_msg_close(&msg);
    assert_said("sent nonsense too often, last: a HELLO that cannot be read actor=0");
    said_end();
    assert_int_equal(bad_so_far(&r), 10);
    assert_alive(&r);
    close_raw(&r);
}

/* Each number with both values; then shapes that differ from nothing, for nothing is known yet. */
static void what_an_actor_has_built_is_told_number_by_number(void **state)
{
    struct wire_learner_params p = pair_learner_params("");
    struct raw r;
    Onic__Wire__Ready m = pair_ready_message();
    (void)state;
    open_raw(&r);
    m.steps = 32;
    m.envs = 5;
    m.obs_bytes = 24;
    m.actions = 4;
    m.state_size = 6;
    m.nstats = 3;
    m.weights_floats = 17;
    say_ready_as(&r, m, pair_env, pair_net);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE,
                    "train.rollout: actor 32, learner 4; env.count: actor 5, learner 3; "
                    "observation bytes: actor 24, learner 16; actions: actor 4, learner 3; "
                    "recurrent state size: actor 6, learner 2; statistics: actor 3, learner 1; "
                    "weights: actor 17, learner 300000");
    close_raw(&r);
    p.shape.E = 0;
    p.shape.obs_bytes = 0;
    open_raw_as(&r, &p);
    m = pair_ready_message();
    m.envs = 0;
    say_ready_as(&r, m, pair_env, pair_net);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE, "the trajectory shape is out of range");
    m.envs = 500;
    m.obs_bytes = 100000;
    say_ready_as(&r, m, pair_env, pair_net);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE,
                    "a trajectory of 4 steps of 500 environments may need ");
    close_raw(&r);
}

/* --- a reward server's client ---------------------------------------------------------------- */

struct desk {
    struct wire_labels_server *s;
    struct wire_labels_client *c;
};

static bool desk_turn(struct desk *d)
{
    struct wire_labels_client_status st;
    struct wire_labels_ask q;
    wire_labels_client_poll(d->c, 5);
    while (wire_labels_server_recv(d->s, &q))
        ;
    wire_labels_client_status(d->c, &st);
    return st.connected;
}

static void a_learner_whose_key_is_taken_off_the_list_is_heard_no_more(void **state)
{
    static const struct wire_labels_identity self = {.identity = "x", .annotator = "rules"};
    static char word[] = "a connection is not heard any more: its key was taken off the list key=";
    char dir[256], keys[300], more[300];
    struct desk d = {0};
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    keys_make(more, dir, "more", 1u << KEY_LEARNER, keys);
    struct wire_keys *server = keys_of(keys, KEY_REWARD_SERVER), *gone = keys_of(keys, KEY_LEARNER),
                     *kept = keys_of(more, KEY_LEARNER);
    assert_ok(
        wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, server, &self, &err));
    assert_ok(wire_labels_client_create(&d.c, wire_labels_server_address(d.s), NULL, gone, &err));
    for (int64_t end = clock_ms() + PATIENCE_MS; !desk_turn(&d) && clock_ms() < end;)
        ;
    assert_true(desk_turn(&d));
    const char *left = wire_keys_public(kept);
    said_begin(LOG_WARN);
    keys_let_in(keys, KEY_LEARNER, &left, 1);
    for (int64_t end = clock_ms() + PATIENCE_MS; !log_said(word) && clock_ms() < end;) {
        wire_labels_client_ask(d.c, "you see a key", 13);
        desk_turn(&d);
    }
    assert_said(word);
    assert_said(wire_keys_public(gone));
    said_end();
    wire_labels_client_free(d.c);
    wire_labels_server_free(d.s);
    wire_keys_free(server);
    wire_keys_free(gone);
    wire_keys_free(kept);
    temp_dir_remove(dir);
}

/* Whoever answers there could not prove to be the learner. */
static void an_actor_that_knows_no_learners_key_does_not_start(void **state)
{
    char dir[256], keys[300];
    struct wire_actor *a = NULL;
    struct wire_actor_params p = {.learner = "tcp://127.0.0.1:9", .actor_id = -1};
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    struct wire_keys *k = keys_of(keys, KEY_ACTOR);
    p.keys = k;
    keys_let_in(keys, KEY_LEARNER, NULL, 0);
    int rc = ONIC_OK;
    struct onic_err why = {0};
    for (int64_t end = clock_ms() + PATIENCE_MS; !rc && clock_ms() < end; usleep(20000)) {
        rc = wire_actor_create(&a, &p, &why); /* the list is read again now and then */
        wire_actor_free(a);
        a = NULL;
    }
    assert_int_equal(rc, ONIC_ECONFIG);
    assert_non_null(strstr(why.msg, "tcp://127.0.0.1:9: no key of a learner is known, so nobody "
                                    "there could prove to be one; put its public key into "));
    assert_non_null(strstr(why.msg, "/keys/learner.allow"));
    wire_keys_free(k);
    temp_dir_remove(dir);
}

/* A learner with keys may end the connection before its actor has read that it wants some. */
static void an_actor_without_keys_is_told_that_they_are_wanted(void **state)
{
    static char shut[] = "ends every connection at its beginning";
    char address[64];
    struct onic_err e = {0};
    int held = -1, listener = zmtp_listen(address), rc = ONIC_EAGAIN;
    (void)state;
    assert_true(listener >= 0);
    struct wire_actor *a = NULL;
    struct wire_actor_params p = {.learner = address, .actor_id = -1};
    struct wire_welcome w;
    assert_ok(wire_actor_create(&a, &p, &err));
    said_begin(LOG_WARN);
    for (int64_t end = clock_ms() + PATIENCE_MS; !log_said(shut) && clock_ms() < end;) {
        zmtp_answer(listener, NULL, &held);
        assert_int_equal(wire_actor_welcome(a, 20, &w, &e), ONIC_EAGAIN);
    }
    said_end();
    assert_said("who listens at tcp://127.0.0.1:");
    assert_said(" ends every connection at its beginning: a learner with keys (give this one "
                "--security.keys=DIR), one without an open file left (it says so), or no onic "
                "learner. Trying on");
    for (int64_t end = clock_ms() + PATIENCE_MS; rc == ONIC_EAGAIN && clock_ms() < end;) {
        zmtp_answer(listener, "CURVE", &held);
        rc = wire_actor_welcome(a, 20, &w, &e);
    }
    assert_int_equal(rc, ONIC_EAUTH);
    assert_non_null(strstr(e.msg, "not authorised: the learner at tcp://127.0.0.1:"));
    assert_non_null(strstr(e.msg, " wants keys and none are given here; give --security.keys=DIR "
                                  "with a folder that `onic keygen` made"));
    wire_actor_free(a);
    close(held);
    close(listener);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_files_are_kept_from_connections),
        cmocka_unit_test(where_no_thread_can_be_started_connections_are_not_limited),
        cmocka_unit_test(who_comes_and_does_not_join_is_cut_and_told_of),
        cmocka_unit_test(who_is_told_to_go_is_cut_and_told_of),
        cmocka_unit_test(who_fetches_nothing_is_cut_and_told_of),
        cmocka_unit_test(an_actor_whose_hellos_cannot_be_read_is_put_out),
        cmocka_unit_test(what_an_actor_has_built_is_told_number_by_number),
        cmocka_unit_test(an_actor_that_knows_no_learners_key_does_not_start),
        cmocka_unit_test(an_actor_without_keys_is_told_that_they_are_wanted),
        cmocka_unit_test(a_learner_whose_key_is_taken_off_the_list_is_heard_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
