/* SPDX-License-Identifier: MIT */
/* test_metrics.c - registry, schedule and the two files, read back by readers that share no code
 * with the writers. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "common/metrics/metrics.h"
#include "common/metrics/tensorboard.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static int64_t fake_now;

static int64_t fake_clock(void)
{
    return fake_now;
}

static void pass_seconds(double s)
{
    fake_now += (int64_t)(s * 1e9);
}

static int setup(void **state)
{
    static char dir[256];
    temp_dir_create(dir);
    fake_now = 1000000000;
    clock_replace(fake_clock);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    clock_replace(NULL);
    temp_dir_remove(*state);
    return 0;
}

static struct metrics *create(const char *dir)
{
    struct metrics *m = NULL;
    struct metrics_params p = {
        .run_dir = dir, .every_s = 10, .tensorboard = true, .quiet = true, .wall_before_s = 100};
    assert_ok(metrics_create(&m, &p, &err));
    return m;
}

static char *slurp(const char *dir, const char *name, size_t *size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *data = malloc(1 << 20);
    assert_non_null(data);
    *size = fread(data, 1, (1 << 20) - 1, f);
    data[*size] = '\0';
    fclose(f);
    return data;
}

/* Lines of metrics.jsonl as a JSON array; the caller decrefs. */
static json_t *read_lines(const char *dir)
{
    size_t size;
    char *text = slurp(dir, "metrics.jsonl", &size);
    json_t *lines = json_array();
    assert_true(size == 0 || text[size - 1] == '\n');
    for (char *save, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_error_t why;
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &why);
        if (!o)
            print_error("%s in: %s\n", why.text, line);
        assert_non_null(o);
        json_array_append_new(lines, o);
    }
    free(text);
    return lines;
}

static double number(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    assert_non_null(v);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static void values_sums_and_windows(void **state)
{
    struct metrics *m = create(*state);
    assert_true(isnan(metrics_get(m, "train/lr")));
    metrics_set(m, "train/lr", 0.5);
    metrics_set(m, "train/lr", 0.25);
    metrics_add(m, "updates", 2);
    metrics_add(m, "updates", 3);
    for (int i = 1; i <= 250; i++)
        metrics_mean(m, "reward/reward", i);
    for (int i = 1; i <= 7; i++)
        metrics_mean_over(m, "success", i % 2, 4);
    assert_close(metrics_get(m, "train/lr"), 0.25, 0, 0);
    assert_close(metrics_get(m, "updates"), 5, 0, 0);
    assert_close(metrics_get(m, "reward/reward"), (151 + 250) / 2.0, 1e-12, 0); /* the last 100 */
    assert_int_equal(metrics_samples(m, "reward/reward"), 100);
    assert_close(metrics_get(m, "success"), 0.5, 1e-12, 0);
    assert_int_equal(metrics_samples(m, "success"), 4);
    assert_int_equal(metrics_samples(m, "nothing"), 0);
    metrics_free(m);
    metrics_free(NULL);
}

static void lines_are_flat_json_with_finite_numbers(void **state)
{
    struct metrics *m = create(*state);
    metrics_set(m, "env_steps", 12345678901.0);
    metrics_set(m, "train/entropy", 0.123456789123);
    metrics_set(m, "train/kl_divergence", (double)NAN);
    metrics_set(m, "train/grad_norm", (double)INFINITY);
    metrics_text(m, "waiting", "no actor is \"connected\"");
    pass_seconds(3);
    assert_ok(metrics_flush(m, 1700000000.5, &err));
    metrics_text(m, "waiting", "");
    assert_ok(metrics_end(m, 1700000001, 75, &err));
    assert_ok(metrics_end(m, 1700000002, 0, &err)); /* a second end writes nothing */
    metrics_free(m);
    json_t *lines = read_lines(*state);
    assert_int_equal(json_array_size(lines), 2);
    json_t *a = json_array_get(lines, 0), *b = json_array_get(lines, 1);
    assert_close(number(a, "time"), 1700000000.5, 0, 1e-3);
    assert_close(number(a, "wall_s"), 103, 0, 1e-3);
    assert_close(number(a, "env_steps"), 12345678901.0, 0, 0);
    assert_close(number(a, "train/entropy"), 0.123456789123, 1e-8, 0);
    assert_true(json_is_null(json_object_get(a, "train/kl_divergence")));
    assert_true(json_is_null(json_object_get(a, "train/grad_norm")));
    assert_string_equal(json_string_value(json_object_get(a, "waiting_for")),
                        "no actor is \"connected\"");
    assert_null(json_object_get(a, "event"));
    assert_null(json_object_get(b, "waiting_for"));
    assert_string_equal(json_string_value(json_object_get(b, "event")), "end");
    assert_close(number(b, "exit"), 75, 0, 0);
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) assert_false(json_is_object(value) || json_is_array(value));
    json_decref(lines);
}

