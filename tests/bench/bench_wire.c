/* SPDX-License-Identifier: MIT */
/* bench_wire.c - what a learner's trajectory plane takes from many actors over tcp on this machine,
 * with keys (CURVE) and without, in turn; one JSON object per line.
 *
 * Usage: bench_wire [--actors=1000] [--kb=30] [--seconds=10] [--rounds=3] [--processes=CORES]
 *
 * The links are the real ones of learner and actors: frames, checks, credit, accounts, the ledger.
 * Only nobody plays and nobody trains: an actor hands a trajectory over as often as it has credit,
 * the learner books each and lets it go. The actors share as many processes as there are cores,
 * each with one context of libzmq, and all of them the machine with the learner: more processes
 * than cores measure their turns on the cores (four on two cores: 0.82 of the rate of two).
 *
 * Weights are published when all have joined, so joined_s is the time that joining takes, from the
 * start of the processes on; the rate is measured once each of them has been heard. On a busy
 * machine look at mb_per_cpu_s: megabytes for a second of the learner's processor time. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/scratch.h"
#include "common/base/xmalloc.h"
#include "common/data/episode.h"
#include "common/data/trajectory_block.h"
#include "common/wire/frame/sock.h"
#include "common/wire/keys/key_make.h"
#include "common/wire/keys/keys.h"
#include "common/wire/rollout/actor_link.h"
#include "common/wire/rollout/learner_link.h"

enum { T = 32, E = 4, WEIGHTS = 1000, PROCESSES_MAX = 64, JOIN_MS = 180000, WARM_MS = 1000 };
static const char env_text[] = "env.id: synthetic\n", net_text[] = "policy.net: none\n";

struct bench {
    int actors, kb, seconds, rounds, processes;
    const char *learner, *keys; /* of a process that is actors */
};

static void must(int rc, const struct onic_err *err)
{
    if (!rc)
        return;
    fprintf(stderr, "bench_wire: %s\n", err->msg);
    exit(70);
}

/* Observations of so many bytes make a trajectory about as long as was asked for. */
static struct trajectory_shape shape_of(int kb)
{
    struct trajectory_shape s = {.T = T, .E = E, .obs_bytes = 8, .actions = {.n = 3}};
    while (trajectory_fixed_bytes(&s) < (size_t)kb * 1000)
        s.obs_bytes += 8;
    return s;
}

static struct wire_keys *open_keys(const char *folder, enum key_role self)
{
    struct wire_keys *k = NULL;
    struct onic_err err = {0};
    const struct wire_keys_wish wish = {
        .folder = folder, .self = self, .address = {"tcp://127.0.0.1:1"}};
    if (folder[0])
        must(wire_keys_open(&k, &wish, &err), &err);
    return k;
}

static void more_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* --- actors ---------------------------------------------------------------------------------- */

struct player {
    struct wire_actor *link;
    bool ready;
    int id;
    uint64_t played;
};

/* True when there was something to do. */
static bool play(struct player *p, const struct trajectory_shape *shape)
{
    struct onic_err err = {0};
    struct wire_welcome welcome;
    if (!p->ready) {
        int rc = wire_actor_welcome(p->link, 0, &welcome, &err);
        if (rc == ONIC_EAGAIN)
            return false;
        must(rc, &err);
        const struct wire_ready r = {
            .shape = *shape, .env_text = env_text, .net_text = net_text, .weights_floats = WEIGHTS};
        must(wire_actor_ready(p->link, &r, &err), &err);
        p->ready = true;
        p->id = (int)welcome.actor_id;
        return true;
    }
    int rc = wire_actor_poll(p->link, 0, &err);
    if (rc == ONIC_ESTOPPED)
        exit(0);
    must(rc, &err);
    bool played = false;
    while (wire_actor_may_start(p->link)) {
        struct trajectory *t = wire_actor_take(p->link);
        wire_actor_weights(p->link, &t->weights_version);
        for (int e = 0; e < E; e++) /* the learner asks whose they are */
            t->episode_id[e] = episode_id(p->id, e, p->played);
        p->played++;
        wire_actor_put(p->link, t);
        played = true;
    }
    return played;
}

