/* SPDX-License-Identifier: MIT */
/* A record as its writer leaves it: what was given comes back, the oldest go, and a disk that is
 * full ends the recording alone. */
#define _GNU_SOURCE
#include "learner/record/record_writer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/wire/rollout/received.h"
#include "learner/record/record_reader.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { FRAME_BYTES = 100000, BATCH = 4 };

static struct onic_err why;
static char folder[256], records[300];
static struct params model;
static float weights[64];

static int each_setup(void **state)
{
    (void)state;
    temp_dir_create(folder);
    snprintf(records, sizeof records, "%s/" RECORD_FOLDER, folder);
    memset(&model, 0, sizeof model);
    params_add(&model, "a.w", 2, 3, PARAM_ZERO, 0);
    params_add(&model, "b.w", 1, 4, PARAM_ZERO, 0);
    return 0;
}

static int each_teardown(void **state)
{
    (void)state;
    temp_dir_remove(folder);
    return 0;
}

static const struct run_home *home;

static struct record_writer *writer_of(uint64_t bytes_max)
{
    struct record_writer *w;
    struct record_writer_params p = {.run_dir = folder,
                                     .home = home,
                                     .bytes_max = bytes_max,
                                     .epoch = 1,
                                     .threads = 2,
                                     .config = "run:\n  seed: 1\n",
                                     .model = &model};
    assert_ok(record_writer_create(&w, &p, &err));
    return w;
}

/* Bytes that do not get smaller. */
static void fill(void *at, size_t len, uint32_t seed)
{
    uint8_t *p = at;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (uint8_t)(seed >> 24);
    }
}

struct held {
    struct received r[BATCH];
    struct trajectory *t[BATCH];
};

static void hold(struct held *h, uint64_t version)
{
    memset(h, 0, sizeof *h);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(zmq_msg_init_size(&h->r[i].msg, FRAME_BYTES), 0);
        fill(zmq_msg_data(&h->r[i].msg), FRAME_BYTES, (uint32_t)version * 10 + (uint32_t)i);
        h->r[i].t.storage = &h->r[i];
        h->t[i] = &h->r[i].t;
    }
}

static void let_go(struct record_writer *w, struct held *h)
{
    record_writer_wait(w);
    for (int i = BATCH - 1; i >= 0; i--) { /* nobody reads them any more, the last neither */
        memset(zmq_msg_data(&h->r[i].msg), 0, FRAME_BYTES);
        zmq_msg_close(&h->r[i].msg);
    }
}

static void one_update(struct record_writer *w, uint64_t version)
{
    struct held h;
    hold(&h, version);
    struct label l = {.id = version,
                      .state = LABEL_ANSWERED,
                      .value = 0.5,
                      .confidence = 1,
                      .question = "text",
                      .question_len = 4,
                      .source = "rules"};
    record_writer_label(w, &l);
    record_writer_batch(w, h.t, BATCH);
    record_writer_turn(w, &(struct train_turn){.beside = true, .idle = true, .steps = 3});
    weights[0] = (float)version;
    record_writer_update(w, &(struct learner_counters){.version = version}, weights);
    let_go(w, &h);
}

static struct record_reader *reader_of(uint64_t version)
{
    char path[RECORD_PATH_MAX];
    struct record_reader *r;
    record_path(path, records, 1, version, RECORD_SEGMENT);
    assert_ok(record_reader_open(&r, path, &err));
    return r;
}

