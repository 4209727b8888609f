/* SPDX-License-Identifier: MIT */
/* test_label_store.c - the label store's promise: durable before it says so, never asked twice,
 * labels of a source withdrawn. What goes wrong with its file: test_label_store_faults.c. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/store_case.h"

static void every_part_of_a_question_changes_its_key(void **state)
{
    (void)state;
    struct label_identity variant[7];
    for (int i = 0; i < 7; i++)
        variant[i] = store_identity;
    variant[1].model = "pattern";
    variant[2].annotator = "ruler";
    variant[3].model = "patternsa";
    variant[3].goal_version = "bc"; /* the same bytes one behind the other */
    variant[4].goal_version = "abd";
    variant[5].parameters = "noise=0.1";
    variant[6].vote = 1;
    struct label_key key[7];
    for (int i = 0; i < 7; i++) {
        key[i] = label_key_make(&variant[i], "You see a red key.", 18);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(&key[i], &key[j], sizeof key[i]);
    }
    struct label_key other = label_key_make(&store_identity, "You see a red key", 17);
    struct label_key same = label_key_make(&store_identity, "You see a red key.", 18);
    assert_memory_not_equal(&other, &key[0], sizeof other);
    assert_memory_equal(&same, &key[0], sizeof same);
}

static void answers_survive_closing_with_all_their_fields(void **state)
{
    struct store_case *f = *state;
    const char *caption = "You hear a d\xe9j\xe0 vu."; /* Latin-1 bytes */
    struct label_store *s = open_server(f->path);
    struct label q = question(caption);
    struct label a = answer(caption, 1);
    struct label_row row;
    assert_int_equal(find(s, caption, &row), LABEL_UNKNOWN);
    assert_ok(label_store_ask(s, &q, 1, true, &err));
    assert_int_equal(find(s, caption, &row), LABEL_ASKED);
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_int_equal(a.id, 1);
    label_store_delivered(s, a.id);
    label_store_close(s);

    s = open_server(f->path);
    assert_int_equal(find(s, caption, &row), LABEL_ANSWERED);
    assert_int_equal(row.label.id, 1);
    assert_close(row.label.value, 1, 0, 0);
    assert_close(row.label.confidence, 0.75, 0, 0);
    assert_string_equal(row.label.raw, "why");
    assert_int_equal(row.label.question_len, strlen(caption));
    assert_memory_equal(row.label.question, caption, row.label.question_len);
    assert_string_equal(row.identity.goal, "minigrid/KeyCorridor");
    assert_true(row.delivered);
    assert_true(row.label.asked_at > 1e9 && row.label.answered_at >= row.label.asked_at);
    assert_int_equal(row.attempts, 1);
    struct label_identity other = store_identity;
    other.goal_version = "abd";
    assert_ok(label_store_use(s, &other, &err));
    assert_int_equal(find(s, caption, &row), LABEL_UNKNOWN);
    label_store_close(s);
}

static void an_answered_question_is_not_asked_again(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label q[2] = {question("a"), question("b")};
    struct label a = answer("a", 1), again = answer("a", 0);
    assert_ok(label_store_ask(s, q, 1, true, &err));
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_int_equal(counts_of(s).asked_twice, 0);
    assert_ok(label_store_ask(s, q, 2, true, &err));
    assert_true(label_is_settled(q[0].state));
    assert_int_equal(q[1].state, LABEL_ASKED);
    assert_int_equal(counts_of(s).asked_twice, 1); /* the counter does count */
    assert_ok(label_store_answer(s, &again, 1, &err));
    assert_int_equal(again.id, a.id);
    assert_close(again.value, 1, 0, 0); /* the first answer counts */
    assert_int_equal(counts_of(s).asked_twice, 2);
    label_store_close(s);
}

