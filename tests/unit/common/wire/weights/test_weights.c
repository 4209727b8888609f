/* SPDX-License-Identifier: MIT */
/* Weights are published whatever the actors do. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/weights/pull.h"
#include "common/wire/weights/server.h"
#include "common/wire/weights/share.h"
#include "weights.pb-c.h"

enum { FLOATS = WEIGHTS_CHUNK_BYTES / 4, STOPPED = 24, GETS = 8 };

struct stopped {
    void *socket;
    uint64_t version;
    int asked;
};

/* Asks for the same chunk until more of them are on the way than the connection holds. */
static bool ask(void *ctx)
{
    struct stopped *a = ctx;
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    m.version = a->version + 1;
    struct frame_head h = {.type = FRAME_WEIGHTS_GET, .actor_id = (uint32_t)FRAME_ID_NONE};
    zmq_msg_t msg;
    sock_build(&msg, &h, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
    a->asked += sock_send(a->socket, NULL, &msg) == SOCK_SENT;
    return a->asked == GETS;
}

static bool answered(void *ctx)
{
    zmq_pollitem_t item = {.socket = ((struct stopped *)ctx)->socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, 10) > 0;
}

static void actors_that_stop_reading_do_not_stop_training(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/w", dir);
    void *context = zmq_ctx_new();
    struct wire_weights_server_params p = {
        .context = context, .address = address, .floats = FLOATS, .hwm = 32};
    struct wire_weights_server *s;
    assert_ok(wire_weights_server_open(&s, &p, &err));
    wire_weights_server_start(s);
    float *weights = calloc(FLOATS, sizeof *weights);
    struct stopped actor[STOPPED] = {0};
    struct sock_options o = {.hwm = 1, .max_msg_bytes = 2 << 20, .option = "test"};
    alarm(60); /* without room for another version publishing would wait for ever */
    for (int i = 0; i < STOPPED; i++) {
        wire_weights_server_publish(s, weights, (uint64_t)i);
        actor[i].version = (uint64_t)i;
        assert_ok(
            sock_connect(&actor[i].socket, context, wire_weights_server_address(s), &o, &err));
        assert_true(wait_until(ask, &actor[i], 10000));
        assert_true(wait_until(answered, &actor[i], 10000));
    }
    alarm(0);
    for (int i = 0; i < STOPPED; i++)
        sock_close(actor[i].socket, 0);
    wire_weights_server_stop(s);
    zmq_ctx_term(context);
    wire_weights_server_free(s);
    free(weights);
    temp_dir_remove(dir);
}

static _Atomic int64_t later_ns; /* the server's thread looks at the clock, too */

static int64_t later(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + later_ns;
}

/* --- one pull per host ------------------------------------------------------------------- */

struct host {
    char dir[256], address[300];
    void *context;
    struct wire_weights_server *s;
    struct meta_arena *arena;
    float *weights;
    uint64_t want;
};

static void open_host_at(struct host *h, double bytes_per_s)
{
    memset(h, 0, sizeof *h);
    temp_dir_create(h->dir);
    snprintf(h->address, sizeof h->address, "ipc://%s/w", h->dir);
    h->context = zmq_ctx_new();
    struct wire_weights_server_params p = {.context = h->context,
                                           .address = h->address,
                                           .floats = FLOATS,
                                           .hwm = 32,
                                           .bytes_per_s = bytes_per_s};
    memcpy(p.run_id, h->dir + strlen(h->dir) - 6, 6); /* no other test's */
    assert_ok(wire_weights_server_open(&h->s, &p, &err));
    wire_weights_server_start(h->s);
    h->weights = calloc(FLOATS, sizeof *h->weights);
    h->arena = meta_arena_create();
}

static void open_host(struct host *h)
{
    open_host_at(h, 0);
}

static void publish(struct host *h, uint64_t version)
{
    h->want = version;
    for (int i = 0; i < FLOATS; i++)
        h->weights[i] = (float)version + (float)i;
    wire_weights_server_publish(h->s, h->weights, version);
}

static struct wire_weights_pull *actor_of(struct host *h)
{
    uint8_t run_id[16] = {0};
    memcpy(run_id, h->dir + strlen(h->dir) - 6, 6);
    struct wire_weights_pull *p = wire_weights_pull_create(h->context, h->arena, NULL);
    wire_weights_pull_size(p, FLOATS);
    assert_ok(wire_weights_pull_connect(p, wire_weights_server_address(h->s), 0, run_id, 0, &err));
    return p;
}

static void close_host(struct host *h)
{
    wire_weights_server_stop(h->s);
    zmq_ctx_term(h->context);
    wire_weights_server_free(h->s);
    meta_arena_free(h->arena);
    free(h->weights);
    temp_dir_remove(h->dir);
}

struct waiter {
    struct host *h;
    struct wire_weights_pull *p;
};

static bool has_newest(void *ctx)
{
    struct waiter *w = ctx;
    uint64_t version = 0;
    wire_weights_pull_poll(w->p, w->h->want + 1);
    const float *x = wire_weights_pull_get(w->p, &version);
    return x && version == w->h->want && memcmp(x, w->h->weights, FLOATS * sizeof *x) == 0;
}

static void two_actors_of_a_host_pull_once(void **state)
{
    (void)state;
    struct host h;
    open_host(&h);
    struct waiter a = {&h, actor_of(&h)}, b = {&h, actor_of(&h)};
    for (uint64_t version = 1; version <= 5; version++) {
        publish(&h, version);
        assert_true(wait_until(has_newest, version % 2 ? &a : &b, 10000));
        assert_true(wait_until(has_newest, version % 2 ? &b : &a, 10000));
    }
    assert_int_equal(wire_weights_pull_counts(a.p).complete, 3);
    assert_int_equal(wire_weights_pull_counts(a.p).shared, 2);
    assert_int_equal(wire_weights_pull_counts(b.p).complete, 2);
    assert_int_equal(wire_weights_pull_counts(b.p).shared, 3);
    wire_weights_pull_free(a.p);
    wire_weights_pull_free(b.p);
    close_host(&h);
}

static bool is_pulling(void *ctx)
{
    struct waiter *w = ctx;
    wire_weights_pull_poll(w->p, w->h->want + 1);
    return zmq_poll(
               &(zmq_pollitem_t){.socket = wire_weights_pull_socket(w->p), .events = ZMQ_POLLIN}, 1,
               10) > 0;
}

static void an_actor_that_stands_still_in_its_pull_is_not_waited_for_long(void **state)
{
    (void)state;
    struct host h;
    open_host(&h);
    struct waiter a = {&h, actor_of(&h)}, b = {&h, actor_of(&h)};
    publish(&h, 1);
    assert_true(wait_until(is_pulling, &a, 10000)); /* and is never polled again */
    assert_false(has_newest(&b));
    assert_true(wire_weights_pull_waits_for_host(b.p));
    assert_true(wait_until(has_newest, &b, 20000));
    assert_int_equal(wire_weights_pull_counts(b.p).complete, 1);
    wire_weights_pull_free(a.p); /* a dead process loses its claim */
    publish(&h, 2);
    assert_true(wait_until(has_newest, &b, 10000));
    assert_false(wire_weights_pull_waits_for_host(b.p));
    wire_weights_pull_free(b.p);
    close_host(&h);
}

/* Polls for so many seconds of the replaced clock, in steps of half a second. */
static void poll_for(struct wire_weights_pull *p, int seconds, uint64_t version_plus_1)
{
    for (int i = 0; i < 2 * seconds; i++) {
        later_ns += 500000000;
        wire_weights_pull_poll(p, version_plus_1);
    }
}

/* Never more than the rate, a tenth of a second's and a chunk in all; slower may be anything. */
static void the_port_sends_no_faster_than_it_may(void **state)
{
    (void)state;
    enum { VERSIONS = 4, RATE = 4 << 20 };
    struct host h;
    open_host_at(&h, RATE);
    assert_true(wire_weights_server_fanout_s(h.s) < 0);
    struct waiter a = {&h, actor_of(&h)};
    int64_t since = 0;
    for (uint64_t version = 1; version <= VERSIONS; version++) {
        publish(&h, version);
        assert_true(wait_until(has_newest, &a, 20000));
        since = version == 1 ? clock_ns() : since; /* the first may go at once */
    }
    double seconds = (double)(clock_ns() - since) * 1e-9;
    double least = (double)((VERSIONS - 1) * WEIGHTS_CHUNK_BYTES) / RATE - 0.2;
    if (seconds < least)
        fail_msg("%d chunks in %g s, at this rate they take %g", VERSIONS, seconds, least);
    /* the last one had to wait, and the metric says so */
    double fanout = wire_weights_server_fanout_s(h.s);
    if (fanout < 0.1 || fanout > seconds + 1)
        fail_msg("%g s from publishing to the last byte", fanout);
    assert_int_equal(wire_weights_pull_counts(a.p).complete, VERSIONS);
    wire_weights_pull_free(a.p);
    close_host(&h);
}

struct two {
    struct waiter *a, *b;
};

/* By a clock that goes faster. */
static bool both_have_newest(void *ctx)
{
    struct two *t = ctx;
    later_ns += 100000000;
    bool a = has_newest(t->a);
    return has_newest(t->b) && a;
}

/* Twenty seconds: longer than anybody waits for one who stands still. */
static void a_pull_that_has_to_wait_is_waited_for(void **state)
{
    (void)state;
    struct host h;
    open_host_at(&h, WEIGHTS_CHUNK_BYTES / 20);
    clock_replace(later);
    struct waiter a = {&h, actor_of(&h)}, b = {&h, actor_of(&h)};
    struct two two = {&a, &b};
    publish(&h, 1);
    assert_true(wait_until(has_newest, &a, 10000));
    assert_true(wait_until(has_newest, &b, 10000));
    publish(&h, 2);
    assert_true(wait_until(both_have_newest, &two, 30000));
    assert_int_equal(
        wire_weights_pull_counts(a.p).complete + wire_weights_pull_counts(b.p).complete, 2);
    assert_int_equal(wire_weights_pull_counts(a.p).shared + wire_weights_pull_counts(b.p).shared,
                     2);
    clock_replace(NULL);
    wire_weights_pull_free(a.p);
    wire_weights_pull_free(b.p);
    close_host(&h);
}

static void silence_is_measured_while_weights_are_wanted_from_an_address(void **state)
{
    (void)state;
    struct host h;
    uint8_t run_id[16] = {0};
    open_host(&h);
    publish(&h, 1);
    memcpy(run_id, h.dir + strlen(h.dir) - 6, 6);
    clock_replace(later);
    struct wire_weights_pull *p = wire_weights_pull_create(h.context, h.arena, NULL);
    wire_weights_pull_size(p, FLOATS);
    assert_ok(wire_weights_pull_connect(p, "ipc:///no/such/folder/w", 0, run_id, 0, &err));
    poll_for(p, 9, 2);
    assert_in_range(wire_weights_pull_silent_ms(p), 8000, 12000);
    poll_for(p, 20, 0); /* none exist: that is no silence */
    assert_int_equal(wire_weights_pull_silent_ms(p), 0);
    poll_for(p, 40, 2); /* longer than a socket lives */
    assert_in_range(wire_weights_pull_silent_ms(p), 38000, 60000);
    struct waiter w = {&h, p};
    assert_ok(wire_weights_pull_connect(p, wire_weights_server_address(h.s), 0, run_id, 0, &err));
    assert_true(wait_until(has_newest, &w, 10000));
    poll_for(p, 1, 2);
    assert_int_equal(wire_weights_pull_silent_ms(p), 0);
    clock_replace(NULL);
    wire_weights_pull_free(p);
    close_host(&h);
}

/* The file of a run is the user's: no other process may be at this test's. */
static void own_run(uint8_t run_id[16])
{
    const pid_t pid = getpid();
    memcpy(run_id, &pid, sizeof pid);
}

static void a_damaged_copy_is_not_used_and_the_last_user_cleans_up(void **state)
{
    (void)state;
    enum { BYTES = 4096 };
    static const char LEARNER[] = "tcp://10.0.0.1:5556";
    static uint8_t data[BYTES], out[BYTES];
    const uint8_t wrong[16] = {1};
    uint8_t run_id[16] = {0};
    uint64_t version;
    own_run(run_id);
    struct wire_weights_share *a = wire_weights_share_open(LEARNER, run_id, 1, BYTES),
                              *b = wire_weights_share_open(LEARNER, run_id, 1, BYTES);
    assert_non_null(a);
    assert_non_null(b);
    assert_false(wire_weights_share_get(b, 0, out, &version));
    assert_true(wire_weights_share_claim(a));
    assert_false(wire_weights_share_claim(b));
    wire_weights_share_put(a, 7, data, wrong);
    wire_weights_share_release(a);
    assert_false(wire_weights_share_get(b, 0, out, &version));
    assert_true(wire_weights_share_claim(b));
    XXH128_canonical_t canon;
    XXH128_canonicalFromHash(&canon, XXH3_128bits(data, BYTES));
    wire_weights_share_put(b, 8, data, canon.digest);
    assert_true(wire_weights_share_get(a, 8, out, &version));
    assert_int_equal(version, 8);
    assert_false(wire_weights_share_get(a, 9, out, &version));
    struct wire_weights_share *other =
        wire_weights_share_open("tcp://10.0.0.2:5556", run_id, 1, BYTES);
    assert_false(
        wire_weights_share_get(other, 0, out, &version)); /* a copy of the run: not its weights */
    wire_weights_share_close(other);
    wire_weights_share_close(a);
    wire_weights_share_close(b);
    a = wire_weights_share_open(LEARNER, run_id, 1, BYTES); /* a new file: nothing in it */
    assert_false(wire_weights_share_get(a, 0, out, &version));
    wire_weights_share_close(a);
}

/* Every byte of version v is v. */
static void put_version(struct wire_weights_share *s, uint8_t version, uint8_t *data, size_t bytes)
{
    XXH128_canonical_t canon;
    memset(data, version, bytes);
    XXH128_canonicalFromHash(&canon, XXH3_128bits(data, bytes));
    wire_weights_share_put(s, version, data, canon.digest);
}

/* Between a reader's look at the version and its copy two newer ones are put there: what it then
 * finds is whole, with the right hash, and of another version. */
static void weights_never_get_the_number_of_others(void **state)
{
    (void)state;
    enum { BYTES = 4096 };
    static uint8_t data[BYTES], out[BYTES];
    uint8_t run_id[16] = {0};
    uint64_t version = 0;
    own_run(run_id);
    struct wire_weights_share *writer = wire_weights_share_open("tcp://x:1", run_id, 1, BYTES),
                              *reader = wire_weights_share_open("tcp://x:1", run_id, 1, BYTES);
    assert_non_null(writer);
    assert_non_null(reader);
    assert_true(wire_weights_share_claim(writer));
    for (uint8_t v = 1; v <= 2; v++)
        put_version(writer, v, data, BYTES);
    int slot = wire_weights_share_newest(reader, 0, &version);
    assert_int_equal(version, 2);
    assert_true(wire_weights_share_copy(reader, slot, version, out));
    put_version(writer, 3, data, BYTES); /* into the other place */
    assert_true(wire_weights_share_copy(reader, slot, version, out));
    assert_int_equal(out[0], 2);
    put_version(writer, 4, data, BYTES);
    assert_false(wire_weights_share_copy(reader, slot, version, out));
    assert_true(wire_weights_share_get(reader, 0, out, &version));
    assert_int_equal(version, 4);
    assert_int_equal(out[BYTES - 1], 4);
    wire_weights_share_close(reader);
    wire_weights_share_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actors_that_stop_reading_do_not_stop_training),
        cmocka_unit_test(two_actors_of_a_host_pull_once),
        cmocka_unit_test(an_actor_that_stands_still_in_its_pull_is_not_waited_for_long),
        cmocka_unit_test(the_port_sends_no_faster_than_it_may),
        cmocka_unit_test(a_pull_that_has_to_wait_is_waited_for),
        cmocka_unit_test(silence_is_measured_while_weights_are_wanted_from_an_address),
        cmocka_unit_test(a_damaged_copy_is_not_used_and_the_last_user_cleans_up),
        cmocka_unit_test(weights_never_get_the_number_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
