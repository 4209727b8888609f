/* SPDX-License-Identifier: MIT */
/* The real onic-reward-server, asked through the real client, killed and restarted; how it drains,
 * and what it does on a full disk: test_reward_server_drain.c. */
#define _GNU_SOURCE
#include "tests/support/served.h"

#include "annotation.pb-c.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/frame.h"

static void captions_are_labelled_and_the_server_says_who_it_is(void **state)
{
    struct served *f = *state;
    served_start(f, "--rules.latency_ms=1");
    served_ask(f, "You see a red key.");
    served_ask(f, "You bump into a wall.");
    served_wait(f, 2);
    assert_int_equal(*strmap_get(f->heard, "You see a red key.", 18), 2);
    assert_int_equal(*strmap_get(f->heard, "You bump into a wall.", 21), 1);
    const struct wire_labels_identity *id = wire_labels_client_identity(f->client);
    assert_string_equal(id->annotator, "rules");
    assert_string_equal(id->goal, "minigrid/KeyCorridor");
    assert_non_null(strstr(id->identity, "patterns"));
    assert_non_null(strstr(id->identity, "vote=1"));
    assert_int_equal(served_stop(f, SIGTERM), 0);
    struct label_counts c = served_check_store(f);
    assert_int_equal(c.answered, 2);
    assert_int_equal(c.delivered, 2);
    assert_int_equal(c.asked, 0);
}

static void labels_survive_kill_9_and_none_is_asked_twice(void **state)
{
    struct served *f = *state;
    enum { ROUNDS = 6, PER_ROUND = 150 };
    for (int round = 0; round < ROUNDS; round++) {
        served_start(f, "--rules.latency_ms=2");
        for (int i = 0; i < PER_ROUND; i++) {
            char caption[64];
            snprintf(caption, sizeof caption, "You see a number %d key.", round * PER_ROUND + i);
            served_ask(f, caption);
        }
        served_wait(f, (int)strmap_count(f->heard) + 20); /* under way */
        served_stop(f, SIGKILL);
        served_check_store(f);
    }
    served_start(f, "--rules.latency_ms=2");
    served_wait(f, ROUNDS * PER_ROUND);
    assert_int_equal(served_stop(f, SIGTERM), 0);
    struct label_counts c = served_check_store(f);
    assert_int_equal(c.answered, ROUNDS * PER_ROUND);
    assert_int_equal(c.asked, 0); /* every intent has become an answer */
    assert_int_equal(c.maybe_paid_twice, 0);
}

static bool is_asked(void *ctx)
{
    struct served *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    struct stat life;
    char lives[300];
    served_listen(f);
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    snprintf(lives, sizeof lives, "%s/lives", f->dir);
    return c.asked == 1 && stat(lives, &life) == 0 && life.st_size > 0;
}

/* Kills the server while its annotator has the question, and starts it again. */
static void begin_again_while_it_is_asked(struct served *f)
{
    served_script(f, "hang_first");
    served_start(f, "--annotator.id=command");
    served_ask(f, "a good thing");
    assert_true(wait_until(is_asked, f, 60000));
    served_stop(f, SIGKILL);
    served_start(f, "--annotator.id=command");
}

/* The learner may be gone for good: what was open when the server was killed is asked all the same,
 * for the next learner of this store. */
static void what_was_open_is_asked_again_though_nobody_asks(void **state)
{
    struct served *f = *state;
    begin_again_while_it_is_asked(f);
    assert_true(wait_until(served_is_answered, f, 60000)); /* the client is not polled here */
    unsetenv("ONIC_COMMAND_RUN");
    assert_int_equal(served_stop(f, SIGTERM), 0);
}

/* As above of an annotator that is free and slow: nothing is lost with the processes, and nothing
 * may have been paid twice. */
static void what_was_open_of_a_slow_one_is_asked_again_though_nobody_asks(void **state)
{
    struct served *f = *state;
    served_start(f, "--rules.latency_ms=600000");
    served_ask(f, "You see a red key.");
    assert_true(wait_until(served_has_intent, f, 60000));
    served_stop(f, SIGKILL);
    served_start(f, "--rules.latency_ms=1");
    assert_true(wait_until(served_is_answered, f, 60000)); /* the client is not polled here */
    assert_int_equal(served_stop(f, SIGTERM), 0);
    struct label_counts c = served_check_store(f);
    assert_int_equal(c.answered, 1);
    assert_int_equal(c.asked, 0);
    assert_int_equal(c.maybe_paid_twice, 0);
}