static void lines_come_every_2_s_in_the_first_minute_then_every_10(void **state)
{
    struct metrics *m = create(*state);
    for (int i = 0; i < 1200; i++) { /* two minutes in tenths of a second */
        pass_seconds(0.1);
        assert_ok(metrics_flush(m, 1.7e9 + i * 0.1, &err));
    }
    metrics_free(m);
    json_t *lines = read_lines(*state);
    int first = 0, second = 0;
    double last = 100, gap = 0;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        double t = number(json_array_get(lines, i), "wall_s");
        if (t - last > gap)
            gap = t - last;
        last = t;
        (t - 100 < 60.05 ? &first : &second)[0]++;
    }
    assert_true(first >= 28 && first <= 31);
    assert_true(second >= 5 && second <= 7);
    assert_true(gap < 10.25);
    json_decref(lines);
}

static void frames_per_second_follow_the_steps_and_fall_to_zero(void **state)
{
    struct metrics *m = create(*state);
    double steps = 5e9; /* a resumed run */
    for (int i = 0; i < 400; i++) {
        pass_seconds(0.1);
        steps += i < 200 ? 100 : 300;
        metrics_set(m, "env_steps", steps);
        metrics_flush(m, 1, NULL);
    }
    assert_close(metrics_fps(m, 10), 3000, 0.02, 0);
    assert_close(metrics_fps(m, 60), 2000, 0.03, 0);
    assert_close(metrics_get(m, "perf/_fps"), 3000, 0.02, 0);
    for (int i = 0; i < 120; i++) {
        pass_seconds(0.1);
        metrics_flush(m, 1, NULL);
    }
    assert_close(metrics_fps(m, 10), 0, 0, 0);
    metrics_free(m);
}

static void a_torn_last_line_is_cut_off_and_earlier_lives_stay(void **state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)*state);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"time\":1,\"event\":\"end\",\"exit\":0}\n{\"time\":2,\"env_st", f);
    fclose(f);
    struct metrics *m = create(*state);
    assert_ok(metrics_end(m, 3, 0, &err));
    metrics_free(m);
    json_t *lines = read_lines(*state);
    assert_int_equal(json_array_size(lines), 2);
    assert_close(number(json_array_get(lines, 0), "time"), 1, 0, 0);
    assert_close(number(json_array_get(lines, 1), "time"), 3, 0, 0);
    json_decref(lines);
}

/* Renamed, deleted, or copied and truncated: the next line begins a file of that name. */
static void a_file_that_is_rotated_away_is_begun_anew(void **state)
{
    char path[300], moved[300];
    struct metrics *m = create(*state);
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)*state);
    snprintf(moved, sizeof moved, "%s/metrics.jsonl.1", (char *)*state);
    for (int i = 0; i < 4; i++) {
        metrics_set(m, "round", i);
        pass_seconds(3);
        assert_ok(metrics_flush(m, 1e9 + i, &err));
        size_t n;
        char *text = slurp(*state, "metrics.jsonl", &n);
        assert_int_equal(strchr(text, '\n') - text, (long)n - 1); /* one line */
        json_t *line = json_loads(text, 0, NULL);
        assert_int_equal((int)json_number_value(json_object_get(line, "round")), i);
        json_decref(line);
        free(text);
        if (i == 0)
            assert_int_equal(rename(path, moved), 0);
        else if (i == 1)
            assert_int_equal(unlink(path), 0);
        else
            assert_int_equal(truncate(path, 0), 0);
    }
    metrics_free(m);
}

