/* SPDX-License-Identifier: MIT */
/* test_wire_slow.c - links over which a message takes long: an upload keeps its lease, and a reader
 * that takes its bytes keeps its connection in a crowd that takes none. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/weights/server.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_raw.h"
#include "weights.pb-c.h"

static int port_of(const char *address)
{
    int port = 0;
    assert_int_equal(sscanf(address, "tcp://127.0.0.1:%d", &port), 1);
    return port;
}

static int tcp_to(int port, int receive_buffer)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* --- an upload ---------------------------------------------------------------------------- */

enum { PIECE = 16, PIECE_CLOCK_MS = 250, PIECES_MAX = 400, PIECE_REAL_US = 25000 };

/* Between an actor and its learner; slow: towards the learner, a piece whenever there is one. */
struct relay {
    int listener, port, to;
    atomic_bool slow, stop;
    atomic_int pieces;
    pthread_t thread;
};

static bool relay_pass(struct relay *r, int from, int to, bool up)
{
    char bytes[65536];
    size_t most = sizeof bytes;
    if (up && atomic_load(&r->slow)) {
        if (atomic_load(&r->pieces) == 0)
            return true;
        atomic_fetch_sub(&r->pieces, 1);
        most = PIECE;
    }
    ssize_t n = recv(from, bytes, most, MSG_DONTWAIT);
    return n < 0 || (n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n);
}

static void *relay_main(void *arg)
{
    struct relay *r = arg;
    int a = accept(r->listener, NULL, NULL), b = tcp_to(r->to, 0);
    bool open = a >= 0;
    while (open && !atomic_load(&r->stop)) {
        struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        poll(fds, 2, 1);
        open = relay_pass(r, a, b, true) && relay_pass(r, b, a, false);
    }
    close(a);
    close(b);
    return NULL;
}

static void relay_start(struct relay *r, int to)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    *r = (struct relay){.to = to, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(r->listener, 4), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &n), 0);
    r->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&r->thread, NULL, relay_main, r), 0);
}

static void relay_stop(struct relay *r)
{
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    close(r->listener);
}

