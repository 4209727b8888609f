/* SPDX-License-Identifier: MIT */
/* embedding.source=http against tests/support/scripted_embeddings: whatever the server does, its
 * labels are those of a sane one, or there are none. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "reward_server/annotators/annotator.h"
#include "tests/support/said.h"
#include "tests/support/scripted.h"

static struct {
    struct scripted http;
    char dir[256];
    struct goal *goal;
} server;

static void write_text(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", server.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void make_goal(void)
{
    char path[300];
    write_text("pool.txt", "You see a key.\nYou see a door.\nYou see a wall.\nHello.\n"
                           "A key and a door.\n");
    write_text("goal.yaml", "description: keys\npositive: [\"A key.\"]\nnegative: [\"A door.\", "
                            "\"A wall.\"]\nthreshold: 0.05\nrules: [{\"*\": 0}]\n");
    snprintf(path, sizeof path, "%s/goal.yaml", server.dir);
    assert_ok(goal_load(&server.goal, server.dir, "minigrid", path, &err));
}

static int start(void **state)
{
    (void)state;
    temp_dir_create(server.dir);
    make_goal();
    unsetenv("OPENAI_API_KEY");
    return scripted_start(&server.http, "scripted_embeddings/scripted_embeddings.py", "", 0) ? 0
                                                                                             : -1;
}

static int stop(void **state)
{
    (void)state;
    scripted_stop(&server.http);
    goal_free(server.goal);
    temp_dir_remove(server.dir);
    return 0;
}

static void set(struct config *c, const char *key, const char *value)
{
    assert_ok(config_set(c, key, value, CONFIG_CLI, key, &err));
}

/* A cache of its own, so that nothing comes from kept vectors. */
static void prepare(struct config *c, const char *behaviour)
{
    char url[200], cache[300];
    snprintf(cache, sizeof cache, "%s/cache-%s", server.dir, behaviour);
    mkdir(cache, 0700);
    setenv("ONIC_CACHE", cache, 1);
    config_defaults(c);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/v1", server.http.port, behaviour);
    set(c, "embedding.source", "http");
    set(c, "embedding.url", url);
    set(c, "embedding.model", "m");
    set(c, "embedding.backoff_s", "0.01");
    set(c, "embedding.deadline_s", "0.5");
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static struct annotator *create(const struct config *c)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = c, .goal = server.goal, .wake = no_wake};
    assert_ok(annotator_find("embedding")->create(&a, &setup, &err));
    return a;
}

struct waiting {
    struct annotator *a;
    int answers;
    enum label_state state;
    double label;
    const char *part; /* of a status */
    char text[160];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    struct waiting *w = ctx;
    w->answers++;
    w->state = label->state;
    w->label = label->value;
}

static bool answered(void *ctx)
{
    struct waiting *w = ctx;
    w->a->v->poll(w->a, note, w);
    return w->answers > 0;
}

static bool says(void *ctx)
{
    struct waiting *w = ctx;
    assert_ok(w->a->v->status(w->a, w->text, &err));
    return strstr(w->text, w->part) != NULL;
}

static void await_status(struct annotator *a, const char *part)
{
    struct waiting w = {.a = a, .part = part};
    if (!wait_until(says, &w, 20000))
        fail_msg("the status is \"%s\", not \"%s\"", w.text, part);
}

static bool is_away(void *annotator)
{
    const struct annotator *a = annotator;
    return a->v->health(a) == ANNOTATOR_UNAVAILABLE;
}

static struct waiting ask(struct annotator *a, const char *caption)
{
    struct waiting w = {.a = a};
    a->v->submit(a, 1, caption, strlen(caption), 0);
    if (!wait_until(answered, &w, 20000))
        fail_msg("no answer to %s", caption);
    assert_int_equal(w.answers, 1);
    return w;
}

static void labels_are(struct annotator *a, const char *caption, double label)
{
    struct waiting w = ask(a, caption);
    assert_int_equal(w.state, LABEL_ANSWERED);
    assert_close(w.label, label, 0, 0);
}

