/* SPDX-License-Identifier: MIT */
/* case_idle.c - connections that are opened to a learner's two ports and say nothing, in turns with
 * none; who is cut comes again, once a second. They must have no effect: honest actors go on as
 * before, an actor that is killed meanwhile is let in again, checkpoints are written, and
 * afterwards the learner holds what it held before. Times are judged where there are many. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "tests/chaos/cases.h"
#include "tests/chaos/usage.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"
#include "tests/support/zmtp.h"

enum {
    TURN_MS = 5000,
    CALM_MS = 3000,
    AGAIN_MS = 1000,
    LOOK_MS = 20,
    OWN_FILES = 200,
    MANY = 1000,    /* connections; fewer tell no share */
    TURNS_MANY = 8, /* of many connections */
    TURNS_FEW = 2
};
static const double share_min = 0.9, memory_max = 2.0;

static const char idle_options[] =
    "--env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 --env.count=4 --train.rollout=16 "
    "--annotator.id=rules --checkpoint.every_s=1 --metrics.every_s=1 --train.batch=2048 "
    "--metrics.tensorboard=false --replay.every_episodes=0 --log.level=error";

/* --- the connections ------------------------------------------------------------------------- */

struct idle {
    struct pollfd *fds; /* [n] fd -1: not open */
    int n, port;
    uint64_t again_ns, opened, cut;
    int held_most;
};

