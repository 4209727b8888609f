/* SPDX-License-Identifier: MIT */
/* test_check.c - onic-check on traces made by hand: a run in which nothing is wrong, and for each
 * invariant what breaks it, found and named with trajectory and process.
 *
 * The run: a learner dies after it has trained on trajectories 1 and 2 and saved a checkpoint that
 * knows of 1; the second life begins with it, the actor comes back, 3 is trained on, the run
 * drains. A reward server labels two questions. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>

#include "reward_server/store/label_store.h"
#include "tests/chaos/check.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { L1, L2, ACTOR, SERVER, OTHER, PROCESSES, EVENTS_MAX = 64, LAG = 3 };
enum { RUN = 900, BOOKS = 77, BOOKS_LEN = 10, IDENTITY = 5 };

#define INC ((uint64_t)1 << 32 | 1)

struct world {
    struct trace_event event[PROCESSES][EVENTS_MAX];
    struct trace_process process[PROCESSES];
    uint64_t now;
    char said[8192];
};

static void add_event(struct world *w, int p, struct trace_event e)
{
    struct trace_process *to = &w->process[p];
    assert_true(to->n < EVENTS_MAX);
    e.time_ns = ++w->now;
    w->event[p][to->n++] = e;
}

#define ADD(p, name, ...) add_event(w, (p), (struct trace_event){.kind = TRACE_##name, __VA_ARGS__})
/* of the actor's trajectories */
#define OF(p, name, ...) ADD(p, name, .incarnation = INC, __VA_ARGS__)

static void begin(struct world *w, int p, enum trace_role role, const char *name)
{
    w->process[p] = (struct trace_process){.role = role, .pid = (uint32_t)p, .events = w->event[p]};
    snprintf(w->process[p].name, sizeof w->process[p].name, "%s", name);
    ADD(p, PROCESS, .n = (uint32_t)p);
}

static void first_life(struct world *w)
{
    begin(w, SERVER, TRACE_SERVER, "reward-server-3");
    ADD(SERVER, STORE, .seq = 0);
    begin(w, L1, TRACE_LEARNER, "learner-0");
    ADD(L1, LIFE, .n = 1, .incarnation = RUN, .seq = 2, .version = LAG);
    ADD(L1, UPDATED, .version = 0);
    ADD(L1, PUBLISHED, .version = 0, .seq = 100);
    begin(w, ACTOR, TRACE_ACTOR, "actor-2");
    OF(L1, OPENED, .actor = 0);
    OF(ACTOR, WELCOMED, .seq = RUN, .n = 1);
    OF(L1, GRANTED, .seq = 2);
    OF(ACTOR, CREDIT, .seq = 2, .n = 1);
    ADD(ACTOR, WEIGHTS, .seq = 100, .n = 1);
    for (uint64_t s = 1; s <= 2; s++) {
        OF(ACTOR, MADE, .seq = s);
        OF(ACTOR, SENT, .seq = s, .n = 1);
        OF(L1, ACCEPTED, .seq = s);
        OF(L1, GRANTED, .seq = s + 2, .version = s);
        OF(ACTOR, CREDIT, .seq = s + 2, .version = s, .n = 1);
    }
    OF(L1, CONSUMED, .seq = 1);
    ADD(L1, UPDATED, .version = 1);
    ADD(L1, SAVED, .seq = BOOKS, .version = BOOKS_LEN);
    ADD(L1, PUBLISHED, .version = 1, .seq = 101);
    ADD(ACTOR, WEIGHTS, .version = 1, .seq = 101, .n = 1);
    OF(L1, CONSUMED, .seq = 2);
    ADD(L1, UPDATED, .version = 2);
    OF(ACTOR, MADE, .seq = 3, .version = 1);
}

