/* SPDX-License-Identifier: MIT */
/* test_golden_frames.c - frames as releases before this one wrote them are read, field by field.
 *
 * tests/golden/formats/frames-MAJOR.MINOR.txt holds a line for each message: type, name, the frame
 * in hexadecimal digits. A field's value is made of its name, so one that was renumbered, given
 * another type or taken out reads as something else, or as unknown. Fields of later versions are
 * not in the file and read as their default. `t-unit-common-wire-frame-golden_frames --record`
 * prints the lines of this version: a new file when FRAME_MINOR rises, the old ones stay; when
 * FRAME_MAJOR rises, the old ones must be refused. */
#include <stdlib.h>

#include "annotation.pb-c.h"
#include "common/data/trajectory_block.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/meta.h"
#include "common/wire/rollout/received.h"
#include "common/wire/rollout/seal.h"
#include "session.pb-c.h"
#include "tests/onic_test.h"
#include "weights.pb-c.h"

enum { LINE_MAX_BYTES = 1 << 16, REPEATED = 2, T = 2, E = 2, OBS = 8 };

struct kind {
    enum frame_type type;
    const ProtobufCMessageDescriptor *meta;
};

static const struct kind kinds[] = {
    {FRAME_HELLO, &onic__wire__hello__descriptor},
    {FRAME_WELCOME, &onic__wire__welcome__descriptor},
    {FRAME_READY, &onic__wire__ready__descriptor},
    {FRAME_CREDIT, &onic__wire__credit__descriptor},
    {FRAME_REJECT, &onic__wire__reject__descriptor},
    {FRAME_HEARTBEAT, &onic__wire__heartbeat__descriptor},
    {FRAME_SKIP, &onic__wire__skip__descriptor},
    {FRAME_BYE, &onic__wire__bye__descriptor},
    {FRAME_WEIGHTS_GET, &onic__wire__weights_get__descriptor},
    {FRAME_WEIGHTS_MANIFEST, &onic__wire__weights_manifest__descriptor},
    {FRAME_WEIGHTS_CHUNK, &onic__wire__weights_chunk__descriptor},
    {FRAME_ANNOT_HELLO, &onic__wire__annot_hello__descriptor},
    {FRAME_ANNOT_WELCOME, &onic__wire__annot_welcome__descriptor},
    {FRAME_ANNOT_ASK, &onic__wire__annot_ask__descriptor},
    {FRAME_ANNOT_LABELS, &onic__wire__annot_labels__descriptor},
    {FRAME_ANNOT_HEARTBEAT, &onic__wire__annot_numbers__descriptor},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const struct frame_head golden_head = {.actor_id = 0x01020304,
                                              .epoch = 0x05060708,
                                              .incarnation = 0x1112131415161718,
                                              .seq = 0x2122232425262728};

/* --- values of fields ------------------------------------------------------------------------ */

static uint32_t number_of(const char *field)
{
    return crc32c(0, field, strlen(field)) >> 1; /* fits into every type */
}

static size_t bytes_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        fail_msg("give the protobuf type %d a value here", (int)type);
        return 0;
    }
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d);

static void put_value(const ProtobufCFieldDescriptor *f, void *at)
{
    uint32_t n = number_of(f->name);
    uint64_t wide = n;
    double real = n;
    float single = (float)n;
    ProtobufCBinaryData text = {strlen(f->name), (uint8_t *)(uintptr_t)f->name};
    ProtobufCMessage *inner = f->type == PROTOBUF_C_TYPE_MESSAGE ? filled(f->descriptor) : NULL;
    protobuf_c_boolean yes = 1;
    const void *from = f->type == PROTOBUF_C_TYPE_BOOL      ? (const void *)&yes
                       : f->type == PROTOBUF_C_TYPE_UINT64  ? (const void *)&wide
                       : f->type == PROTOBUF_C_TYPE_DOUBLE  ? (const void *)&real
                       : f->type == PROTOBUF_C_TYPE_FLOAT   ? (const void *)&single
                       : f->type == PROTOBUF_C_TYPE_BYTES   ? (const void *)&text
                       : f->type == PROTOBUF_C_TYPE_MESSAGE ? (const void *)&inner
                                                            : (const void *)&n;
    memcpy(at, from, bytes_of(f->type));
}

