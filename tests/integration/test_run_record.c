/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_run_record.c - `onic train --record` and `onic replay-run` as a user has them: asynchronous
 * runs of the real programs, killed and gone on with, and the same weights again from their records
 * alone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "learner/record/record_reader.h"
#include "learner/record/repeat_open.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/record_file.h"
#include "tests/support/scene.h"

static const char maze[] =
    "--env.id=minigrid:KeyCorridorS3R3 --actors.count=2 --env.count=8 --train.rollout=16 "
    "--train.batch=1024 --annotator.id=rules --metrics.every_s=0.2 --metrics.tensorboard=false "
    "--checkpoint.every_updates=20 --record --run-dir=run";

static void record_run(struct scene *s, const char *options, const char *more)
{
    char args[1200];
    snprintf(args, sizeof args, "train %s %s", options, more);
    scene_succeeds(s, args);
}

/* The same, until a metric is above a number. */
static void record_until(struct scene *s, const char *more, const char *key, double above)
{
    char args[1200];
    snprintf(args, sizeof args, "%s %s", maze, more);
    program_train_until(&s->a, s->dir, args, key, above);
}

/* Repeats the run; what it says on stdout. */
static const char *repeats(struct scene *s)
{
    int code = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    if (code != 0)
        fail_msg("replay-run: %d\n%s", code, program_text(s->b.err));
    return program_text(s->b.out);
}

static double number_before(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    double n = 0, unit = 1;
    if (!at)
        fail_msg("'%s' is not in: %s", word, text);
    while (at > text && at[-1] == ' ')
        at--;
    for (; at > text && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == ','); at--)
        if (at[-1] != ',') {
            n += unit * (at[-1] - '0');
            unit *= 10;
        }
    return n;
}

/* --- files of a record ----------------------------------------------------------------------- */

static size_t segments(struct scene *s, struct record_list *all)
{
    char dir[400];
    snprintf(dir, sizeof dir, "%s/record", s->run);
    assert_ok(record_list(dir, all, &err));
    return all->n;
}

static void segment_path(struct scene *s, const struct record_entry *e, char out[RECORD_PATH_MAX])
{
    char dir[400];
    snprintf(dir, sizeof dir, "%s/record", s->run);
    record_path(out, dir, e->epoch, e->version, RECORD_SEGMENT);
}

/* The path of the second segment, which has more than one update. */
static void a_segment(struct scene *s, char out[RECORD_PATH_MAX])
{
    struct record_list all;
    assert_true(segments(s, &all) >= 3);
    segment_path(s, &all.e[1], out);
    record_list_free(&all);
}

/* In the first segment that has one: where the first record of a kind begins. */
static size_t first_of(struct scene *s, uint32_t kind, struct buf *plain,
                       char path[RECORD_PATH_MAX])
{
    struct record_list all;
    buf_init(plain, RECORD_FILE_MAX);
    for (size_t i = 0, n = segments(s, &all); i < n; i++) {
        struct record_prefix p;
        segment_path(s, &all.e[i], path);
        buf_reset(plain);
        record_file_read(path, plain);
        for (size_t at = 0; at < plain->len; at += sizeof p + p.len) {
            memcpy(&p, plain->data + at, sizeof p);
            if (p.kind == kind) {
                record_list_free(&all);
                return at;
            }
        }
    }
    fail_msg("no record of kind %u", kind);
    return 0;
}

/* Its first record of `kind` becomes one of kind `to`, and of what `change` makes of it; every
 * checksum is right. Then the run is not repeated, and is as it was again. */