static void second_life(struct world *w)
{
    begin(w, L2, TRACE_LEARNER, "learner-1");
    ADD(L2, LIFE, .n = 2, .incarnation = RUN, .seq = 2, .version = LAG);
    ADD(L2, RESTORED, .seq = BOOKS, .version = BOOKS_LEN);
    ADD(L2, UPDATED, .version = 1);
    ADD(L2, PUBLISHED, .version = 1, .seq = 101);
    OF(L2, ROLLED_BACK, .seq = 2);
    OF(L2, BACK, .seq = 3, .version = 2);
    OF(ACTOR, WELCOMED, .seq = RUN, .n = 2);
    OF(L2, GRANTED, .seq = 4, .version = 2);
    OF(ACTOR, CREDIT, .seq = 4, .version = 2, .n = 2);
    ADD(ACTOR, WEIGHTS, .version = 1, .seq = 101, .n = 2);
    OF(ACTOR, SENT, .seq = 3, .version = 1, .n = 2);
    OF(L2, ACCEPTED, .seq = 3, .version = 1);
    OF(L2, GRANTED, .seq = 5, .version = 3);
    OF(ACTOR, CREDIT, .seq = 5, .version = 3, .n = 2);
    OF(L2, CONSUMED, .seq = 3, .version = 1);
    ADD(L2, UPDATED, .version = 2);
    ADD(L2, SAVED, .seq = BOOKS + 1, .version = BOOKS_LEN);
    OF(L2, CLOSED, .seq = 3, .version = 3, .reason = TRACE_DROP + LEDGER_DROP_DRAIN);
    OF(ACTOR, LEFT, .seq = 3, .version = 3);
}

static void label_one(struct world *w, const char *question, uint64_t id)
{
    uint64_t q = trace_hash(question, strlen(question));
    ADD(SERVER, ASKED, .incarnation = IDENTITY, .seq = q);
    ADD(SERVER, DURABLE, .incarnation = IDENTITY, .seq = q, .version = id, .n = trace_value(1),
        .reason = LABEL_ANSWERED);
    ADD(SERVER, DELIVERED, .incarnation = IDENTITY, .seq = q, .version = id, .n = trace_value(1),
        .reason = LABEL_ANSWERED);
    ADD(L2, LABEL, .seq = q, .version = id, .n = trace_value(1), .reason = LABEL_ANSWERED);
}

static struct world *good_world(void)
{
    static struct world world;
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    first_life(w);
    second_life(w);
    label_one(w, "Cyou see a key", 1);
    label_one(w, "Cyou see a door", 2);
    ADD(L2, ENDED, .n = 0);
    return w;
}

/* --- changing it --------------------------------------------------------------------------- */

static struct trace_event *event_of(struct world *w, int p, enum trace_kind kind, uint64_t seq)
{
    for (size_t i = 0; i < w->process[p].n; i++)
        if (w->event[p][i].kind == kind && (seq == 0 || w->event[p][i].seq == seq))
            return &w->event[p][i];
    fail_msg("no %s of %llu", trace_kind_name(kind), (unsigned long long)seq);
    return &w->event[p][0];
}

static void remove_event(struct world *w, int p, struct trace_event *e)
{
    struct trace_event *end = w->event[p] + w->process[p].n;
    memmove(e, e + 1, (size_t)(end - e - 1) * sizeof *e);
    w->process[p].n--;
}

/* A copy of e with another kind, behind it. */
static struct trace_event *copy_behind(struct world *w, int p, struct trace_event *e,
                                       enum trace_kind kind)
{
    struct trace_event *end = w->event[p] + w->process[p].n;
    memmove(e + 1, e, (size_t)(end - e) * sizeof *e);
    w->process[p].n++;
    e[1].kind = (uint16_t)kind;
    return &e[1];
}

/* --- looking at it ------------------------------------------------------------------------- */

static void note_line(void *ctx, const char *line)
{
    struct world *w = ctx;
    size_t n = strlen(w->said);
    snprintf(w->said + n, sizeof w->said - n, "%s\n", line);
}

static struct check run_check(struct world *w, const char *run)
{
    struct trace_process by_time[PROCESSES];
    struct trace_set set = {.processes = by_time};
    static const int order[] = {SERVER, L1, ACTOR, OTHER, L2};
    for (int i = 0; i < PROCESSES; i++)
        if (w->process[order[i]].n)
            by_time[set.n++] = w->process[order[i]];
    struct check c = {.say = note_line, .ctx = w};
    w->said[0] = '\0';
    assert_ok(check_all(&c, &set, run, &err));
    check_release(&c);
    return c;
}

