/* SPDX-License-Identifier: MIT */
/* annotator.fallback: who is asked when, who gets questions back, and which lists are refused. */
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"

#include <stdlib.h>

#include "reward_server/annotators/wrap.h"
#include "reward_server/store/label_store.h"

enum { MEMBERS = 3, CLERK_ITEMS = 64 };

/* --- a stand-in whose health and answers the test decides ------------------------------------ */

struct clerk {
    struct annotator base;
    enum annotator_health health;
    int window, asked, freed;
    int limit; /* answers it will still give */
    bool abstains;
    int begun; /* of its questions so many cannot be taken back */
    const char *parameters;
    uint64_t ticket[CLERK_ITEMS];
    char question[CLERK_ITEMS][16];
    int n;
};

static void clerk_free(struct annotator *a)
{
    ((struct clerk *)a)->freed++;
}

static void clerk_identity(const struct annotator *a, const char **model, const char **parameters)
{
    *model = "m";
    *parameters = ((const struct clerk *)a)->parameters;
}

static int clerk_window(const struct annotator *a)
{
    return ((const struct clerk *)a)->window;
}

static void clerk_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                         int vote)
{
    struct clerk *c = (struct clerk *)a;
    (void)vote;
    assert_true(c->n < c->window);
    snprintf(c->question[c->n], 16, "%.*s", (int)len, question);
    c->ticket[c->n++] = ticket;
    c->asked++;
}

/* The raw answer is the question. */
static int clerk_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct clerk *c = (struct clerk *)a;
    int n = 0;
    while (c->n > 0 && c->limit > 0) {
        uint64_t ticket = c->ticket[0];
        struct label out = {
            .state = c->abstains ? LABEL_ABSTAINED : LABEL_ANSWERED, .value = 1, .confidence = 1};
        char raw[16];
        snprintf(raw, sizeof raw, "%s", c->question[0]);
        out.raw = raw;
        c->n--;
        c->limit--;
        memmove(c->ticket, c->ticket + 1, (size_t)c->n * sizeof *c->ticket);
        memmove(c->question, c->question + 1, (size_t)c->n * sizeof *c->question);
        done(ctx, ticket, &out);
        n++;
    }
    return n;
}

static int64_t clerk_due_ms(const struct annotator *a)
{
    return ((const struct clerk *)a)->n ? 7 : -1;
}

static int clerk_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct clerk *c = (struct clerk *)a;
    int kept = c->n < c->begun ? c->n : c->begun, n = c->n - kept;
    c->n = kept;
    for (int i = 0; i < n; i++)
        taken(ctx, c->ticket[kept + i]);
    return n;
}

static enum annotator_health clerk_health(const struct annotator *a)
{
    return ((const struct clerk *)a)->health;
}

static int clerk_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    const struct clerk *c = (const struct clerk *)a;
    (void)err;
    snprintf(text, 160, "%s", c->health == ANNOTATOR_AVAILABLE ? "" : "out for lunch");
    return ONIC_OK;
}

static const struct annotator_vtable clerk_vtable = {.id = "clerk",
                                                     .free = clerk_free,
                                                     .identity = clerk_identity,
                                                     .window = clerk_window,
                                                     .submit = clerk_submit,
                                                     .poll = clerk_poll,
                                                     .due_ms = clerk_due_ms,
                                                     .cancel = clerk_cancel,
                                                     .health = clerk_health,
                                                     .status = clerk_status};

/* --- an order of three of them: ann, bob, cid ------------------------------------------------ */

struct scene {
    struct clerk clerk[MEMBERS];
    struct annotator *a;
    int answers, abstained;
    char by[CLERK_ITEMS][40]; /* raw answer by ticket */
};

static const char *const names[MEMBERS] = {"ann", "bob", "cid"};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct scene *s = ctx;
    assert_string_equal(s->by[ticket], ""); /* each once */
    snprintf(s->by[ticket], sizeof s->by[0], "%s", label->raw);
    s->answers++;
    s->abstained += label->state == LABEL_ABSTAINED;
}