static void differs(struct scene *s, uint32_t kind, uint32_t to, void (*change)(char *payload),
                    int code, const char *part)
{
    char path[RECORD_PATH_MAX];
    struct buf plain;
    struct record_prefix p;
    size_t at = first_of(s, kind, &plain, path), len;
    void *was = record_file_squeeze(&plain, &len);
    memcpy(&p, plain.data + at, sizeof p);
    change(plain.data + at + sizeof p);
    p.kind = to;
    p.xxh3 = record_hash(to, plain.data + at + sizeof p, p.len);
    memcpy(plain.data + at, &p, sizeof p);
    record_file_write(path, &plain);
    int got = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    if (got != code || !strstr(program_text(s->b.err), part))
        fail_msg("%d: %s", got, program_text(s->b.err));
    record_file_put(path, was, len);
    free(was);
    buf_release(&plain);
}

static void leave(char *payload)
{
    (void)payload;
}

static void more_turns(char *turn)
{
    turn[offsetof(struct record_turn, steps)] += 3;
}

static void more_steps(char *update)
{
    update[offsetof(struct record_update, env_steps)] += 1;
}

/* Two captions become one. */
static void no_pair(char *label)
{
    char *question = label + sizeof(struct record_label);
    question[strlen(question)] = ' ';
}

/* --- equal ----------------------------------------------------------------------------------- */

/* A learner that is killed and started again by its supervisor, labels that come back. */
static void a_run_with_kills_is_repeated_bit_for_bit(void **state)
{
    struct scene *s = *state;
    char args[1200];
    snprintf(args, sizeof args, "train %s --reward.model=hash --frames=1000000000", maze);
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "updates", 45);
    scene_kill_learner(s, 2);
    scene_await_metric(s, "updates", 90);
    scene_kill_learner(s, 3);
    scene_await_metric(s, "updates", 130);
    scene_await_metric(s, "annot/labels_total", 5);
    scene_drain(&s->a);
    const char *said = repeats(s);
    assert_non_null(strstr(said, "are equal to what was recorded"));
    assert_true(number_before(said, " lives") == 3);
    assert_true(number_before(said, " updates") >= 130);
    assert_true(number_before(said, " labels") > 5);
}

/* The one model whose steps the clock decides, on a thread of its own. */
static void the_turns_of_a_classifier_are_repeated(void **state)
{
    struct scene *s = *state;
    record_until(s,
                 "--reward.model=classifier --reward.train_beside=yes --reward.dataset_size=64 "
                 "--reward.refresh=8",
                 "reward_model/train_steps", 20);
    assert_true(number_before(repeats(s), " updates") > 0);
}

/* Questions that a model draws, steps that it takes between two updates. */
static void the_questions_of_a_ranking_are_repeated(void **state)
{
    struct scene *s = *state;
    record_until(s, "--reward.model=ranking --reward.train_beside=no", "reward_model/train_steps",
                 0);
    assert_true(number_before(repeats(s), " labels") > 5);
    differs(s, RECORD_LABEL, RECORD_LABEL, no_pair, 74,
            "a label of the record is of no question of this run");
}

/* Every label of a segment is handed to `each`; true: it was changed, and gets the right checksum.
 * How many were. */
static int labels_of_segment(const char *path, bool (*each)(struct record_label *l))
{
    struct buf plain;
    int changed = 0;
    buf_init(&plain, RECORD_FILE_MAX);
    record_file_read(path, &plain);
    for (size_t at = 0; at + sizeof(struct record_prefix) < plain.len;) {
        struct record_prefix p;
        struct record_label l;
        char *payload = plain.data + at + sizeof p;
        memcpy(&p, plain.data + at, sizeof p);
        at += sizeof p + p.len;
        if (p.kind != RECORD_LABEL)
            continue;
        memcpy(&l, payload, sizeof l);
        if (!each(&l))
            continue;
        memcpy(payload, &l, sizeof l);
        p.xxh3 = record_hash(p.kind, payload, p.len);
        memcpy(payload - sizeof p, &p, sizeof p);
        changed++;
    }
    if (changed)
        record_file_write(path, &plain);
    buf_release(&plain);
    return changed;
}