static void assert_broken(struct world *w, int invariant, const char *words)
{
    char begins[64];
    struct check c = run_check(w, NULL);
    snprintf(begins, sizeof begins, "I%d violated: ", invariant);
    if (!c.violated[invariant] || !strstr(w->said, begins) || !strstr(w->said, words)) {
        print_error("expected \"%s... %s\", got:\n%s", begins, words, w->said);
        fail();
    }
}

/* --- tests --------------------------------------------------------------------------------- */

static void traces_of_nothing_do_not_pass(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    begin(w, OTHER, TRACE_ACTOR, "actor-4");
    struct trace_set set = {.processes = &w->process[OTHER], .n = 1};
    struct check c = {.say = note_line, .ctx = w};
    assert_err(check_all(&c, &set, NULL, &err), ONIC_ENOTFOUND, "nothing was checked");
    check_release(&c);
    free(w);
}

static void a_run_in_which_nothing_is_wrong_passes(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct check c = run_check(w, NULL);
    if (check_violations(&c))
        print_error("%s", w->said);
    assert_int_equal(check_violations(&c), 0);
    assert_int_equal(c.nlives, 2);
    assert_true(c.has_books);
    assert_int_equal(c.books.produced, 3);
    assert_int_equal(c.books.consumed, 2);
    assert_int_equal(c.books.lost[LEDGER_LOST_ROLLBACK], 1);
    assert_int_equal(c.made, 3);
}

static void i1_trajectories_that_the_books_do_not_know(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, ACTOR, event_of(w, ACTOR, TRACE_MADE, 3), TRACE_MADE)->seq = 4;
    assert_broken(w, 1,
                  "actor 0 (incarnation 1:1) has made 4 trajectories, the books know of 3; "
                  "learner-1, epoch 2");
    w = good_world();
    remove_event(w, ACTOR, event_of(w, ACTOR, TRACE_MADE, 3));
    assert_broken(w, 1, "has made 2 trajectories, the books have 3 of it");
}

static void i1_a_killed_actor_may_have_one_more_than_its_page(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, ACTOR, event_of(w, ACTOR, TRACE_MADE, 3), TRACE_MADE)->seq = 4;
    remove_event(w, ACTOR, event_of(w, ACTOR, TRACE_LEFT, 0));
    struct check c = run_check(w, NULL);
    assert_int_equal(check_violations(&c), 0);
}

static void i2_consumed_twice_in_one_life(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, L2, event_of(w, L2, TRACE_CONSUMED, 3), TRACE_CONSUMED);
    assert_broken(w, 2,
                  "trajectory 3 of actor 0 (incarnation 1:1) is consumed a second time; "
                  "learner-1, epoch 2");
}

static void i2_consumed_twice_in_a_lineage(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, L2, event_of(w, L2, TRACE_CONSUMED, 3), TRACE_CONSUMED)->seq = 1;
    assert_broken(w, 2, "trajectory 1 of actor 0 (incarnation 1:1) is consumed a second time");
}

static void i2_what_was_rolled_back_may_be_consumed_once_more(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct trace_event *e = event_of(w, L2, TRACE_ROLLED_BACK, 2);
    e->seq = 1; /* the actor was never told of 2, and sends it again */
    event_of(w, L2, TRACE_BACK, 0)->version = 1;
    event_of(w, L2, TRACE_GRANTED, 4)->version = 1;
    event_of(w, L2, TRACE_GRANTED, 4)->seq = 3;
    e = event_of(w, L2, TRACE_ACCEPTED, 3);
    e->seq = 2;
    e->version = 0;
    copy_behind(w, L2, e, TRACE_CONSUMED);
    copy_behind(w, L2, e + 1, TRACE_ACCEPTED)->seq = 3;
    event_of(w, ACTOR, TRACE_CREDIT, 4)->version = 1;
    struct check c = run_check(w, NULL);
    if (check_violations(&c))
        print_error("%s", w->said);
    assert_int_equal(check_violations(&c), 0);
    assert_int_equal(c.books.consumed, 3);
}

