/* SPDX-License-Identifier: MIT */
/* test_wire_crowd.c - a learner on tcp and peers that come and do nothing, or send what never ends:
 * each is cut, memory stays where it was, and an honest actor plays. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_raw.h"
#include "tests/support/zmtp.h"

enum { MEGABYTES = 200, MEGABYTES_PER_S = 100, MEGABYTE = 1 << 20 };
enum { FILES = 400, SPARE_FILES = 20, CROWD = 2 * FILES, CROWD_STAYS_MAX = 20 };

static void open_tcp(struct raw *r)
{
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    open_raw_at(r, &p, "tcp://127.0.0.1:*");
}

static uint64_t cuts_so_far(struct raw *r)
{
    struct wire_learner_status s;
    wire_learner_status(r->l, &s);
    return s.cut;
}

static bool was_cut(void *ctx)
{
    struct goal *g = ctx;
    return cuts_so_far(g->r) >= g->bad;
}

static long resident_mib(void)
{
    long pages = 0, rest;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &rest, &pages), 2);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE) / MEGABYTE;
}

/* A connection that has shaken hands as libzmq's do, without a key. */
static int shake_hands(const struct raw *r)
{
    static const char ready[] = "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER";
    char got[256];
    int fd = zmtp_connect(zmtp_port(r->address), "NULL", 0);
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, got, 64, MSG_WAITALL), 64);
    assert_int_equal(send(fd, ready, sizeof ready - 1, MSG_NOSIGNAL), (int)sizeof ready - 1);
    assert_true(recv(fd, got, sizeof got, 0) > 0);
    return fd;
}

/* Sends frames with more to come, or one that is not ended; how much was taken. As fast as a
 * network, not as memory: what comes between two looks of the guard is let in, and on a busy
 * machine the next look is late. */
static long pour(int fd, bool parts)
{
    static uint8_t part[9 + 65536] = {3, [6] = 1}; /* more, long, 65536 bytes */
    struct timeval patience = {.tv_sec = 5};
    long mib = 0;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!parts) { /* 60 MiB are announced */
        static const uint8_t large[9] = {2, [5] = 3, [6] = 0xc0};
        assert_int_equal(send(fd, large, sizeof large, MSG_NOSIGNAL), sizeof large);
    }
    for (; mib < MEGABYTES; mib++, usleep(1000000 / MEGABYTES_PER_S))
        for (int i = 0; i < 16; i++)
            if (send(fd, parts ? part : part + 9, parts ? sizeof part : 65536, MSG_NOSIGNAL) <= 0)
                return mib;
    return mib;
}

static void what_never_ends_is_cut_and_not_stored(void **state)
{
    struct raw r;
    (void)state;
    for (int parts = 0; parts < 2; parts++) {
        open_tcp(&r);
        long before = resident_mib();
        int fd = shake_hands(&r);
        said_begin(LOG_WARN);
        long sent = pour(fd, parts);
        assert_true(wait_until(was_cut, &(struct goal){&r, 1}, TEST_PATIENCE_MS));
        assert_said(
            "a connection was cut; others like it go without a word why=\"it sent more than "
            "it may without a whole message\" cut_so_far=1");
        said_end();
        assert_true(sent < MEGABYTES);
        assert_true(resident_mib() - before < 60);
        close(fd);
        assert_alive(&r);
        close_raw(&r);
    }
}

/* A stranger's message is small; an actor's is at most what its shape needs. */
static void a_message_is_as_large_as_what_was_agreed(void **state)
{
    static uint8_t out[3 << 20], bulk[2 << 20];
    struct raw r;
    (void)state;
    open_raw(&r);
    size_t n = build(out, head(&r, FRAME_HELLO), NULL, 0, bulk, 100 << 10);
    zmq_send(r.socket, out, n, 0);
    assert_true(wait_until(reached, &(struct goal){&r, 1}, TEST_PATIENCE_MS));
    join(&r);
    static const enum frame_type types[] = {FRAME_HEARTBEAT, FRAME_TRAJECTORY, FRAME_BYE};
    for (int i = 0; i < 10; i++) {
        struct frame_head h = head(&r, types[i % 3]);
        h.seq = 1;
        n = build(out, h, NULL, 0, bulk, sizeof bulk);
        zmq_send(r.socket, out, n, 0);
        assert_true(wait_until(reached, &(struct goal){&r, 2 + (uint64_t)i}, TEST_PATIENCE_MS));
    }
    assert_rejected(&r, WIRE_REJECT_REVOKED,
                    "too often, last: a message larger than any of its trajectories");
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 0);
    assert_alive(&r);
    close_raw(&r);
}

