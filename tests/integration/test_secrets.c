/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_secrets.c - a key is in the process that uses it and nowhere else: not in the environment or
 * command line of others, not in a file of the run. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/scene.h"
#include "tests/support/scripted.h"

#define MARKER "sk-marker-4711-never-to-be-found"

static struct scripted server;
static char dir[256];

/* Reads a file of /proc, whose texts end with NULs. */
static size_t read_bytes(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* 1 or 0; -1: nothing can be read, as while the process becomes another program. */
static int process_has(pid_t pid, const char *file, const char *word)
{
    static char text[1 << 17];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    size_t n = read_bytes(path, text, sizeof text);
    return n == 0 ? -1 : memmem(text, n, word, strlen(word)) != NULL;
}

static bool process_shows(pid_t pid, const char *file, const char *word)
{
    int shown = process_has(pid, file, word);
    assert_true(shown >= 0);
    return shown;
}

static bool has_labels(void *run)
{
    return metrics_last(run, "annot/labels_total") > 5 && metrics_last(run, "updates") > 1;
}

static void only_the_reward_server_has_the_key(void **state)
{
    struct program p;
    char args[1200], run[300], command[900];
    (void)state;
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(args, sizeof args,
             "OPENAI_API_KEY=" MARKER " train --run-dir=run --frames=1000000000 "
             "--env.id=minigrid:KeyCorridorS3R3 --annotator.id=llm "
             "--llm.url=http://127.0.0.1:%d/keys_said --llm.model=m --actors.count=1 "
             "--metrics.every_s=0.2 --train.batch=1024 --checkpoint.every_s=1 "
             "--llm.samples_per_hour=1000 --log.level=debug",
             server.port);
    program_start(&p, dir, "train", "onic", args);
    if (!wait_until(has_labels, run, SCENE_LONG_MS))
        fail_msg("%s", program_text(p.err));
    pid_t actor = process_child(p.pid, "onic-actor"),
          learner = process_child(p.pid, "onic-learner"),
          reward = process_child(p.pid, "onic-reward-server");
    assert_true(actor > 0 && learner > 0 && reward > 0);
    assert_false(process_shows(actor, "environ", MARKER));
    assert_false(process_shows(learner, "environ", MARKER));
    assert_true(process_shows(reward, "environ", MARKER)); /* so the look is one */
    pid_t all[] = {p.pid, actor, learner, reward};
    for (int i = 0; i < 4; i++)
        assert_false(process_shows(all[i], "cmdline", MARKER));
    kill(p.pid, SIGINT);
    assert_int_equal(program_wait(&p, SCENE_LONG_MS), 0);
    snprintf(command, sizeof command, "! grep -rlaF '" MARKER "' '%s' && ls '%s'/checkpoints/ckpt*",
             dir, run);
    assert_int_equal(system(command), 0);
    /* What the model said is kept, so the look is one. */
    snprintf(command, sizeof command,
             "grep -qaF 'asked with Bearer ***' '%s/labels.sqlite' && "
             "grep -qaF 'asked with Bearer ***' '%s/log/conversations.jsonl'",
             run, run);
    assert_int_equal(system(command), 0);
}

/* It has become the program, and wiped. */
static bool has_no_key(void *pid)
{
    return process_has(*(pid_t *)pid, "cmdline", "onic") == 1 &&
           process_has(*(pid_t *)pid, "environ", "KEPT=yes") == 1 &&
           process_has(*(pid_t *)pid, "environ", MARKER) == 0;
}

/* Started alone in an environment with a key, as a cluster's job may be. */
static void programs_that_need_none_wipe_their_environment(void **state)
{
    static const char *const lines[][2] = {
        {"onic-actor", "--learner=ipc://nobody"},
        {"onic-reward-server", "--listen=ipc://r --run-dir=store --annotator.id=rules "
                               "--annotator.domain=minigrid --annotator.goal=KeyCorridor"},
        {"onic", "eval --random --env.id=corridor --episodes=10000000"}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct program p;
        char args[700];
        snprintf(args, sizeof args,
                 "OPENAI_API_KEY=" MARKER " OTHER_API_KEY=" MARKER " KEPT=yes %s", lines[i][1]);
        program_start(&p, dir, "alone", lines[i][0], args);
        assert_true(wait_until(has_no_key, &p.pid, SCENE_LONG_MS));
        assert_true(process_shows(p.pid, "environ", "KEPT=yes"));
        program_kill(&p);
    }
}

static void a_password_is_no_option(void **state)
{
    static const char *const commands[] = {
        "$onic train --run-dir=no --annotator.id=llm --llm.url=http://127.0.0.1:1 --llm.model=m "
        "--llm.proxy=http://u:" MARKER "@127.0.0.1:1",
        "ONIC_LLM_PROXY=u:" MARKER "@127.0.0.1:1 $onic train --run-dir=no --annotator.id=llm",
        "$onic train --run-dir=no secret.yaml",
        "$onic config secret.yaml",
        "$onic train --run-dir=no --plugin.api_key=" MARKER,
        "ONIC_PLUGIN_TOKEN=" MARKER " $onic train --run-dir=no",
        "$onic train --run-dir=no --env.options='size=3;password=" MARKER "'",
        "$onic train --run-dir=no --annotator.id=command --command.run='X_API_KEY=" MARKER " p'",
        "$onic train --run-dir=no --annotator.id=llm --llm.model=m --llm.url=https://" MARKER "@h",
    };
    char command[900];
    (void)state;
    snprintf(command, sizeof command,
             "cd '%s' && echo 'llm: {url: \"https://h/v1?key=" MARKER "\"}' >secret.yaml", dir);
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct program p;
        snprintf(command, sizeof command, "onic='%s/onic'; %s", getenv("ONIC_BUILD"), commands[i]);
        program_start_shell(&p, dir, "no", command);
        assert_int_equal(program_wait(&p, SCENE_LONG_MS), 64);
        if (!strstr(program_text(p.err), "holds a password or a key"))
            fail_msg("%s: %s", commands[i], program_text(p.err));
        assert_null(strstr(program_text(p.err), MARKER));
        assert_null(strstr(program_text(p.out), MARKER));
    }
    snprintf(command, sizeof command, "test ! -e '%s/no'", dir);
    assert_int_equal(system(command), 0);
}

