/* SPDX-License-Identifier: MIT */
/* What annotators say is cut to fit, but never inside of a character: whoever reads it later (a
 * store, JSON, a terminal) would not take the half. What fits stays as it is. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "reward_server/annotators/annotator.h"
#include "reward_server/annotators/command/command_impl.h"
#include "reward_server/annotators/llm/llm_impl.h"

/* A reason of `lead` letters and then characters of three bytes, longer than all that is kept. */
static const char *long_reason(int lead)
{
    static char text[4 * LABEL_RAW_MAX];
    memset(text, 'a', (size_t)lead);
    size_t at = (size_t)lead;
    for (; at + 4 < sizeof text; at += 3)
        memcpy(text + at, "\xe2\x82\xac", 3);
    text[at] = '\0';
    return text;
}

static void assert_cut_well(const char *text, size_t room)
{
    assert_in_range(strlen(text), room - 4, room - 1);
    assert_ok(utf8_check(text, strlen(text), "it", &err));
}

static void the_words_of_an_answer(void **state)
{
    (void)state;
    static struct annotator_answer kept;
    struct label label = {.raw = "ja, \xe6\x97\xa5"};
    annotator_answer_keep(&kept, 1, &label);
    assert_string_equal(kept.raw, label.raw);
    for (int lead = 0; lead < 3; lead++) {
        label.raw = long_reason(lead);
        annotator_answer_keep(&kept, 1, &label);
        assert_cut_well(kept.raw, sizeof kept.raw);
    }
}

static void the_last_words_of_a_program(void **state)
{
    (void)state;
    char out[100];
    life_printable(out, sizeof out, " \xe6\x97\xa5\xe6\x9c\xac \n", 9);
    assert_string_equal(out, "\xe6\x97\xa5\xe6\x9c\xac");
    life_printable(out, sizeof out, "\xe6\x97\xa5\xe6\x9c\xac", 5); /* its line was cut before */
    assert_string_equal(out, "\xe6\x97\xa5");
    for (int lead = 0; lead < 3; lead++) {
        const char *text = long_reason(lead);
        life_printable(out, sizeof out, text, strlen(text));
        assert_cut_well(out, sizeof out);
    }
}

static void the_words_of_a_model(void **state)
{
    (void)state;
    static const struct llm_words words = {.word = {"yes", "no"}, .n = 2};
    struct llm_style style = {.api = LLM_CHAT};
    static struct llm_answer a;
    struct buf body;
    for (int lead = -1; lead < 3; lead++) {
        const char *text = lead < 0 ? "\xe6\x97\xa5" : long_reason(lead);
        buf_init(&body, 1 << 16);
        buf_printf(&body, "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"%s\"}}]}",
                   text);
        llm_answer_read(&style, &words, NULL, body.data, body.len, 1, &a);
        if (lead < 0)
            assert_string_equal(a.choice[0].text, text);
        else
            assert_cut_well(a.choice[0].text, sizeof a.choice[0].text);
        buf_release(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_an_answer),
        cmocka_unit_test(the_last_words_of_a_program),
        cmocka_unit_test(the_words_of_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
