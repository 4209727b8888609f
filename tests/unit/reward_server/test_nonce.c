/* SPDX-License-Identifier: MIT */
/* The code that an answer must carry where nothing binds it: what it depends on, where it stands in
 * a request, and that game text with an answer in it is none. */
#define _GNU_SOURCE /* memmem */
#include "tests/onic_test.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "reward_server/annotators/llm/llm_impl.h"

static const struct llm_style plain = {.dialect = LLM_PLAIN, .nonce = true};

/* With the shipped prompts of KeyCorridor. */
static struct llm *opened(const char *wording)
{
    struct llm *l = calloc(1, sizeof *l);
    struct llm_wording w = {.dir = ""};
    struct goal *g = NULL;
    char dir[1024];
    assert_non_null(l);
    snprintf(dir, sizeof dir, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    snprintf(w.name, sizeof w.name, "%s", wording);
    snprintf(w.dir, sizeof w.dir, "%.400s/deploy/prompts", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&g, dir, "minigrid", "KeyCorridor", &err));
    l->goal = g;
    assert_ok(llm_prompts_open(l, &w, &err));
    return l;
}

static void closed(struct llm *l)
{
    llm_prompts_close(l);
    goal_free((struct goal *)(uintptr_t)l->goal);
    free(l);
}

static const char *code_of(const struct llm *l, const char *text, int vote)
{
    static char out[4][LLM_NONCE_MAX];
    static int at;
    char *one = out[at++ % 4];
    snprintf(one, LLM_NONCE_MAX, "%s", llm_nonce_of(l, &plain, text, strlen(text), vote).code);
    return one;
}

static void it_depends_on_seed_question_and_vote(void **state)
{
    struct llm *l = opened("default"), *other = opened("default");
    (void)state;
    other->settings.seed = 1;
    assert_int_equal(strlen(code_of(l, "You see a red key.", 0)), 5);
    assert_string_equal(code_of(l, "You see a red key.", 0), code_of(l, "You see a red key.", 0));
    assert_string_not_equal(code_of(l, "You see a red key.", 0),
                            code_of(l, "You see a red key.", 1));
    assert_string_not_equal(code_of(l, "You see a red key.", 0), code_of(l, "You see a key.", 0));
    assert_string_not_equal(code_of(l, "You see a red key.", 0),
                            code_of(other, "You see a red key.", 0));
    closed(l);
    closed(other);
}

/* Captions of such letters hold one code of 3.2 million in 12,000: many of these would hold their
 * own. */
static void no_caption_holds_its_code(void **state)
{
    enum { TRIES = 60000, LEN = QUESTION_CAPTION_MAX };
    static const char letters[] = "BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz";
    struct llm *l = opened("default");
    struct rng r = rng_stream(1, "test.nonce", 0, 0, 0);
    (void)state;
    for (int i = 0; i < TRIES; i++) {
        char text[LEN + 1], upper[LEN + 1];
        for (int k = 0; k < LEN; k++)
            text[k] = letters[rng_below(&r, sizeof letters - 1)];
        text[LEN] = upper[LEN] = '\0';
        for (int k = 0; k < LEN; k++)
            upper[k] = (char)toupper((unsigned char)text[k]);
        if (strstr(upper, code_of(l, text, 0)))
            fail_msg("%s holds %s", text, code_of(l, text, 0));
    }
    closed(l);
}

static void it_is_there_only_where_words_are_free(void **state)
{
    struct llm *l = opened("default"), *leads = opened("short");
    struct llm_style bound = {.dialect = LLM_GRAMMAR};
    (void)state;
    assert_string_equal(llm_nonce_of(l, &bound, "a key", 5, 0).code, "");
    assert_string_equal(code_of(leads, "a key", 0), ""); /* its prompt ends in "Answer:" */
    closed(l);
    closed(leads);
}

static char *body_of(struct llm *l, const char *text, const char *before)
{
    struct llm_question q;
    llm_question_render(l, text, strlen(text), false, &q);
    q.nonce = llm_nonce_of(l, &plain, text, strlen(text), 0);
    struct llm_ask ask = {
        .question = &q, .words = &l->words[QUESTION_CLASS], .n = 1, .before = before};
    snprintf(l->settings.model, sizeof l->settings.model, "m");
    char *body = llm_request_body(&l->settings, &plain, &ask);
    llm_question_release(&q);
    return body;
}

/* What servers keep of a prompt is the same for all messages, up to the message. */
static void it_stands_behind_the_message(void **state)
{
    struct llm *l = opened("default");
    (void)state;
    char *a = body_of(l, "You see a red key.", NULL), *b = body_of(l, "You see a ball.", NULL);
    size_t same = 0;
    while (a[same] == b[same])
        same++;
    assert_memory_equal(a + same - 10, "You see a ", 10);
    assert_non_null(strstr(a + same, code_of(l, "You see a red key.", 0)));
    assert_non_null(strstr(b + same, code_of(l, "You see a ball.", 0)));
    free(a);
    a = body_of(l, "You see a red key.", "TOV");
    char wanted[40];
    snprintf(wanted, sizeof wanted, "nothing else: TOV-%s or BEX-%s.",
             code_of(l, "You see a red key.", 0), code_of(l, "You see a red key.", 0));
    assert_non_null(strstr(a, wanted)); /* the reminder names it, too */
    free(a);
    free(b);
    closed(l);
}

static void only_a_word_with_the_code_is_an_answer(void **state)
{
    static const struct {
        const char *text;
        int word;
    } answers[] = {
        {"TOV-KQXPB", 0},
        {"bex-kqxpb", 1},
        {" \"TOV KQXPB\".\n", 0},
        {"TOV (KQXPB", 0},
        {"{\"label\": \"BEX-KQXPB\"}", 1},
        {"knowledge: x\nanalysis: the sign says TOV\nlabel: BEX-KQXPB", 1},
        {"TOV", -1},
        {"label: TOV", -1},
        {"The sign says:\nlabel: TOV", -1},
        {"{\"label\": \"TOV\"}", -1},
        {"TOV-KQXPC", -1},
        {"KQXPB", -1},
        {"label: KQXPB", -1},
        {"label: TOV-KQXPB\nlabel: BEX", -1},
        {"label: TOV\nlabel: BEX-KQXPB", -1}, /* two answers are none, as without a code */
    };
    const struct llm_nonce nonce = {"KQXPB"};
    struct llm *l = opened("default");
    char why[LLM_WHY_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (llm_answer_word(&l->words[QUESTION_CLASS], &nonce, answers[i].text, why) !=
            answers[i].word)
            fail_msg("%s: %s", answers[i].text, why);
    llm_answer_word(&l->words[QUESTION_CLASS], &nonce, "TOV", why);
    assert_string_equal(why, "the code of the message is not behind the label");
    assert_int_equal(llm_answer_word(&l->words[QUESTION_CLASS], NULL, "TOV", why), 0);
    closed(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_depends_on_seed_question_and_vote),
        cmocka_unit_test(no_caption_holds_its_code),
        cmocka_unit_test(it_is_there_only_where_words_are_free),
        cmocka_unit_test(it_stands_behind_the_message),
        cmocka_unit_test(only_a_word_with_the_code_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
