/* SPDX-License-Identifier: MIT */
/* test_side_thread.c - one piece of work at a time, beside its owner. */
#include "learner/reward/side_thread.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "tests/onic_test.h"

struct errand {
    sem_t begun, may_end;
    pthread_t by;
    int written;
};

static void run_errand(void *ctx)
{
    struct errand *e = ctx;
    e->by = pthread_self();
    sem_post(&e->begun);
    struct timespec end; /* which comes only if it is the owner that waits for itself */
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    sem_timedwait(&e->may_end, &end);
    e->written++;
}

static void begin(struct errand *e)
{
    *e = (struct errand){0};
    sem_init(&e->begun, 0, 0);
    sem_init(&e->may_end, 0, 0);
}

static void the_owner_goes_on_while_the_work_is_under_way(void **state)
{
    (void)state;
    struct errand e;
    begin(&e);
    struct side_thread *s = side_thread_create("test");
    assert_true(side_thread_idle(s));
    for (int i = 1; i <= 3; i++) {
        side_thread_start(s, run_errand, &e);
        sem_wait(&e.begun);
        assert_false(side_thread_idle(s));
        sem_post(&e.may_end);
        side_thread_wait(s);
        assert_true(side_thread_idle(s));
        assert_int_equal(e.written, i);
        assert_false(pthread_equal(e.by, pthread_self()));
    }
    side_thread_free(s);
    side_thread_free(NULL);
}

static void the_end_waits_for_the_work_at_hand(void **state)
{
    (void)state;
    struct errand e;
    begin(&e);
    struct side_thread *s = side_thread_create("test");
    side_thread_start(s, run_errand, &e);
    sem_post(&e.may_end);
    side_thread_free(s);
    assert_int_equal(e.written, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_goes_on_while_the_work_is_under_way),
        cmocka_unit_test(the_end_waits_for_the_work_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
