/* label: bench timeout: 900 */
/* SPDX-License-Identifier: MIT */
/* test_bench.c - `onic bench --quick` runs every B11 row, and each says what its reward model can
 * say. The figures themselves are not judged. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/cpu.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { BENCH_MS = 600000 };

static const struct {
    const char *name;
    bool trains, labels, beside; /* beside: on a machine of two cores or more */
} ROW[] = {
    {"B11-rules", false, true, false},           {"B11-1000", false, true, false},
    {"B11-classifier", true, true, false},       {"B11-ranking", true, true, false},
    {"B11-classifier-beside", true, true, true}, {"B11-ranking-beside", true, true, true},
    {"B11-counts", false, false, false},         {"B11-rnd", false, false, false},
    {"B11-similarity", false, true, false},
};

static json_t *find(const json_t *results, const char *name)
{
    for (size_t i = 0; i < json_array_size(results); i++) {
        json_t *row = json_array_get(results, i);
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return row;
    }
    fail_msg("no row %s", name);
    return NULL;
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void every_reward_model_is_measured_against_none(void **state)
{
    (void)state;
    char dir[256];
    struct program p;
    temp_dir_create(dir);
    if (program_run(&p, dir, "bench", "onic", "bench --quick --only=B11 --json=-", BENCH_MS) != 0)
        fail_msg("%s", program_text(p.err));
    json_t *doc = json_loads(program_text(p.out), 0, NULL),
           *results = json_object_get(doc, "results");
    assert_non_null(results);
    for (size_t i = 0; i < sizeof ROW / sizeof *ROW; i++) {
        if (ROW[i].beside && cpu_usable() < 2)
            continue;
        const json_t *row = find(results, ROW[i].name);
        assert_true(number(row, "ratio") > 0);
        assert_true(number(row, "n") >= 1);
        assert_non_null(json_string_value(json_object_get(row, "verdict")));
        assert_true(number(row, "score_us_per_frame") > 0);
        assert_int_equal(json_is_number(json_object_get(row, "train_share")), ROW[i].trains);
        if (ROW[i].beside)
            assert_true(number(row, "beside_share") > 0);
        assert_int_equal(number(row, "labels_per_s") > 0, ROW[i].labels);
        assert_int_equal(number(row, "labels_cpu") > 0, ROW[i].labels);
        assert_int_equal(json_is_number(json_object_get(row, "ratio_net")), ROW[i].trains);
        if (ROW[i].trains) /* more than the plain ratio, by the share */
            assert_true(fabs(number(row, "ratio_net") * (1 - number(row, "train_share")) -
                             number(row, "ratio")) < 1e-3);
    }
    json_decref(doc);
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reward_model_is_measured_against_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
