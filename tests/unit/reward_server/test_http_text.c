/* SPDX-License-Identifier: MIT */
/* What servers say of themselves: reasons of refusals in every shape, the fields they speak of,
 * names of models, and addresses with a query. */
#include "tests/onic_test.h"

#include "reward_server/http/http_address.h"
#include "reward_server/http/http_json.h"
#include "reward_server/http/http_policy.h"
#include "reward_server/http/http_text.h"

static void reasons_are_found_in_every_shape(void **state)
{
    static const struct {
        int status;
        const char *body, *want;
    } cases[] = {
        {400, "{\"error\": {\"message\": \"a  reason\\nof two lines\"}}", "a reason of two lines"},
        {400, "{\"error\": \"a reason\"}", "a reason"},
        {400, "{\"error\": \"Bad Request\", \"message\": \"a reason\"}", "a reason"},
        {422, "{\"detail\": \"a reason\"}", "a reason"},
        {422, "{\"detail\": [{\"loc\": [\"body\", \"x\"], \"msg\": \"a\"}, {\"msg\": \"b\"}]}",
         "x: a; b"},
        {422, "{\"message\": {\"detail\": [{\"loc\": [\"x\", 0], \"msg\": \"a\"}]}}", "x: a"},
        {400, "[{\"error\": {\"message\": \"a reason\"}}]", "a reason"},
        {400, "{\"error\": {\"message\": \"\", \"code\": \"bad_key\"}}", "bad_key"},
        {400, "{\"error\": {\"message\": \"{\\\"error\\\": \\\"inner\\\"}\"}}", "inner"},
        {400, "{\"errors\": [{\"message\": \"a\"}, {\"message\": \"b\"}]}", "a; b"},
        {422, "{\"errors\": {\"x\": [\"a\"], \"y\": \"b\", \"n\": 1}}", "x: a; y: b"},
        {400, "\"a reason\"", "a reason"},
        {503, "no healthy upstream\n", "no healthy upstream"},
        {400, "data: {\"error\": {\"message\": \"a reason\"}}\n\n", "a reason"},
        {200, "data: [DONE]\n\n",
         "the server answered a stream of events, not JSON: it ignores \"stream\": false"},
        {200, " <!doctype html><title>Hi</title>",
         "the server answered a web page, not JSON: is x.url right? (\"Hi\")"},
        {502, "<html><body>oops", "the server answered a web page, not JSON"},
        {400, "{\"error\": \"a\\u009b2J\\u202eb\\u001b[2J\"}", "a  2J   b [2J"}, /* nothing acts */
        {400, "", ""},
        {400, "{}", ""},
        {400, "{\"error\": {\"mess", ""},
        {400, "{\"error\": null, \"detail\": []}", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[200];
        http_error_text(cases[i].status, cases[i].body, strlen(cases[i].body), "x.url", out,
                        sizeof out);
        assert_string_equal(out, cases[i].want);
    }
}

static void long_reasons_are_cut_between_characters(void **state)
{
    char out[8];
    (void)state;
    http_error_text(400, "abcde\xc3\xa4xyz", 10, "x.url", out, sizeof out);
    assert_string_equal(out, "abcde\xc3\xa4");
    http_error_text(400, "abcdef\xc3\xa4xyz", 11, "x.url", out, sizeof out);
    assert_string_equal(out, "abcdef");
}

static void the_field_that_is_refused_is_found(void **state)
{
    static const char *const field[] = {"temperature", "top_p", "seed"};
    static const struct {
        const char *body;
        unsigned bare, sure;
    } cases[] = {
        {"{\"error\": {\"message\": \"no\", \"param\": \"seed\"}}", 4, 4},
        {"{\"detail\": [{\"loc\": [\"body\", \"top_p\"], \"msg\": \"no\", \"input\": \"seed\"}]}",
         2, 2},
        {"{\"message\": \"`temperature` and `top_p` cannot both be specified\"}", 3, 3},
        {"{\"message\": \"unknown field: seed\"}", 4, 0},
        {"unexpected keyword argument 'seed'", 4, 4},
        {"{\"message\": \"no seeds, top_pp or temperature_x; \\\"n\\\"\"}", 0, 0},
        {"{\"message\": \"You eat the seed.\"}", 4, 0},
        {"{\"temperature\": \"no\"}", 0, 0},
        {"{\"errors\": {\"seed\": [\"no\"], \"top_p\": 1}}", 4, 4},
        {"{\"errors\": {\"$.seed\": [\"no\"]}}", 4, 4},
        {"{\"errors\": [{\"pointer\": \"/top_p\", \"detail\": \"no\"}]}", 2, 2},
        {"{\"message\": \"Temperature must be 1\"}", 1, 0},
        {"{\"message\": \"topP is not supported, nor is 'SEED'\"}", 6, 4},
        {"Top-p sampling is not available", 2, 0},
        {"{\"message\": \"no top paid, stop p, SEED_1 or temperatures\"}", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *b = cases[i].body;
        assert_int_equal(http_refused_fields(b, strlen(b), field, 3, false), cases[i].bare);
        assert_int_equal(http_refused_fields(b, strlen(b), field, 3, true), cases[i].sure);
    }
}

/* Statuses of what stands before a server pass, too; what nobody knows is for a person. */
static void a_status_tells_who_can_mend_it(void **state)
{
    static const struct {
        int status;
        enum http_fault want;
    } cases[] = {
        {400, HTTP_FAULT_REQUEST}, {401, HTTP_FAULT_PERSON},   {402, HTTP_FAULT_PERSON},
        {404, HTTP_FAULT_PERSON},  {408, HTTP_FAULT_PASSING},  {418, HTTP_FAULT_PERSON},
        {422, HTTP_FAULT_REQUEST}, {424, HTTP_FAULT_PASSING},  {429, HTTP_FAULT_OVERLOAD},
        {500, HTTP_FAULT_PASSING}, {501, HTTP_FAULT_PERSON},   {503, HTTP_FAULT_OVERLOAD},
        {505, HTTP_FAULT_PERSON},  {507, HTTP_FAULT_PASSING},  {521, HTTP_FAULT_PASSING},
        {524, HTTP_FAULT_PASSING}, {529, HTTP_FAULT_OVERLOAD}, {530, HTTP_FAULT_PASSING},
        {204, HTTP_FAULT_PASSING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_reply r = {.failure = HTTP_FINE, .status = cases[i].status, .body = ""};
        if (http_fault_of(&r) != cases[i].want)
            fail_msg("%d is fault %d", cases[i].status, (int)http_fault_of(&r));
    }
}

static void only_a_date_or_a_version_is_the_same_model(void **state)
{
    static const char *const same[][2] = {
        {"gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
        {"gpt-4o-mini-2024-07-18", "gpt-4o-mini"},
        {"gpt-4", "gpt-4-0613"},
        {"mistral-large", "mistral-large-2407"},
        {"gemini-2.5-pro-preview", "gemini-2.5-pro-preview-05-06"},
        {"gemini-1.5-flash", "models/gemini-1.5-flash-002"},
        {"claude-3-sonnet", "claude-3-sonnet-20240229-v1:0"},
        {"claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"},
        {"claude-opus-4", "claude-opus-4@20250514"},
        {"llama3", "llama3:latest"},
        {"llama3:8b", "Llama3:8B"},
        {"meta-llama/Llama-3", "llama-3"},
        {"openai/gpt-4o", "gpt-4o-2024-08-06"},
        {"qwen3-4b", "/models/qwen3-4b.gguf"},
        {"/a/qwen3-4b.gguf", "qwen3-4b.gguf"},
        {"org/x", "/models/x.gguf"},
        {"m", ""},
        {"m", "m-v0.3"},
    };
    static const char *const other[][2] = {
        {"test-model", "test-model-mini"},
        {"gpt-4", "gpt-4.1"},
        {"gpt-4", "gpt-4-32k"},
        {"gpt-4", "gpt-4o"},
        {"gpt-4o", "gpt-4"},
        {"llama-3", "llama-3-8b"},
        {"llama3:8b", "llama3:70b"},
        {"llama3", "llama3:70b"},
        {"claude-opus-4", "claude-opus-4-1"},
        {"gpt-4-0613", "gpt-4-1106"},
        {"m-v1", "m-v2"},
        {"a/x", "b/x"},
        {"qwen3-4b", "qwen3-4b-Q4_K_M.gguf"},
        {"x", "ax"},
        {"m", "m-2024-13-18"},
        {"m", "someone-else"},
        {"m", "m-"},
        {"m", "-m"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!http_same_model(same[i][0], same[i][1]))
            fail_msg("%s is not %s", same[i][1], same[i][0]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (http_same_model(other[i][0], other[i][1]))
            fail_msg("%s is %s", other[i][1], other[i][0]);
}

/* Of a server that answers with a megabyte: at once, or this would not end. */
static void a_name_that_is_none_is_not_taken_apart(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static const char *const end[] = {"-latest", "-001", "-v1"};
    char *name = malloc(BYTES + 1);
    for (size_t k = 0; k < sizeof end / sizeof *end; k++) {
        size_t n = strlen(end[k]), at = (size_t)snprintf(name, BYTES, "gpt-4o-mini");
        for (; at + n <= BYTES; at += n)
            memcpy(name + at, end[k], n + 1);
        assert_false(http_same_model("gpt-4o-mini", name));
        assert_true(http_same_model(name, name));
    }
    free(name);
}

static void a_key_is_hidden_wherever_it_stands(void **state)
{
    char text[] = "sk-12345678 and sk-12345678.", other[] = "a word";
    (void)state;
    http_hide_key(text, "sk-12345678");
    assert_string_equal(text, "*** and ***.");
    http_hide_key(other, "");
    http_hide_key(other, "a");
    assert_string_equal(other, "a word");
}

static void a_key_is_hidden_in_a_body_as_json_writes_it(void **state)
{
#define TEXT(text) text, sizeof text - 1
    static const struct {
        const char *key, *body;
        size_t len;
        const char *hidden;
        size_t hidden_len;
    } cases[] = {
        {"sk-1/2", TEXT("a sk-1/2 b sk-1\\/2"), TEXT("a *** b ***")},
        {"/k\"1\\2", TEXT("\\/k\\\"1\\\\2/k\"1\\2"), TEXT("******")},
        {"sk-12345", TEXT("sk-1234 x\0sk-12345sk-12345"), TEXT("sk-1234 x\0******")},
        {"EMPTY", TEXT("EMPTY"), TEXT("EMPTY")},
        {"not-needed", TEXT("not-needed"), TEXT("not-needed")},
        {"choices", TEXT("{\"choices\":[]}"), TEXT("{\"choices\":[]}")},
        {"abcdefghijklmnop", TEXT("abcdefghijklmnop"), TEXT("***")},
        {"12345", TEXT("{\"created\":1712345678}"), TEXT("{\"created\":1712345678}")},
        {"12345a", TEXT("12345a"), TEXT("***")},
        {"1234567890123456", TEXT("1234567890123456"), TEXT("***")},
        {"k1", TEXT("k1"), TEXT("k1")},
        {"sk-12345", TEXT(""), TEXT("")},
    };
#undef TEXT
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[64] = "";
        memcpy(body, cases[i].body, cases[i].len);
        size_t n = http_hide_key_in_body(body, cases[i].len, cases[i].key);
        if (n != cases[i].hidden_len || memcmp(body, cases[i].hidden, n + 1) != 0)
            fail_msg("%s of %s: %zu %s", cases[i].key, cases[i].body, n, body);
    }
}

static void addresses_keep_their_query(void **state)
{
    static const char *const paths[] = {"/completions", "/chat", NULL};
    static const char *const cases[][2] = {
        {"http://h:8000", "http://h:8000/v1/x"},
        {"http://h:8000/", "http://h:8000/v1/x"},
        {"http://h/v1//", "http://h/v1/x"},
        {"http://h/v1/chat/completions", "http://h/v1/x"},
        {"https://h/d?api-version=1", "https://h/d/x?api-version=1"},
        {"https://h/d/chat/completions/?api-version=1&k=/v1", "https://h/d/x?api-version=1&k=/v1"},
        {"https://h?a=b", "https://h/v1/x?a=b"},
        {"https://h/v1?", "https://h/v1/x"},
        {"https://h/v1#part", "https://h/v1/x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_address a;
        char url[2 * HTTP_ADDRESS_MAX + 8];
        http_address_read(&a, cases[i][0], strlen(cases[i][0]), paths);
        http_address_join(&a, a.base, "/x", url, sizeof url);
        assert_string_equal(url, cases[i][1]);
        assert_null(strchr(a.base, '?'));
    }
}

/* Brackets in strings are none. */
static void json_that_is_nested_without_end_is_not_read(void **state)
{
    char text[2 * 4000 + 64];
    json_error_t e;
    (void)state;
    for (int depth = 30; depth <= 4000; depth += depth < 40 ? 1 : 990) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        json_t *root = http_json(text, 2 * (size_t)depth, 0, &e);
        assert_int_equal(root != NULL, depth <= 32);
        if (!root)
            assert_non_null(strstr(e.text, "nested more than 32 levels deep"));
        json_decref(root);
    }
    int n = snprintf(text, sizeof text, "{\"a\": \"%s\\\"%s\"}", "[[[[[[[[[[[[[[[[[[[[",
                     "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{");
    json_t *root = http_json(text, (size_t)n, 0, &e);
    assert_non_null(root);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_that_is_nested_without_end_is_not_read),
        cmocka_unit_test(reasons_are_found_in_every_shape),
        cmocka_unit_test(long_reasons_are_cut_between_characters),
        cmocka_unit_test(the_field_that_is_refused_is_found),
        cmocka_unit_test(a_status_tells_who_can_mend_it),
        cmocka_unit_test(only_a_date_or_a_version_is_the_same_model),
        cmocka_unit_test(a_name_that_is_none_is_not_taken_apart),
        cmocka_unit_test(a_key_is_hidden_wherever_it_stands),
        cmocka_unit_test(a_key_is_hidden_in_a_body_as_json_writes_it),
        cmocka_unit_test(addresses_keep_their_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
