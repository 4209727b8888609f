/* SPDX-License-Identifier: MIT */
/* Rule W4: weights are swapped in whole, after every check, and until then the old ones act. A
 * scripted server tells what is not so, one thing at a time. */
#include "tests/onic_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/bounds.h"
#include "common/base/log.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/weights/pull.h"
#include "common/wire/weights/server.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "weights.pb-c.h"

enum { WAY_MAX = 64, SLOW_CHUNK_MS = 4000, SLOW_ANSWERS = 24 };
enum { CHUNK_FLOATS = 1000, FLOATS = 2 * CHUNK_FLOATS + 7, CHUNKS = 3, PATIENCE_MS = 10000 };

/* What the server does wrong. */
enum lie {
    LIE_NONE,
    LIE_CHUNK,         /* another bit than the manifest's checksum says */
    LIE_CHUNK_LONG,    /* more bytes than there are */
    LIE_FRAME,         /* a chunk is not as its frame's checksum says */
    LIE_HASH,          /* of the whole */
    LIE_NOT_FINITE,    /* with right checksums */
    LIE_INFINITE,      /* likewise */
    LIE_TOTAL,         /* weights of another network */
    LIE_CHUNK_COUNT,   /* a checksum too many */
    LIE_LONG_HASH,     /* 17 bytes */
    LIE_NO_CHUNK_SIZE, /* 0 */
    LIE_EPOCH,         /* the whole is of another life of the learner, */
    LIE_RUN            /* or of another run */
};

struct answer {
    struct sock_route to;
    bool manifest;
    uint32_t chunk;
};

struct liar {
    char dir[256], address[300], bound[SOCK_ADDRESS_MAX];
    uint8_t run_id[16];
    void *context, *socket;
    struct meta_arena *arena;
    struct wire_weights_pull *pull;
    float weights[FLOATS];
    uint64_t version;
    enum lie lie;
    int manifests, chunks; /* asked for */
    /* a slow link: answers under way, in their order */
    struct answer way[WAY_MAX];
    int under_way;
};

static void send_frame(struct liar *s, const struct sock_route *to, enum frame_type type,
                       const ProtobufCMessage *meta, struct sock_bulk bulk)
{
    struct frame_head h = {.type = (uint16_t)type, .actor_id = (uint32_t)FRAME_ID_NONE};
    zmq_msg_t msg;
    memcpy(h.run_id, s->run_id, 16);
    h.epoch += s->lie == LIE_EPOCH;
    h.run_id[15] ^= s->lie == LIE_RUN;
    sock_build(&msg, &h, meta, bulk, (struct sock_bulk){0});
    if (s->lie == LIE_FRAME && type == FRAME_WEIGHTS_CHUNK)
        ((uint8_t *)zmq_msg_data(&msg))[zmq_msg_size(&msg) - 1] ^= 1;
    assert_int_equal(sock_send(s->socket, to, &msg), SOCK_SENT);
}

static size_t floats_of(uint32_t chunk)
{
    return chunk + 1 < CHUNKS ? CHUNK_FLOATS : FLOATS - (CHUNKS - 1) * CHUNK_FLOATS;
}

static void tell_manifest(struct liar *s, const struct sock_route *to)
{
    uint32_t crc[CHUNKS + 1] = {0};
    struct {
        XXH128_canonical_t of;
        uint8_t more;
    } hash = {0};
    for (uint32_t i = 0; i < CHUNKS; i++)
        crc[i] = crc32c(0, s->weights + i * CHUNK_FLOATS, floats_of(i) * sizeof(float));
    XXH128_canonicalFromHash(&hash.of, XXH3_128bits(s->weights, sizeof s->weights));
    hash.of.digest[5] ^= s->lie == LIE_HASH;
    Onic__Wire__WeightsManifest m = ONIC__WIRE__WEIGHTS_MANIFEST__INIT;
    m.version = s->version;
    m.total_bytes = sizeof s->weights + (s->lie == LIE_TOTAL ? 4 : 0);
    m.chunk_bytes = s->lie == LIE_NO_CHUNK_SIZE ? 0 : CHUNK_FLOATS * sizeof(float);
    m.n_chunk_crc = CHUNKS + (s->lie == LIE_CHUNK_COUNT);
    m.chunk_crc = crc;
    m.xxh128 = (ProtobufCBinaryData){.len = sizeof hash.of.digest + (s->lie == LIE_LONG_HASH),
                                     .data = hash.of.digest};
    s->manifests++;
    send_frame(s, to, FRAME_WEIGHTS_MANIFEST, &m.base, (struct sock_bulk){0});
}