static int each_label(struct scene *s, bool (*each)(struct record_label *l))
{
    struct record_list all;
    char path[RECORD_PATH_MAX];
    int changed = 0;
    for (size_t i = 0, n = segments(s, &all); i < n; i++) {
        segment_path(s, &all.e[i], path);
        changed += labels_of_segment(path, each);
    }
    record_list_free(&all);
    return changed;
}

static int below_0;

static bool count_below_0(struct record_label *l)
{
    below_0 += l->value < 0;
    return false;
}

/* Scores are from -1 to 1, and half of those that are drawn by lot are below 0. */
static void scores_below_0_are_repeated(void **state)
{
    struct scene *s = *state;
    record_until(s, "--annotator.id=random --reward.model=similarity", "annot/labels_total", 20);
    below_0 = 0;
    each_label(s, count_below_0);
    assert_true(below_0 > 0);
    assert_true(number_before(repeats(s), " labels") > 5);
}

static void a_run_of_nethack_is_repeated(void **state)
{
    struct scene *s = *state;
    if (program_run(&s->b, s->dir, "b", "onic", "env describe nethack:Score", SCENE_LONG_MS) != 0) {
        print_message("skipped: NetHack's library is not here\n");
        skip();
    }
    record_run(s,
               "--env.id=nethack:Score --actors.count=2 --env.count=4 --train.rollout=32 "
               "--train.batch=512 --annotator.id=rules --record --run-dir=run",
               "--reward.model=hash --frames=20000");
    assert_true(number_before(repeats(s), " updates") >= 35);
}

/* What a source said is withdrawn: the next life learns anew. */
static void distrusted_labels_are_forgotten_again(void **state)
{
    struct scene *s = *state;
    record_until(s, "--reward.model=classifier", "annot/labels_total", 0);
    scene_succeeds(s, "labels distrust run rules");
    record_until(s, "--reward.model=classifier", "updates", metrics_last(s->run, "updates") + 30);
    assert_true(number_before(repeats(s), " lives") == 2);
}

/* The learner's own way back, as test_roll_back.c makes it. */
static void a_roll_back_is_repeated(void **state)
{
    struct scene *s = *state;
    char args[1400], path[400];
    snprintf(args, sizeof args,
             "ABSURD=%s train --record --run-dir=run --env.plugin=%s/tests/plugin_absurd.so "
             "--env.id=absurd --env.count=8 --reward.model=counts --reward.coef_int=0 "
             "--train.gamma_int=1 --train.rollout=128 --train.batch=4096 --frames=1000000000 "
             "--metrics.every_s=0.2 --reward.shaping=scale:4e36 --actors.count=2 "
             "--checkpoint.every_updates=5",
             s->dir, getenv("ONIC_BUILD"));
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "updates", 15);
    snprintf(path, sizeof path, "%s/bad", s->dir);
    files_write(path, "");
    scene_await_metric(s, "train/roll_backs_total", 0);
    scene_await_metric(s, "weights_version", metrics_last(s->run, "weights_version") + 10);
    scene_drain(&s->a);
    assert_true(number_before(repeats(s), " roll-backs") >= 1);
    differs(s, RECORD_ROLL_BACK, RECORD_UPDATE, leave, 65,
            "differs from what was recorded: its gradients are not finite");
}

/* --- not equal ------------------------------------------------------------------------------- */

static void a_flipped_bit_is_found(void **state)
{
    struct scene *s = *state;
    char path[RECORD_PATH_MAX];
    record_run(s, maze, "--reward.model=hash --frames=90000");
    a_segment(s, path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, (long)st.st_size / 2, SEEK_SET);
    int c = fgetc(f);
    fseek(f, (long)st.st_size / 2, SEEK_SET);
    fputc(c ^ 4, f);
    fclose(f);
    int code = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    if (code != 74 || !strstr(program_text(s->b.err), "is damaged behind update"))
        fail_msg("%d: %s", code, program_text(s->b.err));
    scene_fails(s, "onic", "replay-run run --from=3-1", 64,
                "has no segment 3-000000000001 with its checkpoint; the names of its files are "
                "EPOCH-VERSION");
    scene_fails(s, "onic", "replay-run run --from=x", 64, "must be EPOCH-VERSION");
    scene_fails(s, "onic", "replay-run nowhere", 64, "nowhere does not exist");
    scene_fails(s, "onic", "replay-run run/config.yaml", 64, "is a YAML file, not a run directory");
}