static bool same_value(const ProtobufCFieldDescriptor *f, const void *got);

static const void *member(const ProtobufCMessage *m, unsigned offset)
{
    return (const uint8_t *)m + offset;
}

static bool is_default(const ProtobufCFieldDescriptor *f, const void *got)
{
    static const uint8_t zeros[sizeof(ProtobufCBinaryData)];
    ProtobufCBinaryData b;
    memcpy(&b, got, sizeof(size_t) <= bytes_of(f->type) ? sizeof(size_t) : bytes_of(f->type));
    return f->type == PROTOBUF_C_TYPE_BYTES ? b.len == 0
                                            : memcmp(got, zeros, bytes_of(f->type)) == 0;
}

/* Whether each field has its value, or is of a later version; *set: how many have. */
static bool same_message(const ProtobufCMessage *m, int *set)
{
    if (m->n_unknown_fields) {
        print_error("%s has no field %u any more\n", m->descriptor->name, m->unknown_fields[0].tag);
        return false;
    }
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const uint8_t *at = member(m, f->offset);
        size_t n = 1;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(&n, member(m, f->quantifier_offset), sizeof n);
            memcpy(&at, member(m, f->offset), sizeof at);
        } else if (is_default(f, at)) {
            continue;
        }
        *set += n > 0;
        for (size_t k = 0; k < n; k++)
            if (!same_value(f, at + k * bytes_of(f->type))) {
                print_error("%s.%s\n", m->descriptor->name, f->name);
                return false;
            }
    }
    return true;
}

static bool same_value(const ProtobufCFieldDescriptor *f, const void *got)
{
    uint8_t want[sizeof(ProtobufCBinaryData)];
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *inner;
        memcpy(&inner, got, sizeof inner);
        int set = 0;
        return same_message(inner, &set) && set > 0;
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData b;
        memcpy(&b, got, sizeof b);
        return b.len == strlen(f->name) && memcmp(b.data, f->name, b.len) == 0;
    }
    put_value(f, want);
    return memcmp(want, got, bytes_of(f->type)) == 0;
}

/* Memory is given back when the process ends. */
static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m = calloc(1, d->sizeof_message);
    d->message_init(m);
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        uint8_t *at = (uint8_t *)m + f->offset;
        size_t n = REPEATED, each = bytes_of(f->type);
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            put_value(f, at);
            continue;
        }
        uint8_t *list = calloc(n, each);
        for (size_t k = 0; k < n; k++)
            put_value(f, list + k * each);
        memcpy(at, &list, sizeof list);
        memcpy((uint8_t *)m + f->quantifier_offset, &n, sizeof n);
    }
    return m;
}

/* --- trajectories ---------------------------------------------------------------------------- */

static const struct trajectory_shape shape = {
    .T = T, .E = E, .obs_bytes = OBS, .actions = {.n = 3}, .state_size = 2, .nstats = 1};

static struct trajectory *played(void)
{
    struct trajectory *t = trajectory_create(&shape);
    float episode[TRAJECTORY_EPISODE_HEAD + 1] = {1.5f, 10, 1, 1, 3};
    t->weights_version = 9;
    t->env_steps_before = 1000;
    for (int i = 0; i < (T + 1) * E * OBS; i++)
        t->obs[i] = (uint8_t)(3 * i);
    for (int i = 0; i < T * E; i++) {
        t->action[i] = (int16_t)(i % 3);
        t->logp[i] = -0.5f - (float)i;
        t->value[2 * i] = 10.0f + (float)i;
        t->value[2 * i + 1] = 20.0f + (float)i;
        t->reward[i] = 0.25f * (float)i;
        t->flags[i] = i == 1 ? STEP_TRUNCATED : 0;
        t->final_value[2 * i] = i == 1 ? 7.0f : 0.0f;
        t->final_value[2 * i + 1] = 0.0f;
        t->caption[i] = i == 2 ? trajectory_caption(t, "You see a key.", 14) : 0;
        t->caption_count[i] = (uint16_t)i;
    }
    for (int i = 0; i < (T + 1) * E; i++)
        t->obs_caption[i] = (uint16_t)(i % 2);
    for (int e = 0; e < E; e++) {
        t->first_count[e] = (uint16_t)(40 + e);
        t->state0[2 * e] = 0.5f * (float)e;
        t->state0[2 * e + 1] = 3.0f;
        t->episode_id[e] = 500 + (uint64_t)e;
        t->episode_seed[e] = 600 + (uint64_t)e;
        t->first_step[e] = 70 + (uint32_t)e;
    }
    trajectory_episode(t, episode, t->obs);
    return t;
}