/* Not waited for: one that cannot be made is one that was cut. */
static int idle_connect(int port)
{
    return zmtp_connect(port, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void idle_open_missing(struct idle *c)
{
    if (storm_now_ns() < c->again_ns)
        return;
    c->again_ns = storm_now_ns() + (uint64_t)AGAIN_MS * 1000000u;
    for (int i = 0; i < c->n; i++)
        if (c->fds[i].fd < 0) { /* every fourth asks for weights */
            c->fds[i] =
                (struct pollfd){.fd = idle_connect(c->port + (i % 4 == 3)), .events = POLLIN};
            c->opened += c->fds[i].fd >= 0;
        }
}

/* Reads the greetings, and sees who was cut. */
static void idle_look(struct idle *c)
{
    char bytes[256];
    int held = 0;
    poll(c->fds, (nfds_t)c->n, 0);
    for (int i = 0; i < c->n; i++) {
        ssize_t got = 1;
        if (c->fds[i].fd >= 0 && c->fds[i].revents)
            got = read(c->fds[i].fd, bytes, sizeof bytes);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            close(c->fds[i].fd);
            c->fds[i].fd = -1;
            c->cut++;
        }
        held += c->fds[i].fd >= 0;
    }
    c->held_most = held > c->held_most ? held : c->held_most;
}

static void idle_close(struct idle *c)
{
    for (int i = 0; i < c->n; i++) {
        if (c->fds[i].fd >= 0)
            close(c->fds[i].fd);
        c->fds[i] = (struct pollfd){.fd = -1};
    }
    c->again_ns = 0;
}

static struct idle idle_of(int n, const char *address)
{
    struct idle c = {.n = n, .fds = xcalloc((size_t)n, sizeof *c.fds)};
    struct rlimit r;
    const char *colon = strrchr(address, ':');
    c.port = colon ? atoi(colon + 1) : 0;
    for (int i = 0; i < n; i++)
        c.fds[i].fd = -1;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < (rlim_t)n + OWN_FILES) {
        r.rlim_cur = (rlim_t)n + OWN_FILES < r.rlim_max ? (rlim_t)n + OWN_FILES : r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    return c;
}

/* --- turns ----------------------------------------------------------------------------------- */

struct idle_turns {
    double seconds[2]; /* with them, without */
    uint64_t consumed[2];
    int n;
    struct usage before, most, after;
};

static bool idle_usage(struct storm *s, struct usage *out)
{
    return usage_of(s->part[STORM_LEARNER].pid, out) || storm_fail(s, "there is no learner");
}

/* ms with them, or without. */
static bool idle_wait(struct storm *s, struct idle *c, bool on, struct idle_turns *t, int ms)
{
    uint64_t end = storm_now_ns() + (uint64_t)ms * 1000000u;
    struct usage u;
    while (storm_now_ns() < end) {
        if (on) {
            idle_open_missing(c);
            idle_look(c);
        }
        if (!storm_wait_ms(s, LOOK_MS) || !idle_usage(s, &u))
            return false;
        t->most.rss_mb = u.rss_mb > t->most.rss_mb ? u.rss_mb : t->most.rss_mb;
        t->most.files = u.files > t->most.files ? u.files : t->most.files;
    }
    return true;
}

static bool idle_turn(struct storm *s, struct idle *c, struct idle_turns *t)
{
    for (int off = 0; off < 2; off++) {
        uint64_t began = storm_now_ns(), consumed = s->consumed;
        if (!idle_wait(s, c, !off, t, TURN_MS))
            return false;
        t->seconds[off] += (double)(storm_now_ns() - began) * 1e-9;
        t->consumed[off] += s->consumed - consumed;
        idle_close(c);
    }
    t->n++;
    return true;
}

/* An actor that is killed while they are there must be let in again. */
static bool idle_rejoin(struct storm *s, struct idle *c, struct idle_turns *t)
{
    uint64_t end = storm_now_ns() + (uint64_t)STORM_RECOVER_MS * 1000000u;
    if (!idle_wait(s, c, true, t, CALM_MS))
        return false;
    storm_kill(s, 0);
    do {
        if (!idle_wait(s, c, true, t, 2 * LOOK_MS))
            return false;
        if (storm_now_ns() > end)
            return storm_fail(s, "an actor that was killed is not let in");
    } while (s->part[0].sick);
    return true;
}

/* --- what came of it ------------------------------------------------------------------------- */

static bool idle_judge(struct storm *s, const struct idle *c, const struct idle_turns *t)
{
    double rate[2], failed = metrics_last(s->run, "checkpoint/failures_in_row");
    for (int off = 0; off < 2; off++)
        rate[off] = t->seconds[off] > 0 ? (double)t->consumed[off] / t->seconds[off] : 0;
    printf("  %d connections: %llu opened, %llu cut, at most %d at a time; honest trajectories a "
           "second: %.1f with them, %.1f without: %.3f (%d turns of %d s each)\n"
           "  learner: %.1f MB and %d descriptors before, at most %.1f and %d, %.1f and %d "
           "afterwards\n",
           c->n, (unsigned long long)c->opened, (unsigned long long)c->cut, c->held_most, rate[0],
           rate[1], rate[1] > 0 ? rate[0] / rate[1] : 0.0, t->n, TURN_MS / 1000, t->before.rss_mb,
           t->before.files, t->most.rss_mb, t->most.files, t->after.rss_mb, t->after.files);
    if (t->consumed[0] == 0 || c->held_most == 0)
        return storm_fail(s, "honest actors were kept out, or nobody else was there");
    if (failed > 0)
        return storm_fail(s, "%.0f checkpoints failed", failed);
    if (t->after.files > t->before.files + 2) /* a checkpoint, a log */
        return storm_fail(s, "descriptors grew from %d to %d", t->before.files, t->after.files);
    if (c->n < MANY)
        return true;
    if (rate[0] < share_min * rate[1])
        return storm_fail(s, "honest actors reach %.2f of what they reach without them",
                          rate[0] / rate[1]);
    if (!SANITIZED && t->most.rss_mb >= memory_max * t->before.rss_mb)
        return storm_fail(s, "the learner's memory grew from %.1f to %.1f MB", t->before.rss_mb,
                          t->most.rss_mb);
    return true;
}

int case_idle(struct chaos_case *k)
{
    struct storm s;
    struct idle_turns t = {0};
    bool ok = storm_open(&s, k->base, k->seed, idle_options);
    if (ok && !case_free_port(s.learner_listen))
        ok = storm_fail(&s, "there is no free port");
    memcpy(s.learner_reach, s.learner_listen, sizeof s.learner_reach);
    struct idle c = idle_of(k->faults, s.learner_listen);
    ok = ok && storm_start_all(&s) && storm_recover(&s) && storm_wait_ms(&s, CALM_MS) &&
         idle_usage(&s, &t.before);
    for (int i = 0; ok && i < (k->faults >= MANY ? TURNS_MANY : TURNS_FEW); i++)
        ok = idle_turn(&s, &c, &t);
    ok = ok && idle_rejoin(&s, &c, &t);
    idle_close(&c);
    k->injected = c.opened;
    ok = ok && storm_wait_ms(&s, CALM_MS) && idle_usage(&s, &t.after);
    ok = ok && idle_judge(&s, &c, &t);
    free(c.fds);
    return case_end(k, &s, ok);
}