/* Longer than a lease and than an actor bears the learner's silence: its heartbeats are behind. */
static void a_trajectory_that_takes_long_keeps_its_lease(void **state)
{
    (void)state;
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    struct relay relay;
    char address[64];
    skewed_clock_set(0);
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    relay_start(&relay, port_of(wire_learner_address(l)));
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", relay.port);
    struct wire_actor *a = pair_join(address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    pair_consume_one(l, a, 1);
    atomic_store(&relay.slow, true);
    pair_play(a, 0, 2);
    struct trajectory *t = NULL;
    int pieces = 0;
    for (; !t && pieces < PIECES_MAX; pieces++) {
        atomic_fetch_add(&relay.pieces, 1);
        usleep(PIECE_REAL_US); /* the system's counters are looked at in real time */
        skewed_clock_advance(PIECE_CLOCK_MS * 1000000LL);
        assert_ok(wire_actor_poll(a, 0, &err));
        if (wire_learner_take(l, &t, 0) != ONIC_OK)
            t = NULL;
    }
    assert_non_null(t);
    assert_true(pieces * PIECE_CLOCK_MS > 15000); /* or this test says nothing */
    assert_int_equal(t->seq, 2);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    assert_int_equal(s.actors_running, 1);
    assert_int_equal(s.old_epoch, 0);
    assert_int_equal(s.duplicates, 0);
    clock_replace(NULL);
    wire_actor_free(a);
    relay_stop(&relay);
    wire_learner_free(l);
}

/* --- a reader in a crowd ------------------------------------------------------------------- */

enum { STRANGERS = 140, EACH_VERSION = 8, VERSIONS = 6, SIP = 64 << 10, SIP_US = 60000 };
enum { ASKED = 3 }; /* chunks: the system takes one of them from libzmq, read or not */

/* A connection to the weights port that has shaken hands, with little room for what comes. */
static int reader_open(int port)
{
    uint8_t greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    static const char ready[] = "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER";
    uint8_t got[2];
    char rest[256];
    int fd = tcp_to(port, 4096);
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(recv(fd, rest, 64, MSG_WAITALL), 64);
    assert_int_equal(send(fd, ready, sizeof ready - 1, MSG_NOSIGNAL), (int)sizeof ready - 1);
    assert_int_equal(recv(fd, got, 2, MSG_WAITALL), 2);
    assert_int_equal(recv(fd, rest, got[1], MSG_WAITALL), got[1]);
    return fd;
}

/* False: its connection is gone. */
static bool reader_asks_once(const struct raw *r, int fd, uint64_t version)
{
    uint8_t meta[64], out[300] = {0};
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    m.version = version + 1;
    struct frame_head h = head(r, FRAME_WEIGHTS_GET);
    h.actor_id = (uint32_t)FRAME_ID_NONE;
    h.incarnation = 0;
    size_t n = build(out + 2, h, meta, onic__wire__weights_get__pack(&m, meta), NULL, 0);
    out[1] = (uint8_t)n;
    return send(fd, out, n + 2, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

static bool reader_asks(const struct raw *r, int fd, uint64_t version)
{
    bool here = true;
    for (int i = 0; i < ASKED; i++)
        here &= reader_asks_once(r, fd, version);
    return here;
}

static bool something_came(void *fd)
{
    struct pollfd p = {.fd = *(int *)fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Until so many bytes are here; a sip now and then, while the others ask again and again. */
static size_t sips_until(const struct raw *r, int fd, size_t want, const int *stranger)
{
    static char bytes[SIP];
    size_t got = 0, sips = 0;
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (got < want) {
        ssize_t n = recv(fd, bytes, want - got < SIP ? want - got : SIP, 0);
        if (n <= 0)
            break;
        got += (size_t)n;
        if (got / SIP == sips)
            continue;
        sips = got / SIP;
        for (int i = 0; i < STRANGERS; i++)
            reader_asks_once(r, stranger[i], VERSIONS);
        reader_asks_once(r, fd, VERSIONS);
        usleep(SIP_US);
    }
    return got;
}

static void a_slow_reader_is_not_cut_for_a_crowd_that_reads_nothing(void **state)
{
    (void)state;
    struct raw r;
    int stranger[STRANGERS], n = 0;
    struct wire_learner_params p = pair_learner_params("");
    open_raw_at(&r, &p, "tcp://127.0.0.1:*");
    int port = port_of(wire_learner_weights_address(r.l));
    /* some keep each version, so that it has to be copied for others */
    for (uint64_t version = 1; version <= VERSIONS; version++) {
        for (int i = 0; i < EACH_VERSION; i++, n++) {
            stranger[n] = reader_open(port);
            assert_true(reader_asks(&r, stranger[n], version));
            assert_true(wait_until(something_came, &stranger[n], 10000));
        }
        if (version < VERSIONS)
            pair_publish(r.l, version + 1);
    }
    int slow = reader_open(port);
    assert_true(reader_asks(&r, slow, VERSIONS));
    assert_true(wait_until(something_came, &slow, 10000));
    for (; n < STRANGERS; n++) {
        stranger[n] = reader_open(port);
        reader_asks(&r, stranger[n], VERSIONS);
    }
    size_t most = (ASKED - 1) * (size_t)WEIGHTS_CHUNK_BYTES;
    assert_int_equal(sips_until(&r, slow, most, stranger), most);
    struct wire_learner_status s;
    wire_learner_status(r.l, &s);
    assert_true(s.cut > 0); /* there was no room for all */
    for (int i = 0; i < STRANGERS; i++)
        close(stranger[i]);
    close(slow);
    assert_alive(&r);
    close_raw(&r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trajectory_that_takes_long_keeps_its_lease),
        cmocka_unit_test(a_slow_reader_is_not_cut_for_a_crowd_that_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