static void an_answer_without_an_intent_says_itself_when_it_was_asked(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label_row row;
    struct label q = question("c");
    struct label a[3] = {answer("a", 1), answer("b", 1), answer("c", 1)};
    a[0].asked_at = a[2].asked_at = 1234.5;
    assert_ok(label_store_ask(s, &q, 1, true, &err));
    assert_ok(label_store_answer(s, a, 3, &err));
    assert_int_equal(find(s, "a", &row), LABEL_ANSWERED);
    assert_close(row.label.asked_at, 1234.5, 0, 0);
    assert_int_equal(row.attempts, 1);
    assert_close(a[1].asked_at, a[1].answered_at, 0, 0);
    assert_true(a[2].asked_at > 1e9); /* the intent counts */
    label_store_close(s);
}

static void an_intent_of_a_dead_process_is_listed_and_counted_when_asked_again(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label q[2] = {question("a"), question("b")};
    assert_ok(label_store_ask(s, q, 2, true, &err));
    assert_ok(label_store_forget(s, &q[1], 1, &err));
    label_store_close(s);
    s = open_server(f->path);
    assert_int_equal(counts_of(s).asked, 1);
    assert_ok(label_store_ask(s, q, 2, true, &err));
    assert_int_equal(counts_of(s).maybe_paid_twice, 1);
    struct label_row row;
    assert_int_equal(find(s, "a", &row), LABEL_ASKED);
    assert_int_equal(row.attempts, 2);
    assert_ok(label_store_ask(s, q, 2, false, &err)); /* free */
    assert_int_equal(counts_of(s).maybe_paid_twice, 1);
    label_store_close(s);
}

static void collect(void *ctx, const char *caption, size_t len)
{
    char *out = ctx;
    strncat(out, caption, len);
}

static void unanswered_questions_come_newest_first_and_only_of_this_identity(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label_identity other = store_identity;
    char seen[64] = "";
    for (const char *c = "abc"; *c; c++) {
        char caption[2] = {*c, 0};
        struct label q = question(caption);
        assert_ok(label_store_ask(s, &q, 1, true, &err));
    }
    struct label a = answer("b", 0);
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_int_equal(label_store_unanswered(s, 10, collect, seen, NULL), 2);
    assert_string_equal(seen, "ca");
    other.vote = 1;
    assert_ok(label_store_use(s, &other, &err));
    assert_int_equal(label_store_unanswered(s, 10, collect, seen, NULL), 0);
    label_store_close(s);
}

/* Writes groups for ever and reports the last durable id through the pipe. */
static void writer(const char *path, int fd)
{
    struct label_store *s = NULL;
    struct label_counts c;
    char caption[8][64];
    struct label q[8];
    struct label a[8];
    if (label_store_open(&s, path, LABEL_STORE_SERVER, NULL) != ONIC_OK ||
        label_store_use(s, &store_identity, NULL) != ONIC_OK ||
        label_store_counts(s, &c, NULL) != ONIC_OK)
        _exit(3);
    for (uint64_t n = c.last_id;;) {
        for (int i = 0; i < 8; i++) {
            snprintf(caption[i], sizeof caption[i], "caption %llu",
                     (unsigned long long)(n + 1 + (uint64_t)i));
            q[i] = question(caption[i]);
            a[i] = answer(caption[i], (double)((n + (uint64_t)i) % 2));
        }
        if (label_store_ask(s, q, 8, true, NULL) != ONIC_OK ||
            label_store_answer(s, a, 8, NULL) != ONIC_OK)
            _exit(4);
        n = a[7].id;
        if (write(fd, &n, sizeof n) != sizeof n)
            _exit(5);
    }
}

