/* SPDX-License-Identifier: MIT */
/* test_ledger_page.c - what an actor keeps beside its page is of the run that the page is of. */
#include "common/wire/rollout/ledger_page.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

static const char *page_folder(char out[300])
{
    snprintf(out, 300, "%s/actors", files_folder());
    return out;
}

static struct ledger_page *open_page(uint64_t incarnation)
{
    struct ledger_page *p;
    struct ledger_page_content before;
    struct ledger_page_held held = {.incarnation = incarnation, .secret = {(uint8_t)incarnation}};
    char dir[300];
    assert_ok(ledger_page_open(&p, page_folder(dir), 3, &before, &err));
    ledger_page_hold(p, &held);
    return p;
}

static void the_secret_of_a_place_survives_its_process(void **state)
{
    struct ledger_page *p;
    struct ledger_page_content before;
    char dir[300];
    (void)state;
    ledger_page_close(open_page(7));
    assert_ok(ledger_page_open(&p, page_folder(dir), 3, &before, &err));
    struct ledger_page_held held = ledger_page_held(p);
    assert_int_equal(held.incarnation, 7);
    assert_int_equal(held.secret[0], 7);
    ledger_page_close(p);
}

/* With it, the actor of an old run could take the place of the new one's, and the other way. */
static void the_secret_of_a_new_run_in_its_place_is_neither_read_nor_replaced(void **state)
{
    char dir[300];
    (void)state;
    struct ledger_page *old = open_page(7);
    assert_int_equal(rename(page_folder(dir), files_in("away")), 0);
    struct ledger_page *new = open_page(9);
    assert_int_equal(ledger_page_held(old).incarnation, 0);
    said_begin(LOG_WARN);
    ledger_page_hold(old, &(struct ledger_page_held){.incarnation = 8});
    said_end();
    assert_non_null(strstr(said_text, "actor-3.ledger was removed or replaced"));
    assert_int_equal(ledger_page_held(new).incarnation, 9);
    ledger_page_close(new);
    ledger_page_close(old);
}

/* Nothing is made again where a folder was removed. */
static void nothing_is_kept_where_the_folder_is_gone(void **state)
{
    char dir[300];
    (void)state;
    struct ledger_page *p = open_page(7);
    assert_int_equal(rename(page_folder(dir), files_in("away")), 0);
    said_begin(LOG_WARN);
    ledger_page_hold(p, &(struct ledger_page_held){.incarnation = 8});
    said_end();
    assert_non_null(strstr(said_text, "is not kept there"));
    assert_int_equal(access(dir, F_OK), -1);
    ledger_page_close(p);
}

int main(void)
{
#define WITH_FILES(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
    const struct CMUnitTest tests[] = {
        WITH_FILES(the_secret_of_a_place_survives_its_process),
        WITH_FILES(the_secret_of_a_new_run_in_its_place_is_neither_read_nor_replaced),
        WITH_FILES(nothing_is_kept_where_the_folder_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
