/* SPDX-License-Identifier: MIT */
/* pull.c - see pull.h.
 *
 * One pull at a time: manifest, then chunks with at most two requests outstanding, so that no pipe
 * ever fills. A chunk is checked against the manifest's CRC when it comes, the whole against
 * XXH3-128 and for numbers that are not finite before the swap. Whatever fails, the old weights
 * stay and the pull starts over.
 *
 * Versions are numbers of one learner life: after a crash the same number may name other weights,
 * so a new epoch starts with nothing. When the wanted version is evicted under a slow actor three
 * times, it asks for a pin. */
#include "common/wire/weights/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/bounds.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/weights/share.h"
#include "weights.pb-c.h"

enum {
    RETRY_MS = 3000, /* a chunk over a slow link may take longer; then up to */
    RETRY_MOST_MS = 24000,
    RECONNECT_MS = 15000,
    RECONNECT_CHUNKS_MS = 45000, /* longer than the server waits for a chunk to be fetched */
    RECONNECT_NAME_MS =
        5000, /* a name that never answered: perhaps it does over the other family */
    PAUSE_MS = 1000,
    CORRUPT_BEFORE_PAUSE = 3,
    SHARE_WAIT_MS = 3000,     /* for a sign of another actor of this host that pulls, then alone */
    SHARE_BEAT_MS = 500,      /* between two such signs, */
    SHARE_ANSWERED_MS = 30000 /* which are given while the learner answers so often */
};

enum pull_state { PULL_IDLE, PULL_MANIFEST, PULL_CHUNKS };

struct wire_weights_pull {
    void *context, *socket;
    struct wire_keys *keys;
    char address[SOCK_ADDRESS_MAX];
    unsigned attempts; /* sockets made */
    uint8_t run_id[16];
    uint32_t epoch;
    struct meta_arena *arena;
    size_t total;
    float *block[2];
    int active;
    bool have; /* block[active] holds `version` of this epoch */
    uint64_t version;
    struct wire_weights_share *share; /* NULL: pulls alone */
    bool share_opened;
    int64_t waiting_ms; /* since when another actor's pull shows nothing; 0 = none is waited for */
    uint64_t beats;     /* of that pull */
    int64_t beat_ms;    /* of our own */

    enum pull_state state;
    uint64_t coming; /* version of the pull */
    uint32_t chunks, done;
    uint32_t asked, under_way; /* all before `asked` are here or were asked for */
    size_t chunk_bytes;
    uint32_t *crc; /* [chunks] */
    uint8_t *got;  /* [chunks] */
    uint8_t hash[16];
    int64_t heard_ms;    /* last progress of this pull, or its last question */
    int64_t progress_ms; /* the last chunk that was new, or the manifest */
    int64_t patience_ms; /* with an answer */
    int64_t answered_ms; /* last message of the server, or the time the socket was made */
    bool answered_once;  /* by this address */
    int64_t silent_since_ms, polled_ms;
    int64_t pause_until_ms;
    int gone_run, corrupt_run;
    int64_t log_ms;
    struct wire_weights_pull_counts counts;
};

struct wire_weights_pull *wire_weights_pull_create(void *context, struct meta_arena *arena,
                                                   struct wire_keys *keys)
{
    struct wire_weights_pull *p = xcalloc(1, sizeof *p);
    p->context = context;
    p->keys = keys;
    p->arena = arena;
    p->crc = xcalloc(WEIGHTS_CHUNKS_MAX, sizeof *p->crc);
    p->got = xcalloc(WEIGHTS_CHUNKS_MAX, sizeof *p->got);
    return p;
}

void wire_weights_pull_free(struct wire_weights_pull *p)
{
    if (!p)
        return;
    sock_close(p->socket, 0);
    wire_weights_share_close(p->share);
    free(p->block[0]);
    free(p->block[1]);
    free(p->crc);
    free(p->got);
    free(p);
}

void wire_weights_pull_size(struct wire_weights_pull *p, size_t floats)
{
    if (p->total)
        return;
    p->total = floats * sizeof(float);
    for (int i = 0; i < 2; i++)
        p->block[i] = xaligned(p->total);
}

static int weights_pull_open_socket(struct wire_weights_pull *p, struct onic_err *err)
{
    struct sock_options o = {.hwm = 24,
                             .max_msg_bytes = BOUND_WEIGHTS_BYTES,
                             .keys = p->keys,
                             .peer = KEY_LEARNER,
                             .option = "weights address",
                             .attempt = p->attempts++};
    sock_close(p->socket, 0);
    p->socket = NULL;
    p->state = PULL_IDLE;
    p->patience_ms = RETRY_MS;
    p->heard_ms = p->answered_ms = clock_ms();
    return sock_connect(&p->socket, p->context, p->address, &o, err);
}

