/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_bad_input.c - what users and networks do wrong, against the real programs: one clear
 * sentence, the exit code of deploy/interface.md section 3, and nothing lost. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/rng.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/frame.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"

enum { TEN_SECONDS = 10000 };

/* --- options and files ----------------------------------------------------------------------- */

static void an_unknown_or_impossible_option_is_64(void **state)
{
    struct scene *s = *state;
    scene_fails(s, "onic", "train --train.lrr=1", 64, "did you mean '--train.lr'?");
    scene_fails(s, "onic", "train --train.lr=7", 64,
                "train.lr is '7', must be a number from 0 to 1");
    scene_fails(s, "onic-learner", "--listen=ipc://x --run.frames=0", 64, "run.frames is '0'");
    scene_fails(s, "onic-actor", "--learner=ipc://x --actors.id=70000", 64, "actors.id is '70000'");
    scene_fails(s, "onic-reward-server", "--listen=ipc://x --rules.noise=2", 64,
                "rules.noise is '2'");
    scene_fails(s, "onic-reward-server", "", 64, "--listen=");
    scene_fails(s, "onic-learner", "--reward.model=none", 64, "--listen=");
    scene_fails(s, "onic-actor", "", 64, "--learner=");
}

static void a_missing_wheel_is_64(void **state)
{
    struct scene *s = *state;
    scene_fails(s, "onic", "train --run-dir=run --env.id=nethack:Score --env.nle=/nowhere", 64,
                "env.nle names /nowhere, which does not exist");
    scene_fails(s, "onic", "env describe nethack:Score --env.nle=/nowhere", 64, "/nowhere");
    assert_int_equal(access(s->run, F_OK), -1);
}

static void a_wheel_of_another_abi_is_78_and_named(void **state)
{
    static const char *const generation[][2] = {
        {"0.8", "onic works with NLE 0.9 to 1.3"},
        {"3.7", "an unknown version of NetHack"},
        {"none", "does not export nle_start"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof generation / sizeof generation[0]; i++) {
        char args[600];
        snprintf(args, sizeof args,
                 "env describe nethack:Score --env.nle=%s/tests/fake_libnethack/%s",
                 getenv("ONIC_BUILD"), generation[i][0]);
        scene_fails(s, "onic", args, 78, generation[i][1]);
        snprintf(args, sizeof args,
                 "train --run-dir=run%zu --env.id=nethack:Score "
                 "--env.nle=%s/tests/fake_libnethack/%s",
                 i, getenv("ONIC_BUILD"), generation[i][0]);
        scene_fails_within(s, "onic", args, 78, generation[i][1], 3);
    }
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_vectors_file_of_the_wrong_width_is_64_with_file_and_line(void **state)
{
    struct scene *s = *state;
    write_file(s->dir, "words.vec", "2 3\nkey 1 2 3\ndoor 1 2\n");
    scene_fails(s, "onic-reward-server",
                "--listen=ipc://r --run-dir=run --annotator.id=embedding --embedding.source=file "
                "--embedding.vectors=./words.vec --annotator.domain=minigrid "
                "--annotator.goal=KeyCorridor",
                64, "./words.vec:3: 2 numbers where the first line says 3");
    scene_fails(s, "onic-reward-server",
                "--listen=ipc://r --run-dir=run --annotator.id=embedding --embedding.source=file "
                "--annotator.domain=minigrid --annotator.goal=KeyCorridor",
                64, "needs embedding.vectors");
}

static bool has_file(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return access(path, F_OK) == 0;
}

static void a_goal_without_anchors_is_64_with_file_and_line(void **state)
{
    struct scene *s = *state;
    write_file(s->dir, "goal.yaml",
               "description: nothing to go by\nenvironments: [\"minigrid:*\"]\n");
    scene_fails(s, "onic-reward-server",
                "--listen=ipc://r --run-dir=run --annotator.id=rules --annotator.goal=./goal.yaml "
                "--annotator.domain=minigrid",
                64, "the goal has no anchors");
    assert_non_null(strstr(program_text(s->a.err), "./goal.yaml:"));
    write_file(s->dir, "half.yaml", "positive:\n  - You win.\n");
    scene_fails(s, "onic-reward-server",
                "--listen=ipc://r --run-dir=run --annotator.id=rules --annotator.goal=./half.yaml "
                "--annotator.domain=minigrid",
                64, "./half.yaml:1: the goal has no anchors");
    program_start(&s->a, s->dir, "a", "onic",
                  "train --run-dir=run2 --annotator.id=rules --annotator.goal=./goal.yaml");
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 64);
    assert_non_null(strstr(program_text(s->a.err), "the goal has no anchors"));
    assert_false(has_file(s, "run2")); /* the next command starts afresh */
}

/* The reward server says it and nothing else; `onic train`, whose child it is, passes it on. */
static void both_refuse(struct scene *s, const char *options, const char *sentence)
{
    char args[700];
    snprintf(args, sizeof args, "--listen=ipc://r --run-dir=store --annotator.domain=minigrid %s",
             options);
    scene_fails(s, "onic-reward-server", args, 64, sentence);
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --deterministic %s",
             options); /* deterministic: no update before the reward server answers */
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 64 || !strstr(program_text(s->a.err), sentence))
        fail_msg("%d: %s", code, program_text(s->a.err));
    assert_false(has_file(s, "run/config.yaml")); /* a slip is not the stored configuration */
}