static void tell_chunk(struct liar *s, const struct sock_route *to, uint32_t chunk)
{
    float data[CHUNK_FLOATS + 1] = {0};
    size_t n = floats_of(chunk) * sizeof(float);
    memcpy(data, s->weights + chunk * CHUNK_FLOATS, n);
    if (s->lie == LIE_CHUNK && chunk == 0)
        data[17] += 1;
    n += s->lie == LIE_CHUNK_LONG && chunk == 0 ? 4 : 0;
    Onic__Wire__WeightsChunk m = ONIC__WIRE__WEIGHTS_CHUNK__INIT;
    m.version = s->version;
    m.chunk = chunk;
    s->chunks++;
    send_frame(s, to, FRAME_WEIGHTS_CHUNK, &m.base, (struct sock_bulk){data, n});
}

static void serve(struct liar *s)
{
    struct sock_route route;
    zmq_msg_t msg;
    zmq_poll(&(zmq_pollitem_t){.socket = s->socket, .events = ZMQ_POLLIN}, 1, 1);
    while (sock_recv(s->socket, &route, &msg) == SOCK_FRAME) {
        struct frame f;
        assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
        Onic__Wire__WeightsGet *get =
            onic__wire__weights_get__unpack(NULL, f.head.meta_len, f.meta);
        assert_non_null(get);
        if (get->manifest)
            tell_manifest(s, &route);
        else
            tell_chunk(s, &route, get->chunk);
        onic__wire__weights_get__free_unpacked(get, NULL);
        zmq_msg_close(&msg);
    }
    wire_weights_pull_poll(s->pull, s->version + 1);
}

static bool refused(void *ctx)
{
    struct liar *s = ctx;
    serve(s);
    return wire_weights_pull_counts(s->pull).corrupt > 0;
}

static bool has_version(void *ctx)
{
    struct liar *s = ctx;
    uint64_t version = 0;
    serve(s);
    return wire_weights_pull_get(s->pull, &version) && version == s->version;
}

static void make_weights(struct liar *s, uint64_t version)
{
    s->version = version;
    for (int i = 0; i < FLOATS; i++)
        s->weights[i] = (float)version + 0.25f * (float)i;
}

static int open_liar(void **state)
{
    struct liar *s = calloc(1, sizeof *s);
    log_set_level(LOG_ERROR);
    temp_dir_create(s->dir);
    snprintf(s->address, sizeof s->address, "ipc://%s/w", s->dir);
    memcpy(s->run_id, s->dir + strlen(s->dir) - 6, 6); /* no other test's */
    s->context = zmq_ctx_new();
    s->arena = meta_arena_create();
    struct sock_options o = {.hwm = 64, .max_msg_bytes = BOUND_WEIGHTS_BYTES, .option = "test"};
    assert_ok(sock_bind(&s->socket, s->context, s->address, &o, s->bound, &err));
    s->pull = wire_weights_pull_create(s->context, s->arena, NULL);
    wire_weights_pull_size(s->pull, FLOATS);
    assert_ok(wire_weights_pull_connect(s->pull, s->bound, 0, s->run_id, 0, &err));
    *state = s;
    return 0;
}

static int close_liar(void **state)
{
    struct liar *s = *state;
    wire_weights_pull_free(s->pull);
    sock_close(s->socket, 0);
    zmq_ctx_term(s->context);
    meta_arena_free(s->arena);
    temp_dir_remove(s->dir);
    free(s);
    return 0;
}

/* Version 1 acts; version 2 is told with a lie: it is not taken, and nothing of it is in what acts.
 * The truth about version 2 is taken then. */