static void a_folder_that_is_missing_gives_a_sentence(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {.run_dir = "/nonexistent/run", .every_s = 10, .quiet = true};
    assert_err(metrics_create(&m, &p, &err), ONIC_ECANTCREATE,
               "/nonexistent/run/metrics.jsonl cannot be opened");
    assert_null(m);
}

/* /dev/full: every write fails with ENOSPC. */
static void a_full_disk_is_an_error_and_not_a_crash(void **state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)*state);
    struct metrics *m = NULL;
    struct metrics_params p = {.run_dir = *state, .every_s = 1, .quiet = true};
    assert_ok(metrics_create(&m, &p, &err));
    files_become(path, "/dev/full");
    for (int i = 0; i < 3; i++) {
        pass_seconds(1.5);
        assert_err(metrics_flush(m, 1, &err), ONIC_EIO,
                   "metrics.jsonl cannot be written: No space left");
    }
    metrics_free(m);
}

static void setting_and_flushing_does_not_allocate(void **state)
{
    struct metrics *m = create(*state);
    uint64_t calls = 0;
    for (int i = 0; i < 200; i++) {
        if (i == 50)
            calls = xmalloc_calls();
        pass_seconds(1.1);
        metrics_set(m, "env_steps", i);
        metrics_mean(m, "reward/reward", i);
        metrics_add(m, "updates", 1);
        assert_ok(metrics_flush(m, i, &err));
    }
    assert_int_equal(xmalloc_calls(), calls);
    metrics_free(m);
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        metrics_add(arg, "counter", 1);
        metrics_mean(arg, "mean", 3);
    }
    return NULL;
}

static void threads_may_count_together(void **state)
{
    struct metrics *m = create(*state);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, add_many, m), 0);
    for (int i = 0; i < 50; i++)
        metrics_flush(m, 1, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_close(metrics_get(m, "counter"), 80000, 0, 0);
    assert_close(metrics_get(m, "mean"), 3, 0, 0);
    metrics_free(m);
}

/* ---- TensorBoard: an independent reader ---- */

/* CRC-32C bit by bit, most significant bit first on reflected input: another algorithm than the
 * table. */
static uint32_t crc32c_bitwise(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = (p[i] >> bit) & 1u, low = crc & 1u;
            crc >>= 1;
            if (in ^ low)
                crc ^= 0x82f63b78u;
        }
    return crc ^ 0xffffffffu;
}

static uint32_t masked(const unsigned char *p, size_t n)
{
    uint32_t crc = crc32c_bitwise(p, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static uint64_t varint(const unsigned char **p)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char c = *(*p)++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
}

struct event {
    double wall_time;
    int64_t step;
    char version[32];
    int session; /* SessionLog.status */
    int values;
    char tag[8][64];
    float value[8];
};

static void parse_value(const unsigned char *p, const unsigned char *end, struct event *e)
{
    while (p < end) {
        uint64_t field = varint(&p);
        if (field == (1 << 3 | 2)) {
            size_t n = (size_t)varint(&p);
            memcpy(e->tag[e->values], p, n);
            p += n;
        } else {
            assert_int_equal(field, 2 << 3 | 5);
            memcpy(&e->value[e->values], p, 4);
            p += 4;
        }
    }
    assert_ptr_equal(p, end);
    e->values++;
}

static void parse_event(const unsigned char *p, size_t n, struct event *e)
{
    const unsigned char *end = p + n;
    memset(e, 0, sizeof *e);
    while (p < end) {
        uint64_t field = varint(&p);
        if (field == (1 << 3 | 1)) {
            memcpy(&e->wall_time, p, 8);
            p += 8;
        } else if (field == 2 << 3) {
            e->step = (int64_t)varint(&p);
        } else if (field == (3 << 3 | 2)) {
            size_t len = (size_t)varint(&p);
            memcpy(e->version, p, len);
            p += len;
        } else if (field == (7 << 3 | 2)) { /* SessionLog {status: 1 = START} */
            assert_int_equal(varint(&p), 2);
            assert_int_equal(varint(&p), 1 << 3);
            e->session = (int)varint(&p);
        } else {
            assert_int_equal(field, 5 << 3 | 2);
            size_t len = (size_t)varint(&p);
            const unsigned char *summary_end = p + len;
            while (p < summary_end) {
                assert_int_equal(varint(&p), 1 << 3 | 2);
                size_t value_len = (size_t)varint(&p);
                parse_value(p, p + value_len, e);
                p += value_len;
            }
        }
    }
    assert_ptr_equal(p, end);
}

static void find_events_file(const char *dir, char *name, size_t size)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    name[0] = '\0';
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        if (strncmp(e->d_name, "events.out.tfevents.", 20) == 0)
            snprintf(name, size, "%s", e->d_name);
    closedir(d);
    assert_true(name[0] != '\0');
}