/* Who was cut is closed by libzmq's thread, at its next turn. */
static bool has_room(void *ctx)
{
    const struct rlimit *few = ctx;
    int file = open("/dev/null", O_RDONLY);
    if (file >= 0)
        close(file);
    return file >= 0 && (rlim_t)file < few->rlim_max - SPARE_FILES;
}

/* More connections than descriptors; in a process of its own, whose limit stays lowered. */
static int serve_a_crowd(void)
{
    struct rlimit few = {.rlim_cur = FILES, .rlim_max = FILES};
    struct raw r;
    int start[2], port = 0;
    if (pipe(start) != 0)
        return 10;
    pid_t crowd = fork(); /* before libzmq has threads, and with the limit of before */
    if (crowd == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(start[1]);
        if (read(start[0], &port, sizeof port) != (ssize_t)sizeof port)
            _exit(1);
        for (int i = 0; i < CROWD; i++)
            if (zmtp_connect(port, NULL, 0) < 0)
                _exit(2);
        pause(); /* and say nothing */
    }
    setrlimit(RLIMIT_NOFILE, &few);
    open_tcp(&r);
    if ((port = zmtp_port(r.address)) < 0 ||
        write(start[1], &port, sizeof port) != (ssize_t)sizeof port)
        return 11;
    /* nearly all: those that still wait to be let in would take the room that there is */
    assert_true(wait_until(was_cut, &(struct goal){&r, CROWD - CROWD_STAYS_MAX}, 30000));
    assert_true(wait_until(has_room, &few, 30000));
    assert_alive(&r);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    close_raw(&r);
    return 0;
}

/* Limits that serve() lowers stay lowered. */
static void passes_in_a_child(int (*serve)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(serve());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_silent_crowd_keeps_nobody_out(void **state)
{
    (void)state;
    passes_in_a_child(serve_a_crowd);
}

/* As many connections to the weights port as actors have, all but one. */
static void fetch_from(int port, int n)
{
    uint8_t greeting[10];
    for (int i = 0; i < n; i++) {
        int fd = zmtp_connect(port, NULL, 0);
        if (fd < 0 || recv(fd, greeting, sizeof greeting, MSG_WAITALL) != (ssize_t)sizeof greeting)
            _exit(2);
    }
}

static int serve_all_that_are_admitted(void)
{
    struct rlimit few = {.rlim_cur = FILES, .rlim_max = FILES};
    struct raw r;
    int start[2], there[2], port = 0, actors = 1;
    char done = 0;
    while (wire_learner_files(actors + 1) <= few.rlim_cur)
        actors++;
    if (pipe(start) != 0 || pipe(there) != 0)
        return 10;
    pid_t crowd = fork();
    if (crowd == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(start[0], &port, sizeof port) != (ssize_t)sizeof port)
            _exit(1);
        fetch_from(port, actors - 1);
        if (write(there[1], "x", 1) != 1)
            _exit(3);
        pause();
    }
    close(there[1]);
    setrlimit(RLIMIT_NOFILE, &few);
    open_tcp(&r);
    if ((port = zmtp_port(wire_learner_weights_address(r.l))) < 0 ||
        write(start[1], &port, sizeof port) != (ssize_t)sizeof port ||
        read(there[0], &done, 1) != 1)
        return 11;
    assert_alive(&r); /* the last one */
    uint64_t cuts = cuts_so_far(&r);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    close_raw(&r);
    return cuts == 0 ? 0 : 1;
}

static void every_actor_that_is_admitted_may_fetch_weights(void **state)
{
    (void)state;
    passes_in_a_child(serve_all_that_are_admitted);
}

/* How many were welcome before one was told `text`; -1: none was. */
static int join_until_told(const char *address, const char *text)
{
    static struct raw each[200];
    void *context = zmq_ctx_new();
    for (int i = 0; i < 200; i++) {
        struct raw *r = &each[i];
        uint8_t meta[100], out[1000];
        struct frame f;
        zmq_msg_t msg;
        Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
        *r = (struct raw){.context = context, .id = (uint32_t)FRAME_ID_NONE};
        snprintf(r->address, sizeof r->address, "%s", address);
        connect_raw(r);
        h.role = WIRE_ROLE_ACTOR;
        h.actor_id = -1;
        size_t n = onic__wire__hello__pack(&h, meta);
        n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
        zmq_send(r->socket, out, n, 0);
        zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, r->socket, 0) < 0 ||
            frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) != FRAME_FINE)
            return -1;
        if (f.head.type != FRAME_REJECT)
            continue;
        Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f.head.meta_len, f.meta);
        bool told = m && m->code == WIRE_REJECT_RETRY && m->text.len == strlen(text) &&
                    memcmp(m->text.data, text, m->text.len) == 0;
        return told ? i : -1;
    }
    return -1;
}

