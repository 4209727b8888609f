/* SPDX-License-Identifier: MIT */
/* The real onic-reward-server, asked through the real client, killed and restarted. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/strmap.h"
#include "common/wire/labels/labels.h"
#include "reward_server/store/label_store.h"
#include "tests/support/sanitized.h"

struct fixture {
    char dir[256], address[300], store[300], log[300];
    pid_t server;
    void *zmq;
    struct wire_labels_client *client;
    struct strmap *heard; /* caption -> label heard + 1 */
    int want;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->address, sizeof f->address, "ipc://%s/a", f->dir);
    snprintf(f->store, sizeof f->store, "%s/labels.sqlite", f->dir);
    snprintf(f->log, sizeof f->log, "%s/log", f->dir);
    f->zmq = zmq_ctx_new();
    f->heard = strmap_create(1024);
    assert_ok(wire_labels_client_create(&f->client, f->address, f->zmq, NULL, &err));
    *state = f;
    return 0;
}

static int stop_server(struct fixture *f, int signal_number)
{
    int status = 0;
    if (f->server <= 0)
        return -1;
    kill(f->server, signal_number);
    waitpid(f->server, &status, 0);
    f->server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop_server(f, SIGKILL);
    wire_labels_client_free(f->client);
    zmq_ctx_term(f->zmq);
    strmap_free(f->heard);
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static void start_server(struct fixture *f, const char *option)
{
    char program[600], listen[400], store[400], goals[700];
    snprintf(program, sizeof program, "%s/onic-reward-server", getenv("ONIC_BUILD"));
    snprintf(listen, sizeof listen, "--listen=%s", f->address);
    snprintf(store, sizeof store, "--labels.path=%s", f->store);
    snprintf(goals, sizeof goals, "--annotator.goals_dir=%s/deploy/goals", getenv("ONIC_SOURCE"));
    f->server = fork();
    if (f->server == 0) {
        int log = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, 1);
        dup2(log, 2);
        execl(program, program, listen, store, goals, "--annotator.id=rules",
              "--env.id=minigrid:KeyCorridorS3R3", option, (char *)NULL);
        _exit(127);
    }
}

/* Every label heard must agree with what was heard of the same caption before. */
static void listen_once(struct fixture *f)
{
    struct label label;
    wire_labels_client_poll(f->client, 5);
    while (wire_labels_client_next(f->client, &label)) {
        bool first;
        uint64_t *slot = strmap_put(f->heard, label.question, label.question_len, &first);
        assert_int_equal(label.state, LABEL_ANSWERED);
        if (!first)
            assert_int_equal(*slot, (uint64_t)label.value + 1);
        *slot = (uint64_t)label.value + 1;
    }
}

static bool heard_enough(void *ctx)
{
    struct fixture *f = ctx;
    listen_once(f);
    return (int)strmap_count(f->heard) >= f->want;
}

static void wait_for_labels(struct fixture *f, int n)
{
    f->want = n;
    if (!wait_until(heard_enough, f, 60000)) {
        char line[512];
        FILE *log = fopen(f->log, "r");
        while (log && fgets(line, sizeof line, log))
            print_error("%s", line);
        fail_msg("only %zu of %d labels", strmap_count(f->heard), n);
    }
}

static void ask(struct fixture *f, const char *caption)
{
    wire_labels_client_ask(f->client, caption, strlen(caption));
}

static int check_row(void *ctx, const struct label_row *row)
{
    struct fixture *f = ctx;
    uint64_t *heard = strmap_get(f->heard, row->label.question, row->label.question_len);
    if (heard)
        assert_int_equal(*heard, (uint64_t)row->label.value + 1);
    return 0;
}

/* What was heard stands in the store with the same label. */
static struct label_counts check_store(struct fixture *f)
{
    struct label_store *s = NULL;
    struct label_counts c;
    assert_ok(label_store_open(&s, f->store, LABEL_STORE_READ, &err));
    assert_ok(label_store_counts(s, &c, &err));
    assert_ok(label_store_each(s, 0, check_row, f, &err));
    assert_true(c.answered >= strmap_count(f->heard));
    assert_int_equal(c.asked_twice, 0);
    assert_int_equal(c.quarantined, 0);
    label_store_close(s);
    return c;
}

