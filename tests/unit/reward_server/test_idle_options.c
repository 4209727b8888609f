/* SPDX-License-Identifier: MIT */
/* Options that were given to an annotator that is not asked, or that another one leaves without
 * effect, are named; those that count, or are as they are without, are not. */
#include <stdlib.h>

#include "reward_server/annotators/annotator_options.h"
#include "tests/onic_test.h"

static void give(struct config *c, const char *key, const char *value, enum config_origin origin)
{
    assert_ok(config_set(c, key, value, origin, "test", &err));
}

/* first NULL: no annotator at all. */
static void assert_idle(struct config *c, const char *first, bool files, const char *want)
{
    struct annotator_order order;
    struct buf out;
    buf_init(&out, 8192);
    if (first)
        assert_ok(annotator_order_read(&order, annotator_find(first), c, &err));
    bool any = annotator_idle_options(c, first ? &order : NULL, files, &out);
    assert_string_equal(out.data, want);
    assert_true(any == (want[0] != '\0'));
    buf_release(&out);
}

static void what_nobody_looks_at_is_named(void **state)
{
    struct config *c = calloc(1, sizeof *c);
    (void)state;
    config_defaults(c);
    assert_idle(c, "rules", true, "");
    give(c, "llm.url", "http://x", CONFIG_CLI);
    give(c, "llm.api_key_file", "/k", CONFIG_ENV);
    give(c, "llm.model", "m", CONFIG_FILE);
    give(c, "rules.rate", "3", CONFIG_CLI);
    give(c, "command.window", "16", CONFIG_CLI); /* as it is without */
    assert_idle(c, "rules", true, "llm.url, llm.model, llm.api_key_file");
    assert_idle(c, "rules", false, "llm.url, llm.api_key_file");
    assert_idle(c, "llm", true, "rules.rate");
    assert_idle(c, NULL, false, "llm.url, llm.api_key_file, rules.rate");
    give(c, "annotator.fallback", "rules", CONFIG_CLI);
    assert_idle(c, "llm", true, "");
    free(c);
}

static void what_another_option_leaves_without_effect_is_named(void **state)
{
    struct config *c = calloc(1, sizeof *c);
    (void)state;
    config_defaults(c);
    give(c, "embedding.api_key_file", "/k", CONFIG_CLI);
    give(c, "embedding.vectors", "x.vec", CONFIG_CLI);
    give(c, "embedding.tie", "0.5", CONFIG_CLI);
    assert_idle(c, "embedding", false, "embedding.api_key_file, embedding.vectors");
    give(c, "embedding.source", "http", CONFIG_CLI);
    assert_idle(c, "embedding", false, "embedding.vectors");
    give(c, "embedding.source", "file", CONFIG_CLI);
    assert_idle(c, "embedding", false, "embedding.api_key_file");
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_looks_at_is_named),
        cmocka_unit_test(what_another_option_leaves_without_effect_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