static int read_events(const char *dir, struct event *out, int max)
{
    char name[256];
    size_t size;
    int n = 0;
    find_events_file(dir, name, sizeof name);
    char *data = slurp(dir, name, &size);
    const unsigned char *p = (const unsigned char *)data, *end = p + size;
    while (p < end) {
        uint64_t len;
        uint32_t crc;
        assert_true(end - p >= 16);
        memcpy(&len, p, 8);
        memcpy(&crc, p + 8, 4);
        assert_int_equal(crc, masked(p, 8));
        assert_true(len <= (uint64_t)(end - p) - 16);
        memcpy(&crc, p + 12 + len, 4);
        assert_int_equal(crc, masked(p + 12, (size_t)len));
        assert_true(n < max);
        parse_event(p + 12, (size_t)len, &out[n++]);
        p += 16 + len;
    }
    free(data);
    return n;
}

static void crc_has_its_check_value(void **state)
{
    (void)state;
    assert_int_equal(tensorboard_crc32c("123456789", 9), 0xe3069283u);
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37 + 11);
        assert_int_equal(tensorboard_crc32c(bytes, i), crc32c_bitwise(bytes, i));
    }
    assert_int_equal(tensorboard_mask(0xe3069283u),
                     ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

static void the_event_file_is_what_tensorboard_reads(void **state)
{
    static struct event e[8];
    struct metrics *m = create(*state);
    char long_name[64];
    memset(long_name, 'x', 60);
    long_name[60] = '\0';
    metrics_set(m, "env_steps", 300000000000.0);
    metrics_set(m, "train/lr", 0.5);
    metrics_set(m, "nothing/yet", (double)NAN);
    metrics_set(m, long_name, -2);
    pass_seconds(5);
    assert_ok(metrics_flush(m, 1700000000.25, &err));
    assert_ok(metrics_end(m, 1700000009, 0, &err));
    metrics_free(m);
    assert_int_equal(read_events(*state, e, 8), 4);
    assert_string_equal(e[0].version, "brain.Event:2");
    assert_int_equal(e[1].session, 1); /* START */
    assert_int_equal(e[1].step, 0);
    assert_int_equal(e[1].values, 0);
    assert_close(e[2].wall_time, 1700000000.25, 0, 0);
    assert_int_equal(e[2].step, 300000000000);
    assert_int_equal(e[2].values, 4); /* perf/_fps is metrics' own; NaN is left out */
    assert_string_equal(e[2].tag[1], "train/lr");
    assert_close(e[2].value[1], 0.5, 0, 0);
    assert_string_equal(e[2].tag[2], long_name);
    assert_close(e[2].value[2], -2, 0, 0);
    assert_string_equal(e[2].tag[3], "perf/_fps");
    assert_close(e[3].wall_time, 1700000009, 0, 0);
}

/* The bytes that the record writer of the published package tensorboard 2.21 makes of
 * Event{wall_time, file_version} and Event{wall_time, step, session_log{status: START}}: the reader
 * above and the writer cannot err together. */
static void a_life_that_goes_on_says_from_where(void **state)
{
    static const unsigned char want[] = {
        0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xa3, 0x7f, 0x4b, 0x22, 0x09,
        0x00, 0x00, 0x60, 0x54, 0xfc, 0x54, 0xd9, 0x41, 0x1a, 0x0d, 0x62, 0x72, 0x61,
        0x69, 0x6e, 0x2e, 0x45, 0x76, 0x65, 0x6e, 0x74, 0x3a, 0x32, 0xe4, 0x87, 0xea,
        0x73, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5e, 0x3d, 0x29, 0x15,
        0x09, 0x00, 0x00, 0x60, 0x54, 0xfc, 0x54, 0xd9, 0x41, 0x10, 0x94, 0xb4, 0xe4,
        0xf4, 0xcb, 0x03, 0x3a, 0x02, 0x08, 0x01, 0x57, 0xb2, 0xbb, 0x40};
    char name[256];
    size_t size;
    struct tensorboard *t;
    assert_ok(tensorboard_create(&t, *state, 1700000081.5, 123456789012, &err));
    tensorboard_free(t);
    find_events_file(*state, name, sizeof name);
    char *got = slurp(*state, name, &size);
    assert_int_equal(size, sizeof want);
    assert_memory_equal(got, want, sizeof want);
    free(got);
}

static void an_event_file_that_is_rotated_away_is_begun_with_its_head(void **state)
{
    struct event e[4];
    struct tensorboard *t;
    char name[256], path[600];
    assert_ok(tensorboard_create(&t, *state, 1700000081.5, 5, &err));
    find_events_file(*state, name, sizeof name);
    snprintf(path, sizeof path, "%s/%s", (char *)*state, name);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(i ? unlink(path) : truncate(path, 0), 0);
        tensorboard_begin(t, 1700000090, 7 + i);
        tensorboard_value(t, "x", 1);
        assert_ok(tensorboard_commit(t, &err));
        assert_int_equal(read_events(*state, e, 4), 3);
        assert_int_equal(e[1].step, 7 + i);
        assert_int_equal(e[2].step, 7 + i);
    }
    tensorboard_free(t);
}