static void captions_are_labelled_and_the_server_says_who_it_is(void **state)
{
    struct fixture *f = *state;
    start_server(f, "--rules.latency_ms=1");
    ask(f, "You see a red key.");
    ask(f, "You bump into a wall.");
    wait_for_labels(f, 2);
    assert_int_equal(*strmap_get(f->heard, "You see a red key.", 18), 2);
    assert_int_equal(*strmap_get(f->heard, "You bump into a wall.", 21), 1);
    const struct wire_labels_identity *id = wire_labels_client_identity(f->client);
    assert_string_equal(id->annotator, "rules");
    assert_string_equal(id->goal, "minigrid/KeyCorridor");
    assert_non_null(strstr(id->identity, "patterns"));
    assert_non_null(strstr(id->identity, "vote=1"));
    assert_int_equal(stop_server(f, SIGTERM), 0);
    struct label_counts c = check_store(f);
    assert_int_equal(c.answered, 2);
    assert_int_equal(c.delivered, 2);
    assert_int_equal(c.asked, 0);
}

static void labels_survive_kill_9_and_none_is_asked_twice(void **state)
{
    struct fixture *f = *state;
    enum { ROUNDS = 6, PER_ROUND = 150 };
    for (int round = 0; round < ROUNDS; round++) {
        start_server(f, "--rules.latency_ms=2");
        for (int i = 0; i < PER_ROUND; i++) {
            char caption[64];
            snprintf(caption, sizeof caption, "You see a number %d key.", round * PER_ROUND + i);
            ask(f, caption);
        }
        wait_for_labels(f, (int)strmap_count(f->heard) + 20); /* under way */
        stop_server(f, SIGKILL);
        check_store(f);
    }
    start_server(f, "--rules.latency_ms=2");
    wait_for_labels(f, ROUNDS * PER_ROUND);
    assert_int_equal(stop_server(f, SIGTERM), 0);
    struct label_counts c = check_store(f);
    assert_int_equal(c.answered, ROUNDS * PER_ROUND);
    assert_int_equal(c.asked, 0); /* every intent has become an answer */
    assert_int_equal(c.maybe_paid_twice, 0);
}

static bool is_asked(void *ctx)
{
    struct fixture *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    struct stat life;
    char lives[300];
    listen_once(f);
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    snprintf(lives, sizeof lives, "%s/lives", f->dir);
    return c.asked == 1 && stat(lives, &life) == 0 && life.st_size > 0;
}

static bool is_answered(void *ctx)
{
    struct fixture *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    return c.answered == 1;
}

static void script_annotator(struct fixture *f, const char *behaviour)
{
    char run[1200];
    snprintf(run, sizeof run,
             "python3 %s/tests/support/scripted_annotator/scripted_annotator.py %s %s",
             getenv("ONIC_SOURCE"), behaviour, f->dir);
    setenv("ONIC_COMMAND_RUN", run, 1);
}

/* Kills the server while its annotator has the question, and starts it again. */
static void begin_again_while_it_is_asked(struct fixture *f)
{
    script_annotator(f, "hang_first");
    start_server(f, "--annotator.id=command");
    ask(f, "a good thing");
    assert_true(wait_until(is_asked, f, 60000));
    stop_server(f, SIGKILL);
    start_server(f, "--annotator.id=command");
}

/* The learner may be gone for good: what was open when the server was killed is asked all the same,
 * for the next learner of this store. */
static void what_was_open_is_asked_again_though_nobody_asks(void **state)
{
    struct fixture *f = *state;
    begin_again_while_it_is_asked(f);
    assert_true(wait_until(is_answered, f, 60000)); /* the client is not polled here */
    unsetenv("ONIC_COMMAND_RUN");
    assert_int_equal(stop_server(f, SIGTERM), 0);
}

static void ask_numbered(struct fixture *f, int n)
{
    char caption[64];
    for (int i = 0; i < n; i++) {
        snprintf(caption, sizeof caption, "You see a red key for the %dth time.", i);
        ask(f, caption);
    }
}

static bool has_intent(void *ctx)
{
    struct fixture *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    listen_once(f);
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    return c.asked >= (uint64_t)(f->want > 0 ? f->want : 1);
}

/* As above of an annotator that is free and slow: nothing is lost with the processes, and nothing
 * may have been paid twice. */
static void what_was_open_of_a_slow_one_is_asked_again_though_nobody_asks(void **state)
{
    struct fixture *f = *state;
    start_server(f, "--rules.latency_ms=600000");
    ask(f, "You see a red key.");
    assert_true(wait_until(has_intent, f, 60000));
    stop_server(f, SIGKILL);
    start_server(f, "--rules.latency_ms=1");
    assert_true(wait_until(is_answered, f, 60000)); /* the client is not polled here */
    assert_int_equal(stop_server(f, SIGTERM), 0);
    struct label_counts c = check_store(f);
    assert_int_equal(c.answered, 1);
    assert_int_equal(c.asked, 0);
    assert_int_equal(c.maybe_paid_twice, 0);
}