static void open_scene(struct scene *s)
{
    struct annotator *member[MEMBERS];
    memset(s, 0, sizeof *s);
    for (int i = 0; i < MEMBERS; i++) {
        s->clerk[i].base.v = &clerk_vtable;
        s->clerk[i].window = 4;
        s->clerk[i].parameters = "p";
        member[i] = &s->clerk[i].base;
    }
    s->a = fallback_wrap(member, names, MEMBERS);
}

static void close_scene(struct scene *s)
{
    s->a->v->free(s->a);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(s->clerk[i].freed, 1);
}

static void ask(struct scene *s, int ticket)
{
    char text[16];
    int len = snprintf(text, sizeof text, "q%d", ticket);
    s->a->v->submit(s->a, (uint64_t)ticket, text, (size_t)len, 0);
}

static void poll(struct scene *s)
{
    s->a->v->poll(s->a, note, s);
}

static void says(const struct scene *s, const char *part)
{
    char text[160];
    assert_ok(s->a->v->status(s->a, text, &err));
    if (*part ? !strstr(text, part) : *text)
        fail_msg("status \"%s\" is not \"%s\"", text, part);
}

static void the_first_is_asked_while_it_is_well(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.clerk[0].limit = 9;
    for (int i = 0; i < 4; i++)
        ask(&s, i);
    poll(&s);
    assert_int_equal(s.answers, 4);
    assert_string_equal(s.by[3], "ann: q3");
    assert_int_equal(s.clerk[1].asked + s.clerk[2].asked, 0);
    says(&s, "");
    close_scene(&s);
}

static void what_an_absent_one_has_not_begun_goes_to_the_next_that_is_well(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.clerk[0].begun = 1;
    for (int i = 0; i < 4; i++)
        ask(&s, i);
    poll(&s);
    s.clerk[0].health = s.clerk[1].health = ANNOTATOR_UNAVAILABLE;
    s.clerk[2].limit = 9;
    poll(&s);
    assert_int_equal(s.answers, 3);
    assert_string_equal(s.by[1], "cid: q1");
    assert_string_equal(s.by[3], "cid: q3");
    assert_int_equal(s.clerk[1].asked, 0);
    says(&s, "asking cid instead of ann: out for lunch");
    assert_int_equal(s.a->v->window(s.a), 5); /* what ann still has takes no room */
    s.clerk[0].limit = 1;
    poll(&s);
    assert_string_equal(s.by[0], "ann: q0");
    close_scene(&s);
}

static void questions_go_back_to_the_first_when_it_is_well_again(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.clerk[0].health = ANNOTATOR_UNAVAILABLE;
    poll(&s);
    for (int i = 0; i < 4; i++)
        ask(&s, i);
    s.clerk[1].limit = 1;
    poll(&s);
    assert_int_equal(s.clerk[1].n, 3);
    s.clerk[0].health = ANNOTATOR_AVAILABLE;
    s.clerk[0].limit = 9;
    poll(&s);
    assert_int_equal(s.answers, 4);
    assert_string_equal(s.by[0], "bob: q0");
    assert_string_equal(s.by[2], "ann: q2");
    says(&s, "");
    close_scene(&s);
}

static void an_abstention_is_an_answer(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.clerk[0].limit = 1;
    s.clerk[0].abstains = true;
    ask(&s, 0);
    poll(&s);
    assert_int_equal(s.abstained, 1);
    assert_string_equal(s.by[0], "ann: q0");
    assert_int_equal(s.clerk[1].asked, 0);
    close_scene(&s);
}

static void when_nobody_can_answer_questions_wait(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    for (int i = 0; i < MEMBERS; i++)
        s.clerk[i].health = ANNOTATOR_UNAVAILABLE;
    ask(&s, 0);
    poll(&s);
    assert_int_equal(s.answers, 0);
    says(&s, "out for lunch");
    s.clerk[1].health = ANNOTATOR_AVAILABLE;
    s.clerk[1].limit = 1;
    poll(&s);
    assert_string_equal(s.by[0], "bob: q0");
    close_scene(&s);
}