static void a_label_reported_as_durable_survives_kill_9(void **state)
{
    struct store_case *f = *state;
    uint64_t durable = 0;
    for (int round = 0; round < 8; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fd[0]);
            writer(f->path, fd[1]);
        }
        close(fd[1]);
        for (int reports = 0; reports < 3 + round; reports++)
            assert_int_equal(read(fd[0], &durable, sizeof durable), sizeof durable);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        uint64_t last;
        while (read(fd[0], &last, sizeof last) == sizeof last)
            durable = last;
        close(fd[0]);

        struct label_store *s = open_server(f->path);
        struct label_counts c = counts_of(s);
        assert_true(c.last_id >= durable);
        assert_int_equal(c.answered, c.last_id); /* no hole */
        assert_int_equal(c.asked_twice, 0);
        assert_int_equal(c.quarantined, 0);
        for (uint64_t n = 1; n <= durable; n++) {
            char caption[64];
            struct label_row row;
            snprintf(caption, sizeof caption, "caption %llu", (unsigned long long)n);
            assert_int_equal(find(s, caption, &row), LABEL_ANSWERED);
            assert_int_equal(row.label.id, n);
        }
        label_store_close(s);
    }
    assert_true(durable > 0);
}

static int to_json(void *ctx, const struct label_row *row)
{
    return label_row_json(row, ctx);
}

static int import_into(void *ctx, const struct label_row *row)
{
    int added = 0;
    assert_ok(label_store_import(ctx, row, 1, &added, &err));
    assert_int_equal(added, 1);
    return 0;
}

static void export_and_import_carry_every_label_to_another_store(void **state)
{
    struct store_case *f = *state;
    char path[400];
    struct label_store *s = open_server(f->path), *t = NULL;
    struct label a[2] = {answer("You \"see\" a k\xe9y.", 1), answer("b", 0)};
    a[1].state = LABEL_ABSTAINED;
    struct buf json;
    assert_ok(label_store_answer(s, a, 2, &err));
    buf_init(&json, 1 << 16);
    assert_ok(label_store_each(s, 0, to_json, &json, &err));
    const char *want =
        "{\"id\":1,\"caption\":\"You \\\"see\\\" a k\xc3\xa9y.\",\"goal\":\"minigrid/KeyCorridor\","
        "\"prompt_version\":\"abc\",\"annotator\":\"rules\",\"model\":\"patterns\",\"label\":1,"
        "\"confidence\":0.75,\"raw\":\"why\",\"asked_at\":";
    assert_memory_equal(json.data, want, strlen(want));
    assert_non_null(strstr(json.data, "\"id\":2,\"caption\":\"b\""));
    assert_non_null(strstr(json.data, "\"label\":null"));
    buf_release(&json);

    snprintf(path, sizeof path, "%s/other.sqlite", f->dir);
    assert_ok(label_store_open(&t, path, LABEL_STORE_IMPORT, &err));
    assert_ok(label_store_each(s, 0, import_into, t, &err));
    assert_int_equal(counts_of(t).answered, 1);
    assert_int_equal(counts_of(t).abstained, 1);
    label_store_close(t);
    t = open_server(path);
    struct label_row row;
    assert_int_equal(find(t, "You \"see\" a k\xe9y.", &row), LABEL_ANSWERED);
    assert_string_equal(row.label.raw, "why");
    struct label_row twice = row;
    int added = 7;
    char raw[16], caption[64];
    snprintf(raw, sizeof raw, "%s", row.label.raw);
    snprintf(caption, sizeof caption, "%s", row.label.question);
    twice.label.raw = raw;
    twice.label.question = caption;
    assert_ok(label_store_import(t, &twice, 1, &added, &err));
    assert_int_equal(added, 0);
    label_store_close(t);
    label_store_close(s);
}

