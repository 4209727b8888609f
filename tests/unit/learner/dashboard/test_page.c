/* SPDX-License-Identifier: MIT */
/* test_page.c - the page is one document that is allowed its own scripts and styles and loads
 * nothing, and text of others is never read as more than text in it. */
#define _GNU_SOURCE
#include "learner/dashboard/page.h"

#include "tests/onic_test.h"

extern const char onic_page_start[], onic_page_end[];

enum { PAGE_BYTES_MAX = 200000 };

static size_t page_len(void)
{
    return (size_t)(onic_page_end - onic_page_start);
}

static bool page_has(const char *word)
{
    return memmem(onic_page_start, page_len(), word, strlen(word)) != NULL;
}

/* sha256 of "alert(1)" and of "b{}", as openssl has them */
static void a_policy_holds_the_hashes_of_what_may_run(void **state)
{
    static const char html[] = "<style>b{}</style><p><script>alert(1)</script><script></script>";
    struct buf b;
    (void)state;
    buf_init(&b, 4096);
    page_policy(html, strlen(html), &b);
    assert_non_null(strstr(b.data, "default-src 'none'"));
    assert_non_null(strstr(b.data,
                           "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=' "
                           "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"));
    assert_non_null(strstr(b.data, "style-src 'sha256-"));
    assert_null(strstr(b.data, "unsafe"));
    buf_release(&b);
}

static void the_page_is_whole_small_and_loads_nothing(void **state)
{
    static const char *const loads[] = {
        "src=", "@import", "url(", "href=\"http", "importScripts", "<iframe", "<link rel=\"style"};
    (void)state;
    assert_true(page_len() < PAGE_BYTES_MAX);
    assert_true(page_has("uPlot") && page_has("Leon Sorokin")); /* and its licence */
    assert_false(page_has("<!-- in:"));
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        assert_false(page_has(loads[i]));
}

/* What reads text as HTML or as a program. uPlot is allowed what it has. */
static void text_is_shown_as_text(void **state)
{
    static const char *const reads[] = {"insertAdjacentHTML", "document.write", "eval(",
                                        "new Function", "outerHTML"};
    (void)state;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        assert_false(page_has(reads[i]));
    const char *own = memmem(onic_page_start, page_len(), "charts.js -", 11);
    assert_non_null(own);
    assert_null(memmem(own, (size_t)(onic_page_end - own), "innerHTML", 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_holds_the_hashes_of_what_may_run),
        cmocka_unit_test(the_page_is_whole_small_and_loads_nothing),
        cmocka_unit_test(text_is_shown_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
