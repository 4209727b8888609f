/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/files.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "reward_server/goals/goal.h"

struct fixture {
    char dir[256], file[300], pool[300];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->file, sizeof f->file, "%s/goal.yaml", f->dir);
    snprintf(f->pool, sizeof f->pool, "%s/pool.txt", f->dir);
    files_write(f->pool, "# two\nYou see a key.\nYou bump into a wall.\n");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static const char good[] =
    "description: d\npositive:\n  - You see a key.\nnegative: [\"no\", never]\n"
    "threshold: 0.25\nrules:\n  - \"You see a * key.\": 1\n"
    "  - \"/(kill|destroy)s? the (newt|rat)/\": 1\n  - \"You see*\": abstain\n  - \"*\": 0\n";

static void a_good_file_is_read(void **state)
{
    struct fixture *f = *state;
    struct goal *g = NULL;
    files_write(f->file, good);
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    assert_string_equal(g->name, "goal");
    assert_int_equal(g->npositive, 1);
    assert_int_equal(g->nnegative, 2);
    assert_string_equal(g->negative[1], "never");
    assert_close(g->threshold, 0.25, 0, 0);
    assert_int_equal(g->npool, 2);
    assert_int_equal(goal_match(g, "You see a red key."), 0);
    assert_int_equal(goal_match(g, "You kill the newt!"), 1);
    assert_int_equal(goal_match(g, "You see a red ball."), 2);
    assert_int_equal(g->rules[2].label, GOAL_RULE_ABSTAIN);
    assert_int_equal(goal_match(g, "anything"), 3);
    goal_free(g);
}