/* The first two trajectories of the first batch, exchanged, and every checksum right. */
static void exchange_two(const char *path)
{
    struct buf was, is;
    size_t at[2] = {0}, len[2] = {0}, found = 0;
    buf_init(&was, RECORD_FILE_MAX);
    buf_init(&is, RECORD_FILE_MAX);
    record_file_read(path, &was);
    for (size_t i = 0; i < was.len && found < 2;) {
        struct record_prefix p;
        memcpy(&p, was.data + i, sizeof p);
        if (p.kind == RECORD_TRAJECTORY) {
            at[found] = i;
            len[found++] = sizeof p + p.len;
        }
        i += sizeof p + p.len;
    }
    assert_true(found == 2 && at[1] == at[0] + len[0]);
    buf_append(&is, was.data, at[0]);
    buf_append(&is, was.data + at[1], len[1]);
    buf_append(&is, was.data + at[0], len[0]);
    buf_append(&is, was.data + at[1] + len[1], was.len - at[1] - len[1]);
    record_file_write(path, &is);
    buf_release(&was);
    buf_release(&is);
}

static void what_is_other_than_the_record_has_it_is_named(void **state)
{
    struct scene *s = *state;
    char path[RECORD_PATH_MAX];
    record_run(s, maze, "--reward.model=none --reward.coef_int=0 --frames=90000");
    differs(s, RECORD_TURN, RECORD_TURN, more_turns, 65,
            " of life 1 the reward model has fewer steps to take than were recorded");
    differs(s, RECORD_UPDATE, RECORD_UPDATE, more_steps, 65,
            " of life 1 differs from what was recorded: versions, environment steps or gradient "
            "steps");
    differs(s, RECORD_UPDATE, RECORD_ROLL_BACK, leave, 65,
            " of life 1 differs from what was recorded: its gradients are finite");
    assert_true(number_before(repeats(s), " updates") >= 80);
    a_segment(s, path);
    exchange_two(path);
    int code = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    const char *text = program_text(s->b.err);
    if (code != 65 || !strstr(text, "of life 1 differs from what was recorded: tensor "))
        fail_msg("%d: %s", code, text);
}

/* The first trajectory of the first batch so many times, every checksum right: bytes that hardly
 * take any room in the file. */
static void repeat_first(const char *path, int times)
{
    struct buf was, is;
    struct record_prefix p;
    size_t at = 0;
    buf_init(&was, RECORD_FILE_MAX);
    buf_init(&is, RECORD_FILE_MAX);
    record_file_read(path, &was);
    for (;; at += sizeof p + p.len) {
        assert_true(at + sizeof p < was.len);
        memcpy(&p, was.data + at, sizeof p);
        if (p.kind == RECORD_TRAJECTORY)
            break;
    }
    buf_append(&is, was.data, at);
    for (int i = 0; i < times; i++)
        buf_append(&is, was.data + at, sizeof p + p.len);
    buf_append(&is, was.data + at, was.len - at);
    assert_false(is.overflow);
    record_file_write(path, &is);
    buf_release(&was);
    buf_release(&is);
}

/* 1,024 steps make a batch: eight trajectories. */
static void a_batch_beyond_what_the_run_had_is_refused(void **state)
{
    struct scene *s = *state;
    char path[RECORD_PATH_MAX];
    record_run(s, maze, "--reward.model=none --reward.coef_int=0 --frames=90000");
    a_segment(s, path);
    repeat_first(path, 2000);
    int code = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    const char *text = program_text(s->b.err);
    if (code != 74 || !strstr(text, "a batch of the record goes on beyond the 1024 steps that make "
                                    "one (train.batch)"))
        fail_msg("%d: %s", code, text);
}