static void a_paid_question_that_was_killed_is_asked_again_and_counted(void **state)
{
    struct served *f = *state;
    begin_again_while_it_is_asked(f);
    served_wait(f, 1);
    unsetenv("ONIC_COMMAND_RUN");
    assert_int_equal(served_stop(f, SIGTERM), 0);
    struct label_counts c = served_check_store(f);
    assert_int_equal(c.answered, 1);
    assert_int_equal(c.asked, 0);
    assert_int_equal(c.maybe_paid_twice, 1);
}

/* A question that was killed between its votes is asked again as a whole. */
static void votes_are_named_and_survive_kill_9(void **state)
{
    struct served *f = *state;
    setenv("ONIC_RULES_NOISE", "0.2", 1);
    setenv("ONIC_RULES_RATE", "600", 1);
    served_start(f, "--annotator.vote=3");
    served_ask_numbered(f, 150);
    served_wait(f, 30);
    const struct wire_labels_identity *id = wire_labels_client_identity(f->client);
    assert_non_null(strstr(id->identity, "noise=0.2"));
    assert_non_null(strstr(id->identity, "vote=3"));
    served_stop(f, SIGKILL);
    served_start(f, "--annotator.vote=3");
    served_ask_numbered(f, 150);
    served_wait(f, 150);
    unsetenv("ONIC_RULES_NOISE");
    unsetenv("ONIC_RULES_RATE");
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_int_equal(served_check_store(f).answered, 150);
}

static void a_new_client_gets_known_labels_from_the_store(void **state)
{
    struct served *f = *state;
    served_start(f, "--rules.latency_ms=1");
    served_ask(f, "You see a red key.");
    served_wait(f, 1);
    wire_labels_client_free(f->client);
    strmap_clear(f->heard);
    assert_ok(wire_labels_client_create(&f->client, f->address, f->zmq, NULL, &err));
    served_ask(f, "You see a red key.");
    served_wait(f, 1);
    served_stop(f, SIGTERM);
    assert_int_equal(served_check_store(f).answered, 1);
}

struct number_wait {
    struct served *f;
    const char *name;
    double least, got;
};

static bool number_is_reported(void *ctx)
{
    struct number_wait *w = ctx;
    struct wire_labels_client_status s;
    served_listen(w->f);
    wire_labels_client_status(w->f->client, &s);
    for (int i = 0; i < s.nown; i++)
        if (strcmp(s.own[i].name, w->name) == 0)
            w->got = s.own[i].value;
    return w->got >= w->least;
}

/* Wrong with 0.4: canaries show it, in the log and as a number, and none of them is a label. */
static void canaries_show_what_is_wrong_and_are_no_labels(void **state)
{
    struct served *f = *state;
    struct number_wait asked = {f, "rules_canaries", 100, 0},
                       right = {f, "rules_canaries_right", 0, -1};
    setenv("ONIC_RULES_NOISE", "0.4", 1);
    served_start(f, "--annotator.canary_rate=1");
    served_ask_numbered(f, 150);
    served_wait(f, 150);
    unsetenv("ONIC_RULES_NOISE");
    assert_true(wait_until(number_is_reported, &asked, 60000));
    assert_true(wait_until(number_is_reported, &right, 60000));
    assert_true(right.got < 0.9);
    assert_true(served_log_says(f, "(canaries) are answered wrongly"));
    assert_int_equal(served_stop(f, SIGTERM), 0);
    assert_int_equal(served_check_store(f).answered, 150);
}

static bool dead(void *ctx)
{
    struct served *f = ctx;
    int status;
    return waitpid(f->server, &status, WNOHANG) == f->server &&
           (f->want = WIFEXITED(status) ? WEXITSTATUS(status) : 128) >= 0;
}

static void bad_options_end_with_64_and_a_sentence(void **state)
{
    struct served *f = *state;
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
        served_start(f, bad[i].option);
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

/* --- who asks without end ----------------------------------------------------------------- */

enum { FLOOD = 254, FLOOD_EACH = 256, FLOOD_TEXT = 8 };

struct flood {
    void *socket;
    uint32_t epoch;
};

static void flood_say(struct flood *o, enum frame_type type, const uint8_t *meta, size_t len,
                      const char *text, size_t bytes)
{
    uint8_t out[FRAME_HEADER + 1000 + FLOOD_EACH * FLOOD_TEXT];
    struct frame_head h = {.type = (uint16_t)type,
                           .epoch = o->epoch,
                           .meta_len = (uint32_t)len,
                           .bulk_len = (uint32_t)bytes};
    if (len)
        memcpy(out + FRAME_HEADER, meta, len);
    if (bytes)
        memcpy(out + FRAME_HEADER + len, text, bytes);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, len + bytes));
    size_t n = FRAME_HEADER + len + bytes;
    assert_int_equal(zmq_send(o->socket, out, n, 0), (int)n);
}

