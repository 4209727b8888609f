/* SPDX-License-Identifier: MIT */
/* test_options_def.c - the table is made of every options.def, and what is printed of it keeps each
 * section in one piece, though a section may stand in several files. */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdlib.h>

#include "common/config/options.h"
#include "common/config/overlay.h"
#include "tests/onic_test.h"

static bool has_row[CONFIG_COUNT];
static int files, rows;

/* "OPT_INT (train, window, 2, ..." */
static void read_row(const char *path, const char *line)
{
    char section[32], name[32], key[64];
    if (sscanf(line, "OPT_%*[A-Z] (%31[a-z_], %31[a-z_0-9],", section, name) != 2 &&
        sscanf(line, "OPT_%*[A-Z](%31[a-z_], %31[a-z_0-9],", section, name) != 2)
        return;
    snprintf(key, sizeof key, "%s.%s", section, name);
    int i = option_find(key);
    if (i < 0)
        fail_msg("%s: %s is not in the table", path, key);
    if (has_row[i])
        fail_msg("%s: %s has a row twice", path, key);
    has_row[i] = true;
    rows++;
}

static int read_rows(const char *path, const struct stat *st, int type, struct FTW *at)
{
    static char line[4096];
    (void)st;
    if (type != FTW_F || strcmp(path + at->base, "options.def") != 0)
        return 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    files++;
    while (fgets(line, sizeof line, f))
        read_row(path, line);
    fclose(f);
    return 0;
}

static void the_table_holds_each_row_of_each_file_once(void **state)
{
    (void)state;
    static const char *const folders[] = {"actor", "common", "deploy", "learner", "reward_server"};
    for (int i = 0; i < 5; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", getenv("ONIC_SOURCE"), folders[i]);
        assert_int_equal(nftw(path, read_rows, 8, FTW_PHYS), 0);
    }
    assert_true(files > 1);
    assert_int_equal(rows, CONFIG_COUNT);
}

static void each_option_is_reached_once_and_each_section_in_one_piece(void **state)
{
    (void)state;
    bool seen[CONFIG_COUNT] = {false};
    int n = 0, last = -1;
    for (int i = config_next(-1); i < CONFIG_COUNT; i = config_next(i)) {
        assert_false(seen[i]);
        bool begins = last < 0 || strcmp(option_rows[i].section, option_rows[last].section) != 0;
        for (int k = 0; begins && k < CONFIG_COUNT; k++)
            if (seen[k] && strcmp(option_rows[i].section, option_rows[k].section) == 0)
                fail_msg("the section %s is not in one piece", option_rows[i].section);
        seen[i] = true;
        last = i;
        n++;
    }
    assert_int_equal(n, CONFIG_COUNT);
}

/* How often `begin section end` stands in a text. */
static int times(const char *text, const char *begin, const char *section, const char *end)
{
    char word[80];
    int n = 0;
    snprintf(word, sizeof word, "%s%s%s", begin, section, end);
    for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
        n++;
    return n;
}

/* YAML does not allow a key twice, and env, policy and reward stand in several files. */
static void what_is_printed_names_each_section_once(void **state)
{
    (void)state;
    struct buf dump, page, help;
    struct config c;
    struct onic_err why = {0};
    config_defaults(&c);
    buf_init(&dump, 1 << 20);
    buf_init(&page, 1 << 20);
    buf_init(&help, 1 << 20);
    buf_puts(&dump, "\n");
    config_dump(&c, &dump);
    config_reference(&page);
    assert_ok(config_help('F', NULL, NULL, &c, &help, &err));
    assert_int_equal(config_read_text(&c, "nonsense: {}", 12, "f", CONFIG_FILE, &why),
                     ONIC_ECONFIG);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const char *section = option_rows[i].section;
        assert_int_equal(times(dump.data, "\n", section, ":\n"), 1);
        assert_int_equal(times(page.data, "\n## ", section, "\n"), 1);
        assert_true(times(help.data, " ", section, "(") <= 1); /* those of this program */
        assert_true(times(why.msg, " ", section, ",") + times(why.msg, ", ", section, "") >= 1);
        assert_true(times(why.msg, " ", section, ",") <= 1);
    }
    buf_release(&dump);
    buf_release(&page);
    buf_release(&help);
}