static void a_broken_pattern_is_64_with_file_and_line(void **state)
{
    struct scene *s = *state;
    write_file(s->dir, "goal.yaml", "rules:\n  - \"You win.\": 1\n  - \"/You (win/\": 1\n");
    both_refuse(s, "--annotator.id=rules --annotator.goal=./goal.yaml",
                "./goal.yaml:3: this regular expression is not valid");
}

static void an_unknown_placeholder_of_a_prompt_is_64_with_file_and_line(void **state)
{
    struct scene *s = *state;
    char folder[400];
    snprintf(folder, sizeof folder, "%s/prompts", s->dir);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof folder, "%s/prompts/minigrid", s->dir);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_file(
        folder, "classification.default.yaml",
        "system: S\nuser: |\n  {preference} {examples}\n  Message: {capton}\n"
        "words: [UP, DOWN]\nkey: label\nexample: \"{caption} {analysis} {word}\"\n"
        "examples:\n  - {caption: c, analysis: a}\ngoals:\n  KeyCorridor: {preference: P.}\n");
    both_refuse(s,
                "--annotator.id=llm --llm.url=http://127.0.0.1:1 --llm.model=m "
                "--annotator.goal=KeyCorridor --annotator.prompts_dir=./prompts",
                "minigrid/classification.default.yaml:4: unknown placeholder {capton}");
    /* nothing was made, so everything may be different */
    assert_false(has_file(s, "run"));
    assert_int_equal(program_run(&s->a, s->dir, "b", "onic",
                                 "train --run-dir=run --env.id=corridor --annotator.id=rules "
                                 "--frames=2000 --stop.success=0",
                                 SCENE_LONG_MS),
                     0);
    assert_true(has_file(s, "run/config.yaml"));
}

static void a_slip_overwrites_nothing(void **state)
{
    struct scene *s = *state;
    const char *good = "train --run-dir=run --on-exists=overwrite --env.id=corridor "
                       "--annotator.id=rules --frames=2000 --stop.success=0";
    static const char *const slips[] = {"--policy.net=typo", "--listen=tcp://localhost"};
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", good, SCENE_LONG_MS), 0);
    write_file(s->dir, "run/replays/mine", "kept by a run, gone with it\n");
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char slip[300];
        snprintf(slip, sizeof slip, "%s %s", good, slips[i]);
        assert_int_equal(program_run(&s->a, s->dir, "b", "onic", slip, SCENE_LONG_MS), 64);
        assert_true(has_file(s, "run/config.yaml") && has_file(s, "run/replays/mine"));
    }
    assert_int_equal(program_run(&s->a, s->dir, "c", "onic", good, SCENE_LONG_MS), 0);
    assert_false(has_file(s, "run/replays/mine"));
}