int wire_weights_pull_connect(struct wire_weights_pull *p, const char *address, unsigned attempt,
                              const uint8_t run_id[16], uint32_t epoch, struct onic_err *err)
{
    if (p->socket && epoch == p->epoch && strcmp(address, p->address) == 0)
        return ONIC_OK;
    if (epoch != p->epoch || memcmp(run_id, p->run_id, sizeof p->run_id) != 0)
        p->have = false;
    wire_weights_share_close(p->share);
    p->share = NULL;
    p->share_opened = false;
    memcpy(p->run_id, run_id, sizeof p->run_id);
    p->epoch = epoch;
    snprintf(p->address, sizeof p->address, "%s", address);
    p->attempts = attempt;
    p->answered_once = false;
    p->silent_since_ms = p->polled_ms = clock_ms();
    return weights_pull_open_socket(p, err);
}

void wire_weights_pull_reconnect(struct wire_weights_pull *p)
{
    struct onic_err err = {0};
    if (p->address[0] && weights_pull_open_socket(p, &err) != ONIC_OK)
        log_warn(err.msg);
}

void *wire_weights_pull_socket(const struct wire_weights_pull *p)
{
    return p->socket;
}

const float *wire_weights_pull_get(const struct wire_weights_pull *p, uint64_t *version)
{
    if (!p->have)
        return NULL;
    if (version)
        *version = p->version;
    return p->block[p->active];
}

struct wire_weights_pull_counts wire_weights_pull_counts(const struct wire_weights_pull *p)
{
    return p->counts;
}

/* --- asking ------------------------------------------------------------------------------ */

