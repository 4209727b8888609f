/* SPDX-License-Identifier: MIT */
/* test_peer_numbers.c - what a reward server reports under names of its own neither fills the
 * registry of metrics nor passes for a number of the learner. */
#include "learner/process/peer_numbers.h"

#include "common/base/log.h"
#include "tests/onic_test.h"

static int lines;
static char said[4096];

static void keep_line(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    lines++;
    snprintf(said, sizeof said, "%.*s", (int)len, line);
}

static void endless_new_names_are_dropped_counted_and_said_once(void **state)
{
    enum { NAMES = 3000 };
    struct peer_numbers p = {.count = 0};
    struct metrics *m = NULL;
    (void)state;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    lines = 0;
    log_set_writer(keep_line, NULL);
    for (int i = 0; i < NAMES; i++) {
        struct wire_labels_number n = {.value = i};
        snprintf(n.name, sizeof n.name, "n%d", i);
        peer_numbers_report(&p, &n, 1, m);
    }
    log_set_writer(NULL, NULL);
    assert_close(metrics_get(m, "annot/n0"), 0, 0, 0);
    assert_close(metrics_get(m, "annot/n63"), 63, 0, 0);
    assert_true(isnan(metrics_get(m, "annot/n64")));
    assert_close(metrics_get(m, "annot/names_dropped_total"), NAMES - PEER_NUMBERS_MAX, 0, 0);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(said, "the reward server reports numbers under names that are not "
                                 "taken; they are counted from now on "
                                 "(annot/names_dropped_total) first=\"n64\" names_at_most=64"));
    peer_numbers_report(&p, &(struct wire_labels_number){.name = "n7", .value = 70}, 1, m);
    assert_close(metrics_get(m, "annot/n7"), 70, 0, 0); /* one that is known is always taken */
    metrics_free(m);
}

static void numbers_of_the_learner_are_not_overwritten(void **state)
{
    static const char *const names[] = {"labels_total",
                                        "staleness_s",
                                        "source",
                                        "backlog",
                                        "names_dropped_total",
                                        "",
                                        "source/rules",
                                        "a b",
                                        "\x1b[2J",
                                        "share",
                                        "label_drift",
                                        "actor_share_max",
                                        "actor_held_back_total",
                                        "held_dropped_total",
                                        "missing_total"};
    struct peer_numbers p = {.count = 0};
    struct metrics *m = NULL;
    (void)state;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    metrics_set(m, "annot/labels_total", 5);
    log_set_writer(keep_line, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct wire_labels_number n = {.value = 77};
        memcpy(n.name, names[i], strlen(names[i]) + 1);
        peer_numbers_report(&p, &n, 1, m);
    }
    log_set_writer(NULL, NULL);
    assert_int_equal(p.count, 0);
    assert_close(metrics_get(m, "annot/labels_total"), 5, 0, 0);
    assert_true(isnan(metrics_get(m, "annot/staleness_s")));
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_new_names_are_dropped_counted_and_said_once),
        cmocka_unit_test(numbers_of_the_learner_are_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