static int listening_port(int *fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

/* A learner that is started alone: nobody has looked at its options before. */
static void a_slip_of_a_learner_overwrites_nothing(void **state)
{
    struct scene *s = *state;
    char in_use[60], next_in_use[60];
    int fd, port = listening_port(&fd);
    assert_int_equal(listen(fd, 1), 0);
    snprintf(in_use, sizeof in_use, "--listen=tcp://127.0.0.1:%d", port);
    snprintf(next_in_use, sizeof next_in_use, "--listen=tcp://127.0.0.1:%d", port - 1);
    const char *slips[] = {"--policy.net=typo",
                           "--env.id=typo",
                           "--reward.model=typo",
                           "--reward.shaping=typo",
                           "--listen=",
                           "--listen=tcp://localhost",
                           "--reward.server=typo --reward.model=hash",
                           "--policy.hidden=4096 "
                           "--policy.core_size=4096 --policy.parts=typo",
                           in_use,
                           next_in_use};
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic",
                                 "train --run-dir=run --env.id=corridor --annotator.id=rules "
                                 "--frames=2000 --stop.success=0",
                                 SCENE_LONG_MS),
                     0);
    write_file(s->dir, "run/replays/mine", "kept by a run, gone with it\n");
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char args[500];
        snprintf(args, sizeof args,
                 "--run-dir=run --on-exists=overwrite --env.id=corridor --reward.model=none "
                 "--listen=ipc://sock %s",
                 slips[i]);
        int code = program_run(&s->a, s->dir, "b", "onic-learner", args, SCENE_LONG_MS);
        if (code == 0 || code == PROGRAM_STILL_RUNS || program_lines(&s->a) > 2 ||
            !has_file(s, "run/replays/mine") || !has_file(s, "run/checkpoints/LATEST"))
            fail_msg("%s: exit %d, %s", slips[i], code, program_text(s->a.err));
    }
    for (int i = 0; i < 2; i++) {
        char train[300];
        snprintf(train, sizeof train,
                 "train --run-dir=run --on-exists=overwrite --env.id=corridor --reward.model=none "
                 "%s",
                 i ? next_in_use : in_use);
        assert_int_equal(program_run(&s->a, s->dir, "d", "onic", train, SCENE_LONG_MS), 73);
        assert_true(has_file(s, "run/replays/mine"));
    }
    close(fd);
    program_start(&s->a, s->dir, "c", "onic-learner",
                  "--run-dir=run --on-exists=overwrite --env.id=corridor --reward.model=none "
                  "--listen=ipc://sock");
    await_word(s->a.err, "listening", SCENE_SOON_MS);
    assert_false(has_file(s, "run/replays/mine"));
    scene_drain(&s->a);
}

/* --- addresses and peers --------------------------------------------------------------------- */

/* Starts an actor for that port; its sentence must come within ten seconds, and 75 at the end. */
static void actor_complains(struct scene *s, int port, const char *sentence)
{
    char args[200];
    snprintf(args, sizeof args, "--learner=tcp://127.0.0.1:%d --actors.orphan_timeout_s=9", port);
    program_start(&s->a, s->dir, "a", "onic-actor", args);
    await_word(s->a.err, sentence, TEN_SECONDS);
    assert_int_equal(program_wait(&s->a, SCENE_SOON_MS), 75);
    assert_non_null(strstr(program_text(s->a.err), "for 9 s (--orphan-timeout); giving up"));
}

static void nobody_at_the_address_is_said_within_ten_seconds(void **state)
{
    int fd, port = listening_port(&fd); /* bound and not listening: refused */
    actor_complains(*state, port, "nobody answers at tcp://127.0.0.1:");
    close(fd);
}

static void *answer_as_http(void *arg)
{
    int fd = *(int *)arg, client;
    static const char page[] = "HTTP/1.0 400 Bad Request\r\n\r\n";
    while ((client = accept(fd, NULL, NULL)) >= 0) {
        if (send(client, page, sizeof page - 1, MSG_NOSIGNAL) < 0)
            print_message("the actor hung up\n");
    }
    return NULL; /* the connections stay open until the test ends, as an idle server's */
}

static void a_port_of_something_else_is_said_within_ten_seconds(void **state)
{
    pthread_t thread;
    int fd, port = listening_port(&fd);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_as_http, &fd), 0);
    actor_complains(*state, port, "wrong port, or the peer is not an onic learner");
    shutdown(fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd);
}

static void start_learner(struct scene *s, const char *more)
{
    char args[600];
    snprintf(args, sizeof args,
             "--run-dir=run --listen=ipc://%s/l --env.id=minigrid:KeyCorridorS3R3 --env.count=8 "
             "--train.batch=1024 --metrics.every_s=0.2 --frames=1000000000 %s",
             s->dir, more);
    program_start(&s->b, s->dir, "b", "onic-learner", args);
    await_word(s->b.err, "listening", SCENE_SOON_MS);
}

static void an_actor_that_disagrees_is_78_and_told_each_difference(void **state)
{
    struct scene *s = *state;
    char args[400];
    start_learner(s, "--reward.model=none");
    snprintf(args, sizeof args,
             "--learner=ipc://%s/l --env.id=minigrid:DoorKey-8x8 --policy.hidden=32", s->dir);
    scene_fails_within(
        s, "onic-actor", args, 78,
        "env.id: this actor was given minigrid:DoorKey-8x8, the learner has "
        "minigrid:KeyCorridorS3R3; policy.hidden: this actor was given 32, the learner "
        "has 0; ",
        2);
    snprintf(args, sizeof args, "--learner=ipc://%s/l --env.id=minigrid:KeyCorridorS3R3", s->dir);
    program_start(&s->a, s->dir, "a", "onic-actor", args); /* the same value is no difference */
    scene_trains_on(s);
    scene_drain(&s->a);
    scene_drain(&s->b);
    scene_ledger_is_balanced(s);
}

