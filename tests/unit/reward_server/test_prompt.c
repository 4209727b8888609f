/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/files.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "reward_server/goals/goal.h"
#include "reward_server/prompts/prompt.h"

struct fixture {
    char dir[256], domain[300], file[400], ranking[400];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->domain, sizeof f->domain, "%s/x", f->dir);
    mkdir(f->domain, 0700);
    snprintf(f->file, sizeof f->file, "%s/classification.w.yaml", f->domain);
    snprintf(f->ranking, sizeof f->ranking, "%s/ranking.w.yaml", f->domain);
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

#define USER "user: \"{preference} {examples}M: '{caption}' {key} is {yes} or {no} {}\"\n"
#define REST                                                                                       \
    "words: [UP, DOWN]\nkey: label\nexample: \"E: '{caption}' {analysis} {word}. \"\nexamples:\n"  \
    "  - {caption: c1, analysis: a1}\n  - {caption: c2, analysis: a2}\n"
#define GOALS                                                                                      \
    "goals:\n  g: {preference: P., labels: [1, 0]}\n  h: {preference: Q., labels: [0, 0]}\n"       \
    "  none: {preference: \"\"}\n"
static const char good[] = "system: S\n" USER REST GOALS;
static const char good_pair[] =
    "system: S\nuser: \"{preference} '{caption_a}' or '{caption_b}': {key}\"\n"
    "key: best\ngoals:\n  g: {preference: P.}\n";

static char *render(const struct prompt *p, const char *a, const char *b)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(prompt_render(p, a, strlen(a), b, strlen(b), &out), ONIC_OK);
    return out.data; /* freed by the caller */
}

static void assert_renders(const struct prompt *p, const char *a, const char *b, const char *want)
{
    char *got = render(p, a, b);
    assert_string_equal(got, want);
    free(got);
}

static void placeholders_are_filled_once(void **state)
{
    struct fixture *f = *state;
    struct prompt *p = NULL;
    files_write(f->file, good);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "w", &err));
    assert_string_equal(p->system, "S");
    assert_renders(p, "{yes}", "",
                   "P. E: 'c1' a1 UP. E: 'c2' a2 DOWN. M: '{yes}' label is UP or DOWN {}");
    prompt_free(p);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "none", "w", &err));
    assert_renders(p, "c", "", " M: 'c' label is UP or DOWN {}");
    prompt_free(p);
    files_write(f->ranking, good_pair);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_RANKING, "g", "w", &err));
    assert_renders(p, "{caption_b}", "two", "P. '{caption_b}' or 'two': best");
    prompt_free(p);
}

static void no_caption_leaves_its_quotes_or_its_line(void **state)
{
    struct fixture *f = *state;
    struct prompt *p = NULL;
    files_write(f->ranking, good_pair);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_RANKING, "g", "w", &err));
    assert_renders(p, "a\"b\\c\nd\re\x01\x02", "caf\xe9 \xc3\xa9 \x85x\xe2\x80\xa8y",
                   "P. 'a\\\"b\\\\c d e  ' or 'caf\xc3\xa9 \xc3\xa9  x y': best");
    struct buf tiny;
    buf_init(&tiny, 8);
    assert_int_equal(prompt_render(p, "a", 1, "b", 1, &tiny), ONIC_ELIMIT);
    buf_release(&tiny);
    prompt_free(p);
}

static void version_of(struct fixture *f, const char *text, const char *goal, char out[33])
{
    struct prompt *p = NULL;
    files_write(f->file, text);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, goal, "w", &err));
    snprintf(out, 33, "%s", p->version);
    prompt_free(p);
}

static void the_version_changes_with_what_shapes_the_prompt_only(void **state)
{
    struct fixture *f = *state;
    char first[33], next[33], text[1024];
    const char *part[][2] = {{"system: S", "system: T"},
                             {"M: ", "N: "},
                             {"UP", "ON"},
                             {"key: label", "key: verdict"},
                             {"P.", "R."},
                             {"c1", "c3"},
                             {"a2", "a4"},
                             {"[1, 0]", "[1, 1]"},
                             {"E: ", "F: "}};
    version_of(f, good, "g", first);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        const char *at = strstr(good, part[i][0]);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, part[i][1],
                 at + strlen(part[i][0]));
        version_of(f, text, "g", next);
        assert_string_not_equal(first, next);
    }
    version_of(f, good, "h", next);
    assert_string_not_equal(first, next);
    snprintf(text, sizeof text, "# a comment\n%s  other: {preference: X.}\n", good);
    version_of(f, text, "g", next);
    assert_string_equal(first, next);
}