/* Labels and numbers are words as in a configuration; sentences are not. */
static void words_mean_what_they_mean_in_a_configuration(void **state)
{
    struct fixture *f = *state;
    struct goal *g = NULL;
    files_write(f->file, "positive: [True]\nnegative: [null, 0x1F]\nthreshold: +1e-1\nrules:\n"
                         "  - \"a\": True\n  - \"b\": FALSE\n  - \"c\": yes\n  - \"d\": 0\n");
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    assert_string_equal(g->positive[0], "True");
    assert_string_equal(g->negative[0], "null");
    assert_close(g->threshold, 0.1, 1e-15, 0);
    static const int want[] = {1, 0, 1, 0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(g->rules[i].label, want[i]);
    goal_free(g);
}

static void the_version_changes_with_goal_and_pool(void **state)
{
    struct fixture *f = *state;
    struct goal *g = NULL;
    char first[33], text[1024];
    files_write(f->file, good);
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    snprintf(first, sizeof first, "%s", g->version);
    goal_free(g);
    snprintf(text, sizeof text, "# a comment\n%s", good);
    files_write(f->file, text);
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    assert_string_not_equal(first, g->version);
    goal_free(g);
    files_write(f->file, good);
    files_write(f->pool, "You see a key.\nYou bump into a door.\n");
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    assert_string_not_equal(first, g->version);
    goal_free(g);
}

static void bad_files_are_refused_with_file_line_and_remedy(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *text, *line, *part;
    } bad[] = {
        {"description: d\nrules:\n  - \"*\": 1\n", ":1:",
         "the goal has no anchors; every goal has at least one sentence under positive: and one "
         "under negative:, whoever annotates"},
        {"positive: [a]\nrules:\n  - \"*\": 1\n", ":1:", "no anchors under negative:"},
        {"negative: [a]\nrules:\n  - \"*\": 1\n", ":1:", "no anchors under positive:"},
        {"positive: [a]\nrules:\n  - \"*\": 1\n", ":1:", "negative:"},
        {"positive: [a]\nnegative: [b]\n",
         ":1:", "the goal has no rules; add at least one - \"pattern\": 1 under rules:"},
        {"positive: [a]\nnegative: [b]\npostive: [c]\n",
         ":3:", "unknown key 'postive', did you mean 'positive'?"},
        {"positive: [a]\nthresold: 1\n",
         ":2:", "unknown key 'thresold', did you mean 'threshold'?"},
        {"Rules:\n  - \"*\": 1\n", ":1:", "unknown key 'Rules', did you mean 'rules'?"},
        {"positive: [a]\ncolour: red\n", ":2:", "unknown key 'colour'; known here: description"},
        {"? [positive]\n: [a]\n", ":1:", "a key belongs here, one word before a colon"},
        {"threshold: 1\nthreshold: 2\n", ":2:", "'threshold' is given twice, first in line 1"},
        {"description: [a]\n", ":1:", "one sentence belongs here"},
        {"positive: a\nnegative: [b]\n",
         ":1:", "a list of sentences belongs here, one per line after \"- \""},
        {"positive: [a]\nnegative: [\"\"]\n", ":2:", "a sentence of 1 to 512 bytes belongs here"},
        {"positive: [a]\nnegative: [b]\nthreshold: high\n",
         ":3:", "threshold is a number from -2 to 2"},
        {"positive: [a]\nnegative: [b]\nthreshold: .nan\n",
         ":3:", "threshold is a number from -2 to 2"},
        {"positive: [a]\nnegative: [b]\nthreshold: 0x1p-1\n",
         ":3:", "threshold is a number from -2 to 2"},
        {"positive: [a]\nnegative: [b]\nrules:\n  - \"x\": 2\n",
         ":4:", "the label of a rule is 1, 0 or abstain"},
        {"positive: [a]\nnegative: [b]\nrules:\n  - \"x\": ~\n",
         ":4:", "the label of a rule is 1, 0 or abstain"},
        {"positive: [a]\nnegative: [b]\nrules:\n  - x\n",
         ":4:", "a rule is written - \"pattern\": 1 (or 0, or abstain)"},
        {"positive: [a]\nnegative: [b]\nrules:\n  - \"/(x/\": 1\n",
         ":4:", "this regular expression is not valid"},
        {"positive: [a]\nnegative: [b]\nrules:\n  - \"/N++++++++++++++++/\": 1\n",
         ":4:", "too large once its repetitions are written out"},
        {"positive: [a\n", ":2:", ""},
        {"- a\n- b\n", ":1:", "a goal file is a list of keys such as positive: and negative:"},
        {"", ":1:", "a goal file is a list of keys such as positive: and negative:"},
        {"preference: none\npositive: [a]\n",
         ":1:", "preference: none stands alone, without anchors or rules"},
        {"rules: x\n", ":1:", "a list of rules belongs here: - \"pattern\": 1"},
        {"preference: some\n", ":1:", "preference can only be none"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct goal *g = NULL;
        struct onic_err err = {0};
        files_write(f->file, bad[i].text);
        int rc = goal_load(&g, "", "x", f->file, &err);
        if (rc != ONIC_ECONFIG || !strstr(err.msg, f->file) || !strstr(err.msg, bad[i].line) ||
            !strstr(err.msg, bad[i].part)) {
            print_error("case %zu: %s \"%s\"\n", i, err_name(rc), err.msg);
            fail();
        }
        assert_null(g);
    }
    for (int rules = 0; rules < 2; rules++) { /* one more than there may be */
        static char large[8 * (GOAL_TEXTS_MAX + 1) + 20];
        size_t n = (size_t)snprintf(large, sizeof large, rules ? "rules: [" : "positive: [");
        struct goal *g = NULL;
        for (int i = 0; i <= GOAL_TEXTS_MAX; i++)
            n += (size_t)snprintf(large + n, sizeof large - n, "a, ");
        snprintf(large + n, sizeof large - n, "a]\n");
        files_write(f->file, large);
        assert_err(goal_load(&g, "", "x", f->file, &err), ONIC_ECONFIG,
                   ":1: this list is too long");
    }
    files_write(f->file, good);
    files_write(f->pool, "# one\nYou see a key.\n");
    struct goal *g = NULL; /* a pool that is no good is for those to refuse who read it */
    assert_ok(goal_load(&g, "", "x", f->file, &err));
    assert_non_null(strstr(g->pool_trouble, "pool.txt has 1 captions"));
    assert_int_equal(g->npool, 0);
    goal_free(g);
}

/* The pool is for the sentence model only; who writes a goal file need not know of it. */
static void a_goal_file_without_a_pool_takes_its_domain_s_or_none(void **state)
{
    struct fixture *f = *state;
    struct goal *g = NULL;
    char domain[300], shared[340], with[33];
    files_write(f->file, good);
    remove(f->pool);
    assert_ok(goal_load(&g, f->dir, "x", f->file, &err));
    assert_int_equal(g->npool, 0);
    assert_string_equal(g->pool_path, "");
    snprintf(with, sizeof with, "%s", g->version);
    goal_free(g);
    snprintf(domain, sizeof domain, "%s/x", f->dir);
    snprintf(shared, sizeof shared, "%s/pool.txt", domain);
    assert_int_equal(mkdir(domain, 0700), 0);
    files_write(shared, "one\ntwo\nthree\n");
    assert_ok(goal_load(&g, f->dir, "x", f->file, &err));
    assert_int_equal(g->npool, 3);
    assert_string_equal(g->pool_path, shared);
    assert_string_not_equal(g->version, with);
    goal_free(g);
    files_write(f->pool, "one\ntwo\n"); /* its own is nearer */
    assert_ok(goal_load(&g, f->dir, "x", f->file, &err));
    assert_int_equal(g->npool, 2);
    goal_free(g);
}

static void a_path_or_the_name_of_a_yaml_file_is_a_goal_file(void **state)
{
    (void)state;
    struct goal *g = NULL;
    assert_true(goal_is_file("./my") && goal_is_file("my.yaml") && goal_is_file("/a/my.yml"));
    assert_false(goal_is_file("KeyCorridor"));
    assert_false(goal_is_file("v1.5"));
    assert_err(goal_load(&g, "", "x", "nowhere.yaml", &err), ONIC_ECONFIG,
               "the goal file nowhere.yaml (annotator.goal) is not there");
}

static const char *goals_dir(char out[1024])
{
    snprintf(out, 1024, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    return out;
}

static void unknown_names_list_the_known_ones(void **state)
{
    (void)state;
    char dir[1024];
    struct goal *g = NULL;
    assert_err(goal_load(&g, goals_dir(dir), "nethack", "golf", &err), ONIC_ECONFIG,
               "did you mean \"gold\"? known in");
    assert_err(goal_load(&g, goals_dir(dir), "nethack", "golf", &err), ONIC_ECONFIG,
               "combat, gold, none, oracle, score, stairs");
    assert_err(goal_load(&g, goals_dir(dir), "chess", "score", &err), ONIC_ECONFIG,
               "corridor, minigrid, nethack");
}

static void every_shipped_goal_is_good(void **state)
{
    (void)state;
    const char *domain[] = {"nethack", "minigrid", "corridor"};
    int n = 0;
    for (int i = 0; i < 3; i++) {
        char dir[1024], folder[1100];
        snprintf(folder, sizeof folder, "%s/%s", goals_dir(dir), domain[i]);
        DIR *d = opendir(folder);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            char *dot = strstr(e->d_name, ".yaml");
            if (!dot)
                continue;
            struct goal *g = NULL;
            *dot = '\0';
            assert_ok(goal_load(&g, dir, domain[i], e->d_name, &err));
            n++;
            goal_free(g);
        }
        closedir(d);
    }
    assert_int_equal(n, 18);
}

static struct goal_choice chosen_by_itself(const char *env_id)
{
    struct goal_choice c = {.domain = "auto", .name = "auto"};
    goals_dir(c.dir);
    snprintf(c.env_id, sizeof c.env_id, "%s", env_id);
    return c;
}

static void auto_finds_the_goal_of_an_environment(void **state)
{
    (void)state;
    const char *want[][3] = {{"minigrid:KeyCorridorS3R3", "minigrid", "KeyCorridor"},
                             {"minigrid:Unlock", "minigrid", "Unlock"},
                             {"minigrid:UnlockPickup", "minigrid", "UnlockPickup"},
                             {"minigrid:BlockedUnlockPickup", "minigrid", "BlockedUnlockPickup"},
                             {"minigrid:DoorKey-8x8", "minigrid", "DoorKey"},
                             {"minigrid:Empty-Random-6x6", "minigrid", "Empty"},
                             {"minigrid:FourRooms", "minigrid", "FourRooms"},
                             {"minigrid:MultiRoom-N6", "minigrid", "MultiRoom"},
                             {"minigrid:ObstructedMaze-2Dlhb", "minigrid", "ObstructedMaze"},
                             {"nethack:Score", "nethack", "score"},
                             {"nethack:StaircaseLvl3", "nethack", "stairs"},
                             {"nethack:Gold", "nethack", "gold"},
                             {"nethack:RewardFree", "nethack", "score"},
                             {"nethack:OracleSober-Continual", "nethack", "oracle"},
                             {"corridor", "corridor", "corridor"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct goal_choice c = chosen_by_itself(want[i][0]);
        assert_ok(goal_choose(&c, &err));
        assert_string_equal(c.domain, want[i][1]);
        assert_string_equal(c.name, want[i][2]);
    }
    struct goal_choice dance = chosen_by_itself("minigrid:Dance");
    struct goal_choice coin = chosen_by_itself("coin");
    assert_err(goal_choose(&dance, &err), ONIC_ENOTFOUND, "KeyCorridor");
    const char *part[] = {"there are no goals for \"coin\"", "has corridor, minigrid, nethack",
                          "--annotator.goal=./FILE.yaml", "--reward.model=counts"};
    for (int i = 0; i < 4; i++)
        assert_err(goal_choose(&coin, &err), ONIC_ENOTFOUND, part[i]);
}

/* Loads the goal of the choice; the sentence where it is foreign, else "". */
static const char *foreign(const char *env_id, const char *domain, const char *name)
{
    static char why[ONIC_ERR_MSG_MAX];
    struct goal *g = NULL;
    struct goal_choice c = chosen_by_itself(env_id), asked;
    snprintf(c.domain, sizeof c.domain, "%s", domain);
    snprintf(c.name, sizeof c.name, "%s", name);
    c.env_given = true;
    asked = c;
    assert_ok(goal_choose(&c, &err));
    assert_ok(goal_load(&g, c.dir, c.domain, c.name, &err));
    bool is_foreign = goal_is_foreign(g, &asked, why);
    assert_int_equal(is_foreign, why[0] != '\0');
    goal_free(g);
    return why;
}

static const char *shipped(const char *file)
{
    static char path[1200];
    char dir[1024];
    snprintf(path, sizeof path, "%s/%s", goals_dir(dir), file);
    return path;
}

static void a_goal_of_another_domain_is_named(void **state)
{
    (void)state;
    static const char *const own[][3] = {
        {"minigrid:Unlock", "auto", "auto"},
        {"minigrid:Unlock", "auto", "KeyCorridor"}, /* of minigrid */
        {"minigrid:Unlock", "minigrid", "auto"},
        {"nethack:Score", "auto", "combat"},
        {"corridor", "auto", "none"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_string_equal(foreign(own[i][0], own[i][1], own[i][2]), "");
    assert_string_equal(foreign("nethack:Score", "auto", shipped("nethack/combat.yaml")), "");
    assert_string_equal(foreign("nethack:Score", "auto", shipped("minigrid/none.yaml")), "");
    static const char *const strange[] = {"nethack/score.yaml", "nethack/combat.yaml",
                                          "corridor/corridor.yaml"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        const char *why = foreign("minigrid:Unlock", "auto", shipped(strange[i]));
        if (!strstr(why, "annotator.goal=") || !strstr(why, "--annotator.goal=auto takes one of "
                                                            "minigrid"))
            fail_msg("%s: %s", strange[i], why);
    }
    assert_non_null(strstr(foreign("minigrid:Unlock", "nethack", "combat"),
                           "--annotator.domain=auto takes those of minigrid"));
}

static void what_no_goal_can_be_names_the_option(void **state)
{
    (void)state;
    struct goal *g = NULL;
    char dir[1024];
    const char *const parts[] = {"annotator.goal=", "is a folder; name a goal file in it (it has "
                                                    "BlockedUnlockPickup, DoorKey"};
    for (int i = 0; i < 2; i++)
        assert_err(goal_load(&g, goals_dir(dir), "minigrid", shipped("minigrid"), &err),
                   ONIC_ECONFIG, parts[i]);
}

static void globs_match_like_a_shell(void **state)
{
    (void)state;
    assert_true(goal_glob("You * the ? door.", "You open the x door."));
    assert_true(goal_glob("*", ""));
    assert_true(goal_glob("a*b*c", "aXbXbc"));
    assert_false(goal_glob("a*b", "abc"));
    assert_false(goal_glob("", "a"));
    assert_false(goal_glob("a?", "a"));
    char text[257];
    memset(text, 'a', 256);
    text[256] = '\0';
    assert_false(
        goal_glob("*a*a*a*a*a*a*a*a*a*a*a*b", text)); /* would not end if it backtracked fully */
}

static void latin_1_becomes_utf_8_and_utf_8_stays(void **state)
{
    (void)state;
    char out[64];
    goal_utf8("d\xe9j\xe0", 4, out);
    assert_string_equal(out, "d\xc3\xa9j\xc3\xa0");
    goal_utf8("d\xc3\xa9j", 4, out);
    assert_string_equal(out, "d\xc3\xa9j");
    goal_utf8("a\x1b[2J\nb", 7, out);
    assert_string_equal(out, "a [2J b");
    goal_utf8("\xed\xa0\x80", 3, out); /* half of a pair is no character: JSON does not take it */
    assert_string_equal(out, "\xc3\xad\xc2\xa0\xc2\x80");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_good_file_is_read),
        TEST(words_mean_what_they_mean_in_a_configuration),
        TEST(the_version_changes_with_goal_and_pool),
        TEST(bad_files_are_refused_with_file_line_and_remedy),
        TEST(a_goal_file_without_a_pool_takes_its_domain_s_or_none),
        cmocka_unit_test(a_path_or_the_name_of_a_yaml_file_is_a_goal_file),
        cmocka_unit_test(unknown_names_list_the_known_ones),
        cmocka_unit_test(every_shipped_goal_is_good),
        cmocka_unit_test(auto_finds_the_goal_of_an_environment),
        cmocka_unit_test(a_goal_of_another_domain_is_named),
        cmocka_unit_test(what_no_goal_can_be_names_the_option),
        cmocka_unit_test(globs_match_like_a_shell),
        cmocka_unit_test(latin_1_becomes_utf_8_and_utf_8_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
