/* SPDX-License-Identifier: MIT */
/* record_writer.c - see record_writer.h.
 *
 * Small records are gathered in a buffer by the training thread; a job of the writing thread is
 * such a buffer, then the trajectories of a batch. One job at a time, so the two threads never
 * touch the same memory, and the order in the file is the order in which things happened. */
#include "learner/record/record_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file_limits.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/wire/rollout/learner_link.h"
#include "generated/onic_version.h"
#include "learner/record/record_format.h"
#include "learner/reward/side_thread.h"

enum {
    LEVEL = 1, /* a trajectory of KeyCorridor to a third; more takes far longer */
    OUT_BYTES = 1 << 17,
    SMALL_MAX = 1 << 30, /* all labels of a store may come at once */
    ROOM_PARTS = 4,      /* of the room: one is kept free for the segment that begins */
    SEGMENT_PARTS = 6    /* when it is as long as one, a checkpoint should begin the next */
};

struct record_job {
    struct buf small;
    struct trajectory *const *held; /* [n] borrowed */
    int n;
    bool flush, segment, close;
    uint64_t version;
    uint32_t flags;
};

struct record_writer {
    char dir[RECORD_PATH_MAX], *config;
    struct record_writer_params p;
    struct side_thread *side;
    struct buf small;      /* of the training thread */
    struct record_job job; /* of the writing thread until side_thread_wait */
    bool reading;          /* a job with trajectories may be at work */
    uint64_t updates;
    double waited_s;
    /* of the writing thread */
    ZSTD_CCtx *z;
    char *out; /* [OUT_BYTES] */
    int fd;    /* -1: no segment */
    _Atomic uint64_t segment_bytes, bytes, expected;
    _Atomic bool failed;
    bool said;
    pthread_mutex_t lock;
    struct onic_err why; /* guarded by lock */
};

/* --- the writing thread ---------------------------------------------------------------------- */

/* Also on the checkpoint writer's. why: of errno; 0 = what says all. */
static void record_fail(struct record_writer *w, const char *what, int why)
{
    pthread_mutex_lock(&w->lock);
    if (!w->failed && why)
        err_set(&w->why, ONIC_EIO, "%s: %s", what, file_write_why(why));
    else if (!w->failed)
        err_set(&w->why, ONIC_EIO, "%s", what);
    w->failed = true;
    pthread_mutex_unlock(&w->lock);
}

/* What is open is written on; nothing is done by name where another run may be. */
static bool is_at_home(const struct record_writer *w)
{
    return !w->p.home || run_home_is_here(w->p.home);
}

static bool is_writing(const struct record_writer *w)
{
    return w->fd >= 0 && !w->failed;
}

static bool write_all(struct record_writer *w, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(w->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            record_fail(w, w->dir, n < 0 ? errno : ENOSPC);
            return false;
        }
        data += n;
        len -= (size_t)n;
        w->segment_bytes += (uint64_t)n;
        w->bytes += (uint64_t)n;
    }
    if (w->segment_bytes > w->p.bytes_max)
        record_fail(w,
                    "a segment alone is larger than record.max_mb, as no checkpoint began another: "
                    "raise it, or see whether checkpoints fail",
                    0);
    return !w->failed;
}

static void squeeze(struct record_writer *w, const void *data, size_t len, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = {data, len, 0};
    size_t left = 1;
    while (is_writing(w) && (in.pos < in.size || (how != ZSTD_e_continue && left))) {
        ZSTD_outBuffer out = {w->out, OUT_BYTES, 0};
        left = ZSTD_compressStream2(w->z, &out, &in, how);
        ONIC_ASSERT(!ZSTD_isError(left));
        if (!write_all(w, w->out, out.pos))
            return;
    }
}

static struct record_prefix prefix_of(enum record_kind kind, const void *payload, size_t len)
{
    return (struct record_prefix){kind, (uint32_t)len, record_hash(kind, payload, len)};
}

static void squeeze_record(struct record_writer *w, enum record_kind kind, const void *payload,
                           size_t len)
{
    struct record_prefix prefix = prefix_of(kind, payload, len);
    squeeze(w, &prefix, sizeof prefix, ZSTD_e_continue);
    squeeze(w, payload, len, ZSTD_e_continue);
}

static void end_segment(struct record_writer *w)
{
    struct record_batch end = {0};
    if (w->fd < 0)
        return;
    squeeze_record(w, RECORD_END, &end, sizeof end);
    squeeze(w, NULL, 0, ZSTD_e_end);
    if (is_writing(w) && fsync(w->fd) != 0)
        record_fail(w, w->dir, errno);
    close(w->fd);
    w->fd = -1;
}

static void remove_pair(const char *dir, const struct record_entry *e)
{
    char path[RECORD_PATH_MAX];
    record_path(path, dir, e->epoch, e->version, RECORD_SEGMENT);
    unlink(path);
    record_path(path, dir, e->epoch, e->version, RECORD_CHECKPOINT);
    unlink(path);
}

