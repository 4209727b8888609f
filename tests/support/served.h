/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SERVED_H
#define ONIC_TESTS_SUPPORT_SERVED_H

/* served.h - the real onic-reward-server, asked through the real client, for the tests that start,
 * kill and stop it; header only. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/strmap.h"
#include "common/wire/labels/labels.h"
#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"

struct served {
    char dir[256], address[300], store[300], log[300];
    pid_t server;
    void *zmq;
    struct wire_labels_client *client;
    struct strmap *heard; /* caption -> label heard + 1 */
    int want;
};

static inline int served_setup(void **state)
{
    struct served *f = calloc(1, sizeof *f);
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

static inline int served_stop(struct served *f, int signal_number)
{
    int status = 0;
    if (f->server <= 0)
        return -1;
    kill(f->server, signal_number);
    waitpid(f->server, &status, 0);
    f->server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int served_teardown(void **state)
{
    struct served *f = *state;
    served_stop(f, SIGKILL);
    wire_labels_client_free(f->client);
    zmq_ctx_term(f->zmq);
    strmap_free(f->heard);
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static inline void served_start(struct served *f, const char *option)
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
static inline void served_listen(struct served *f)
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

static inline bool served_heard_enough(void *ctx)
{
    struct served *f = ctx;
    served_listen(f);
    return (int)strmap_count(f->heard) >= f->want;
}

static inline void served_wait(struct served *f, int n)
{
    f->want = n;
    if (!wait_until(served_heard_enough, f, 60000)) {
        char line[512];
        FILE *log = fopen(f->log, "r");
        while (log && fgets(line, sizeof line, log))
            print_error("%s", line);
        fail_msg("only %zu of %d labels", strmap_count(f->heard), n);
    }
}

static inline void served_ask(struct served *f, const char *caption)
{
    wire_labels_client_ask(f->client, caption, strlen(caption));
}

static inline int served_check_row(void *ctx, const struct label_row *row)
{
    struct served *f = ctx;
    uint64_t *heard = strmap_get(f->heard, row->label.question, row->label.question_len);
    if (heard)
        assert_int_equal(*heard, (uint64_t)row->label.value + 1);
    return 0;
}

/* What was heard stands in the store with the same label. */
static inline struct label_counts served_check_store(struct served *f)
{
    struct label_store *s = NULL;
    struct label_counts c;
    assert_ok(label_store_open(&s, f->store, LABEL_STORE_READ, &err));
    assert_ok(label_store_counts(s, &c, &err));
    assert_ok(label_store_each(s, 0, served_check_row, f, &err));
    assert_true(c.answered >= strmap_count(f->heard));
    assert_int_equal(c.asked_twice, 0);
    assert_int_equal(c.quarantined, 0);
    label_store_close(s);
    return c;
}

static inline bool served_is_answered(void *ctx)
{
    struct served *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    return c.answered == 1;
}

static inline void served_script(struct served *f, const char *behaviour)
{
    char run[1200];
    snprintf(run, sizeof run,
             "python3 %s/tests/support/scripted_annotator/scripted_annotator.py %s %s",
             getenv("ONIC_SOURCE"), behaviour, f->dir);
    setenv("ONIC_COMMAND_RUN", run, 1);
}

static inline void served_ask_numbered(struct served *f, int n)
{
    char caption[64];
    for (int i = 0; i < n; i++) {
        snprintf(caption, sizeof caption, "You see a red key for the %dth time.", i);
        served_ask(f, caption);
    }
}

static inline bool served_has_intent(void *ctx)
{
    struct served *f = ctx;
    struct label_store *s = NULL;
    struct label_counts c = {0};
    served_listen(f);
    if (label_store_open(&s, f->store, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_counts(s, &c, NULL);
    label_store_close(s);
    return c.asked >= (uint64_t)(f->want > 0 ? f->want : 1);
}

static inline bool served_log_says(struct served *f, const char *part)
{
    static char text[1 << 16];
    FILE *log = fopen(f->log, "r");
    text[log ? fread(text, 1, sizeof text - 1, log) : 0] = '\0';
    if (log)
        fclose(log);
    return strstr(text, part) != NULL;
}

static inline bool served_stopped_asking(void *ctx)
{
    struct served *f = ctx;
    served_listen(f);
    return served_log_says(f, "labels cannot be kept");
}

#endif /* ONIC_TESTS_SUPPORT_SERVED_H */