static void whatever_may_pass_is_tried_again_until_it_is_right(void **state)
{
    static const char *const behaviour[] = {"sane",      "backwards", "no_lists", "busy",  "broken",
                                            "hang",      "half",      "short",    "twice", "words",
                                            "no_format", "twitchy",   "dated"};
    (void)state;
    for (size_t i = 0; i < sizeof behaviour / sizeof *behaviour; i++) {
        struct config c;
        print_message("%s\n", behaviour[i]);
        prepare(&c, behaviour[i]);
        struct annotator *a = create(&c);
        labels_are(a, "You see a key.", 1);       /* of the pool */
        labels_are(a, "You pick up the key.", 1); /* new ones */
        labels_are(a, "You bump into a door.", 0);
        labels_are(a, "Ouch! You found the key.", 1); /* sentence by sentence */
        await_status(a, "");
        assert_false(is_away(a));
        a->v->free(a);
    }
}

static void without_a_pool_it_is_centred_on_the_anchors(void **state)
{
    (void)state;
    char path[400];
    struct config c;
    struct goal *with = server.goal;
    snprintf(path, sizeof path, "%s/alone", server.dir);
    mkdir(path, 0700);
    write_text("alone/goal.yaml", "positive: [\"A key.\"]\nnegative: [\"A door.\", \"A wall.\"]\n"
                                  "rules: [{\"*\": 0}]\n");
    snprintf(path, sizeof path, "%s/alone/goal.yaml", server.dir);
    assert_ok(goal_load(&server.goal, server.dir, "elsewhere", path, &err));
    assert_int_equal(server.goal->npool, 0);
    prepare(&c, "sane");
    said_begin(LOG_WARN);
    struct annotator *a = create(&c);
    said_end();
    assert_said(
        "there is no pool.txt beside the goal file or in its domain's folder: the sentence "
        "model is centred on the anchors instead; some 100 captions of the environment, one "
        "per line, are a better centre goal=");
    labels_are(a, "You pick up the key.", 1);
    labels_are(a, "You bump into a door.", 0);
    a->v->free(a);
    goal_free(server.goal);
    server.goal = with;
}

static void a_query_of_the_address_stays_the_query(void **state)
{
    struct config c;
    char url[200];
    (void)state;
    prepare(&c, "azure");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/azure/v1/embeddings?api-version=1",
             server.http.port);
    set(&c, "embedding.url", url);
    struct annotator *a = create(&c);
    labels_are(a, "You pick up the key.", 1);
    a->v->free(a);
}

static void a_text_that_is_refused_alone_is_abstained_from(void **state)
{
    struct config c;
    (void)state;
    prepare(&c, "poison");
    struct annotator *a = create(&c);
    assert_int_equal(ask(a, "It was poisonous.").state, LABEL_ABSTAINED);
    labels_are(a, "You pick up the key.", 1);
    a->v->free(a);
}