/* Room for one more. */
static void record_drop_oldest(struct record_writer *w)
{
    struct record_list all;
    uint64_t sum = w->p.bytes_max / ROOM_PARTS;
    if (record_list(w->dir, &all, NULL) != ONIC_OK)
        return;
    for (size_t i = 0; i < all.n; i++)
        sum += all.e[i].bytes;
    for (size_t i = 0; i < all.n && sum > w->p.bytes_max; i++) {
        bool next = all.e[i].epoch == w->p.epoch && all.e[i].version == w->job.version;
        if (next) /* its checkpoint may be there already */
            continue;
        if (!is_at_home(w))
            break;
        remove_pair(w->dir, &all.e[i]);
        sum -= all.e[i].bytes;
    }
    record_list_free(&all);
}

static void squeeze_head(struct record_writer *w)
{
    struct buf b;
    size_t len = strlen(w->config);
    struct record_head h = {.magic = RECORD_MAGIC,
                            .format = RECORD_FORMAT,
                            .epoch = w->p.epoch,
                            .version = w->job.version,
                            .threads = w->p.threads,
                            .flags = w->job.flags,
                            .tensors = (uint32_t)w->p.model->count,
                            .config_len = (uint32_t)len,
                            .onic = ONIC_VERSION};
    memcpy(h.run_id, w->p.run_id, sizeof h.run_id);
    record_kernels(h.kernels);
    buf_init(&b, record_most(RECORD_HEAD));
    buf_append(&b, &h, sizeof h);
    buf_append(&b, w->config, len);
    squeeze_record(w, RECORD_HEAD, b.data, b.len);
    buf_release(&b);
}

static void begin_segment(struct record_writer *w)
{
    char path[RECORD_PATH_MAX];
    record_drop_oldest(w);
    if (!is_at_home(w))
        return;
    record_path(path, w->dir, w->p.epoch, w->job.version, RECORD_SEGMENT);
    w->segment_bytes = 0;
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        record_fail(w, path, errno);
        return;
    }
    ZSTD_CCtx_reset(w->z, ZSTD_reset_session_only);
    squeeze_head(w);
    squeeze(w, NULL, 0, ZSTD_e_flush);
}

static void record_work(void *writer)
{
    struct record_writer *w = writer;
    struct record_job *j = &w->job;
    if (is_writing(w))
        squeeze(w, j->small.data, j->small.len, ZSTD_e_continue);
    for (int i = 0; i < j->n && is_writing(w); i++) {
        size_t len;
        const void *frame = wire_learner_frame(j->held[i], &len);
        squeeze_record(w, RECORD_TRAJECTORY, frame, len);
    }
    if (j->flush)
        squeeze(w, NULL, 0, ZSTD_e_flush);
    if (j->segment || j->close)
        end_segment(w);
    if (j->segment && !w->failed)
        begin_segment(w);
}

/* --- the training thread --------------------------------------------------------------------- */

static void wait_for_job(struct record_writer *w)
{
    int64_t before = clock_ns();
    side_thread_wait(w->side);
    w->waited_s += (double)(clock_ns() - before) * 1e-9;
    w->reading = false;
}

void record_writer_wait(struct record_writer *w)
{
    if (w->reading)
        wait_for_job(w);
}

static void record_start(struct record_writer *w, const struct record_job *job)
{
    wait_for_job(w);
    struct buf empty = w->job.small;
    buf_reset(&empty);
    w->job = *job;
    w->job.small = w->small;
    w->small = empty;
    w->reading = job->n > 0;
    side_thread_start(w->side, record_work, w);
}

static void record_add(struct record_writer *w, enum record_kind kind, const void *fixed,
                       size_t fixed_len, const void *rest, size_t rest_len)
{
    char payload[sizeof(struct record_update) + PARAMS_MAX * sizeof(uint64_t) + QUESTION_MAX];
    size_t len = fixed_len + rest_len;
    ONIC_ASSERT(len <= sizeof payload);
    memcpy(payload, fixed, fixed_len);
    if (rest_len)
        memcpy(payload + fixed_len, rest, rest_len);
    struct record_prefix prefix = prefix_of(kind, payload, len);
    buf_append(&w->small, &prefix, sizeof prefix);
    buf_append(&w->small, payload, len);
    ONIC_ASSERT(!w->small.overflow);
}

