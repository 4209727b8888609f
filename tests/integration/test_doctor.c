/* SPDX-License-Identifier: MIT */
/* test_doctor.c - what `onic doctor` says of language model servers, against
 * tests/support/scripted_llm, and of the BLAS. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/scripted.h"

enum { PATIENCE_MS = 60000 };
static const char secret[] = "sk-secret-of-the-test";

static char dir[256];
static struct scripted server;

/* Runs `onic doctor --json ARGS`; the verdict of one check, its text in `text`. Everything it wrote
 * is searched for the key. */
static char doctor(const char *check, const char *args, char text[2000])
{
    struct program p = {0};
    char all[1024], verdict = '?';
    snprintf(all, sizeof all, "doctor --json %s", args);
    int code = program_run(&p, dir, "doctor", "onic", all, PATIENCE_MS);
    assert_true(code == 0 || code == 64);
    assert_null(strstr(program_text(p.err), secret));
    assert_null(strstr(program_text(p.out), secret));
    json_t *doc = json_loads(program_text(p.out), 0, NULL), *one;
    size_t i;
    json_array_foreach(json_object_get(doc, "checks"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), check) != 0)
            continue;
        verdict = *json_string_value(json_object_get(one, "verdict"));
        snprintf(text, 2000, "%s", json_string_value(json_object_get(one, "text")));
    }
    json_decref(doc);
    return verdict;
}

/* Of a server with this behaviour: the verdict, and words of the sentence. */
static void says(const char *behaviour, const char *more, char verdict, const char *first,
                 const char *second)
{
    char args[800], text[2000] = "";
    snprintf(args, sizeof args,
             "--annotator.id=llm --env.id=minigrid:KeyCorridorS3R3 "
             "--llm.url=http://127.0.0.1:%d/%s --llm.model=m %s",
             server.port, behaviour, more);
    char got = doctor("llm", args, text);
    if (got != verdict || !strstr(text, first) || !strstr(text, second))
        fail_msg("%s: %c, want %c with \"%s\" and \"%s\": %s", behaviour, got, verdict, first,
                 second, text);
}

static void a_server_that_works_is_named_with_what_binds(void **state)
{
    (void)state;
    says("vllm", "", 'o', "answers as m", "structured_outputs binds its answers (chat)");
    says("vllm_old", "", 'o', "answers as m", "guided_choice binds its answers (chat)");
    says("openai", "", 'o', "answers as m", "json_schema binds its answers (chat)");
    says("max_completion", "", 'o', "answers as m", "json_schema binds its answers (chat)");
    says("llamacpp", "", 'o', "answers as m", "json_object binds its answers (chat)");
    says("llamacpp_completions", "", 'o', "grammar binds its answers (completions)", "no key");
    says("no_chat", "", 'o', "no key", "structured_outputs binds its answers (completions)");
    says("logit_bias", "", 'o', "answers as m", "logit_bias binds its answers (chat)");
    says("ignored", "", 'o', "nothing binds its answers", "parsed strictly");
}

static void log_probabilities_are_named_with_what_is_taken_off(void **state)
{
    (void)state;
    says("lp_chat", "", 'o', "the log-probabilities of TOV or BEX decide, less +3.000", "(chat)");
    says("lp_own", "--reward.model=ranking", 'o', "in both orders", "(completions)");
    says("lp_one_sided", "--llm.answer=logprob", 'o', "it says TOV with odds of 8103 to 1",
         "set llm.calibration=none, or annotator.prompt");
    says("lp_no_mass", "--llm.answer=logprob", 'w', "set llm.answer=text", "no probability on TOV");
    says("vllm", "--llm.answer=logprob", 'w', "no log-probabilities there", "set llm.answer=text");
}

static void a_server_that_does_not_says_what_to_change(void **state)
{
    (void)state;
    says("no_model", "", 'w', "404", "it serves tiny-chat, tiny-base: set llm.model");
    says("other_model", "", 'w', "it serves the model someone-else", "set llm.model");
    says("unauthorised", "", 'w', "401", "llm.api_key_file, there is no key");
    says("needs_fewer", "", 'w', "'max_tokens' is too large", "the server is there: see to what");
    says("redirect", "", 'w', "redirects", "change llm.url");
    says("vllm", "--llm.structured=grammar", 'w', "llm.structured=grammar does not bind there",
         "try llm.structured=auto");
}

