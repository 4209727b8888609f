/* SPDX-License-Identifier: MIT */
/* test_help.c - the rows of --help, and the page of all options. */
#include <stdlib.h>

#include "common/config/config.h"
#include "tests/onic_test.h"

static void help_is_short_unless_more_is_asked_for(void **state)
{
    (void)state;
    struct buf out;
    struct config c;
    buf_init(&out, 1 << 20);
    config_defaults(&c);
    assert_ok(config_help('F', NULL, NULL, &c, &out, &err));
    assert_non_null(strstr(out.data, "--reward.model="));
    assert_null(strstr(out.data, "--train.adam_eps="));
    assert_non_null(strstr(out.data, "train("));
    assert_non_null(strstr(out.data, "--help=all"));
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "train", &c, &out, &err));
    assert_non_null(strstr(out.data, "--train.adam_eps="));
    assert_null(strstr(out.data, "--reward.model="));
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "train.lr", &c, &out, &err));
    assert_null(strstr(out.data, "--train.lr_schedule="));
    assert_err(config_help('F', NULL, "trian", &c, &out, &err), ONIC_ECONFIG, "--help=trian");
    assert_err(config_help('F', NULL, "trian", &c, &out, &err), ONIC_ECONFIG, "train(");
    assert_err(config_help('F', "run.seed env.id", "train", &c, &out, &err), ONIC_ECONFIG,
               "the sections are run(1), env(1)");
    assert_err(config_help('F', "", "train", &c, &out, &err), ONIC_ECONFIG, "no sections");
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "all", &c, &out, &err));
    for (const char *p = out.data; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strcspn(p, "\n") > 100)
            fail_msg("more than 100 columns: %.*s", (int)strcspn(p, "\n"), p);
    buf_release(&out);
}

/* The page is made, not written: `onic config --reference >deploy/options.md`. */
static void the_page_of_all_options_is_up_to_date(void **state)
{
    (void)state;
    struct buf out;
    char path[600];
    static char page[1 << 20];
    snprintf(path, sizeof path, "%s/deploy/options.md", getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = '\0';
    fclose(f);
    buf_init(&out, 1 << 20);
    config_reference(&out);
    if (strcmp(page, out.data) != 0)
        fail_msg("deploy/options.md is not what `onic config --reference` prints");
    for (const char *p = out.data; (p = strchr(p, '<')) != NULL; p++)
        if (p[-1] != '\\')
            fail_msg("Markdown hides what is taken for HTML: %.40s", p);
    buf_release(&out);
}

static void help_lists_the_rows_of_one_program(void **state)
{
    (void)state;
    struct buf out;
    struct config c;
    buf_init(&out, 1 << 20);
    config_defaults(&c);
    assert_ok(config_help('A', NULL, "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--actors.learner"));
    assert_null(strstr(out.data, "--train.lr="));
    buf_reset(&out);
    assert_ok(config_help('L', NULL, "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--train.lr=0..1"));
    assert_non_null(strstr(out.data, "[0.0007]"));
    assert_null(strstr(out.data, "--rules.noise"));
    buf_reset(&out);
    assert_ok(config_help('F', "run.seed env", "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--run.seed="));
    assert_non_null(strstr(out.data, "--env.max_steps="));
    assert_null(strstr(out.data, "--run.frames="));
    assert_null(strstr(out.data, "--train.lr="));
    buf_reset(&out);
    c.run_seed = 7; /* a command whose default is another one says so */
    assert_ok(config_help('F', "run.seed", "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "[7]"));
    buf_reset(&out);
    assert_ok(config_help('F', "", NULL, &c, &out, &err));
    assert_null(strstr(out.data, "="));
    assert_non_null(strstr(out.data, "--help"));
    buf_reset(&out);
    config_version(&out);
    assert_non_null(strstr(out.data, "onic 0."));
    assert_non_null(strstr(out.data, "CPU path avx"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_short_unless_more_is_asked_for),
        cmocka_unit_test(the_page_of_all_options_is_up_to_date),
        cmocka_unit_test(help_lists_the_rows_of_one_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