#define PLAIN_SERVER                                                                               \
    "OPENAI_API_KEY=" MARKER " --listen=ipc://x --run-dir=store --annotator.domain=minigrid "      \
    "--annotator.goal=KeyCorridor "
#define PLAIN_LLM PLAIN_SERVER "--annotator.id=llm --llm.url=http://192.0.2.1/v1 --llm.model=m "
#define NEAR_LLM PLAIN_SERVER "--annotator.id=llm --llm.url=http://127.0.0.1:9/v1 --llm.model=m "
#define PLAIN_EMBEDDING                                                                            \
    PLAIN_SERVER "--annotator.id=embedding --embedding.source=http "                               \
                 "--embedding.url=http://192.0.2.1 --embedding.model=m "

static bool server_is_ready(void *ctx)
{
    struct program *p = ctx;
    return strstr(program_text(p->err), "reward server is ready") || process_gone(p->pid);
}

/* Only the switch of that very annotator lets its key go over plain http. */
static void binding_openly_sends_no_key_openly(void **state)
{
    static const struct {
        const char *args, *refused; /* NULL: it starts */
    } cases[] = {
        {PLAIN_LLM "--security.allow_insecure=true", "or say --llm.allow_plain_key=true"},
        {PLAIN_LLM "--embedding.allow_plain_key=true", "or say --llm.allow_plain_key=true"},
        {PLAIN_LLM "--llm.allow_plain_key=true", NULL},
        {NEAR_LLM "--llm.proxy=http://192.0.2.2:3128", "llm.proxy http://192.0.2.2:3128 would get"},
        {NEAR_LLM "--llm.proxy=192.0.2.2:3128", "or say --llm.allow_plain_key=true"},
        {NEAR_LLM "--llm.proxy=192.0.2.2:3128 --llm.allow_plain_key=true", NULL},
        {NEAR_LLM "--llm.proxy=http://127.0.0.1:9", NULL},
        {PLAIN_EMBEDDING "--security.allow_insecure=true",
         "or say --embedding.allow_plain_key=true"},
        {PLAIN_EMBEDDING "--llm.allow_plain_key=true", "or say --embedding.allow_plain_key=true"},
        {PLAIN_EMBEDDING "--embedding.allow_plain_key=true", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        char tag[16]; /* of its own: a file of the case before would say that it is ready */
        snprintf(tag, sizeof tag, "plain%zu", i);
        program_start(&p, dir, tag, "onic-reward-server", cases[i].args);
        if (!cases[i].refused) {
            assert_true(wait_until(server_is_ready, &p, SCENE_LONG_MS));
            kill(p.pid, SIGINT);
        }
        int code = program_wait(&p, SCENE_LONG_MS);
        if (code != (cases[i].refused ? 64 : 0) ||
            (cases[i].refused && !strstr(program_text(p.err), cases[i].refused)))
            fail_msg("%s: %d, %s", cases[i].args, code, program_text(p.err));
        assert_null(strstr(program_text(p.err), MARKER));
    }
}

/* --- who may look ---------------------------------------------------------------------------- */

/* A user's processes read each other's environment, but root's those of everybody: here it has no
 * such right. */
static const char *without_rights(void)
{
    return geteuid() == 0 ? "setpriv --bounding-set -all" : "env";
}

static bool environment_is_readable(pid_t pid)
{
    char command[200];
    snprintf(command, sizeof command, "%s head -c 1 /proc/%d/environ >/dev/null 2>&1",
             without_rights(), (int)pid);
    return system(command) == 0;
}

/* A program of the user's may ask a model itself, so the key is kept for it, and looked after. */
static void a_key_for_a_command_is_seen_by_nobody_else(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
    skip(); /* secrets.c */
#endif
    for (int with_key = 0; with_key < 2; with_key++) {
        struct program p;
        char command[900];
        snprintf(command, sizeof command,
                 "%s exec %s '%s/onic-reward-server' --listen=ipc://x --run-dir=store "
                 "--annotator.domain=minigrid --annotator.goal=KeyCorridor --annotator.id=command "
                 "--command.run='sleep 600'",
                 with_key ? "OTHER_API_KEY=" MARKER : "KEPT=yes", without_rights(),
                 getenv("ONIC_BUILD"));
        program_start_shell(&p, dir, with_key ? "held" : "free", command);
        assert_true(wait_until(server_is_ready, &p, SCENE_LONG_MS));
        assert_int_equal(environment_is_readable(p.pid), !with_key);
        pid_t asked = with_key ? process_child(p.pid, "sleep") : 0;
        if (asked > 0)
            assert_true(process_shows(asked, "environ", MARKER));
        kill(p.pid, SIGINT);
        assert_int_equal(program_wait(&p, SCENE_LONG_MS), 0);
    }
}

/* --- a proxy --------------------------------------------------------------------------------- */

struct proxy {
    int fd, port;
    pthread_t thread;
    char request[4096];
};

/* The first request it gets. */
static void *proxy_serve(void *arg)
{
    struct proxy *x = arg;
    int c = accept(x->fd, NULL, NULL);
    if (c < 0)
        return NULL;
    ssize_t n = read(c, x->request, sizeof x->request - 1);
    x->request[n > 0 ? n : 0] = '\0';
    close(c);
    return NULL;
}

static void proxy_open(struct proxy *x)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    memset(x, 0, sizeof *x);
    x->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(bind(x->fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(x->fd, 8) == 0 &&
                getsockname(x->fd, (struct sockaddr *)&a, &len) == 0);
    x->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&x->thread, NULL, proxy_serve, x), 0);
}