/* Only an answer proves it: it gets one question at a time, the others do not wait for it. */
static void one_that_is_tried_gets_one_question(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.clerk[0].health = ANNOTATOR_PROBING;
    s.clerk[1].limit = 9;
    poll(&s);
    for (int i = 0; i < 4; i++) {
        ask(&s, i);
        poll(&s);
    }
    assert_int_equal(s.clerk[0].n, 1);
    assert_int_equal(s.answers, 3);
    s.clerk[0].health = ANNOTATOR_UNAVAILABLE; /* it failed: another one answers the trial */
    poll(&s);
    assert_int_equal(s.answers, 4);
    assert_string_equal(s.by[0], "bob: q0");
    s.clerk[0].health = s.clerk[1].health = ANNOTATOR_PROBING;
    s.clerk[2].health = ANNOTATOR_UNAVAILABLE;
    s.clerk[1].limit = 0;
    poll(&s);
    for (int i = 4; i < 7; i++)
        ask(&s, i);
    poll(&s);
    assert_int_equal(s.clerk[0].n, 2);
    assert_int_equal(s.clerk[1].n, 1); /* also one behind the first is tried */
    close_scene(&s);
}

static void remember(void *ctx, uint64_t ticket)
{
    *(uint64_t *)ctx |= 1u << ticket;
}

static void a_drain_gives_back_what_nobody_has_begun(void **state)
{
    struct scene s;
    uint64_t taken = 0;
    (void)state;
    open_scene(&s);
    s.clerk[0].begun = 1;
    for (int i = 0; i < 6; i++) /* two more than the first has room for */
        ask(&s, i);
    assert_int_equal(s.a->v->cancel(s.a, remember, &taken), 5);
    assert_int_equal(taken, 0x3e);
    s.clerk[0].limit = 1;
    poll(&s);
    assert_string_equal(s.by[0], "ann: q0");
    assert_int_equal(s.a->v->due_ms(s.a), -1);
    close_scene(&s);
}

static void parameters_of(const char *second, char out[128])
{
    struct scene s;
    const char *model, *parameters;
    struct annotator *member[2];
    open_scene(&s);
    s.clerk[1].parameters = second;
    member[0] = &s.clerk[0].base;
    member[1] = &s.clerk[1].base;
    struct annotator *a = fallback_wrap(member, names, 2);
    a->v->identity(a, &model, &parameters);
    assert_string_equal(model, "m");
    assert_non_null(strstr(parameters, " p"));
    snprintf(out, 128, "%s", parameters);
    a->v->free(a);
    s.clerk[0].freed = s.clerk[1].freed = 0;
    close_scene(&s);
}

static void the_identity_holds_what_every_one_of_the_order_depends_on(void **state)
{
    char a[128], b[128];
    (void)state;
    parameters_of("p", a);
    parameters_of("p", b);
    assert_string_equal(a, b);
    parameters_of("other", b);
    assert_string_not_equal(a, b);
}

static void the_origin_of_a_label_is_read_from_its_raw_answer(void **state)
{
    static const struct {
        const char *annotator, *raw, *origin;
    } want[] = {
        {"rules", "pattern 3", "rules"},
        {"rules", "llm: said it", "rules"},
        {"llm>embedding>rules", "llm: TOV", "llm"},
        {"llm>embedding>rules", "embedding: margin 0.1", "embedding"},
        {"llm>embedding>rules", "rules: abstained: none", "rules"},
        {"llm>embedding>rules", "rule: x", "llm>embedding>rules"},
        {"llm>rules", "", "llm>rules"},
    };
    char origin[32];
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        label_origin(want[i].annotator, want[i].raw, origin);
        assert_string_equal(origin, want[i].origin);
    }
}

/* --- options --------------------------------------------------------------------------------- */

static struct config with(const char *fallback)
{
    struct config c;
    config_defaults(&c);
    assert_ok(config_set(&c, "annotator.fallback", fallback, CONFIG_CLI, "test", &err));
    return c;
}

static void refused(const char *first, const char *fallback, const char *part)
{
    struct config c = with(fallback);
    assert_err(order_checked(first, &c, &err), ONIC_ECONFIG, part);
}