static bool same_trajectory(const struct frame *f)
{
    struct received r = {0};
    char why[160] = "";
    struct meta_arena *arena = meta_arena_create();
    struct trajectory *want = played();
    const char *bad = received_decode(&r, arena, f, &shape, why);
    if (bad)
        print_error("%s: %s\n", bad, why);
    const struct trajectory *t = &r.t;
    size_t te = T * E;
    bool same =
        !bad && t->weights_version == 9 && t->env_steps_before == 1000 && t->ncaptions == 2 &&
        t->caption_len[1] == 14 && memcmp(t->caption_text[1], "You see a key.", 14) == 0 &&
        memcmp(t->obs, want->obs, (T + 1) * E * OBS) == 0 &&
        memcmp(t->action, want->action, te * sizeof *t->action) == 0 &&
        memcmp(t->logp, want->logp, te * sizeof *t->logp) == 0 &&
        memcmp(t->value, want->value, 2 * te * sizeof *t->value) == 0 &&
        memcmp(t->reward, want->reward, te * sizeof *t->reward) == 0 &&
        memcmp(t->flags, want->flags, te) == 0 &&
        memcmp(t->final_value, want->final_value, 2 * te * sizeof *t->final_value) == 0 &&
        memcmp(t->caption, want->caption, te * sizeof *t->caption) == 0 &&
        memcmp(t->caption_count, want->caption_count, te * sizeof *t->caption_count) == 0 &&
        memcmp(t->obs_caption, want->obs_caption, (T + 1) * E * sizeof *t->obs_caption) == 0 &&
        memcmp(t->first_count, want->first_count, E * sizeof *t->first_count) == 0 &&
        memcmp(t->state0, want->state0, 2 * E * sizeof *t->state0) == 0 &&
        memcmp(t->episode_id, want->episode_id, E * sizeof *t->episode_id) == 0 &&
        memcmp(t->episode_seed, want->episode_seed, E * sizeof *t->episode_seed) == 0 &&
        memcmp(t->first_step, want->first_step, E * sizeof *t->first_step) == 0 &&
        t->nepisodes == 1 && t->episodes[0] == 1.5f && memcmp(t->final_obs, want->obs, OBS) == 0;
    received_release(&r);
    meta_arena_free(arena);
    trajectory_free(want);
    return same;
}

/* --- the file -------------------------------------------------------------------------------- */

static uint8_t *sealed(const struct kind *k, size_t *len)
{
    ProtobufCMessage *m = filled(k->meta);
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *out = calloc(1, FRAME_HEADER + n);
    struct frame_head h = golden_head;
    h.type = (uint16_t)k->type;
    h.meta_len = (uint32_t)n;
    memset(h.run_id, 0xab, sizeof h.run_id);
    protobuf_c_message_pack(m, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, n));
    *len = FRAME_HEADER + n;
    return out;
}