static void a_lie_changes_nothing(struct liar *s, enum lie lie, const char *why)
{
    char told[160];
    float before[FLOATS];
    uint64_t version;
    make_weights(s, 1);
    assert_true(wait_until(has_version, s, PATIENCE_MS));
    memcpy(before, s->weights, sizeof before);
    make_weights(s, 2);
    if (lie == LIE_NOT_FINITE || lie == LIE_INFINITE)
        s->weights[FLOATS - 2] = lie == LIE_INFINITE ? -INFINITY : NAN;
    s->lie = lie;
    said_begin(LOG_WARN);
    assert_true(wait_until(refused, s, PATIENCE_MS));
    said_end();
    snprintf(told, sizeof told, "damaged, pulling them again version=2 why=\"%s\"", why);
    assert_said(told);
    const float *acts = wire_weights_pull_get(s->pull, &version);
    assert_int_equal(version, 1);
    assert_memory_equal(acts, before, sizeof before);
    assert_int_equal(wire_weights_pull_counts(s->pull).complete, 1);
    s->lie = LIE_NONE;
    make_weights(s, 3); /* what is under way of version 2 is of no use any more */
    assert_true(wait_until(has_version, s, PATIENCE_MS));
    acts = wire_weights_pull_get(s->pull, &version);
    assert_int_equal(version, 3);
    assert_memory_equal(acts, s->weights, sizeof s->weights);
}

static const char of_another[] = "the manifest does not describe weights of this network",
                  not_finite[] = "a weight is not a finite number";

#define LIE(name, lie, why)                                                                        \
    static void name(void **state)                                                                 \
    {                                                                                              \
        a_lie_changes_nothing(*state, lie, why);                                                   \
    }
LIE(a_chunk_that_is_too_long_is_not_used, LIE_CHUNK_LONG, "chunk 0 does not match its checksum")
LIE(a_damaged_frame_is_not_used, LIE_FRAME, "a frame does not match its checksum")
LIE(a_wrong_hash_of_the_whole_is_not_used, LIE_HASH, "the hash of the whole differs")
LIE(weights_that_are_no_numbers_are_not_used, LIE_NOT_FINITE, not_finite)
LIE(weights_that_are_infinite_are_not_used, LIE_INFINITE, not_finite)
LIE(weights_of_another_network_are_not_used, LIE_TOTAL, of_another)
LIE(a_manifest_with_more_checksums_is_not_used, LIE_CHUNK_COUNT, of_another)
LIE(a_manifest_with_another_kind_of_hash_is_not_used, LIE_LONG_HASH, of_another)
LIE(a_manifest_without_a_size_is_not_used, LIE_NO_CHUNK_SIZE, of_another)

static bool told_a_manifest(void *ctx)
{
    struct liar *s = ctx;
    serve(s);
    return s->manifests > 0;
}

/* Everything is right with them, but the number of their version names other weights there. */
static void weights_of_another_life_or_run_are_not_used(void **state)
{
    struct liar *s = *state;
    make_weights(s, 1);
    for (s->lie = LIE_EPOCH; s->lie <= LIE_RUN; s->lie++) {
        s->manifests = 0;
        assert_true(wait_until(told_a_manifest, s, PATIENCE_MS));
        for (int i = 0; i < 50; i++) {
            serve(s);
            assert_null(wire_weights_pull_get(s->pull, NULL));
        }
        assert_int_equal(s->chunks, 0);
    }
    s->lie = LIE_NONE;
    assert_true(wait_until(has_version, s, PATIENCE_MS));
}

/* Also before the whole is there, so that the hash is not what finds it. */
static void a_wrong_chunk_is_found_at_once(void **state)
{
    struct liar *s = *state;
    make_weights(s, 1);
    s->lie = LIE_CHUNK;
    said_begin(LOG_WARN);
    assert_true(wait_until(refused, s, PATIENCE_MS));
    assert_said("received weights are damaged, pulling them again version=1 why=\"chunk 0 does not "
                "match its checksum\"");
    said_end();
    assert_true(s->chunks <= WEIGHTS_OUTSTANDING); /* the third was never asked for */
    assert_null(wire_weights_pull_get(s->pull, NULL));
    s->lie = LIE_NONE;
    make_weights(s, 2);
    assert_true(wait_until(has_version, s, PATIENCE_MS));
}

static bool refused_thrice(void *ctx)
{
    struct liar *s = ctx;
    serve(s);
    return wire_weights_pull_counts(s->pull).corrupt >= 3;
}

/* A server whose memory is damaged is not asked without end. */
static void after_three_failures_there_is_a_pause(void **state)
{
    struct liar *s = *state;
    make_weights(s, 1);
    s->lie = LIE_HASH;
    assert_true(wait_until(refused_thrice, s, PATIENCE_MS));
    int asked = s->manifests;
    for (int i = 0; i < 20; i++)
        serve(s);
    assert_int_equal(s->manifests, asked);
    s->lie = LIE_NONE;
    assert_true(wait_until(has_version, s, PATIENCE_MS));
}

/* --- a slow link ------------------------------------------------------------------------- */