static void a_network_that_does_not_fit_is_named(void **state)
{
    struct scene *s = *state;
    scene_fails(s, "onic",
                "train --run-dir=run --env.id=minigrid:Empty-5x5 --policy.net=torchbeast", 64,
                "the network policy.net=torchbeast is not for this environment");
    scene_fails_within(s, "onic", "train --run-dir=run --env.id=corridor --policy.parts=map", 64,
                       "the network mlp has no parts to choose", 8);
}

static void a_run_with_another_environment_is_not_resumed(void **state)
{
    struct scene *s = *state;
    scene_train(s, "");
    scene_drain(&s->a);
    scene_fails_within(s, "onic",
                       "train --run-dir=run --env.id=minigrid:DoorKey-8x8 --policy.hidden=32", 64,
                       "env", 8);
    assert_non_null(strstr(program_text(s->a.err), "DoorKey-8x8"));
    assert_non_null(strstr(program_text(s->a.err), "KeyCorridorS3R3"));
    /* What was refused is not stored: the run goes on as it was. */
    char path[600];
    snprintf(path, sizeof path, "%s/config.yaml", s->run);
    assert_null(strstr(program_text(path), "DoorKey"));
    assert_non_null(strstr(program_text(path), "KeyCorridorS3R3"));
}

/* --- frames ---------------------------------------------------------------------------------- */

static size_t sealed(uint8_t *out, enum frame_type type, int major, const char *body)
{
    struct frame_head h = {.type = (uint16_t)type, .actor_id = (uint32_t)FRAME_ID_NONE};
    h.meta_len = (uint32_t)strlen(body);
    memcpy(out + FRAME_HEADER, body, h.meta_len);
    frame_seal(out, &h, crc32c(0, body, h.meta_len));
    if (major != FRAME_MAJOR) {
        out[4] = (uint8_t)major;
        uint32_t crc = crc32c(0, out, 60);
        memcpy(out + 60, &crc, 4);
    }
    return FRAME_HEADER + h.meta_len;
}

static void an_actor_that_meets_another_protocol_version_is_78(void **state)
{
    struct scene *s = *state;
    char address[300], args[400];
    uint8_t frame[FRAME_HEADER], id[256];
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_ROUTER);
    int linger = 0, wait_ms = SCENE_SOON_MS;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    snprintf(address, sizeof address, "ipc://%s/l", s->dir);
    assert_int_equal(zmq_bind(socket, address), 0);
    snprintf(args, sizeof args, "--learner=%s", address);
    program_start(&s->a, s->dir, "a", "onic-actor", args);
    int n = zmq_recv(socket, id, sizeof id, 0);
    assert_true(n > 0);
    zmq_send(socket, id, (size_t)n, ZMQ_SNDMORE);
    zmq_send(socket, frame, sealed(frame, FRAME_REJECT, FRAME_MAJOR + 1, ""), 0);
    assert_int_equal(program_wait(&s->a, SCENE_SOON_MS), 78);
    assert_non_null(strstr(program_text(s->a.err), "speaks protocol 2.0, this actor 1.0"));
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* Everything a stranger may send to a socket. */
static void send_nonsense(const char *address)
{
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    int linger = 5000;
    uint8_t bytes[4096];
    struct rng rng = rng_stream(1, "nonsense", 0, 0, 0);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(socket, address), 0);
    for (int i = 0; i < 200; i++) { /* noise of every length */
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)rng_u32(&rng);
        zmq_send(socket, bytes, rng_below(&rng, sizeof bytes), 0);
    }
    for (int type = 0; type < 80; type++) { /* good frames with nonsense inside, whole and cut */
        size_t n = sealed(bytes, (enum frame_type)type, FRAME_MAJOR, "not protobuf \xff\xff\xff");
        zmq_send(socket, bytes, n, 0);
        zmq_send(socket, bytes, n - 3, 0);
        bytes[n - 1] ^= 1;
        zmq_send(socket, bytes, n, 0);
    }
    zmq_send(socket, bytes, sealed(bytes, FRAME_HELLO, FRAME_MAJOR + 1, ""), 0);
    zmq_send(socket, "ONIC", 4, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
    zmq_close(socket);
    zmq_ctx_term(context);
}