_Noreturn static void be_actors(const struct bench *b)
{
    struct trajectory_shape shape = shape_of(b->kb);
    struct player *player = xcalloc((size_t)b->actors, sizeof *player);
    struct wire_keys *keys = open_keys(b->keys, KEY_ACTOR);
    void *context = zmq_ctx_new();
    struct onic_err err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 16 * b->actors + 64); /* with those that watch them */
    for (int i = 0; i < b->actors; i++) {
        const struct wire_actor_params p = {
            .learner = b->learner, .zmq_context = context, .actor_id = -1, .keys = keys};
        must(wire_actor_create(&player[i].link, &p, &err), &err);
    }
    for (;;) {
        bool busy = false;
        for (int i = 0; i < b->actors; i++)
            busy |= play(&player[i], &shape);
        if (!busy)
            usleep(1000);
    }
}

/* --- the learner ----------------------------------------------------------------------------- */

static pid_t start_actors(const struct bench *b, int n, const char *address, const char *keys)
{
    char actors[32], kb[32], learner[SOCK_ADDRESS_MAX + 16], folder[4200];
    snprintf(actors, sizeof actors, "--actors=%d", n);
    snprintf(kb, sizeof kb, "--kb=%d", b->kb);
    snprintf(learner, sizeof learner, "--learner=%s", address);
    snprintf(folder, sizeof folder, "--keys=%s", keys);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "bench_wire", actors, kb, learner, folder, (char *)NULL);
        _exit(127);
    }
    return pid;
}

struct table {
    struct wire_learner *l;
    const struct bench *b;
    pid_t pid[PROCESSES_MAX];
    bool heard[BOUND_ACTORS]; /* by number */
    int nheard;
};

/* Bytes of the trajectories that were taken and booked until then. */
static double take_until(struct table *of, int64_t end_ms)
{
    double bytes = 0;
    while (clock_ms() < end_ms) {
        struct trajectory *t;
        size_t len;
        if (wire_learner_take(of->l, &t, 20) != ONIC_OK)
            continue;
        wire_learner_frame(t, &len);
        bytes += (double)len;
        of->nheard += !of->heard[t->actor_id];
        of->heard[t->actor_id] = true;
        wire_learner_consumed(of->l, t);
        wire_learner_release(of->l, t);
    }
    return bytes;
}

static struct wire_learner_status status_of(struct wire_learner *l)
{
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    return s;
}

/* A process of actors that ends says why, if it can. */
static void must_all_live(const struct table *of)
{
    for (int i = 0; i < of->b->processes; i++) {
        if (waitpid(of->pid[i], NULL, WNOHANG) == 0)
            continue;
        fprintf(stderr, "bench_wire: some of the actors have ended\n");
        exit(70);
    }
}

/* Another 50 ms of waiting, unless it was for too long. */
static void wait_on(struct table *of, int64_t began)
{
    take_until(of, clock_ms() + 50);
    must_all_live(of);
    if (clock_ms() - began < JOIN_MS)
        return;
    struct wire_learner_status s = status_of(of->l);
    fprintf(stderr,
            "bench_wire: of %d actors %d have joined and %d were heard; %llu connections were cut, "
            "%llu times one was to come again\n",
            of->b->actors, s.actors_running, of->nheard, (unsigned long long)s.cut,
            (unsigned long long)s.hello_limited);
    exit(70);
}

/* Seconds until all of them have joined. */
static double await_all(struct table *of)
{
    int64_t began = clock_ms();
    while (status_of(of->l).actors_running < of->b->actors)
        wait_on(of, began);
    return (double)(clock_ms() - began) * 1e-3;
}

static void await_word_of_all(struct table *of)
{
    int64_t began = clock_ms();
    while (of->nheard < of->b->actors)
        wait_on(of, began);
    take_until(of, clock_ms() + WARM_MS);
}

static double resident_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) * 1e-6;
}

static struct wire_learner *open_learner(const struct bench *b, struct wire_keys *keys)
{
    struct trajectory_shape any = shape_of(b->kb);
    struct wire_learner *l = NULL;
    struct onic_err err = {0};
    any.E = 0;
    const struct wire_learner_params p = {.listen = "tcp://127.0.0.1:*",
                                          .weights_listen = "",
                                          .run_id = {1},
                                          .epoch = 1,
                                          .config_text = "env: {id: synthetic}\n",
                                          .config_len = 21,
                                          .env_text = env_text,
                                          .net_text = net_text,
                                          .weights_floats = WEIGHTS,
                                          .shape = any,
                                          .window = 2,
                                          .max_queued = 512,
                                          .inflight_bytes_max = 512 << 20,
                                          .max_policy_lag = 1000,
                                          .keys = keys};
    must(wire_learner_create(&l, &p, &err), &err);
    return l;
}