int record_writer_create(struct record_writer **out, const struct record_writer_params *p,
                         struct onic_err *err)
{
    *out = NULL;
    struct record_writer *w = xcalloc(1, sizeof *w);
    w->p = *p;
    snprintf(w->dir, sizeof w->dir, "%s/" RECORD_FOLDER, p->run_dir);
    int rc = plain_folder_make(w->dir, err);
    if (rc) {
        free(w);
        return rc;
    }
    w->config = xstrdup(p->config);
    w->out = xmalloc(OUT_BYTES);
    w->fd = -1;
    w->z = ZSTD_createCCtx();
    ONIC_ASSERT(w->z);
    ZSTD_CCtx_setParameter(w->z, ZSTD_c_compressionLevel, LEVEL);
    buf_init(&w->small, SMALL_MAX);
    buf_init(&w->job.small, SMALL_MAX);
    pthread_mutex_init(&w->lock, NULL);
    w->side = side_thread_create("record");
    *out = w;
    return ONIC_OK;
}

void record_writer_end(struct record_writer *w)
{
    record_start(w, &(struct record_job){.close = true});
    side_thread_wait(w->side);
}

void record_writer_free(struct record_writer *w)
{
    if (!w)
        return;
    record_writer_end(w);
    side_thread_free(w->side);
    pthread_mutex_destroy(&w->lock);
    ZSTD_freeCCtx(w->z);
    buf_release(&w->small);
    buf_release(&w->job.small);
    free(w->out);
    free(w->config);
    free(w);
}

void record_writer_segment(struct record_writer *w, uint64_t version, uint32_t flags)
{
    record_start(w, &(struct record_job){.segment = true, .version = version, .flags = flags});
}

void record_writer_expect(struct record_writer *w, uint64_t version)
{
    w->expected = version;
}

void record_writer_checkpoint(struct record_writer *w, const char *path, uint64_t version)
{
    char kept[RECORD_PATH_MAX];
    if (w->expected != version || !is_at_home(w))
        return;
    record_path(kept, w->dir, w->p.epoch, version, RECORD_CHECKPOINT);
    if (link(path, kept) == 0 || errno == EEXIST)
        return;
    record_fail(w, kept, errno);
}

void record_writer_label(struct record_writer *w, const struct label *l)
{
    struct record_label r = {.id = l->id,
                             .value = l->value,
                             .confidence = l->confidence,
                             .asked_at = l->asked_at,
                             .answered_at = l->answered_at,
                             .question_len = (uint32_t)l->question_len};
    snprintf(r.source, sizeof r.source, "%s", l->source);
    record_add(w, RECORD_LABEL, &r, sizeof r, l->question, l->question_len);
}

void record_writer_drawn(struct record_writer *w)
{
    record_add(w, RECORD_DRAWN, "", 0, NULL, 0);
}

void record_writer_batch(struct record_writer *w, struct trajectory *const *held, int n)
{
    struct record_batch b = {.trajectories = (uint32_t)n};
    record_start(w, &(struct record_job){.held = held, .n = n});
    record_add(w, RECORD_BATCH, &b, sizeof b, NULL, 0);
}

void record_writer_turn(struct record_writer *w, const struct train_turn *turn)
{
    struct record_turn t = {.beside = turn->beside, .idle = turn->idle, .steps = turn->steps};
    record_add(w, RECORD_TURN, &t, sizeof t, NULL, 0);
}

static void add_weights(struct record_writer *w, enum record_kind kind, struct record_update *u,
                        const struct learner_counters *n, const float *weights)
{
    uint64_t hash[PARAMS_MAX];
    const struct params *p = w->p.model;
    for (int i = 0; i < p->count; i++)
        hash[i] =
            XXH3_64bits(weights + p->param[i].offset,
                        (size_t)p->param[i].rows * (size_t)p->param[i].cols * sizeof *weights);
    u->version = n->version;
    u->env_steps = n->env_steps;
    u->adam_steps = n->adam_steps;
    u->tensors = (uint32_t)p->count;
    record_add(w, kind, u, sizeof *u, hash, (size_t)p->count * sizeof *hash);
    record_start(w, &(struct record_job){.flush = true});
    w->updates++;
}

void record_writer_update(struct record_writer *w, const struct learner_counters *n,
                          const float *weights)
{
    struct record_update u = {0};
    add_weights(w, RECORD_UPDATE, &u, n, weights);
}

void record_writer_roll_back(struct record_writer *w, const struct learner_counters *n,
                             const float *weights, uint64_t checkpoint, uint32_t flags)
{
    struct record_update u = {.checkpoint = checkpoint, .flags = flags};
    add_weights(w, RECORD_ROLL_BACK, &u, n, weights);
}

bool record_writer_wants_checkpoint(const struct record_writer *w)
{
    return w->segment_bytes > w->p.bytes_max / SEGMENT_PARTS;
}

bool record_writer_failed(struct record_writer *w, struct onic_err *why)
{
    bool now = w->failed && !w->said;
    w->said |= now;
    pthread_mutex_lock(&w->lock);
    *why = w->why;
    pthread_mutex_unlock(&w->lock);
    return now;
}

void record_writer_numbers(struct record_writer *w, struct record_writer_numbers *out)
{
    *out = (struct record_writer_numbers){
        .updates = w->updates, .bytes = w->bytes, .waited_s = w->waited_s};
}
