/* SPDX-License-Identifier: MIT */
/* Files of canaries: what is read of them, and that those of the shipped domains are of use for
 * every goal. */
#include "tests/onic_test.h"

#include <dirent.h>
#include <stdlib.h>

#include "reward_server/goals/canaries.h"

static char goals[1024];

static struct goal *goal_named(const char *domain, const char *name)
{
    struct goal *g = NULL;
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&g, goals, domain, name, &err));
    return g;
}

/* Goals of a domain's folder; each with a preference has at least 50 canaries, some of each
 * answer. */
static void check_domain(const char *domain)
{
    char folder[1100], name[64];
    int checked = 0;
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    snprintf(folder, sizeof folder, "%s/%s", goals, domain);
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct canaries c;
        if (sscanf(e->d_name, "%60[A-Za-z].yaml", name) != 1 || !strstr(e->d_name, ".yaml"))
            continue;
        struct goal *g = goal_named(domain, name);
        assert_ok(canaries_load(&c, g, "", &err));
        if (g->no_preference) {
            assert_int_equal(c.n[0] + c.n[1], 0);
        } else if (c.n[0] + c.n[1] < 50 || c.n[1] < 2 || c.n[0] < 2) {
            fail_msg("%s/%s: %d of 1 and %d of 0", domain, name, c.n[1], c.n[0]);
        }
        checked++;
        canaries_release(&c);
        goal_free(g);
    }
    closedir(d);
    assert_true(checked >= 2);
}

static void every_shipped_goal_has_fifty_of_both_answers(void **state)
{
    (void)state;
    check_domain("minigrid");
    check_domain("nethack");
    check_domain("corridor");
}

static int load_text(struct canaries *c, const char *text, struct onic_err *err)
{
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/canaries.txt", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    struct goal *g = goal_named("minigrid", "KeyCorridor");
    int rc = canaries_load(c, g, path, err);
    goal_free(g);
    temp_dir_remove(dir);
    return rc;
}

static void answers_are_given_or_the_rules_of_the_goal(void **state)
{
    struct canaries c;
    (void)state;
    assert_ok(
        load_text(&c,
                  "# a comment\r\n\n1: You bump into a wall.\r\n0:You see a red key.  \n"
                  "rules: You see a red key.\nrules: You turn.\nrules: You open the red door.",
                  &err));
    assert_int_equal(c.n[1], 3);
    assert_string_equal(c.text[1][0], "You bump into a wall.");
    assert_string_equal(c.text[1][1], "You see a red key.");
    assert_string_equal(c.text[1][2], "You open the red door.");
    assert_int_equal(c.n[0], 2);
    assert_string_equal(c.text[0][0], "You see a red key.");
    assert_string_equal(c.text[0][1], "You turn.");
    assert_true(canaries_tell_apart(&c));
    canaries_release(&c);
    assert_ok(load_text(&c, "1: one answer alone\n", &err));
    assert_false(canaries_tell_apart(&c));
    canaries_release(&c);
}

static void bad_lines_are_named(void **state)
{
    static const char *const bad[] = {"0: fine\nYou see a key.\n", "0: fine\n1:\n",
                                      "0: fine\n2: x\n", "0: fine\n1:   \n"};
    char text[512] = "0: fine\n1: ";
    struct canaries c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_err(load_text(&c, bad[i], &err), ONIC_ECONFIG,
                   "canaries.txt:2: a canary is \"1: MESSAGE\"");
        canaries_release(&c);
    }
    memset(text + strlen(text), 'x', 257); /* longer than a caption */
    assert_err(load_text(&c, text, &err), ONIC_ECONFIG, "of 1 to 256 bytes");
    canaries_release(&c);
    struct goal *g = goal_named("minigrid", "KeyCorridor");
    assert_err(canaries_load(&c, g, "/nonexistent/x", &err), ONIC_ECONFIG, "cannot read");
    canaries_release(&c);
    goal_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_goal_has_fifty_of_both_answers),
        cmocka_unit_test(answers_are_given_or_the_rules_of_the_goal),
        cmocka_unit_test(bad_lines_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