/* As it was asked of actors: which fields an observation has, how large a value may be. */
static void trajectories_are_held_against_the_options_of_the_run(void **state)
{
    struct scene *s = *state;
    struct record_list all;
    struct record_reader *r = NULL;
    struct checkpoint_file *from = NULL;
    struct repeat_life life = {0};
    char dir[400], path[RECORD_PATH_MAX];
    struct config *none = malloc(sizeof *none);
    record_run(s, maze, "--reward.model=none --frames=5000");
    assert_true(segments(s, &all) > 0 && all.e[0].checkpoint);
    segment_path(s, &all.e[0], path);
    assert_ok(record_reader_open(&r, path, &err));
    snprintf(dir, sizeof dir, "%s/record", s->run);
    record_path(path, dir, all.e[0].epoch, all.e[0].version, RECORD_CHECKPOINT);
    assert_ok(checkpoint_open(&from, path, &err));
    config_defaults(none);
    assert_ok(repeat_open(none, record_reader_head(r), record_reader_config(r), from, &life, &err));
    assert_true(life.expect.shape.T == 16 && life.expect.shape.obs_bytes > 0);
    assert_int_equal(life.expect.obs.obs_bytes, life.expect.shape.obs_bytes);
    assert_true(life.expect.obs.nfields > 0);
    assert_true(life.expect.value_most > 1000);
    trainer_free(life.core);
    checkpoint_close(from);
    record_reader_close(r);
    record_list_free(&all);
    free(none);
}

static bool make_a_tie(struct record_label *l)
{
    l->value = 0.5;
    return true;
}

static bool make_too_sure(struct record_label *l)
{
    l->value = 1;
    l->confidence = 95;
    return true;
}

/* A tie is a label of a pair, and this run's questions are of one message. */
static void a_label_that_its_question_cannot_have_is_refused(void **state)
{
    struct scene *s = *state;
    record_until(s, "--reward.model=hash", "annot/labels_total", 0);
    assert_true(each_label(s, make_a_tie) > 0);
    scene_fails_within(s, "onic", "replay-run run", 74,
                       "a label of the record makes no sense: label must be 0 or 1", 20);
    each_label(s, make_too_sure);
    scene_fails_within(s, "onic", "replay-run run", 74,
                       "a label of the record makes no sense: confidence must be from 0 to 1", 20);
}

/* Files of a record that somebody renamed, mixed up, or cut. */
static void what_a_file_of_a_record_is_not_is_said(void **state)
{
    struct scene *s = *state;
    char dir[400], away[420], from[2][RECORD_PATH_MAX], part[2][RECORD_PATH_MAX],
        other[2][RECORD_PATH_MAX], third[RECORD_PATH_MAX];
    static const char *const kinds[] = {RECORD_CHECKPOINT, RECORD_SEGMENT};
    struct record_list all;
    record_run(s, maze, "--reward.model=none --frames=45000");
    snprintf(dir, sizeof dir, "%s/record", s->run);
    snprintf(away, sizeof away, "%s/away", s->dir);
    assert_ok(record_list(dir, &all, &err));
    assert_true(all.n >= 3 && all.e[0].version == 0 && all.e[1].version > 7);
    for (int k = 0; k < 2; k++) {
        record_path(from[k], dir, 1, 0, kinds[k]);
        record_path(part[k], dir, 1, all.e[1].version, kinds[k]);
        record_path(other[k], dir, 1, 7, kinds[k]);
    }
    record_path(third, dir, all.e[2].epoch, all.e[2].version, RECORD_CHECKPOINT);
    record_list_free(&all);
    assert_int_equal(rename(from[0], away), 0);
    assert_int_equal(link(part[0], from[0]), 0);
    scene_fails(s, "onic", "replay-run run", 74,
                "1-000000000000.safetensors is not what its segment began with");
    assert_int_equal(rename(away, from[0]), 0);
    for (int k = 0; k < 2; k++)
        assert_int_equal(rename(from[k], other[k]), 0);
    scene_fails(s, "onic", "replay-run run", 64,
                "1-000000000007.rec.zst was life 1 from weights 0 when it was written: it has "
                "another name now");
    for (int k = 0; k < 2; k++)
        assert_int_equal(rename(other[k], from[k]), 0);
    assert_int_equal(truncate(part[1], 0), 0);
    assert_true(number_before(repeats(s), " segments") >= 2);
    assert_non_null(
        strstr(program_text(s->b.err), "a segment was cut before anything was in it why="));
    assert_int_equal(unlink(third), 0);
    repeats(s);
    assert_non_null(strstr(program_text(s->b.err),
                           "a segment does not go on from the one before, and has no checkpoint to "
                           "begin with: it is passed over segment="));
    snprintf(away, sizeof away, "%s/run_id", s->run);
    files_write(away, "0123456789abcdef0123456789abcdef\n");
    scene_fails(s, "onic", "replay-run run", 64,
                "1-000000000000.rec.zst is a record of another run");
}