/* What the probe proves is not that: a real question is asked, and its label shown. */
static void the_label_of_a_real_question_is_shown(void **state)
{
    (void)state;
    says("keys", "", 'o', "\"You pick up the red key.\" gets label 1 (\"TOV\" by m)", "no key");
    says("vllm", "", 'o', "gets label 0, where the rules of the goal say 1 (\"BEX\" by m)", "");
    says("openai", "", 'o', "\"You pick up the red key.\" gets label 0", "\"BEX\" }\" by m)");
    says("reask", "", 'o', "gets label 0", "(\"BEX\" by m)");
    says("keys", "--reward.model=ranking", 'o',
         "\"You pick up the red key.\" or \"You pick up the red box.\" gets label 0 (\"1\" by m)",
         "");
    says("prose", "", 'w',
         "gets no label: not one of the words: \"I think the answer is BEX here.\"",
         "take another model");
    says("prose", "--llm.structured=plain", 'w', "gets no label", "answers as it is asked");
    says("length", "", 'w', "gets no label: cut off at max_tokens", "--llm.max_tokens=512");
    says("length", "--llm.max_tokens=512", 'w', "cut off at max_tokens", "--llm.max_tokens=2048");
    says("null", "", 'w', "gets no label: ", "llm.max_tokens");
    says("filter", "", 'w', "content filter", "annotator.prompt");
    says("quota", "", 'w', "gets no answer: it says 429", "quota");
    says("e500", "", 'w', "gets no answer: it says 500", "scripted 500");
    says("empty_choices", "", 'w', "gets no answer: ", "log of the server");
    says("vllm", "--reward.model=similarity", 'w', "no score questions", "reward.model=similarity");
}

static void the_key_is_found_and_never_shown(void **state)
{
    char path[300], more[400];
    (void)state;
    snprintf(path, sizeof path, "%s/key", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, secret, strlen(secret)) == (ssize_t)strlen(secret));
    close(fd);
    snprintf(more, sizeof more, "--llm.api_key_file=%s", path);
    says("vllm", more, 'o', "answers as m", "the key comes from llm.api_key_file");
    says("unauthorised", more, 'w', "401", "the key (llm.api_key_file or OPENAI_API_KEY)");
    assert_int_equal(chmod(path, 0644), 0);
    says("vllm", more, 'w', "can be read by every user", "chmod 600");
    snprintf(more, sizeof more, "--llm.api_key_file=%s/none", dir);
    says("vllm", more, 'w', "llm.api_key_file", "cannot be read");
}

static void servers_that_are_not_there_are_told_beside_those_that_are(void **state)
{
    char args[600], text[2000] = "";
    (void)state;
    snprintf(args, sizeof args,
             "--annotator.id=llm --env.id=minigrid:KeyCorridorS3R3 --llm.model=m "
             "--llm.url=http://127.0.0.1:1,http://127.0.0.1:%d/vllm",
             server.port);
    assert_int_equal(doctor("llm", args, text), 'w');
    assert_non_null(strstr(text, "http://127.0.0.1:1/v1 cannot be asked: "));
    assert_non_null(strstr(text, "start the server there, or change llm.url"));
    assert_non_null(strstr(text, "/vllm answers as m"));
}

static void without_an_address_nobody_is_asked(void **state)
{
    char text[2000] = "";
    (void)state;
    assert_int_equal(doctor("llm", "", text), 'o');
    assert_non_null(strstr(text, "--annotator.id=llm"));
    assert_int_equal(doctor("llm", "--annotator.id=llm --llm.model=m", text), 'w');
    assert_non_null(strstr(text, "--llm.url="));
}

static void kernels_below_the_cpu_are_a_warning(void **state)
{
    char text[2000] = "";
    (void)state;
    const char *before = getenv("OPENBLAS_CORETYPE");
    char kept[64];
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    setenv("OPENBLAS_CORETYPE", "Haswell", 1);
    bool wide = strcmp(cpu_path(), "avx512") == 0;
    assert_int_equal(doctor("blas", "", text), wide ? 'w' : 'o');
    assert_non_null(strstr(text, "kernels for Haswell"));
    assert_int_equal(strstr(text, "unset OPENBLAS_CORETYPE") != NULL, wide);
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
    if (wide) {
        assert_int_equal(doctor("blas", "", text), 'o');
        assert_non_null(strstr(text, "kernels for SkylakeX"));
    }
    unsetenv("OPENBLAS_CORETYPE"); /* onic chooses, on whatever CPU this runs */
    assert_int_equal(doctor("blas", "", text), 'o');
    if (before)
        setenv("OPENBLAS_CORETYPE", kept, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_works_is_named_with_what_binds),
        cmocka_unit_test(log_probabilities_are_named_with_what_is_taken_off),
        cmocka_unit_test(a_server_that_does_not_says_what_to_change),
        cmocka_unit_test(the_label_of_a_real_question_is_shown),
        cmocka_unit_test(the_key_is_found_and_never_shown),
        cmocka_unit_test(servers_that_are_not_there_are_told_beside_those_that_are),
        cmocka_unit_test(without_an_address_nobody_is_asked),
        cmocka_unit_test(kernels_below_the_cpu_are_a_warning),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