static void print_hex(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

static int record(void)
{
    printf("# Frames of protocol %d.%d, made by t-unit-common-wire-frame-golden_frames --record\n",
           FRAME_MAJOR, FRAME_MINOR);
    for (int i = 0; i < KINDS; i++) {
        size_t n;
        uint8_t *frame = sealed(&kinds[i], &n);
        printf("%d %s ", (int)kinds[i].type, kinds[i].meta->short_name);
        print_hex(frame, n);
        free(frame);
    }
    struct trajectory *t = played();
    struct trajectory_block *b = t->storage;
    trajectory_seal(b);
    struct frame_head h = golden_head;
    h.type = FRAME_TRAJECTORY;
    h.meta_len = b->meta_len;
    h.bulk_len = b->bulk_len;
    memset(h.run_id, 0xab, sizeof h.run_id);
    frame_seal(b->frame, &h, b->body_crc);
    printf("%d Trajectory ", (int)FRAME_TRAJECTORY);
    print_hex(b->frame, b->frame_len);
    trajectory_free(t);
    return 0;
}

struct golden {
    int type;
    char name[64];
    uint8_t frame[LINE_MAX_BYTES / 2];
    size_t len;
};

/* One line; false at the end of the file. */
static bool next_golden(FILE *f, struct golden *g)
{
    static char line[LINE_MAX_BYTES], hex[LINE_MAX_BYTES];
    do
        if (!fgets(line, sizeof line, f))
            return false;
    while (line[0] == '#');
    assert_int_equal(sscanf(line, "%d %63s %65535s", &g->type, g->name, hex), 3);
    g->len = strlen(hex) / 2;
    for (size_t i = 0; i < g->len; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        g->frame[i] = (uint8_t)byte;
    }
    return true;
}

static FILE *open_golden(const char *version)
{
    char path[600];
    snprintf(path, sizeof path, "%s/tests/golden/formats/frames-%s.txt", getenv("ONIC_SOURCE"),
             version);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    return f;
}

static const struct kind *kind_of(const struct golden *g)
{
    for (int i = 0; i < KINDS; i++)
        if ((int)kinds[i].type == g->type)
            return &kinds[i];
    return NULL;
}

static void is_read(const struct golden *g)
{
    struct frame f;
    if (frame_parse(&f, g->frame, g->len) != FRAME_FINE)
        fail_msg("%s is not read", g->name);
    const struct frame_head *h = &f.head;
    assert_true(h->type == g->type && h->actor_id == golden_head.actor_id &&
                h->epoch == golden_head.epoch && h->incarnation == golden_head.incarnation &&
                h->seq == golden_head.seq && h->run_id[0] == 0xab && h->run_id[15] == 0xab);
    if (g->type == FRAME_TRAJECTORY) {
        assert_true(same_trajectory(&f));
        return;
    }
    const struct kind *k = kind_of(g);
    if (!k)
        fail_msg("nobody knows %s (type %d) any more", g->name, g->type);
    struct meta_arena *arena = meta_arena_create();
    const ProtobufCMessage *m = meta_unpack(arena, k->meta, f.meta, h->meta_len);
    assert_non_null(m);
    int set = 0;
    if (!same_message(m, &set) || !set)
        fail_msg("%s is read as something else", g->name);
    meta_arena_free(arena);
}

static void frames_of_1_0_are_read(void **state)
{
    static struct golden g;
    (void)state;
    FILE *f = open_golden("1.0");
    int n = 0;
    for (; next_golden(f, &g); n++)
        is_read(&g);
    fclose(f);
    assert_int_equal(n, KINDS + 1);
}

static void seal_again(struct golden *g)
{
    uint32_t crc = crc32c(0, g->frame, 60);
    for (int i = 0; i < 4; i++)
        g->frame[60 + i] = (uint8_t)(crc >> (8 * i));
}

static void another_minor_version_is_read_and_another_major_one_refused(void **state)
{
    static struct golden g;
    (void)state;
    FILE *file = open_golden("1.0");
    while (next_golden(file, &g)) {
        struct frame f;
        g.frame[5] = FRAME_MINOR + 1;
        seal_again(&g);
        is_read(&g);
        for (int major = FRAME_MAJOR - 1; major <= FRAME_MAJOR + 1; major += 2) {
            g.frame[4] = (uint8_t)major;
            seal_again(&g);
            enum frame_bad bad = frame_parse(&f, g.frame, g.len);
            /* a refusal is read whatever its version: it says why */
            assert_int_equal(bad, g.type == FRAME_REJECT ? FRAME_FINE : FRAME_BAD_VERSION);
        }
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--record") == 0)
        return record();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_1_0_are_read),
        cmocka_unit_test(another_minor_version_is_read_and_another_major_one_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