/* Back to the checkpoint that the life began with, without an end. */
static void i2_what_a_learner_goes_back_behind_is_lost(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct trace_event *e = copy_behind(w, L2, event_of(w, L2, TRACE_CONSUMED, 3), TRACE_UNDONE);
    e->seq = BOOKS;
    struct check c = run_check(w, NULL);
    if (check_violations(&c))
        print_error("%s", w->said);
    assert_int_equal(check_violations(&c), 0);
    assert_int_equal(c.books.consumed, 1);
    assert_int_equal(c.books.lost[LEDGER_LOST_ROLLBACK], 2);
    w = good_world();
    e = copy_behind(w, L2, event_of(w, L2, TRACE_CONSUMED, 3), TRACE_UNDONE);
    e->seq = BOOKS;
    copy_behind(w, L2, e, TRACE_CONSUMED)->seq = 3; /* undone is not forgotten */
    assert_broken(w, 2, "is consumed although it is counted as dropped or lost");
}

static void i3_acknowledged_and_forgotten(void **state)
{
    (void)state;
    struct world *w = good_world();
    remove_event(w, L2, event_of(w, L2, TRACE_ACCEPTED, 3));
    remove_event(w, L2, event_of(w, L2, TRACE_CONSUMED, 3));
    assert_broken(w, 3, "trajectory 3 of actor 0 (incarnation 1:1) is acknowledged, and it is not");
    w = good_world();
    event_of(w, ACTOR, TRACE_CREDIT, 5)->version = 4;
    assert_broken(w, 3,
                  "trajectory 4 of actor 0 (incarnation 1:1) is acknowledged, which its "
                  "learner says nothing of; actor-2");
    w = good_world();
    event_of(w, L2, TRACE_ACCEPTED, 3)->seq = 4;
    assert_broken(w, 3, "is settled although one before it is not");
}

static void i4_versions_that_go_back(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, ACTOR, event_of(w, ACTOR, TRACE_WEIGHTS, 101), TRACE_WEIGHTS)->version = 0;
    assert_broken(w, 4, "weights go back from version 1 to 0 within epoch 1; actor-2");
    w = good_world();
    copy_behind(w, L2, event_of(w, L2, TRACE_PUBLISHED, 0), TRACE_PUBLISHED)->version = 0;
    assert_broken(w, 4, "weights go back from version 1 to 0 within epoch 2; learner-1");
}

static void i5_weights_that_fit_to_nothing(void **state)
{
    (void)state;
    struct world *w = good_world();
    event_of(w, L2, TRACE_ACCEPTED, 3)->version = 2;
    assert_broken(w, 5, "trajectory 3 of actor 0 (incarnation 1:1) was played with newer weights");
    w = good_world();
    event_of(w, L2, TRACE_UPDATED, 0)->version = 1 + LAG + 1;
    assert_broken(w, 5, "played more versions ago than train.max_policy_lag; learner-1");
    w = good_world();
    event_of(w, ACTOR, TRACE_WEIGHTS, 101)->seq = 102;
    assert_broken(w, 5, "weights 1 of epoch 1 are not those that were published; actor-2");
    w = good_world();
    event_of(w, ACTOR, TRACE_MADE, 3)->version = 7;
    assert_broken(w, 5, "was played with weights that it never got");
}

static void i6_a_durable_label_is_asked_again(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct trace_event *e = event_of(w, SERVER, TRACE_DURABLE, 0);
    copy_behind(w, SERVER, e, TRACE_ASKED);
    assert_broken(w, 6, "is durable, and its question is asked again; reward-server-3");
    w = good_world();
    e = event_of(w, SERVER, TRACE_DURABLE, 0);
    copy_behind(w, SERVER, e, TRACE_ASKED)->incarnation = IDENTITY + 1; /* of other labels */
    struct check c = run_check(w, NULL);
    assert_int_equal(c.violated[6], 0);
}

static void i7_a_label_is_delivered_too_early_or_otherwise(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct trace_event *e = event_of(w, SERVER, TRACE_DURABLE, 0), first = *e;
    *e = e[1];
    e[1] = first;
    assert_broken(w, 7, "label 1 (question");
    assert_non_null(strstr(w->said, "is delivered before it is durable; reward-server-3"));
    w = good_world();
    event_of(w, L2, TRACE_LABEL, 0)->n = trace_value(0);
    assert_broken(w, 7, "came to a learner otherwise than it is durable; learner-1");
    w = good_world();
    event_of(w, L2, TRACE_LABEL, 0)->version = 9;
    assert_broken(w, 7, "label 9 (question");
    w = good_world();
    event_of(w, L2, TRACE_LABEL, 0)->time_ns = 1;
    assert_broken(w, 7, "came to a learner before it was durable");
}