static const struct {
    const char *text, *line, *part;
} bad[] = {
    {USER REST GOALS, ":1:", "system: with a text is missing"},
    {"system: S\n" REST GOALS, ":1:", "user: with a text is missing"},
    {"system: S\nuser: |\n  a\n  {capton}\n" REST GOALS,
     ":4:", "unknown placeholder {capton}, did you mean {caption}?"},
    {"system: S\nuser: \"{preference}{examples}{yes}{no}{key}\"\n" REST GOALS,
     ":2:", "needs the placeholder {caption}"},
    {"system: \"{caption}\"\n" USER REST GOALS, ":1:", "unknown placeholder {caption}"},
    {"system: \"a\\x01\"\n" USER REST GOALS, ":1:", "control characters do not belong here"},
    {"system: S\nsystem: T\n" USER REST GOALS, ":2:", "given twice"},
    {"system: S\nusr: T\n" USER REST GOALS, ":2:", "unknown key 'usr', did you mean 'user'?"},
    {"system: S\nexam: T\n" USER REST GOALS, ":2:", "unknown key 'exam'; known here: system"},
    {"sytem: S\n" USER REST GOALS, ":1:", "unknown key 'sytem', did you mean 'system'?"},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexample: e\nexamples: [{captoin: c, analysis: "
     "a}]\n" GOALS,
     ":6:", "unknown key 'captoin', did you mean 'caption'?"},
    {"system: S\n" USER REST "goals:\n  g: {preferense: P.}\n",
     ":10:", "unknown key 'preferense', did you mean 'preference'?"},
    {"system: S\n" USER "words: [A, a]\nkey: k\nexample: e\nexamples: [{caption: c, analysis: "
     "a}]\n" GOALS,
     ":3:", "two of the words are the same"},
    {"system: S\n" USER "words: [A]\nkey: k\nexample: e\n" GOALS,
     ":3:", "words: needs two words, first the one for helpful"},
    {"system: S\n" USER "words: [A, b c]\nkey: k\nexample: e\n" GOALS,
     ":3:", "a word of 1 to 31 letters, digits and _ belongs here"},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexample: \"{analysis}\"\nexamples: [{caption: c}]"
     "\n" GOALS,
     ":6:", "an example has caption: and analysis:"},
    {"system: S\n" USER REST "goals:\n  g: {preference: P., labels: [1]}\n",
     ":10:", "labels: needs one label for each example"},
    {"system: S\n" USER REST "goals:\n  g: {preference: P., labels: [1, 2]}\n",
     ":10:", "the label of an example is 1 or 0"},
    {"system: S\n" USER REST "goals:\n  g: P.\n",
     ":10:", "a goal is written name: {preference: \"a sentence, or nothing\"}"},
    {"system: S\n" USER REST "goals:\n  other: {preference: P.}\n",
     ":10:", "there is no goal \"g\" here; known: other. Add a line g: {preference:"},
    {"system: S\n" USER REST GOALS "  g: {preference: X.}\n", ":13:", "this goal is given twice"},
    {"system: S\n" USER REST, ":1:", "goals: with one entry per goal is missing"},
    {"- a\n", ":1:", "a prompt file is a list of keys such as system: and user:"},
    {"system: [\n", ":2:", ""},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexamples: [{caption: c}]\n" GOALS,
     ":1:", "example: with a text is missing"},
    {"system: S\n" USER "words: [A, B]\nexample: e\nexamples: [{caption: c}]\n" GOALS,
     ":1:", "key: with the name of the answer is missing"},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexample: e\nexamples: []\n" GOALS,
     ":6:", "examples: needs 1 to 16 entries"},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexample: e\nexamples: [{analysis: a}]\n" GOALS,
     ":6:", "an example has caption:"},
    {"system: S\n" USER "words: [A, B]\nkey: k\nexample: e\nexamples: [{caption: [c]}]\n" GOALS,
     ":6:", "the message of the example belongs here"},
    {"system: S\n" USER
     "words: [A, B]\nkey: k\nexample: e\nexamples: [{caption: c, analysis: [a]}]\n" GOALS,
     ":6:", "one sentence on the message belongs here"},
};