/* With the seconds that they took to join. */
static void take_and_tell(struct table *of, bool keyed, double joined_s)
{
    int64_t began = clock_ms(), cpu = clock_process_cpu_ns();
    double bytes = take_until(of, began + 1000 * of->b->seconds);
    double seconds = (double)(clock_ms() - began) * 1e-3;
    double cpu_s = (double)(clock_process_cpu_ns() - cpu) * 1e-9;
    struct wire_learner_status s = status_of(of->l);
    struct ledger books;
    must_all_live(of);
    wire_learner_ledger(of->l, &books);
    printf("{\"bench\":\"wire\",\"keys\":%s,\"actors\":%d,\"kb\":%d,\"mb_per_s\":%.1f,"
           "\"mb_per_cpu_s\":%.1f,\"seconds\":%.1f,\"joined_s\":%.2f,\"cut\":%llu,"
           "\"learner_cpu\":%.2f,\"rss_mb\":%.0f,\"lost\":%d,\"bad\":%llu,\"hwm_hit\":%llu,"
           "\"balanced\":%s}\n",
           keyed ? "true" : "false", of->b->actors, of->b->kb, bytes * 1e-6 / seconds,
           bytes * 1e-6 / cpu_s, seconds, joined_s, (unsigned long long)s.cut, cpu_s / seconds,
           resident_mb(), of->b->actors - s.actors_running, (unsigned long long)s.rx_bad,
           (unsigned long long)s.hwm_hit, ledger_balanced(&books) ? "true" : "false");
    fflush(stdout);
}

static void measure(const struct bench *b, const char *keys)
{
    static const float weights[WEIGHTS];
    struct wire_keys *own = open_keys(keys, KEY_LEARNER);
    struct table *of = xcalloc(1, sizeof *of);
    of->b = b;
    of->l = open_learner(b, own);
    for (int i = 0; i < b->processes; i++)
        of->pid[i] =
            start_actors(b, (b->actors + i) / b->processes, wire_learner_address(of->l), keys);
    double joined_s = await_all(of);
    wire_learner_publish(of->l, weights, 1);
    await_word_of_all(of);
    take_and_tell(of, keys[0] != '\0', joined_s);
    for (int i = 0; i < b->processes; i++) {
        kill(of->pid[i], SIGKILL);
        waitpid(of->pid[i], NULL, 0);
    }
    wire_learner_free(of->l);
    wire_keys_free(own);
    free(of);
}

static void bench_all(const struct bench *b)
{
    static const struct scratch_wish wish = {.prefix = "onic-bench-", .what = "a benchmark"};
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "."};
    char public[KEY_ROLES][KEY_TEXT];
    struct scratch folder = {0};
    struct onic_err err = {0};
    must(scratch_create(&folder, &wish, places, 3, &err), &err);
    must(key_make(folder.path, 1u << KEY_ACTOR | 1u << KEY_LEARNER, "", public, &err), &err);
    for (int i = 0; i < 2 * b->rounds; i++)
        measure(b, (i + i / 2) % 2 ? "" : folder.path);
    scratch_remove(&folder);
}

static bool take_number(const char *word, const char *name, int most, int *out)
{
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0)
        return false;
    *out = atoi(word + n);
    return *out >= 1 && *out <= most;
}

int main(int argc, char **argv)
{
    struct bench b = {.actors = 1000, .kb = 30, .seconds = 10, .rounds = 3, .keys = ""};
    b.processes = cpu_usable() < PROCESSES_MAX ? cpu_usable() : PROCESSES_MAX;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strncmp(word, "--learner=", 10) == 0)
            b.learner = word + 10;
        else if (strncmp(word, "--keys=", 7) == 0)
            b.keys = word + 7;
        else if (!take_number(word, "--actors=", BOUND_ACTORS, &b.actors) &&
                 !take_number(word, "--kb=", 10000, &b.kb) &&
                 !take_number(word, "--seconds=", 3600, &b.seconds) &&
                 !take_number(word, "--rounds=", 100, &b.rounds) &&
                 !take_number(word, "--processes=", PROCESSES_MAX, &b.processes)) {
            fprintf(stderr,
                    "%s is not known, or no such number; usage: bench_wire [--actors=1000] "
                    "[--kb=30] [--seconds=10] [--rounds=3] [--processes=CORES]\n",
                    word);
            return 64;
        }
    }
    log_set_level(LOG_ERROR);
    more_files();
    if (b.learner)
        be_actors(&b);
    bench_all(&b);
    return 0;
}