static int is_event_file(const struct dirent *e)
{
    return strncmp(e->d_name, "events.out.tfevents.", 20) == 0;
}

/* TensorBoard reads them in the order of their names. */
static void event_files_of_one_second_have_their_order_in_their_names(void **state)
{
    struct dirent **names;
    struct tensorboard *t;
    char folder[300], before[300] = "";
    snprintf(folder, sizeof folder, "%s", (const char *)*state);
    for (int life = 1; life <= 3; life++) {
        assert_ok(tensorboard_create(&t, folder, 1700000099.5, life, &err));
        tensorboard_free(t);
        int n = scandir(folder, &names, is_event_file, alphasort);
        assert_int_equal(n, life);
        for (int i = 0; i < n; i++) {
            if (i == n - 1) {
                assert_true(strcmp(before, names[i]->d_name) < 0);
                snprintf(before, sizeof before, "%.255s", names[i]->d_name);
            }
            free(names[i]);
        }
        free(names);
    }
}

int main(void)
{
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(values_sums_and_windows),
        IN_DIR(lines_are_flat_json_with_finite_numbers),
        IN_DIR(lines_come_every_2_s_in_the_first_minute_then_every_10),
        IN_DIR(frames_per_second_follow_the_steps_and_fall_to_zero),
        IN_DIR(a_torn_last_line_is_cut_off_and_earlier_lives_stay),
        IN_DIR(a_file_that_is_rotated_away_is_begun_anew),
        cmocka_unit_test(a_folder_that_is_missing_gives_a_sentence),
        IN_DIR(a_full_disk_is_an_error_and_not_a_crash),
        IN_DIR(setting_and_flushing_does_not_allocate),
        IN_DIR(threads_may_count_together),
        cmocka_unit_test(crc_has_its_check_value),
        IN_DIR(the_event_file_is_what_tensorboard_reads),
        IN_DIR(a_life_that_goes_on_says_from_where),
        IN_DIR(an_event_file_that_is_rotated_away_is_begun_with_its_head),
        IN_DIR(event_files_of_one_second_have_their_order_in_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