static void flood_hello(struct flood *o)
{
    uint8_t meta[100];
    Onic__Wire__AnnotHello m = ONIC__WIRE__ANNOT_HELLO__INIT;
    flood_say(o, FRAME_ANNOT_HELLO, meta, onic__wire__annot_hello__pack(&m, meta), NULL, 0);
}

/* The first of these two that comes. */
static enum frame_type flood_hears(struct flood *o, enum frame_type a, enum frame_type b)
{
    for (;;) {
        zmq_msg_t msg;
        struct frame f;
        zmq_msg_init(&msg);
        assert_true(zmq_msg_recv(&msg, o->socket, 0) >= 0);
        assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
        zmq_msg_close(&msg);
        o->epoch = f.head.epoch;
        if (f.head.type == a || f.head.type == b)
            return (enum frame_type)f.head.type;
    }
}

/* Questions that nobody asked before, as many as the server takes of one within a second. */
static void flood_ask(struct flood *o, int first)
{
    static char text[FLOOD_EACH * FLOOD_TEXT + 1];
    uint8_t meta[1000];
    uint32_t lens[FLOOD_EACH];
    Onic__Wire__AnnotAsk m = ONIC__WIRE__ANNOT_ASK__INIT;
    for (int i = 0; i < FLOOD_EACH; i++) {
        snprintf(text + (size_t)i * FLOOD_TEXT, FLOOD_TEXT + 1, "q%07d", first + i);
        lens[i] = FLOOD_TEXT;
    }
    m.n_caption_bytes = FLOOD_EACH;
    m.caption_bytes = lens;
    flood_say(o, FRAME_ANNOT_ASK, meta, onic__wire__annot_ask__pack(&m, meta), text,
              FLOOD_EACH * FLOOD_TEXT);
}

/* A label is on disk before it is told: on a slow one all could be read before the first is. */
static void store_in_memory(struct served *f, char dir[256])
{
    dir[0] = '\0';
    if (access("/dev/shm", W_OK) != 0)
        return;
    snprintf(dir, 256, "/dev/shm/onic-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(f->store, sizeof f->store, "%s/labels.sqlite", dir);
}

/* All of it is there at once, and a HELLO behind it: answers come before that is read. */
static void who_asks_without_end_keeps_no_answers_waiting(void **state)
{
    struct served *f = *state;
    char memory[256];
    int none = 0, wait_ms = TEST_PATIENCE_MS;
    struct flood o = {.socket = zmq_socket(f->zmq, ZMQ_DEALER)};
    zmq_setsockopt(o.socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(o.socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(o.socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(o.socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    store_in_memory(f, memory);
    served_start(f, "--rules.latency_ms=0");
    assert_int_equal(zmq_connect(o.socket, f->address), 0);
    flood_hello(&o);
    flood_hears(&o, FRAME_ANNOT_WELCOME, FRAME_ANNOT_WELCOME);
    for (int i = 0; i < FLOOD; i++)
        flood_ask(&o, i * FLOOD_EACH);
    flood_hello(&o);
    enum frame_type first = flood_hears(&o, FRAME_ANNOT_WELCOME, FRAME_ANNOT_LABELS);
    zmq_close(o.socket); /* else the end of a test that fails would wait for it */
    int code = served_stop(f, SIGTERM);
    if (memory[0])
        temp_dir_remove(memory);
    assert_int_equal(first, FRAME_ANNOT_LABELS);
    assert_int_equal(code, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, served_setup, served_teardown)
    const struct CMUnitTest tests[] = {
        TEST(captions_are_labelled_and_the_server_says_who_it_is),
        TEST(labels_survive_kill_9_and_none_is_asked_twice),
        TEST(a_paid_question_that_was_killed_is_asked_again_and_counted),
        TEST(what_was_open_is_asked_again_though_nobody_asks),
        TEST(what_was_open_of_a_slow_one_is_asked_again_though_nobody_asks),
        TEST(votes_are_named_and_survive_kill_9),
        TEST(a_new_client_gets_known_labels_from_the_store),
        TEST(canaries_show_what_is_wrong_and_are_no_labels),
        TEST(bad_options_end_with_64_and_a_sentence),
        TEST(who_asks_without_end_keeps_no_answers_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