static void nonsense_is_counted_and_training_goes_on(void **state)
{
    struct scene *s = *state;
    char address[400], args[600];
    snprintf(args, sizeof args, "--listen.address=ipc://%s/l", s->dir);
    scene_train(s, args);
    snprintf(address, sizeof address, "ipc://%s/l", s->dir);
    pid_t learner = process_child(s->a.pid, "onic-learner");
    send_nonsense(address);
    /* What is under way when a stranger hangs up may be lost on the way. */
    scene_await_metric(s, "wire/rx_bad_total", 100);
    scene_trains_on(s);
    assert_int_equal(process_child(s->a.pid, "onic-learner"), learner);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
}

static void a_reward_server_survives_nonsense(void **state)
{
    struct scene *s = *state;
    char address[400], args[600];
    snprintf(address, sizeof address, "ipc://%s/r", s->dir);
    snprintf(args, sizeof args, "--run-dir=store --annotator.id=rules --listen=%s", address);
    program_start(&s->b, s->dir, "b", "onic-reward-server", args);
    await_word(s->b.err, "ready", SCENE_SOON_MS);
    send_nonsense(address);
    snprintf(args, sizeof args, "--reward.server=%s", address);
    scene_train(s, args);
    scene_await_metric(s, "annot/labels_total", 5); /* it still answers */
    scene_drain(&s->a);
    scene_drain(&s->b);
}

static void a_dead_reward_server_is_said_and_training_goes_on(void **state)
{
    struct scene *s = *state;
    int fd, port = listening_port(&fd);
    char args[200];
    snprintf(args, sizeof args, "--reward.server=tcp://127.0.0.1:%d", port);
    scene_train(s, args);
    char metrics[400];
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", s->run);
    await_word(metrics,
               "\"waiting_for\":\"no reward server answers at tcp://127.0.0.1:", TEN_SECONDS);
    scene_trains_on(s);
    await_word(s->a.err, "no reward server answers at", SCENE_SOON_MS);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
    close(fd);
}

static void a_reward_server_that_hangs_is_said_and_training_goes_on(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--bench.captions_per_s=20");
    scene_await_metric(s, "annot/labels_total", 5);
    pid_t server = process_child(s->a.pid, "onic-reward-server");
    assert_int_equal(kill(server, SIGSTOP), 0);
    await_word(s->a.err, "the reward server is silent; training goes on", TEN_SECONDS + 5000);
    scene_trains_on(s);
    double labels = metrics_last(s->run, "annot/labels_total");
    assert_int_equal(kill(server, SIGCONT), 0);
    scene_await_metric(s, "annot/labels_total", labels);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
}

static void a_stalled_actor_is_named_within_ten_seconds(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--actors.count=1");
    pid_t actor = process_child(s->a.pid, "onic-actor");
    assert_int_equal(kill(actor, SIGSTOP), 0);
    await_word(s->a.err, "waiting for=\"1 actors connected, none has sent for", TEN_SECONDS);
    double steps = metrics_last(s->run, "env_steps");
    assert_int_equal(kill(actor, SIGCONT), 0);
    scene_await_metric(s, "env_steps", steps);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(an_unknown_or_impossible_option_is_64),
        SCENE(a_missing_wheel_is_64),
        SCENE(a_wheel_of_another_abi_is_78_and_named),
        SCENE(a_vectors_file_of_the_wrong_width_is_64_with_file_and_line),
        SCENE(a_goal_without_anchors_is_64_with_file_and_line),
        SCENE(a_broken_pattern_is_64_with_file_and_line),
        SCENE(an_unknown_placeholder_of_a_prompt_is_64_with_file_and_line),
        SCENE(a_slip_overwrites_nothing),
        SCENE(a_slip_of_a_learner_overwrites_nothing),
        SCENE(nobody_at_the_address_is_said_within_ten_seconds),
        SCENE(a_port_of_something_else_is_said_within_ten_seconds),
        SCENE(an_actor_that_disagrees_is_78_and_told_each_difference),
        SCENE(a_network_that_does_not_fit_is_named),
        SCENE(a_run_with_another_environment_is_not_resumed),
        SCENE(an_actor_that_meets_another_protocol_version_is_78),
        SCENE(nonsense_is_counted_and_training_goes_on),
        SCENE(a_reward_server_survives_nonsense),
        SCENE(a_dead_reward_server_is_said_and_training_goes_on),
        SCENE(a_reward_server_that_hangs_is_said_and_training_goes_on),
        SCENE(a_stalled_actor_is_named_within_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