static void what_a_person_must_mend_is_said_and_labels_nothing(void **state)
{
    static const struct {
        const char *behaviour, *part;
    } want[] = {
        {"other_model", "it answers with the model somebody-else, embedding.model is m"},
        {"locked", "it says 401: check embedding.api_key_file"},
        {"gone", "it redirects to another address"},
        {"reason", "it says 403: your country is not served"},
        {"fine_reason", "your account is asleep"},
        {"text", "still loading"},
        {"silent", "its answer holds no vectors"},
        {"always_more", "its answer has not exactly one vector per sentence"},
        {"always_twice", "its answer has not exactly one vector per sentence"},
        {"always_words", "a vector of its answer holds something else than numbers"},
        {"always_empty", "its answer holds no vectors"},
        {"page", "a web page, not JSON: is embedding.url right?"},
        {"x/y", "it says 404: check embedding.url and embedding.model"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct config c;
        struct waiting w = {0};
        prepare(&c, "gone");
        char url[200];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/v1", server.http.port, want[i].behaviour);
        set(&c, "embedding.url", url);
        w.a = create(&c);
        w.a->v->submit(w.a, 1, "You see a key.", 14, 0);
        await_status(w.a, want[i].part);
        assert_false(answered(&w));
        assert_true(wait_until(is_away, w.a, 20000));
        w.a->v->free(w.a); /* at once: it is in the middle of a long pause */
    }
}

static void another_width_is_one_sentence_and_no_label(void **state)
{
    struct config c;
    struct waiting w = {0};
    (void)state;
    prepare(&c, "wide");
    w.a = create(&c);
    labels_are(w.a, "You pick up the key.", 1);
    await_status(w.a, "");
    w.a->v->submit(w.a, 1, "It was poisonous.", 17, 0);
    await_status(w.a, "it gave a vector of 5 numbers, its first one had 4");
    assert_false(answered(&w));
    w.a->v->free(w.a);
}

static void no_server_is_waited_for(void **state)
{
    struct config c;
    (void)state;
    prepare(&c, "sane");
    set(&c, "embedding.url", "http://127.0.0.1:1");
    struct annotator *a = create(&c);
    await_status(a, "embedding.url does not work: ");
    assert_true(wait_until(is_away, a, 20000));
    a->v->free(a);
}

static void the_key_comes_from_a_file_and_the_identity_names_the_model(void **state)
{
    struct config c;
    char path[300];
    const char *model, *parameters;
    (void)state;
    prepare(&c, "locked");
    write_text("key", "sesame\n");
    snprintf(path, sizeof path, "%s/key", server.dir);
    chmod(path, 0600);
    set(&c, "embedding.api_key_file", path);
    set(&c, "embedding.prefix", "query: ");
    struct annotator *a = create(&c);
    labels_are(a, "You pick up the key.", 1);
    a->v->identity(a, &model, &parameters);
    assert_string_equal(model, "http:m|query: ");
    assert_string_equal(parameters, "http threshold=0.05 tie=0.05");
    a->v->free(a);
    chmod(path, 0644);
    struct annotator_setup setup = {.config = &c, .goal = server.goal, .wake = no_wake};
    assert_err(annotator_find("embedding")->create(&a, &setup, &err), ONIC_ECONFIG, "chmod 600");
    chmod(path, 0600);
    set(&c, "embedding.url", "http://example.com");
    assert_err(annotator_find("embedding")->create(&a, &setup, &err), ONIC_ECONFIG,
               "without encryption");
}

static void an_address_and_a_model_are_needed(void **state)
{
    struct config c;
    char far[600];
    (void)state;
    config_defaults(&c);
    set(&c, "embedding.source", "http");
    const struct annotator_vtable *v = annotator_find("embedding");
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "--embedding.url=");
    set(&c, "embedding.model", "m");
    set(&c, "embedding.url", "ftp://x");
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "embedding.url is \"ftp://x\"");
    snprintf(far, sizeof far, "http://%0500d", 0);
    set(&c, "embedding.url", far);
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "embedding.url is longer than ");
    set(&c, "embedding.url", "http://x");
    set(&c, "embedding.model", "a-name-that-is-longer-than-an-identity-may-be");
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "embedding.model may have 40 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_may_pass_is_tried_again_until_it_is_right),
        cmocka_unit_test(without_a_pool_it_is_centred_on_the_anchors),
        cmocka_unit_test(a_query_of_the_address_stays_the_query),
        cmocka_unit_test(a_text_that_is_refused_alone_is_abstained_from),
        cmocka_unit_test(what_a_person_must_mend_is_said_and_labels_nothing),
        cmocka_unit_test(another_width_is_one_sentence_and_no_label),
        cmocka_unit_test(no_server_is_waited_for),
        cmocka_unit_test(the_key_comes_from_a_file_and_the_identity_names_the_model),
        cmocka_unit_test(an_address_and_a_model_are_needed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