/* Constants in code, one of the words everywhere else. */
static void a_choice_is_a_constant_inside_and_its_word_outside(void **state)
{
    (void)state;
    static struct config c, back;
    struct buf dump;
    config_defaults(&c);
    assert_int_equal(c.run_on_exists, CONFIG_run_on_exists_resume);
    assert_int_equal(c.llm_structured, CONFIG_llm_structured_auto);
    assert_int_equal(c.log_level, CONFIG_log_level_info);
    assert_ok(config_set(&c, "run.on_exists", "overwrite", CONFIG_CLI, "t", &err));
    assert_ok(config_set(&c, "llm.structured", "plain", CONFIG_CLI, "t", &err));
    assert_ok(config_set(&c, "policy.core", "none", CONFIG_CLI, "t", &err));
    assert_int_equal(c.run_on_exists, CONFIG_run_on_exists_overwrite);
    assert_int_equal(c.llm_structured, CONFIG_llm_structured_plain);
    assert_int_equal(c.policy_core, CONFIG_policy_core_none);
    assert_err(config_set(&c, "policy.core", "gruu", CONFIG_CLI, "t", &err), ONIC_ECONFIG,
               "t: policy.core is 'gruu', must be one of lstm, gru, none");
    assert_err(config_set(&c, "policy.core", "lstm|gru", CONFIG_CLI, "t", &err), ONIC_ECONFIG,
               "must be one of");
    assert_err(config_set(&c, "policy.core", "", CONFIG_CLI, "t", &err), ONIC_ECONFIG,
               "policy.core has no value, must be one of lstm, gru, none");
    assert_int_equal(c.policy_core, CONFIG_policy_core_none);
    buf_init(&dump, 1 << 20);
    config_dump(&c, &dump);
    assert_non_null(strstr(dump.data, "\n  on_exists: 'overwrite'  # command line\n"));
    config_defaults(&back);
    assert_ok(config_read_text(&back, dump.data, dump.len, "dump", CONFIG_FILE, &err));
    assert_int_equal(back.run_on_exists, CONFIG_run_on_exists_overwrite);
    assert_int_equal(back.llm_structured, CONFIG_llm_structured_plain);
    buf_release(&dump);
}

static void each_word_of_each_choice_reads_back(void **state)
{
    (void)state;
    int rows_of_words = 0, words = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], word[64], text[CONFIG_STR_MAX];
        if (option_rows[i].type != OPTION_CHOICE)
            continue;
        option_key(i, key);
        rows_of_words++;
        for (const char *p = option_rows[i].choices; *p; p += *p == '|', words++) {
            struct config c;
            size_t len = strcspn(p, "|");
            snprintf(word, sizeof word, "%.*s", (int)len, p);
            config_defaults(&c);
            assert_ok(config_set(&c, key, word, CONFIG_CLI, "t", &err));
            assert_ok(config_get(&c, key, text, sizeof text));
            assert_string_equal(text, word);
            p += len;
        }
    }
    assert_true(rows_of_words >= 10 && words >= 2 * rows_of_words);
}

static void a_maximum_is_a_constant_and_holds(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int max, bound;
    } is[] = {{"train.window", CONFIG_MAX_train_window, BOUND_WINDOW},
              {"train.rollout", CONFIG_MAX_train_rollout, BOUND_STEPS},
              {"env.count", CONFIG_MAX_env_count, BOUND_ENVS},
              {"actors.id", CONFIG_MAX_actors_id, BOUND_ACTORS - 1},
              {"annotator.vote", CONFIG_MAX_annotator_vote, 99},
              {"command.window", CONFIG_MAX_command_window, 512},
              {"llm.batch", CONFIG_MAX_llm_batch, 32}};
    struct config c;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        char text[32];
        assert_int_equal(is[i].max, is[i].bound);
        snprintf(text, sizeof text, "%d", is[i].max);
        assert_ok(config_set(&c, is[i].key, text, CONFIG_CLI, "t", &err));
        snprintf(text, sizeof text, "%d", is[i].max + 1);
        assert_err(config_set(&c, is[i].key, text, CONFIG_CLI, "t", &err), ONIC_ECONFIG, "to ");
    }
    assert_int_equal(CONFIG_MAX_run_frames, INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_each_row_of_each_file_once),
        cmocka_unit_test(each_option_is_reached_once_and_each_section_in_one_piece),
        cmocka_unit_test(what_is_printed_names_each_section_once),
        cmocka_unit_test(a_choice_is_a_constant_inside_and_its_word_outside),
        cmocka_unit_test(each_word_of_each_choice_reads_back),
        cmocka_unit_test(a_maximum_is_a_constant_and_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