static void i8_two_holders_of_one_number(void **state)
{
    (void)state;
    struct world *w = good_world();
    copy_behind(w, L1, event_of(w, L1, TRACE_OPENED, 0), TRACE_OPENED)->incarnation = INC + 1;
    assert_broken(w, 8, "actor 0 (incarnation 1:1) holds a number that is given away; learner-0");
    w = good_world(); /* taken from the living */
    struct trace_event *e = event_of(w, L2, TRACE_CLOSED, 0);
    e->reason = TRACE_LOST + LEDGER_LOST_ACTOR;
    e = copy_behind(w, L2, e, TRACE_OPENED);
    e->incarnation = (uint64_t)2 << 32 | 7;
    assert_broken(w, 8, "lost its number to another process while it was alive; learner-1");
    w = good_world();
    event_of(w, L2, TRACE_ACCEPTED, 3)->incarnation = INC + 5;
    assert_broken(w, 8, "is taken from a process that does not hold the number");
    w = good_world();
    begin(w, OTHER, TRACE_ACTOR, "actor-4");
    OF(OTHER, WELCOMED, .seq = RUN, .n = 1);
    assert_broken(w, 8, "incarnation 1:1 is two processes: actor-");
}

static void i8_a_number_may_pass_on_when_the_lease_has_run_out(void **state)
{
    (void)state;
    struct world *w = good_world();
    struct trace_event *e = event_of(w, L2, TRACE_CLOSED, 0);
    copy_behind(w, L2, e, TRACE_CLOSED)->reason = TRACE_LOST + LEDGER_LOST_ACTOR;
    e->kind = TRACE_ABSENT;
    copy_behind(w, L2, e + 1, TRACE_OPENED)->incarnation = (uint64_t)2 << 32 | 7;
    struct check c = run_check(w, NULL);
    assert_int_equal(c.violated[8], 0);
    assert_int_equal(c.violated[10], 1); /* of this test: the new one never leaves */
}

static void i9_more_than_the_credit(void **state)
{
    (void)state;
    struct world *w = good_world();
    event_of(w, L2, TRACE_GRANTED, 5)->seq = 6;
    assert_broken(w, 9,
                  "trajectory 6 of actor 0 (incarnation 1:1) gets credit beyond train.window");
    w = good_world();
    event_of(w, ACTOR, TRACE_CREDIT, 4)->seq = 2;
    event_of(w, ACTOR, TRACE_CREDIT, 4)->seq = 2;
    assert_broken(w, 9,
                  "trajectory 3 of actor 0 (incarnation 1:1) is sent beyond its credit; "
                  "actor-2");
    w = good_world();
    event_of(w, L2, TRACE_GRANTED, 4)->seq = 2;
    assert_broken(w, 9, "is accepted beyond the credit that was given");
}

static void i10_in_flight_after_the_drain(void **state)
{
    (void)state;
    struct world *w = good_world();
    remove_event(w, L2, event_of(w, L2, TRACE_CONSUMED, 3));
    assert_broken(w, 10, "trajectory 3 of actor 0 (incarnation 1:1) is in flight after the drain");
    w = good_world();
    remove_event(w, L2, event_of(w, L2, TRACE_CLOSED, 0));
    assert_broken(w, 10, "actor 0 (incarnation 1:1) still has a lease after the drain");
}

/* --- files --------------------------------------------------------------------------------- */

static void write_ledger(const char *run, uint64_t consumed)
{
    struct ledger l = {.trajectories = {.produced = 3, .consumed = consumed}};
    struct buf text;
    char path[600];
    l.trajectories.lost[LEDGER_LOST_ROLLBACK] = 1;
    buf_init(&text, 65536);
    ledger_json(&l, &text);
    snprintf(path, sizeof path, "%s/ledger.json", run);
    files_write(path, text.data);
    buf_release(&text);
}