static void lists_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refused("llm", "gpt", "\"gpt\", which is no annotator; it is a list of: command, embedding, ");
    refused("llm", "rules, vote", "\"vote\", which changes annotators and is none");
    refused("llm", "llm", "llm, which is asked first already");
    refused("llm", "rules,random,rules", "rules twice");
    refused("rules", "random", "annotator.id=rules can always answer");
    refused("embedding", "rules", "annotator.id=embedding can always answer");
    refused("llm", "command", "annotator.fallback names command: ");
    struct config c = with(" rules ,random,");
    assert_ok(order_checked("llm", &c, &err));
    c = with("rules");
    c.embedding_source = CONFIG_embedding_source_http;
    assert_ok(order_checked("embedding", &c, &err));
}

static void the_order_answers_what_all_of_it_answer(void **state)
{
    char text[ANNOTATOR_NAMES_MAX];
    struct config c = with("rules,random");
    struct annotator_order command, llm;
    (void)state;
    assert_ok(annotator_order_read(&command, annotator_find("command"), &c, &err));
    assert_ok(annotator_order_read(&llm, annotator_find("llm"), &c, &err));
    annotator_names(&command, text);
    assert_string_equal(text, "command>rules>random");
    assert_int_equal(annotator_kinds(&command), 1u << QUESTION_CLASS | 1u << QUESTION_PAIR);
    assert_ok(annotator_check_kind(&command, QUESTION_PAIR, "x", &err));
    assert_err(annotator_check_kind(&command, QUESTION_SCORE, "reward.model=x", &err), ONIC_ECONFIG,
               "reward.model=x asks score questions, which rules of annotator.fallback does not");
    assert_err(annotator_check_kind(&llm, QUESTION_SCORE, "x", &err), ONIC_ECONFIG,
               "annotator.id=llm does not answer");
}

static void what_an_open_question_costs_is_known(void **state)
{
    static const struct {
        const char *id, *fallback, *option, *value;
        enum annotator_effort effort;
    } is[] = {{"rules", "", "embedding.source", "model", ANNOTATOR_AT_ONCE},
              {"rules", "", "rules.latency_ms", "5", ANNOTATOR_TAKES_TIME},
              {"rules", "", "rules.rate", "50", ANNOTATOR_TAKES_TIME},
              {"random", "", "rules.rate", "50", ANNOTATOR_AT_ONCE},
              {"embedding", "", "embedding.source", "model", ANNOTATOR_TAKES_TIME},
              {"embedding", "", "embedding.source", "file", ANNOTATOR_AT_ONCE},
              {"embedding", "", "embedding.source", "http", ANNOTATOR_MAY_COST},
              {"llm", "", "embedding.source", "model", ANNOTATOR_MAY_COST},
              {"command", "", "embedding.source", "model", ANNOTATOR_MAY_COST},
              {"llm", "rules", "embedding.source", "model", ANNOTATOR_MAY_COST},
              {"embedding", "rules", "embedding.source", "http", ANNOTATOR_MAY_COST}};
    (void)state;
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        struct config c = with(is[i].fallback);
        assert_ok(config_set(&c, is[i].option, is[i].value, CONFIG_CLI, "test", &err));
        struct annotator_order o;
        assert_ok(annotator_order_read(&o, annotator_find(is[i].id), &c, &err));
        if (annotator_effort_of(&o) != is[i].effort)
            fail_msg("%s>%s, %s=%s", is[i].id, is[i].fallback, is[i].option, is[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_asked_while_it_is_well),
        cmocka_unit_test(what_an_absent_one_has_not_begun_goes_to_the_next_that_is_well),
        cmocka_unit_test(questions_go_back_to_the_first_when_it_is_well_again),
        cmocka_unit_test(an_abstention_is_an_answer),
        cmocka_unit_test(when_nobody_can_answer_questions_wait),
        cmocka_unit_test(one_that_is_tried_gets_one_question),
        cmocka_unit_test(a_drain_gives_back_what_nobody_has_begun),
        cmocka_unit_test(the_identity_holds_what_every_one_of_the_order_depends_on),
        cmocka_unit_test(the_origin_of_a_label_is_read_from_its_raw_answer),
        cmocka_unit_test(lists_that_make_no_sense_are_refused),
        cmocka_unit_test(the_order_answers_what_all_of_it_answer),
        cmocka_unit_test(what_an_open_question_costs_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