/* What the annotator has not begun when the server is told to stop was not asked. */
static void a_drain_leaves_no_intents(void **state)
{
    struct fixture *f = *state;
    start_server(f, "--rules.latency_ms=600000");
    ask_numbered(f, 60);
    f->want = 60;
    assert_true(wait_until(has_intent, f, 60000));
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_int_equal(check_store(f).asked, 0);
}

static void a_paid_question_that_was_killed_is_asked_again_and_counted(void **state)
{
    struct fixture *f = *state;
    begin_again_while_it_is_asked(f);
    wait_for_labels(f, 1);
    unsetenv("ONIC_COMMAND_RUN");
    assert_int_equal(stop_server(f, SIGTERM), 0);
    struct label_counts c = check_store(f);
    assert_int_equal(c.answered, 1);
    assert_int_equal(c.asked, 0);
    assert_int_equal(c.maybe_paid_twice, 1);
}

/* A question that was killed between its votes is asked again as a whole. */
static void votes_are_named_and_survive_kill_9(void **state)
{
    struct fixture *f = *state;
    setenv("ONIC_RULES_NOISE", "0.2", 1);
    setenv("ONIC_RULES_RATE", "600", 1);
    start_server(f, "--annotator.vote=3");
    ask_numbered(f, 150);
    wait_for_labels(f, 30);
    const struct wire_labels_identity *id = wire_labels_client_identity(f->client);
    assert_non_null(strstr(id->identity, "noise=0.2"));
    assert_non_null(strstr(id->identity, "vote=3"));
    stop_server(f, SIGKILL);
    start_server(f, "--annotator.vote=3");
    ask_numbered(f, 150);
    wait_for_labels(f, 150);
    unsetenv("ONIC_RULES_NOISE");
    unsetenv("ONIC_RULES_RATE");
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_int_equal(check_store(f).answered, 150);
}

static void a_new_client_gets_known_labels_from_the_store(void **state)
{
    struct fixture *f = *state;
    start_server(f, "--rules.latency_ms=1");
    ask(f, "You see a red key.");
    wait_for_labels(f, 1);
    wire_labels_client_free(f->client);
    strmap_clear(f->heard);
    assert_ok(wire_labels_client_create(&f->client, f->address, f->zmq, NULL, &err));
    ask(f, "You see a red key.");
    wait_for_labels(f, 1);
    stop_server(f, SIGTERM);
    assert_int_equal(check_store(f).answered, 1);
}

static bool log_says(struct fixture *f, const char *part)
{
    static char text[1 << 16];
    FILE *log = fopen(f->log, "r");
    text[log ? fread(text, 1, sizeof text - 1, log) : 0] = '\0';
    if (log)
        fclose(log);
    return strstr(text, part) != NULL;
}

struct number_wait {
    struct fixture *f;
    const char *name;
    double least, got;
};

static bool number_is_reported(void *ctx)
{
    struct number_wait *w = ctx;
    struct wire_labels_client_status s;
    listen_once(w->f);
    wire_labels_client_status(w->f->client, &s);
    for (int i = 0; i < s.nown; i++)
        if (strcmp(s.own[i].name, w->name) == 0)
            w->got = s.own[i].value;
    return w->got >= w->least;
}

/* Wrong with 0.4: canaries show it, in the log and as a number, and none of them is a label. */
static void canaries_show_what_is_wrong_and_are_no_labels(void **state)
{
    struct fixture *f = *state;
    struct number_wait asked = {f, "rules_canaries", 100, 0},
                       right = {f, "rules_canaries_right", 0, -1};
    setenv("ONIC_RULES_NOISE", "0.4", 1);
    start_server(f, "--annotator.canary_rate=1");
    ask_numbered(f, 150);
    wait_for_labels(f, 150);
    unsetenv("ONIC_RULES_NOISE");
    assert_true(wait_until(number_is_reported, &asked, 60000));
    assert_true(wait_until(number_is_reported, &right, 60000));
    assert_true(right.got < 0.9);
    assert_true(log_says(f, "(canaries) are answered wrongly"));
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_int_equal(check_store(f).answered, 150);
}

static bool asking_stopped(void *ctx)
{
    struct fixture *f = ctx;
    listen_once(f);
    return log_says(f, "labels cannot be kept");
}