static void bad_files_are_refused_with_file_line_and_remedy(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct prompt *p = NULL;
        struct onic_err err = {0};
        files_write(f->file, bad[i].text);
        int rc = prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "w", &err);
        if (rc != ONIC_ECONFIG || !strstr(err.msg, f->file) || !strstr(err.msg, bad[i].line) ||
            !strstr(err.msg, bad[i].part)) {
            print_error("case %zu: %s \"%s\"\n", i, err_name(rc), err.msg);
            fail();
        }
        assert_null(p);
    }
    struct prompt *p = NULL;
    static char large[70000];
    snprintf(large, sizeof large, "system: %066000d\n" USER REST GOALS, 0);
    files_write(f->file, large);
    assert_err(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "w", &err), ONIC_ECONFIG,
               ": the prompt is longer than 65536 bytes");
    assert_err(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "none", &err), ONIC_ECONFIG,
               "classification.none.yaml (annotator.prompt); wordings there: w");
    assert_err(prompt_load(&p, f->dir, "y", PROMPT_CLASSIFICATION, "g", "w", &err), ONIC_ECONFIG,
               "a folder of yours with y/classification.w.yaml in it");
}

static void only_a_word_or_a_last_line_with_the_key_answers(void **state)
{
    struct fixture *f = *state;
    struct prompt *p = NULL;
    const struct {
        const char *text;
        int want;
    } cases[] = {
        {"UP", 0},
        {" DOWN\n", 1},
        {"knowledge: k\nanalysis: not DOWN\nLabel : UP\n\n", 0},
        {"label: DOWN", 1},
        {"up", -1},
        {"", -1},
        {"UP or DOWN", -1},
        {"label: UP or DOWN", -1},
        {"label: UP\nlabel: DOWN", -1},
        {"label: UP\nI am sure.", -1},
        {"labels: UP", -1},
        {"label: UPPER", -1},
        {"label", -1},
        {"label:", -1},
    };
    files_write(f->file, good);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "w", &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int got = prompt_answer(p, cases[i].text, strlen(cases[i].text));
        if (got != cases[i].want) {
            print_error("\"%s\": %d, expected %d\n", cases[i].text, got, cases[i].want);
            fail();
        }
    }
    prompt_free(p);
}

/* What leads to the word needs no analysis, and a ranking may have words of its own. */
static void a_short_wording_has_no_analysis_and_other_words(void **state)
{
    struct fixture *f = *state;
    struct prompt *p = NULL;
    files_write(f->file,
                "system: S\n" USER "words: [A, B]\nkey: k\nexample: \"{caption}={word} \"\n"
                "examples: [{caption: c1}, {caption: c2}]\n" GOALS);
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_CLASSIFICATION, "g", "w", &err));
    assert_non_null(strstr(p->user, "c1=A c2=B "));
    prompt_free(p);
    files_write(f->ranking, "system: S\nuser: \"{preference}{caption_a}{caption_b}{key}\"\nkey: k\n"
                            "words: [Left, Right, none]\ngoals: {g: {preference: P.}}\n");
    assert_ok(prompt_load(&p, f->dir, "x", PROMPT_RANKING, "g", "w", &err));
    assert_string_equal(p->word[1], "Right");
    assert_close(p->label[0], 0, 0, 0);
    assert_close(p->label[2], 0.5, 0, 0);
    prompt_free(p);
    files_write(f->ranking, "system: S\nuser: \"{preference}{caption_a}{caption_b}{key}\"\nkey: k\n"
                            "words: [Left, Right]\ngoals: {g: {preference: P.}}\n");
    assert_err(prompt_load(&p, f->dir, "x", PROMPT_RANKING, "g", "w", &err), ONIC_ECONFIG,
               "words: needs three words, for the first, the second and neither");
}

struct shipped {
    const char *domain, *wording;
    enum prompt_kind kind;
};
static const struct shipped shipped[] = {
    {"nethack", "default", PROMPT_CLASSIFICATION},  {"nethack", "default", PROMPT_RANKING},
    {"nethack", "reworded", PROMPT_RANKING},        {"minigrid", "default", PROMPT_CLASSIFICATION},
    {"minigrid", "default", PROMPT_RANKING},        {"minigrid", "reworded", PROMPT_RANKING},
    {"nethack", "reworded", PROMPT_CLASSIFICATION}, {"minigrid", "reworded", PROMPT_CLASSIFICATION},
    {"nethack", "short", PROMPT_CLASSIFICATION},    {"minigrid", "short", PROMPT_CLASSIFICATION},
    {"nethack", "short", PROMPT_RANKING},           {"minigrid", "short", PROMPT_RANKING},
};