static void proxy_close(struct proxy *x)
{
    shutdown(x->fd, SHUT_RDWR);
    close(x->fd);
    pthread_join(x->thread, NULL);
}

/* None but llm.proxy is used, so no key goes where only the environment says. */
static void a_proxy_of_the_environment_gets_nothing(void **state)
{
    static struct proxy x;
    struct program p;
    char args[900];
    (void)state;
    proxy_open(&x);
    snprintf(args, sizeof args,
             "export http_proxy=http://127.0.0.1:%d no_proxy= OPENAI_API_KEY=" MARKER "; "
             "export all_proxy=$http_proxy ALL_PROXY=$http_proxy; exec '%s/onic' doctor "
             "--annotator.id=llm --llm.url=http://127.0.0.1:%d/keys/v1 --llm.model=m "
             "--llm.deadline_s=5",
             x.port, getenv("ONIC_BUILD"), server.port);
    program_start_shell(&p, dir, "environment", args);
    assert_int_not_equal(program_wait(&p, SCENE_LONG_MS), PROGRAM_STILL_RUNS);
    proxy_close(&x);
    assert_string_equal(x.request, "");
    assert_non_null(strstr(program_text(p.out), "/keys/v1 answers as m"));
}

static void a_proxy_gets_its_password_out_of_a_file(void **state)
{
    static struct proxy x;
    struct program p;
    char args[900], path[300];
    (void)state;
    proxy_open(&x);
    snprintf(path, sizeof path, "%s/auth", dir);
    FILE *f = fopen(path, "we");
    assert_true(f && fputs("user:sesame\n", f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0);
    snprintf(args, sizeof args,
             "doctor --annotator.id=llm --llm.url=http://llm.invalid/v1 --llm.model=m "
             "--llm.proxy=http://127.0.0.1:%d --llm.proxy_auth_file=auth --llm.deadline_s=5",
             x.port);
    program_run(&p, dir, "open", "onic", args, SCENE_LONG_MS);
    assert_non_null(strstr(program_text(p.out), "llm.proxy_auth_file auth can be read by every"));
    assert_int_equal(chmod(path, 0600), 0);
    program_run(&p, dir, "proxy", "onic", args, SCENE_LONG_MS);
    proxy_close(&x);
    if (!strstr(x.request, "Proxy-Authorization: Basic dXNlcjpzZXNhbWU=\r\n"))
        fail_msg("%s\n%s", x.request, program_text(p.out));
    assert_null(strstr(program_text(p.out), "sesame"));
    assert_null(strstr(program_text(p.err), "sesame"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_reward_server_has_the_key),
        cmocka_unit_test(programs_that_need_none_wipe_their_environment),
        cmocka_unit_test(a_password_is_no_option),
        cmocka_unit_test(binding_openly_sends_no_key_openly),
        cmocka_unit_test(a_key_for_a_command_is_seen_by_nobody_else),
        cmocka_unit_test(a_proxy_of_the_environment_gets_nothing),
        cmocka_unit_test(a_proxy_gets_its_password_out_of_a_file),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