/* Answers whose time has come wait in the annotator meanwhile. */
static void a_full_disk_leaves_the_server_awake(void **state)
{
    struct fixture *f = *state;
    struct rlimit tight = {4096, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    start_server(f, "--rules.rate=20");
    ask(f, "You see a red key.");
    wait_for_labels(f, 1);
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    ask_numbered(f, 10);
    assert_true(wait_until(asking_stopped, f, 30000));
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    wait_for_labels(f, 11); /* after the next probe, at most 10 s later */
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_int_equal(check_store(f).answered, 11);
}

static void a_full_disk_pauses_asking_and_known_captions_are_answered(void **state)
{
    struct fixture *f = *state;
    start_server(f, "--rules.latency_ms=1");
    ask(f, "You see a red key.");
    wait_for_labels(f, 1);
    struct rlimit tight = {4096, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    ask(f, "You see a blue key.");
    assert_true(wait_until(asking_stopped, f, 30000));

    wire_labels_client_free(f->client); /* a new learner asks for what is known */
    strmap_clear(f->heard);
    assert_ok(wire_labels_client_create(&f->client, f->address, f->zmq, NULL, &err));
    ask(f, "You see a red key.");
    wait_for_labels(f, 1);
    ask(f, "You see a blue key.");
    listen_once(f);
    assert_null(strmap_get(f->heard, "You see a blue key.", 19));

    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    wait_for_labels(f, 2); /* after the next probe, at most 10 s later */
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_int_equal(check_store(f).answered, 2);
    assert_true(log_says(f, "can be written again"));
}

/* So many questions were asked, and the disk is full when the first is answered. */
static void an_answer_finds_a_full_disk(struct fixture *f, int questions)
{
    struct rlimit tight = {4096, RLIM_INFINITY};
    start_server(f, "--rules.latency_ms=5000");
    ask_numbered(f, questions);
    f->want = questions;
    assert_true(wait_until(has_intent, f, 60000));
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    assert_true(wait_until(asking_stopped, f, 60000));
}

static void an_answer_that_a_full_disk_did_not_take_is_asked_again(void **state)
{
    struct fixture *f = *state;
    an_answer_finds_a_full_disk(f, 1);
    assert_int_equal(stop_server(f, SIGTERM), 74);
    assert_true(log_says(
        f,
        "answers that could not be kept are lost and will be asked again answers=1 under_way=0"));
    assert_true(log_says(f, "1 answer is lost and will be asked again, for labels could not be "
                            "kept when the server was told to end: "));
    assert_int_equal(check_store(f).answered, 0);
    start_server(f, "--rules.latency_ms=1");
    assert_true(wait_until(is_answered, f, 60000)); /* the client is not polled here */
    assert_int_equal(stop_server(f, SIGTERM), 0);
}

/* Long before the server would have looked at the disk again by itself. The other question is not
 * answered yet, and taken back. */
static void an_answer_is_kept_when_there_is_room_again_at_a_drain(void **state)
{
    struct fixture *f = *state;
    struct rlimit wide = {RLIM_INFINITY, RLIM_INFINITY};
    setenv("ONIC_RULES_RATE", "0.2", 1); /* two in flight */
    an_answer_finds_a_full_disk(f, 2);
    unsetenv("ONIC_RULES_RATE");
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &wide, NULL), 0);
    assert_int_equal(stop_server(f, SIGTERM), 0);
    assert_true(log_says(f, "the label store can be written again"));
    assert_false(log_says(f, "are lost"));
    struct label_counts c = check_store(f);
    assert_true(c.answered >= 1);
    assert_int_equal(c.asked, 0);
}

static const char *in_dir(struct fixture *f, const char *name)
{
    static char path[2][320];
    static int next;
    char *at = path[next ^= 1];
    snprintf(at, sizeof path[0], "%s/%s", f->dir, name);
    return at;
}

static bool program_has_it(void *ctx)
{
    struct fixture *f = ctx;
    listen_once(f);
    return access(in_dir(f, "got"), F_OK) == 0;
}

static bool drains(void *ctx)
{
    return log_says(ctx, "draining in_flight=1");
}

/* A paid question is with the annotator's program, and the server drains. */
static void a_drain_waits_for_an_answer(struct fixture *f)
{
    script_annotator(f, "when_told");
    start_server(f, "--annotator.id=command");
    unsetenv("ONIC_COMMAND_RUN");
    ask(f, "a good thing");
    assert_true(wait_until(program_has_it, f, 60000));
    kill(f->server, SIGTERM);
    assert_true(wait_until(drains, f, 60000));
}