static void write_store(const char *run, int labels)
{
    static const char *const question[] = {"Cyou see a key", "Cyou see a door"};
    struct label_identity id = {"rules", "", "g", "1", "", 1};
    struct label_store *store;
    char path[600];
    snprintf(path, sizeof path, "%s/labels.sqlite", run);
    assert_ok(label_store_open(&store, path, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(store, &id, &err));
    for (int i = 0; i < labels; i++) {
        struct label l = {.state = LABEL_ANSWERED,
                          .value = 1,
                          .question = question[i],
                          .question_len = strlen(question[i])};
        assert_ok(label_store_answer(store, &l, 1, &err));
    }
    label_store_close(store);
}

static void the_ledger_and_the_store_are_held_against_the_traces(void **state)
{
    (void)state;
    const char *run = files_folder();
    struct world *w = good_world();
    write_ledger(run, 2);
    write_store(run, 2);
    struct check c = run_check(w, run);
    if (check_violations(&c))
        print_error("%s", w->said);
    assert_int_equal(check_violations(&c), 0);
    write_ledger(run, 1);
    c = run_check(w, run);
    assert_true(c.violated[1] > 0);
    assert_non_null(strstr(w->said, "the ledger has 1 trajectories consumed, the traces 2"));
}

static void a_durable_label_that_the_store_lacks_is_lost(void **state)
{
    (void)state;
    const char *run = files_folder();
    struct world *w = good_world();
    write_ledger(run, 2);
    write_store(run, 1);
    struct check c = run_check(w, run);
    assert_int_equal(c.labels_lost, 1);
    assert_int_equal(c.violated[7], 1);
    assert_non_null(strstr(w->said, "label 2 (question"));
    assert_non_null(strstr(w->said, "was durable, and the store does not have it"));
}

static void a_torn_tail_is_cut_off_and_a_damaged_middle_refused(void **state)
{
    (void)state;
    char path[600];
    struct trace_set set;
    struct trace_event e[3] = {{.kind = TRACE_PROCESS, .n = 7, .time_ns = 1},
                               {.kind = TRACE_MADE, .seq = 1, .time_ns = 2},
                               {.kind = TRACE_MADE, .seq = 2, .time_ns = 3}};
    for (int i = 0; i < 3; i++)
        e[i].check = trace_check(&e[i]);
    snprintf(path, sizeof path, "%s/actor-7-1.trace", files_folder());
    for (size_t bytes = 48; bytes <= sizeof e; bytes++) {
        FILE *f = fopen(path, "we");
        assert_int_equal(fwrite(e, 1, bytes, f), bytes);
        fclose(f);
        assert_ok(trace_set_read(&set, files_folder(), &err));
        assert_int_equal(set.processes[0].n, bytes / 48);
        assert_int_equal(set.torn, bytes % 48 != 0);
        trace_set_free(&set);
    }
    e[1].seq = 9;
    FILE *f = fopen(path, "we");
    fwrite(e, 1, sizeof e, f);
    fclose(f);
    assert_err(trace_set_read(&set, files_folder(), &err), ONIC_EDAMAGED, "at record 1, before");
}

int main(void)
{
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_of_nothing_do_not_pass),
        cmocka_unit_test(a_run_in_which_nothing_is_wrong_passes),
        cmocka_unit_test(i1_trajectories_that_the_books_do_not_know),
        cmocka_unit_test(i1_a_killed_actor_may_have_one_more_than_its_page),
        cmocka_unit_test(i2_consumed_twice_in_one_life),
        cmocka_unit_test(i2_consumed_twice_in_a_lineage),
        cmocka_unit_test(i2_what_was_rolled_back_may_be_consumed_once_more),
        cmocka_unit_test(i2_what_a_learner_goes_back_behind_is_lost),
        cmocka_unit_test(i3_acknowledged_and_forgotten),
        cmocka_unit_test(i4_versions_that_go_back),
        cmocka_unit_test(i5_weights_that_fit_to_nothing),
        cmocka_unit_test(i6_a_durable_label_is_asked_again),
        cmocka_unit_test(i7_a_label_is_delivered_too_early_or_otherwise),
        cmocka_unit_test(i8_two_holders_of_one_number),
        cmocka_unit_test(i8_a_number_may_pass_on_when_the_lease_has_run_out),
        cmocka_unit_test(i9_more_than_the_credit),
        cmocka_unit_test(i10_in_flight_after_the_drain),
        IN_FOLDER(the_ledger_and_the_store_are_held_against_the_traces),
        IN_FOLDER(a_durable_label_that_the_store_lacks_is_lost),
        IN_FOLDER(a_torn_tail_is_cut_off_and_a_damaged_middle_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