/* --- room ------------------------------------------------------------------------------------ */

/* Of 16 MB a segment has four; checkpoints come as often as that asks for. */
static void the_oldest_go_and_the_rest_can_be_repeated(void **state)
{
    struct scene *s = *state;
    char dir[400];
    struct record_list all;
    record_run(s, maze,
               "--reward.model=hash --record.max_mb=16 --checkpoint.every_updates=0 "
               "--checkpoint.every_s=3600 --checkpoint.keep=1 --frames=400000");
    snprintf(dir, sizeof dir, "%s/record", s->run);
    assert_ok(record_list(dir, &all, &err));
    uint64_t bytes = 0;
    for (size_t i = 0; i < all.n; i++) {
        bytes += all.e[i].bytes;
        assert_true(all.e[i].segment && all.e[i].checkpoint);
    }
    print_message("%zu segments, %.1f MB, from version %llu\n", all.n, (double)bytes * 1e-6,
                  (unsigned long long)all.e[0].version);
    assert_true(all.n >= 2 && bytes <= (uint64_t)16 << 20);
    assert_true(all.e[0].version > 0);
    record_list_free(&all);
    assert_true(number_before(repeats(s), " segments") >= 2);
}

static void nothing_is_recorded_unless_asked_for(void **state)
{
    struct scene *s = *state;
    char dir[400];
    scene_succeeds(s, "train --env.id=corridor --actors.count=1 --annotator.id=rules "
                      "--run-dir=run --frames=5000");
    snprintf(dir, sizeof dir, "%s/record", s->run);
    assert_int_equal(access(dir, F_OK), -1);
    scene_fails(s, "onic", "replay-run run", 64, "run has no record: `onic train --record` makes");
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_run_with_kills_is_repeated_bit_for_bit),
        SCENE(the_turns_of_a_classifier_are_repeated),
        SCENE(the_questions_of_a_ranking_are_repeated),
        SCENE(scores_below_0_are_repeated),
        SCENE(a_run_of_nethack_is_repeated),
        SCENE(distrusted_labels_are_forgotten_again),
        SCENE(a_roll_back_is_repeated),
        SCENE(a_flipped_bit_is_found),
        SCENE(what_a_file_of_a_record_is_not_is_said),
        SCENE(what_is_other_than_the_record_has_it_is_named),
        SCENE(a_batch_beyond_what_the_run_had_is_refused),
        SCENE(trajectories_are_held_against_the_options_of_the_run),
        SCENE(a_label_that_its_question_cannot_have_is_refused),
        SCENE(the_oldest_go_and_the_rest_can_be_repeated),
        SCENE(nothing_is_recorded_unless_asked_for),
    };
#undef SCENE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
