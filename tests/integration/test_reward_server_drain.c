/* SPDX-License-Identifier: MIT */
/* test_reward_server_drain.c - a reward server that is told to end, and one whose disk is full: no
 * answer that was paid for is lost without a word. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "tests/support/failing_call.h"
#include "tests/support/served.h"

/* What the annotator has not begun when the server is told to stop was not asked. */
static void a_drain_leaves_no_intents(void **state)
{
    struct served *f = *state;
    served_start(f, "--rules.latency_ms=600000");
    served_ask_numbered(f, 60);
    f->want = 60;
    assert_true(wait_until(served_has_intent, f, 60000));
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_int_equal(served_check_store(f).asked, 0);
}

/* Answers whose time has come wait in the annotator meanwhile. */
static void a_full_disk_leaves_the_server_awake(void **state)
{
    struct served *f = *state;
    struct rlimit tight = {4096, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    served_start(f, "--rules.rate=20");
    served_ask(f, "You see a red key.");
    served_wait(f, 1);
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    served_ask_numbered(f, 10);
    assert_true(wait_until(served_stopped_asking, f, 30000));
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    served_wait(f, 11); /* after the next probe, at most 10 s later */
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_int_equal(served_check_store(f).answered, 11);
}

static void a_full_disk_pauses_asking_and_known_captions_are_answered(void **state)
{
    struct served *f = *state;
    served_start(f, "--rules.latency_ms=1");
    served_ask(f, "You see a red key.");
    served_wait(f, 1);
    struct rlimit tight = {4096, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    served_ask(f, "You see a blue key.");
    assert_true(wait_until(served_stopped_asking, f, 30000));

    wire_labels_client_free(f->client); /* a new learner asks for what is known */
    strmap_clear(f->heard);
    assert_ok(wire_labels_client_create(&f->client, f->address, f->zmq, NULL, &err));
    served_ask(f, "You see a red key.");
    served_wait(f, 1);
    served_ask(f, "You see a blue key.");
    served_listen(f);
    assert_null(strmap_get(f->heard, "You see a blue key.", 19));

    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    served_wait(f, 2); /* after the next probe, at most 10 s later */
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_int_equal(served_check_store(f).answered, 2);
    assert_true(served_log_says(f, "can be written again"));
}

/* So many questions were asked, and the disk is full when the first is answered. */
static void an_answer_finds_a_full_disk(struct served *f, int questions)
{
    struct rlimit tight = {4096, RLIM_INFINITY};
    served_start(f, "--rules.latency_ms=5000");
    served_ask_numbered(f, questions);
    f->want = questions;
    assert_true(wait_until(served_has_intent, f, 60000));
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    assert_true(wait_until(served_stopped_asking, f, 60000));
}

static void an_answer_that_a_full_disk_did_not_take_is_asked_again(void **state)
{
    struct served *f = *state;
    an_answer_finds_a_full_disk(f, 1);
    assert_int_equal(served_stop(f, SIGTERM), 74);
    assert_true(served_log_says(
        f,
        "answers that could not be kept are lost and will be asked again answers=1 under_way=0"));
    assert_true(served_log_says(f,
                                "1 answer is lost and will be asked again, for labels could not be "
                                "kept when the server was told to end: "));
    assert_int_equal(served_check_store(f).answered, 0);
    served_start(f, "--rules.latency_ms=1");
    assert_true(wait_until(served_is_answered, f, 60000)); /* the client is not polled here */
    assert_int_equal(served_stop(f, SIGTERM), 0);
}

/* Long before the server would have looked at the disk again by itself. The other question is not
 * answered yet, and taken back. */
static void an_answer_is_kept_when_there_is_room_again_at_a_drain(void **state)
{
    struct served *f = *state;
    struct rlimit wide = {RLIM_INFINITY, RLIM_INFINITY};
    setenv("ONIC_RULES_RATE", "0.2", 1); /* two in flight */
    an_answer_finds_a_full_disk(f, 2);
    unsetenv("ONIC_RULES_RATE");
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_true(served_log_says(f, "the label store can be written again"));
    assert_false(served_log_says(f, "are lost"));
    struct label_counts c = served_check_store(f);
    assert_true(c.answered >= 1);
    assert_int_equal(c.asked, 0);
}

static const char *in_dir(struct served *f, const char *name)
{
    static char path[2][320];
    static int next;
    char *at = path[next ^= 1];
    snprintf(at, sizeof path[0], "%s/%s", f->dir, name);
    return at;
}

static bool program_has_it(void *ctx)
{
    struct served *f = ctx;
    served_listen(f);
    return access(in_dir(f, "got"), F_OK) == 0;
}

static bool drains(void *ctx)
{
    return served_log_says(ctx, "draining in_flight=1");
}

/* A paid question is with the annotator's program, and the server drains. */
static void a_drain_waits_for_an_answer(struct served *f)
{
    served_script(f, "when_told");
    served_start(f, "--annotator.id=command");
    unsetenv("ONIC_COMMAND_RUN");
    served_ask(f, "a good thing");
    assert_true(wait_until(program_has_it, f, 60000));
    kill(f->server, SIGTERM);
    assert_true(wait_until(drains, f, 60000));
}

static int end_of_drain(struct served *f)
{
    int status;
    close(open(in_dir(f, "answer"), O_WRONLY | O_CREAT, 0600));
    waitpid(f->server, &status, 0);
    f->server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void a_full_disk_in_a_drain_is_74(void **state)
{
    struct served *f = *state;
    struct rlimit tight = {4096, RLIM_INFINITY};
    a_drain_waits_for_an_answer(f);
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    assert_int_equal(end_of_drain(f), 74);
    assert_true(served_log_says(f, "1 answer is lost and will be asked again"));
    struct label_counts c = served_check_store(f);
    assert_int_equal(c.answered, 0);
    assert_int_equal(c.asked, 1);
}

/* The first write of the answer fails, and no other. */
static void a_failure_in_a_drain_that_passes_loses_nothing(void **state)
{
    struct served *f = *state;
    setenv("LD_PRELOAD", failing_calls(), 1);
    setenv("CHAOS_FAIL", "write:1:EIO:/labels.sqlite", 1);
    setenv("CHAOS_WHEN", in_dir(f, "answer"), 1);
    a_drain_waits_for_an_answer(f);
    unsetenv("LD_PRELOAD");
    unsetenv("CHAOS_FAIL");
    unsetenv("CHAOS_WHEN");
    assert_int_equal(end_of_drain(f), 0);
    assert_true(served_log_says(f, "labels cannot be kept"));
    assert_true(served_log_says(f, "the label store can be written again"));
    assert_int_equal(served_check_store(f).answered, 1);
}

/* What ends it is the store, not the drain that comes behind. */
static void a_full_store_that_is_gone_at_a_drain_is_73(void **state)
{
    struct served *f = *state;
    char away[320];
    snprintf(away, sizeof away, "%s.away", f->store);
    an_answer_finds_a_full_disk(f, 1);
    assert_int_equal(rename(f->store, away), 0);
    assert_int_equal(served_stop(f, SIGTERM), 73);
    assert_true(served_log_says(f, "answers that could not be kept are lost"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, served_setup, served_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_drain_leaves_no_intents),
        TEST(a_full_disk_leaves_the_server_awake),
        TEST(a_full_disk_pauses_asking_and_known_captions_are_answered),
        TEST(an_answer_that_a_full_disk_did_not_take_is_asked_again),
        TEST(an_answer_is_kept_when_there_is_room_again_at_a_drain),
        TEST(a_full_store_that_is_gone_at_a_drain_is_73),
        TEST(a_full_disk_in_a_drain_is_74),
        TEST(a_failure_in_a_drain_that_passes_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