static bool weights_pull_ask(struct wire_weights_pull *p, bool manifest, uint64_t version_plus_1,
                             uint32_t chunk)
{
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    m.manifest = manifest;
    m.version = version_plus_1;
    m.chunk = chunk;
    m.pin = p->gone_run >= WEIGHTS_PIN_AFTER;
    struct frame_head h = {
        .type = FRAME_WEIGHTS_GET, .epoch = p->epoch, .actor_id = (uint32_t)FRAME_ID_NONE};
    memcpy(h.run_id, p->run_id, sizeof h.run_id);
    zmq_msg_t msg;
    sock_build(&msg, &h, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
    if (sock_send(p->socket, NULL, &msg) != SOCK_SENT)
        return false;
    p->counts.pinned += m.pin;
    return true;
}

static void ask_manifest(struct wire_weights_pull *p)
{
    if (weights_pull_ask(p, true, 0, 0)) {
        p->state = PULL_MANIFEST;
        p->heard_ms = clock_ms();
    }
}

static void ask_chunks(struct wire_weights_pull *p)
{
    for (; p->state == PULL_CHUNKS && p->asked < p->chunks; p->asked++) {
        if (p->got[p->asked])
            continue;
        if (p->under_way >= WEIGHTS_OUTSTANDING ||
            !weights_pull_ask(p, false, p->coming + 1, p->asked))
            return;
        p->under_way++;
    }
}

/* An answer was lost, or is slow: what is missing is asked for again, and what is here stays. Every
 * time later, for over a slow link each question too many takes the time of a chunk. */
static void ask_again(struct wire_weights_pull *p, int64_t now)
{
    p->heard_ms = now;
    p->asked = p->under_way = 0;
    p->patience_ms =
        2 * p->patience_ms < RETRY_MOST_MS ? 2 * p->patience_ms : (int64_t)RETRY_MOST_MS;
}

static void weights_pull_progress(struct wire_weights_pull *p)
{
    int64_t now = clock_ms(), twice = 2 * (now - p->progress_ms);
    p->patience_ms = twice < RETRY_MS        ? (int64_t)RETRY_MS
                     : twice > RETRY_MOST_MS ? (int64_t)RETRY_MOST_MS
                                             : twice;
    p->heard_ms = p->progress_ms = now;
}

/* --- receiving --------------------------------------------------------------------------- */

static void start_over(struct wire_weights_pull *p, const char *why)
{
    p->state = PULL_IDLE;
    p->counts.corrupt++;
    if (log_every_ms(&p->log_ms, 1000))
        log_warn("received weights are damaged, pulling them again",
                 kv("version", (int64_t)p->coming), kv("why", why));
    if (++p->corrupt_run >= CORRUPT_BEFORE_PAUSE)
        p->pause_until_ms = clock_ms() + PAUSE_MS;
}

static void manifest(struct wire_weights_pull *p, const struct frame *f)
{
    const Onic__Wire__WeightsManifest *m =
        meta_unpack(p->arena, &onic__wire__weights_manifest__descriptor, f->meta, f->head.meta_len);
    if (!m || p->state == PULL_IDLE || (p->state == PULL_CHUNKS && !m->gone))
        return;
    if (m->gone) {
        p->gone_run++;
        p->counts.gone++;
    }
    p->state = PULL_IDLE;
    if (p->have && m->version == p->version)
        return;
    p->coming = m->version;
    size_t chunks = m->chunk_bytes ? (p->total + m->chunk_bytes - 1) / m->chunk_bytes : 0;
    if (m->total_bytes != p->total || m->xxh128.len != sizeof p->hash || chunks == 0 ||
        chunks > WEIGHTS_CHUNKS_MAX || m->n_chunk_crc != chunks) {
        start_over(p, "the manifest does not describe weights of this network");
        return;
    }
    p->chunks = (uint32_t)chunks;
    p->chunk_bytes = m->chunk_bytes;
    memcpy(p->crc, m->chunk_crc, chunks * sizeof *p->crc);
    memset(p->got, 0, chunks);
    memcpy(p->hash, m->xxh128.data, sizeof p->hash);
    p->asked = p->done = p->under_way = 0;
    p->heard_ms = p->progress_ms = clock_ms();
    p->state = PULL_CHUNKS;
    if (p->gone_run >= WEIGHTS_PIN_AFTER)
        weights_pull_ask(p, true, p->coming + 1,
                         0); /* the answer is ignored in this state; the pin counts */
    ask_chunks(p);
}

static bool all_finite(const float *x, size_t n)
{
    uint32_t any = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        any |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return any == 0;
}

static void swap_in(struct wire_weights_pull *p, uint64_t version)
{
    p->active = !p->active;
    p->have = true;
    p->version = version;
    p->state = PULL_IDLE;
    p->waiting_ms = 0;
    p->gone_run = p->corrupt_run = 0;
    trace(WEIGHTS, .n = p->epoch, .version = version,
          .seq = trace_hash(p->block[p->active], p->total));
}

static bool weights_pull_finish(struct wire_weights_pull *p)
{
    float *block = p->block[!p->active];
    XXH128_canonical_t canon;
    XXH128_canonicalFromHash(&canon, XXH3_128bits(block, p->total));
    if (memcmp(canon.digest, p->hash, sizeof p->hash) != 0) {
        start_over(p, "the hash of the whole differs");
        return false;
    }
    if (!all_finite(block, p->total / sizeof(float))) {
        start_over(p, "a weight is not a finite number");
        return false;
    }
    if (p->share && wire_weights_share_claim(p->share))
        wire_weights_share_put(p->share, p->coming, block, p->hash);
    swap_in(p, p->coming);
    p->counts.complete++;
    return true;
}

static bool chunk(struct wire_weights_pull *p, const struct frame *f)
{
    const Onic__Wire__WeightsChunk *m =
        meta_unpack(p->arena, &onic__wire__weights_chunk__descriptor, f->meta, f->head.meta_len);
    if (!m || p->state != PULL_CHUNKS || m->version != p->coming || m->chunk >= p->chunks ||
        p->got[m->chunk])
        return false; /* of a pull that was given up */
    size_t at = m->chunk * p->chunk_bytes;
    size_t want = p->total - at < p->chunk_bytes ? p->total - at : p->chunk_bytes;
    if (f->head.bulk_len != want || crc32c(0, f->bulk, want) != p->crc[m->chunk]) {
        char why[80];
        snprintf(why, sizeof why, "chunk %u does not match its checksum", m->chunk);
        start_over(p, why);
        return false;
    }
    memcpy((uint8_t *)p->block[!p->active] + at, f->bulk, want);
    p->got[m->chunk] = 1;
    p->done++;
    p->under_way -= p->under_way > 0;
    weights_pull_progress(p);
    if (p->done == p->chunks)
        return weights_pull_finish(p);
    ask_chunks(p);
    return false;
}

static bool weights_pull_receive(struct wire_weights_pull *p)
{
    bool swapped = false;
    zmq_msg_t msg;
    enum sock_got got;
    while (!swapped && (got = sock_recv(p->socket, NULL, &msg)) != SOCK_NOTHING) {
        struct frame f;
        if (got != SOCK_FRAME)
            continue;
        p->answered_ms = p->silent_since_ms = clock_ms();
        p->answered_once = true;
        enum frame_bad bad = frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg));
        if (bad == FRAME_BAD_CRC && p->state == PULL_CHUNKS) {
            start_over(p, "a frame does not match its checksum");
        } else if (bad == FRAME_FINE && f.head.epoch == p->epoch &&
                   memcmp(f.head.run_id, p->run_id, 16) == 0) {
            if (f.head.type == FRAME_WEIGHTS_MANIFEST)
                manifest(p, &f);
            else if (f.head.type == FRAME_WEIGHTS_CHUNK)
                swapped = chunk(p, &f);
            else if (f.head.type == FRAME_WEIGHTS_NONE)
                p->state = PULL_IDLE;
        }
        zmq_msg_close(&msg);
    }
    return swapped;
}