/* The least that a learner starts with; in a process of its own, whose limit stays lowered. */
static int serve_more_than_there_is_room_for(void)
{
    enum { LEAST = 192, ROOM = 53 };
    static const char told[] = "the learner's limit of open files leaves room for 53 actors; raise "
                               "it there (ulimit -n)";
    struct rlimit few = {.rlim_cur = LEAST, .rlim_max = LEAST};
    struct raw r;
    int start[2], status = 1;
    if (pipe(start) != 0)
        return 10;
    pid_t crowd = fork(); /* with the limit of before */
    if (crowd == 0) {
        char address[sizeof r.address];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(start[1]);
        if (read(start[0], address, sizeof address) != (ssize_t)sizeof address)
            _exit(1);
        _exit(join_until_told(address, told) == ROOM ? 0 : 2);
    }
    setrlimit(RLIMIT_NOFILE, &few);
    open_raw(&r);
    said_begin(LOG_WARN);
    if (write(start[1], r.address, sizeof r.address) != (ssize_t)sizeof r.address)
        return 11;
    waitpid(crowd, &status, 0);
    assert_said(told);
    said_end();
    close_raw(&r);
    return status;
}

static void who_is_one_too_many_for_the_open_files_is_told(void **state)
{
    (void)state;
    passes_in_a_child(serve_more_than_there_is_room_for);
}

/* --- who is gone and has a place ----------------------------------------------------------- */

static void say_hello_and_go(const char *address)
{
    struct raw r = {.context = zmq_ctx_new(), .id = (uint32_t)FRAME_ID_NONE};
    uint8_t meta[100], out[1000];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    int until_sent = -1;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = -1;
    snprintf(r.address, sizeof r.address, "%s", address);
    connect_raw(&r);
    size_t n = onic__wire__hello__pack(&h, meta);
    n = build(out, head(&r, FRAME_HELLO), meta, n, NULL, 0);
    assert_int_equal(zmq_setsockopt(r.socket, ZMQ_LINGER, &until_sent, sizeof until_sent), 0);
    assert_int_equal(zmq_send(r.socket, out, n, 0), (int)n);
    zmq_close(r.socket);
    zmq_ctx_term(r.context);
}

static int actors_connected(struct wire_learner *l)
{
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    return s.actors_connected;
}

/* A run's actors come while the learner reads its checkpoint, and where they are too many for one
 * address most of them are cut: they come again, and the places are few. */
static void who_is_gone_when_it_is_heard_is_given_no_number(void **state)
{
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    struct wire_learner *l = NULL;
    (void)state;
    assert_ok(wire_learner_create(&l, &p, &err)); /* hears nobody before it has weights */
    int files = files_open();
    say_hello_and_go(wire_learner_address(l));
    assert_true(wait_until(files_are_closed, &files, 20000));
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(wire_learner_address(l), NULL, 100, NULL);
    pair_play(a, 100, 1);
    pair_consume_one(l, a, 1);
    assert_int_equal(actors_connected(l), 1);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    wire_actor_free(a);
    wire_learner_free(l);
}

static bool one_is_there(void *ctx)
{
    return actors_connected(ctx) == 1;
}

/* Loading a game may take two minutes without a word; but a place is wanted by others. */
static void who_is_gone_before_it_is_ready_keeps_no_place(void **state)
{
    struct raw r;
    (void)state;
    skewed_clock_set(0);
    open_tcp(&r);
    struct wire_actor_params slow = {.learner = r.address, .actor_id = 1},
                             killed = {.learner = r.address, .actor_id = 2};
    struct wire_actor *a = pair_be_welcomed(&slow);
    wire_actor_free(pair_be_welcomed(&killed));
    said_begin(LOG_WARN);
    skewed_clock_advance(20000000000); /* two leases, and less than who fetches nothing may have */
    assert_true(wait_until(one_is_there, r.l, 20000));
    assert_said("actor 2 (host ");
    assert_said("lost: its connection ended before it was ready, seen after ");
    said_end();
    pair_be_ready(a, pair_shape(0));
    pair_play(a, 1, 1);
    pair_consume_one(r.l, a, 1);
    wire_actor_free(a);
    clock_replace(NULL);
    close_raw(&r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_never_ends_is_cut_and_not_stored),
        cmocka_unit_test(a_message_is_as_large_as_what_was_agreed),
        cmocka_unit_test(a_silent_crowd_keeps_nobody_out),
        cmocka_unit_test(every_actor_that_is_admitted_may_fetch_weights),
        cmocka_unit_test(who_is_gone_when_it_is_heard_is_given_no_number),
        cmocka_unit_test(who_is_gone_before_it_is_ready_keeps_no_place),
        cmocka_unit_test(who_is_one_too_many_for_the_open_files_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