/* By the annotator that answered, also within a declared order, or by the model. */
static void labels_of_a_source_are_withdrawn_and_their_questions_open_again(void **state)
{
    struct store_case *f = *state;
    struct label_identity order = store_identity;
    struct label_row row;
    struct label_counts n;
    uint64_t withdrawn;
    order.annotator = "llm>rules";
    order.model = "gpt>patterns";
    struct label_store *s = open_server(f->path);
    struct label a[3] = {answer("a", 1), answer("b", 1), answer("c", 1)};
    a[2].state = LABEL_ABSTAINED;
    assert_ok(label_store_answer(s, a, 3, &err)); /* rules */
    assert_ok(label_store_use(s, &order, &err));
    struct label b[2] = {answer("a", 1), answer("b", 1)};
    b[0].raw = "llm: yes";
    b[1].raw = "rules: pattern 3 matched";
    assert_ok(label_store_answer(s, b, 2, &err));

    assert_ok(label_store_distrust(s, "rules", false, &withdrawn, &err));
    assert_int_equal(withdrawn, 4);
    assert_int_equal(counts_of(s).answered, 4);
    assert_ok(label_store_distrust(s, "rules", true, &withdrawn, &err));
    assert_int_equal(withdrawn, 4);
    n = counts_of(s);
    assert_int_equal(n.answered, 1);
    assert_int_equal(n.abstained, 0);
    assert_int_equal(n.quarantined, 0); /* nothing was damaged */
    assert_int_equal(find(s, "a", &row), LABEL_ANSWERED);
    assert_int_equal(find(s, "b", &row), LABEL_UNKNOWN);
    assert_ok(label_store_distrust(s, "gpt", true, &withdrawn, &err));
    assert_int_equal(withdrawn, 0); /* no part of a name */
    assert_ok(label_store_distrust(s, "gpt>patterns", true, &withdrawn, &err));
    assert_int_equal(withdrawn, 1);
    struct label again = answer("b", 0);
    assert_ok(label_store_answer(s, &again, 1, &err));
    assert_int_equal(again.id, 6);
    label_store_close(s);
}

/* More than a page of them. */
static void many_labels_of_a_source_are_withdrawn(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    uint64_t withdrawn;
    for (int i = 0; i < 600; i++) {
        char caption[32];
        snprintf(caption, sizeof caption, "caption %d", i);
        struct label a = answer(caption, 1);
        assert_ok(label_store_answer(s, &a, 1, &err));
    }
    assert_ok(label_store_distrust(s, "rules", true, &withdrawn, &err));
    assert_int_equal(withdrawn, 600);
    assert_int_equal(counts_of(s).answered, 0);
    label_store_close(s);
}

/* Of the identity in use, over lives; another identity has none. */
static void notes_belong_to_an_identity(void **state)
{
    struct store_case *f = *state;
    struct label_identity other = store_identity;
    char text[40];
    struct label_store *s = open_server(f->path);
    assert_false(label_store_note(s, "n", text, sizeof text));
    assert_ok(label_store_put_note(s, "n", "first", &err));
    assert_ok(label_store_put_note(s, "n", "second", &err));
    label_store_close(s);
    s = open_server(f->path);
    assert_true(label_store_note(s, "n", text, sizeof text));
    assert_string_equal(text, "second");
    assert_false(label_store_note(s, "n", text, 6)); /* no half notes */
    assert_false(label_store_note(s, "m", text, sizeof text));
    other.model = "another";
    assert_ok(label_store_use(s, &other, &err));
    assert_false(label_store_note(s, "n", text, sizeof text));
    label_store_close(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_a_question_changes_its_key),
        TEST(labels_of_a_source_are_withdrawn_and_their_questions_open_again),
        TEST(many_labels_of_a_source_are_withdrawn),
        TEST(notes_belong_to_an_identity),
        TEST(answers_survive_closing_with_all_their_fields),
        TEST(an_answered_question_is_not_asked_again),
        TEST(an_answer_without_an_intent_says_itself_when_it_was_asked),
        TEST(an_intent_of_a_dead_process_is_listed_and_counted_when_asked_again),
        TEST(unanswered_questions_come_newest_first_and_only_of_this_identity),
        TEST(a_label_reported_as_durable_survives_kill_9),
        TEST(export_and_import_carry_every_label_to_another_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