/* --- one pull per host ------------------------------------------------------------------- */

static void open_share(struct wire_weights_pull *p)
{
    p->share_opened = true;
    if (strncmp(p->address, "inproc:", 7) != 0)
        p->share = wire_weights_share_open(p->address, p->run_id, p->epoch, p->total);
}

/* Anything newer than what is used, also when the learner is already further: the next poll goes on
 * from there. */
static bool from_share(struct wire_weights_pull *p)
{
    uint64_t newer = p->have ? p->version + 1 : 0, got;
    if (!p->share || !wire_weights_share_get(p->share, newer, p->block[!p->active], &got))
        return false;
    wire_weights_share_release(p->share);
    swap_in(p, got);
    p->counts.shared++;
    return true;
}

/* Nobody else of this host is on it, or has been for too long. */
static bool is_mine_to_pull(struct wire_weights_pull *p, int64_t now)
{
    if (!p->share || wire_weights_share_claim(p->share)) {
        p->waiting_ms = 0;
        return true;
    }
    uint64_t beats = wire_weights_share_beats(p->share);
    if (p->waiting_ms == 0 || beats != p->beats)
        p->waiting_ms = now;
    p->beats = beats;
    return now - p->waiting_ms > SHARE_WAIT_MS;
}

/* A pull that takes long, over a slow link or because it has to wait its turn, is not begun by all
 * actors of the host. */
static void show_host(struct wire_weights_pull *p, int64_t now)
{
    if (p->share && p->state != PULL_IDLE && now - p->answered_ms < SHARE_ANSWERED_MS &&
        log_every_ms(&p->beat_ms, SHARE_BEAT_MS))
        wire_weights_share_beat(p->share);
}

bool wire_weights_pull_waits_for_host(const struct wire_weights_pull *p)
{
    return p->waiting_ms != 0;
}

int64_t wire_weights_pull_silent_ms(const struct wire_weights_pull *p)
{
    return p->silent_since_ms ? p->polled_ms - p->silent_since_ms : 0;
}

const char *wire_weights_pull_address(const struct wire_weights_pull *p)
{
    return p->address;
}

static void note_silence(struct wire_weights_pull *p, bool wanted, int64_t now)
{
    if (!wanted)
        p->silent_since_ms = now;
    p->polled_ms = now;
}

bool wire_weights_pull_poll(struct wire_weights_pull *p, uint64_t version_plus_1)
{
    if (!p->socket || !p->total)
        return false;
    if (!p->share_opened)
        open_share(p);
    bool swapped = weights_pull_receive(p);
    int64_t now = clock_ms();
    bool wanted = version_plus_1 && !(p->have && p->version + 1 == version_plus_1);
    bool other_family = !p->answered_once && sock_is_name(p->address);
    note_silence(p, wanted, now);
    int64_t reconnect_ms = p->state == PULL_CHUNKS ? RECONNECT_CHUNKS_MS
                           : other_family          ? RECONNECT_NAME_MS
                                                   : RECONNECT_MS;
    if (wanted && now - p->answered_ms > reconnect_ms)
        wire_weights_pull_reconnect(p);
    else if (p->state == PULL_CHUNKS && now - p->heard_ms > p->patience_ms)
        ask_again(p, now);
    else if (p->state == PULL_MANIFEST && now - p->heard_ms > RETRY_MS)
        p->state = PULL_IDLE; /* an answer was lost: begin again */
    if (!wanted && p->state == PULL_IDLE)
        p->answered_ms = now;
    if (p->state == PULL_IDLE && wanted && now >= p->pause_until_ms && !swapped) {
        /* Looked at again with the claim: it may have been put there in between. */
        if (from_share(p) || (is_mine_to_pull(p, now) && from_share(p)))
            swapped = true;
        else if (p->waiting_ms == 0 || now - p->waiting_ms > SHARE_WAIT_MS)
            ask_manifest(p);
    }
    ask_chunks(p);
    show_host(p, now);
    if (p->share && p->state == PULL_IDLE)
        wire_weights_share_release(p->share);
    return swapped;
}