static void what_is_written_is_read_in_the_same_order(void **state)
{
    static const enum record_kind order[] = {
        RECORD_LABEL,      RECORD_TRAJECTORY, RECORD_TRAJECTORY, RECORD_TRAJECTORY,
        RECORD_TRAJECTORY, RECORD_BATCH,      RECORD_TURN,       RECORD_UPDATE};
    static uint8_t want[FRAME_BYTES];
    struct record rec;
    (void)state;
    struct record_writer *w = writer_of(1 << 30);
    record_writer_segment(w, 0, RECORD_UNLABELLED);
    one_update(w, 1);
    one_update(w, 2);
    record_writer_free(w);
    struct record_reader *r = reader_of(0);
    assert_int_equal(record_reader_head(r)->flags, RECORD_UNLABELLED);
    assert_int_equal(record_reader_head(r)->threads, 2);
    for (uint32_t v = 1, frame = 0; v <= 2; v++, frame = 0)
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            assert_ok(record_reader_next(r, &rec, &err));
            assert_int_equal(rec.kind, order[i]);
            if (rec.kind == RECORD_TRAJECTORY) {
                fill(want, sizeof want, v * 10 + frame++);
                assert_int_equal(rec.len, sizeof want);
                assert_memory_equal(rec.frame, want, sizeof want);
            }
            free(rec.frame);
        }
    assert_int_equal(rec.update.is.version, 2);
    assert_int_equal(record_reader_next(r, &rec, &why), ONIC_ENOTFOUND);
    assert_false(record_reader_is_cut(r));
    record_reader_close(r);
}

/* 400 kB an update, three of them a segment, 4 MB in all. */
/* Also before the update, which waits for the thread as well; ten times, for it may be quick. */
static void what_is_let_go_has_been_read(void **state)
{
    static uint8_t want[FRAME_BYTES];
    struct held h;
    struct record rec;
    (void)state;
    struct record_writer *w = writer_of(1 << 30);
    record_writer_segment(w, 0, 0);
    for (uint64_t v = 1; v <= 10; v++) {
        hold(&h, v);
        record_writer_batch(w, h.t, BATCH);
        let_go(w, &h);
        record_writer_turn(w, &(struct train_turn){.steps = 3});
        record_writer_update(w, &(struct learner_counters){.version = v}, weights);
    }
    record_writer_free(w);
    struct record_reader *r = reader_of(0);
    for (uint32_t frame = 0; frame < 10 * BATCH; free(rec.frame)) {
        assert_ok(record_reader_next(r, &rec, &err));
        if (rec.kind != RECORD_TRAJECTORY)
            continue;
        fill(want, sizeof want, (1 + frame / BATCH) * 10 + frame % BATCH);
        assert_memory_equal(rec.frame, want, sizeof want);
        frame++;
    }
    record_reader_close(r);
}

static void the_oldest_go_with_their_checkpoints(void **state)
{
    char path[400];
    struct record_list all;
    (void)state;
    struct record_writer *w = writer_of(4 << 20);
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs("a checkpoint", f) >= 0 && fclose(f) == 0);
    for (uint64_t v = 0; v < 30; v++) {
        if (v == 0 || record_writer_wants_checkpoint(w)) {
            record_writer_expect(w, v);
            record_writer_checkpoint(w, path, v + 1); /* another one: not kept */
            record_writer_checkpoint(w, path, v);
            record_writer_segment(w, v, 0);
        }
        one_update(w, v + 1);
    }
    assert_false(record_writer_failed(w, &why));
    record_writer_free(w);
    assert_ok(record_list(records, &all, &err));
    uint64_t sum = 0;
    for (size_t i = 0; i < all.n; i++) {
        assert_true(all.e[i].segment && all.e[i].checkpoint);
        sum += all.e[i].bytes;
    }
    assert_true(all.n >= 2 && all.e[0].version > 0 && sum <= 4 << 20);
    record_list_free(&all);
}