/* Whatever the actor asks by now is answered, behind what is under way. */
static void link_listen(struct liar *s)
{
    struct sock_route route;
    zmq_msg_t msg;
    wire_weights_pull_poll(s->pull, s->version + 1);
    zmq_poll(&(zmq_pollitem_t){.socket = s->socket, .events = ZMQ_POLLIN}, 1, 2);
    while (sock_recv(s->socket, &route, &msg) == SOCK_FRAME) {
        struct frame f;
        assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
        Onic__Wire__WeightsGet *get =
            onic__wire__weights_get__unpack(NULL, f.head.meta_len, f.meta);
        assert_non_null(get);
        assert_true(s->under_way < WAY_MAX);
        sock_know(s->socket, &route, 1 << 20); /* a stranger would be cut meanwhile */
        s->way[s->under_way++] =
            (struct answer){.to = route, .manifest = get->manifest, .chunk = get->chunk};
        onic__wire__weights_get__free_unpacked(get, NULL);
        zmq_msg_close(&msg);
    }
}

/* The next answer has come through, a chunk after some seconds in which the actor waits; `lost`:
 * it has not. */
static void link_deliver(struct liar *s, bool lost)
{
    struct answer a = s->way[0];
    memmove(s->way, s->way + 1, (size_t)--s->under_way * sizeof *s->way);
    for (int ms = 0; !a.manifest && ms < SLOW_CHUNK_MS; ms += 500) {
        skewed_clock_advance(500 * 1000000LL);
        link_listen(s);
    }
    if (a.manifest)
        tell_manifest(s, &a.to);
    else if (!lost)
        tell_chunk(s, &a.to, a.chunk);
    if (!lost)
        zmq_poll(
            &(zmq_pollitem_t){.socket = wire_weights_pull_socket(s->pull), .events = ZMQ_POLLIN}, 1,
            PATIENCE_MS);
    link_listen(s);
}

static bool is_asked(void *ctx)
{
    struct liar *s = ctx;
    link_listen(s);
    return s->under_way > 0;
}

/* Three chunks of four seconds each, of which the link may lose one; more than a chunk's time is
 * more than the actor waits for an answer before it asks again. */
static void pull_over_a_slow_link(struct liar *s, uint32_t lost)
{
    uint64_t version = 0;
    make_weights(s, 1);
    skewed_clock_set(0);
    for (int i = 0; i < SLOW_ANSWERS && version != s->version; i++) {
        if (i == 0)
            assert_true(wait_until(is_asked, s, PATIENCE_MS));
        for (int k = 0; s->under_way == 0 && k < 100; k++) {
            skewed_clock_advance(500 * 1000000LL);
            link_listen(s);
        }
        assert_true(s->under_way > 0);
        bool is_lost = !s->way[0].manifest && s->way[0].chunk == lost;
        lost = is_lost ? CHUNKS : lost; /* the first time alone */
        link_deliver(s, is_lost);
        wire_weights_pull_get(s->pull, &version);
    }
    assert_int_equal(version, s->version);
    assert_int_equal(s->manifests, 1);
    clock_replace(NULL);
}

#define SLOW(name, lost)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        pull_over_a_slow_link(*state, lost);                                                       \
    }
SLOW(a_slow_link_does_not_begin_again, CHUNKS)
SLOW(a_slow_link_that_loses_the_first_chunk_does_not_begin_again, 0)
SLOW(a_slow_link_that_loses_the_last_chunk_does_not_begin_again, CHUNKS - 1)

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_liar, close_liar)
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_chunk_is_found_at_once),
        TEST(weights_of_another_life_or_run_are_not_used),
        TEST(a_chunk_that_is_too_long_is_not_used),
        TEST(a_damaged_frame_is_not_used),
        TEST(a_wrong_hash_of_the_whole_is_not_used),
        TEST(weights_that_are_no_numbers_are_not_used),
        TEST(weights_that_are_infinite_are_not_used),
        TEST(weights_of_another_network_are_not_used),
        TEST(a_manifest_with_more_checksums_is_not_used),
        TEST(a_manifest_with_another_kind_of_hash_is_not_used),
        TEST(a_manifest_without_a_size_is_not_used),
        TEST(after_three_failures_there_is_a_pause),
        TEST(a_slow_link_does_not_begin_again),
        TEST(a_slow_link_that_loses_the_first_chunk_does_not_begin_again),
        TEST(a_slow_link_that_loses_the_last_chunk_does_not_begin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