/* Every goal file has its prompt; calls each with it. Returns how many. */
static int each_goal(const struct shipped *s, void (*each)(const struct prompt *, const char *))
{
    char prompts[1024], goals[1024];
    struct dirent **entry = NULL;
    int found = 0;
    snprintf(prompts, sizeof prompts, "%s/deploy/prompts", getenv("ONIC_SOURCE"));
    snprintf(goals, sizeof goals, "%s/deploy/goals/%s", getenv("ONIC_SOURCE"), s->domain);
    int n = scandir(goals, &entry, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char *dot = strstr(entry[i]->d_name, ".yaml");
        if (dot) {
            struct prompt *p = NULL;
            *dot = '\0';
            assert_ok(
                prompt_load(&p, prompts, s->domain, s->kind, entry[i]->d_name, s->wording, &err));
            each(p, entry[i]->d_name);
            prompt_free(p);
            found++;
        }
        free(entry[i]);
    }
    free(entry);
    return found;
}

static char versions[128][33];
static int nversions;

static void look(const struct prompt *p, const char *goal)
{
    bool pair = p->kind == PROMPT_RANKING;
    char *text = render(p, "caption number one", "caption number two");
    assert_non_null(strstr(text, "caption number one"));
    assert_int_equal(strstr(text, "caption number two") != NULL, pair);
    assert_int_equal(strstr(text, "Prefer ") != NULL, strcmp(goal, "none") != 0);
    assert_null(strstr(text, "{"));
    assert_non_null(strstr(text, p->key));
    free(text);
    for (int i = 0; i < nversions; i++)
        assert_string_not_equal(versions[i], p->version);
    assert_true(nversions < 128);
    snprintf(versions[nversions++], 33, "%s", p->version);
}

static void every_shipped_prompt_loads_and_differs_by_goal(void **state)
{
    (void)state;
    nversions = 0;
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++)
        assert_true(each_goal(&shipped[i], look) >= 5);
    assert_int_equal(nversions, 6 * 6 + 6 * 10);
}

static char minigrid_goals[1024];

/* What the worked examples say of a message must be what the goal's rules say of it. */
static void compare_with_rules(const struct prompt *p, const char *name)
{
    struct goal *g = NULL;
    if (!strcmp(name, "none"))
        return;
    assert_ok(goal_load(&g, minigrid_goals, "minigrid", name, &err));
    int examples = 0;
    for (const char *at = p->user; (at = strstr(at, "Message: \"")) != NULL;) {
        char caption[256], word[PROMPT_WORD_MAX];
        const char *line = strstr(at, "\nlabel: ");
        at += strlen("Message: \"");
        if (*at == '\1')
            break;
        snprintf(caption, sizeof caption, "%.*s", (int)strcspn(at, "\""), at);
        snprintf(word, sizeof word, "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
        int rule = goal_match(g, caption);
        bool helpful = rule != GOAL_NO_RULE && g->rules[rule].label == 1;
        if (strcmp(word, p->word[helpful ? 0 : 1]) != 0) {
            print_error("%s: \"%s\" is %s\n", name, caption, word);
            fail();
        }
        examples++;
    }
    assert_int_equal(examples, 5);
    goal_free(g);
}

static void worked_examples_of_minigrid_agree_with_the_rules(void **state)
{
    (void)state;
    snprintf(minigrid_goals, sizeof minigrid_goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    each_goal(&shipped[3], compare_with_rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(placeholders_are_filled_once, setup, teardown),
        cmocka_unit_test_setup_teardown(no_caption_leaves_its_quotes_or_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(the_version_changes_with_what_shapes_the_prompt_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_files_are_refused_with_file_line_and_remedy, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_a_word_or_a_last_line_with_the_key_answers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_short_wording_has_no_analysis_and_other_words, setup,
                                        teardown),
        cmocka_unit_test(every_shipped_prompt_loads_and_differs_by_goal),
        cmocka_unit_test(worked_examples_of_minigrid_agree_with_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