static void a_full_disk_ends_the_recording_and_leaves_whole_updates(void **state)
{
    struct rlimit was, small;
    struct record rec;
    int rc, updates = 0;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 1000000;
    struct record_writer *w = writer_of(1 << 30);
    record_writer_segment(w, 0, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (uint64_t v = 1; v <= 5; v++)
        one_update(w, v);
    assert_true(record_writer_failed(w, &why));
    assert_non_null(strstr(why.msg, "File too large"));
    assert_false(record_writer_failed(w, &why)); /* said once */
    record_writer_free(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    struct record_reader *r = reader_of(0);
    while (!(rc = record_reader_next(r, &rec, &why))) {
        updates += rec.kind == RECORD_UPDATE;
        free(rec.frame);
    }
    assert_int_equal(rc, ONIC_ENOTFOUND);
    assert_true(record_reader_is_cut(r));
    assert_int_equal(updates, 2);
    record_reader_close(r);
}

/* Checkpoints fail, or one update alone is larger than all that there may be. */
static void a_segment_that_outgrows_the_room_ends_the_recording_with_a_sentence(void **state)
{
    (void)state;
    struct record_writer *w = writer_of(1 << 20);
    record_writer_segment(w, 0, 0);
    one_update(w, 1);
    one_update(w, 2);
    assert_false(record_writer_failed(w, &why));
    assert_true(record_writer_wants_checkpoint(w));
    one_update(w, 3);
    assert_true(record_writer_failed(w, &why));
    assert_string_equal(why.msg, "a segment alone is larger than record.max_mb, as no checkpoint "
                                 "began another: raise it, or see whether checkpoints fail");
    record_writer_free(w);
}

static void make_run(void)
{
    uint8_t id[RUN_ID_BYTES];
    assert_true(mkdir(folder, 0700) == 0 || errno == EEXIST);
    assert_ok(run_id_ensure(folder, id, &err));
}

/* Four segments of a new run, which are older than what begins now, and as much as there may be. */
static void the_record_of_a_new_run_in_its_place_is_left_alone(void **state)
{
    struct run_home at_home;
    char away[300], path[RECORD_PATH_MAX], checkpoint[300];
    (void)state;
    make_run();
    assert_ok(run_home_open(&at_home, folder, &err));
    home = &at_home;
    struct record_writer *w = writer_of(1 << 20);
    home = NULL;
    record_writer_segment(w, 7, 0);
    one_update(w, 8);
    snprintf(away, sizeof away, "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    make_run();
    assert_int_equal(mkdir(records, 0700), 0);
    for (uint64_t v = 0; v < 4; v++) {
        record_path(path, records, 1, v, RECORD_SEGMENT);
        files_write(path, "");
        assert_int_equal(truncate(path, 1 << 18), 0);
    }
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
    files_write(checkpoint, "another run's");
    record_writer_expect(w, 9);
    record_writer_checkpoint(w, checkpoint, 9);
    record_writer_segment(w, 9, 0);
    one_update(w, 10);
    assert_false(record_writer_failed(w, &why)); /* the run ends, that is enough */
    record_writer_free(w);
    for (uint64_t v = 0; v < 4; v++) {
        record_path(path, records, 1, v, RECORD_SEGMENT);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(records), 0); /* nothing else was in it */
    run_home_close(&at_home);
    temp_dir_remove(away);
}

static void a_folder_that_cannot_be_is_said_at_the_start(void **state)
{
    struct record_writer *w;
    (void)state;
    struct record_writer_params p = {.run_dir = "/proc/nowhere",
                                     .bytes_max = 1 << 30,
                                     .epoch = 1,
                                     .config = "",
                                     .model = &model};
    assert_err(record_writer_create(&w, &p, &err), ONIC_ECANTCREATE, "/proc/nowhere/record");
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)
    const struct CMUnitTest tests[] = {
        EACH(what_is_written_is_read_in_the_same_order),
        EACH(what_is_let_go_has_been_read),
        EACH(the_oldest_go_with_their_checkpoints),
        EACH(a_full_disk_ends_the_recording_and_leaves_whole_updates),
        EACH(a_segment_that_outgrows_the_room_ends_the_recording_with_a_sentence),
        EACH(the_record_of_a_new_run_in_its_place_is_left_alone),
        EACH(a_folder_that_cannot_be_is_said_at_the_start),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