static int end_of_drain(struct fixture *f)
{
    int status;
    close(open(in_dir(f, "answer"), O_WRONLY | O_CREAT, 0600));
    waitpid(f->server, &status, 0);
    f->server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void a_full_disk_in_a_drain_is_74(void **state)
{
    struct fixture *f = *state;
    struct rlimit tight = {4096, RLIM_INFINITY};
    a_drain_waits_for_an_answer(f);
    assert_int_equal(prlimit(f->server, RLIMIT_FSIZE, &tight, NULL), 0);
    assert_int_equal(end_of_drain(f), 74);
    assert_true(log_says(f, "1 answer is lost and will be asked again"));
    struct label_counts c = check_store(f);
    assert_int_equal(c.answered, 0);
    assert_int_equal(c.asked, 1);
}

/* The first write of the answer fails, and no other. */
static void a_failure_in_a_drain_that_passes_loses_nothing(void **state)
{
    struct fixture *f = *state;
    char shim[600];
    snprintf(shim, sizeof shim, "%s/tests/chaos_shim.so", getenv("ONIC_BUILD"));
    if (SANITIZED || access(shim, R_OK) != 0)
        skip();
    setenv("LD_PRELOAD", shim, 1);
    setenv("CHAOS_FAIL", "write:1:EIO:/labels.sqlite", 1);
    setenv("CHAOS_WHEN", in_dir(f, "answer"), 1);
    a_drain_waits_for_an_answer(f);
    unsetenv("LD_PRELOAD");
    unsetenv("CHAOS_FAIL");
    unsetenv("CHAOS_WHEN");
    assert_int_equal(end_of_drain(f), 0);
    assert_true(log_says(f, "labels cannot be kept"));
    assert_true(log_says(f, "the label store can be written again"));
    assert_int_equal(check_store(f).answered, 1);
}

/* What ends it is the store, not the drain that comes behind. */
static void a_full_store_that_is_gone_at_a_drain_is_73(void **state)
{
    struct fixture *f = *state;
    char away[320];
    snprintf(away, sizeof away, "%s.away", f->store);
    an_answer_finds_a_full_disk(f, 1);
    assert_int_equal(rename(f->store, away), 0);
    assert_int_equal(stop_server(f, SIGTERM), 73);
    assert_true(log_says(f, "answers that could not be kept are lost"));
}

static bool dead(void *ctx)
{
    struct fixture *f = ctx;
    int status;
    return waitpid(f->server, &status, WNOHANG) == f->server &&
           (f->want = WIFEXITED(status) ? WEXITSTATUS(status) : 128) >= 0;
}

static void bad_options_end_with_64_and_a_sentence(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *option, *part;
    } bad[] = {{"--annotator.goal=golf", "known in"},
               {"--annotator.id=oracle", "auto or one of: command, embedding, llm, random, rules"},
               {"--annotator.id=llm", "--llm.model=NAME"},
               {"--annotator.id=command", "--command.run="},
               {"--annotator.domain=chess", "corridor, minigrid, nethack"},
               {"--annotator.vote=3", "rules would give the same answer every time"},
               {"--listen=bogus", "bogus"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[4096] = "";
        remove(f->log);
        start_server(f, bad[i].option);
        assert_true(wait_until(dead, f, 20000));
        f->server = 0;
        FILE *log = fopen(f->log, "r");
        assert_non_null(log);
        text[fread(text, 1, sizeof text - 1, log)] = '\0';
        fclose(log);
        if (f->want != 64 || !strstr(text, bad[i].part)) {
            print_error("%s: exit %d: %s\n", bad[i].option, f->want, text);
            fail();
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(captions_are_labelled_and_the_server_says_who_it_is),
        TEST(labels_survive_kill_9_and_none_is_asked_twice),
        TEST(a_drain_leaves_no_intents),
        TEST(a_paid_question_that_was_killed_is_asked_again_and_counted),
        TEST(what_was_open_is_asked_again_though_nobody_asks),
        TEST(what_was_open_of_a_slow_one_is_asked_again_though_nobody_asks),
        TEST(votes_are_named_and_survive_kill_9),
        TEST(a_new_client_gets_known_labels_from_the_store),
        TEST(canaries_show_what_is_wrong_and_are_no_labels),
        TEST(a_full_disk_leaves_the_server_awake),
        TEST(a_full_disk_pauses_asking_and_known_captions_are_answered),
        TEST(an_answer_that_a_full_disk_did_not_take_is_asked_again),
        TEST(an_answer_is_kept_when_there_is_room_again_at_a_drain),
        TEST(a_full_store_that_is_gone_at_a_drain_is_73),
        TEST(a_full_disk_in_a_drain_is_74),
        TEST(a_failure_in_a_drain_that_passes_loses_nothing),
        TEST(bad_options_end_with_64_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
