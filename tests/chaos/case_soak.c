/* SPDX-License-Identifier: MIT */
/* case_soak.c - a run for hours with one fault a minute, and what its processes hold.
 *
 * A leak shows in a process that lives on, so learner, reward server and actor 0 are never killed:
 * they are stopped, their connections are cut, halved, stalled and damaged, a second process wants
 * actor 0's number, and actor 1 is killed again and again. What they do meanwhile is bounded by an
 * environment that takes its time (tests/support/plugin/slow_env.c), and little is new to them:
 * what a run must remember (captions, labels) is no leak.
 *
 * SIGTERM or SIGINT ends it early, with what was measured until then. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/chaos/cases.h"
#include "tests/chaos/usage.h"

enum {
    MINUTE_MS = 60000,
    SAMPLE_MS = 10000,
    SAMPLES_MAX = 1 << 16,
    BLOCK = 12,   /* samples whose mean is one point of the slope: two minutes */
    WARM_UP = 90, /* samples that are left out: fifteen minutes, or a quarter of a short run */
    JUDGED_BLOCKS = 30, /* below an hour a slope is told, not judged */
    PATIENCE_MS = 1800000,
    PAUSE_MS = 3000,
    LEASE_LOST_MS = 13000
};

static const double slope_max = 1.0; /* 10^6 bytes an hour */

static const char soak_options[] =
    "--env.plugin=%s/tests/slow_env.so --env.id=slow --plugin.us=1000 --frames=1000000000000 "
    "--annotator.id=rules --annotator.domain=corridor --annotator.goal=corridor "
    "--bench.captions_per_s=0.02 "
    "--checkpoint.every_s=10 --train.batch=2048 --replay.every_episodes=0 --log.level=warn";

enum watched { WATCH_ACTOR, WATCH_LEARNER, WATCH_SERVER, WATCHED };
static const int watched_part[WATCHED] = {0, STORM_LEARNER, STORM_SERVER};

/* Of one process. */
struct record {
    pid_t pid;
    int n, files[SAMPLES_MAX];
    double hours[SAMPLES_MAX], rss[SAMPLES_MAX];
};

static volatile sig_atomic_t soak_told_to_end;

static void on_soak_signal(int number)
{
    (void)number;
    soak_told_to_end = 1;
}

/* --- what is looked at --------------------------------------------------------------------- */

static void take_sample(struct storm *s, struct record *r, FILE *out, double hours)
{
    static const char *const names[WATCHED] = {"actor", "learner", "reward-server"};
    struct usage u;
    for (int i = 0; i < WATCHED; i++) {
        const struct storm_part *p = &s->part[watched_part[i]];
        if (!p->pid || !usage_of(p->pid, &u))
            continue;
        if (r[i].pid != p->pid)
            r[i].n = 0; /* another process, another record */
        r[i].pid = p->pid;
        if (r[i].n < SAMPLES_MAX) {
            r[i].hours[r[i].n] = hours;
            r[i].rss[r[i].n] = u.rss_mb;
            r[i].files[r[i].n++] = u.files;
        }
        if (out)
            fprintf(out,
                    "{\"hours\":%.5f,\"process\":\"%s\",\"pid\":%d,\"rss_mb\":%.3f,"
                    "\"anon_mb\":%.3f,\"files\":%d,\"consumed\":%llu}\n",
                    hours, names[i], (int)p->pid, u.rss_mb, u.anon_mb, u.files,
                    (unsigned long long)s->consumed);
    }
    if (out)
        fflush(out);
}

/* What one process held after its warm-up; false: it grew. */
static bool judge(const struct record *r, const char *name)
{
    struct slope slope;
    int skip = r->n / 4 < WARM_UP ? r->n / 4 : WARM_UP, n = r->n - skip, third = n / 3;
    if (third < 1) {
        printf("  %s: %d samples, too few\n", name, r->n);
        return true;
    }
    const double *t = r->hours + skip, *y = r->rss + skip;
    bool sloped = slope_of(t, y, n, BLOCK, &slope);
    int early = median_of(r->files + skip, third), late = median_of(r->files + r->n - third, third);
    printf("  %s: %.2f h after warm-up, %.1f to %.1f MB", name, t[n - 1] - t[0], y[0], y[n - 1]);
    if (sloped)
        printf(", slope %+.3f MB/h (95 %%: %+.3f to %+.3f)", slope.per_unit,
               slope.per_unit - slope.half_width, slope.per_unit + slope.half_width);
    printf("; descriptors %d in the first third, %d in the last\n", early, late);
    bool judged = sloped && slope.blocks >= JUDGED_BLOCKS;
    return !judged || (slope.per_unit < slope_max && late <= early);
}

static bool judge_all(const struct record *r)
{
    bool ok = judge(&r[WATCH_LEARNER], "learner");
    ok = judge(&r[WATCH_SERVER], "reward server") && ok;
    ok = judge(&r[WATCH_ACTOR], "actor") && ok;
    fflush(stdout);
    return ok;
}

/* --- what is done to them ------------------------------------------------------------------ */

static void soak_pause(struct storm *s, int part, int ms)
{
    pid_t pid = s->part[part].pid;
    if (!pid)
        return;
    kill(pid, SIGSTOP);
    storm_wait_ms(s, ms);
    kill(pid, SIGCONT);
}

/* A second process of actor 0's number, for some seconds at most. */
static void soak_impostor(struct storm *s)
{
    pid_t pid = storm_impostor(s, 0);
    int status;
    for (int i = 0; pid && i < 100 && waitpid(pid, &status, WNOHANG) != pid; i++) {
        storm_wait_ms(s, 100);
        if (i == 99) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
    }
}

/* The minute's fault: each kind once in eleven minutes. */
static void soak_fault(struct storm *s, struct proxy *proxy, int minute)
{
    int kind = minute % (PROXY_FAULTS + 6);
    if (kind < PROXY_FAULTS)
        proxy_ask(&proxy[minute / (PROXY_FAULTS + 6) % 2], (enum proxy_fault)kind);
    else if (kind == PROXY_FAULTS)
        soak_pause(s, STORM_LEARNER, (int)rng_below(&s->rng, PAUSE_MS));
    else if (kind == PROXY_FAULTS + 1)
        soak_pause(s, STORM_SERVER, (int)rng_below(&s->rng, PAUSE_MS));
    else if (kind == PROXY_FAULTS + 2)
        soak_pause(s, 0, LEASE_LOST_MS);
    else if (kind == PROXY_FAULTS + 3)
        soak_impostor(s);
    else
        storm_kill(s, 1);
}

/* One minute with a sample each ten seconds and a fault at its middle. */
static bool soak_minute(struct storm *s, struct proxy *proxy, struct record *r, FILE *out,
                        int minute, uint64_t began)
{
    uint64_t start = storm_now_ns();
    bool hurt = false;
    for (int i = 1; i <= MINUTE_MS / SAMPLE_MS && !s->failed && !soak_told_to_end; i++) {
        if (!hurt && i > MINUTE_MS / SAMPLE_MS / 2) {
            soak_fault(s, proxy, minute);
            hurt = true;
        }
        uint64_t due = start + (uint64_t)i * SAMPLE_MS * 1000000u;
        while (storm_now_ns() < due && !soak_told_to_end && storm_wait_ms(s, 50))
            ;
        take_sample(s, r, out, (double)(storm_now_ns() - began) / 3.6e12);
    }
    return !s->failed;
}

static bool soak_open(struct chaos_case *k, struct storm *s, struct proxy *proxy)
{
    char options[STORM_TEXT_MAX];
    const char *build = getenv("ONIC_BUILD");
    snprintf(options, sizeof options, soak_options, build ? build : "build");
    if (!storm_open(s, k->base, k->seed, options))
        return false;
    s->recover_ms = PATIENCE_MS;
    snprintf(s->actor_options, sizeof s->actor_options, "--env.plugin=%s/tests/slow_env.so",
             build ? build : "build");
    return case_between(s, &proxy[0], s->learner_listen, s->learner_reach, "pl", k->seed) &&
           case_between(s, &proxy[1], s->server_listen, s->server_reach, "pr", k->seed + 1) &&
           storm_start_all(s);
}

int case_soak(struct chaos_case *k)
{
    struct storm s;
    struct proxy proxy[2] = {{0}};
    struct record *r = calloc(WATCHED, sizeof *r);
    FILE *out = k->samples ? fopen(k->samples, "ae") : NULL;
    struct sigaction act = {.sa_handler = on_soak_signal}, before[2];
    sigaction(SIGTERM, &act, &before[0]);
    sigaction(SIGINT, &act, &before[1]);
    bool ok = r && soak_open(k, &s, proxy);
    uint64_t began = storm_now_ns();
    for (int minute = 0; ok && minute < k->faults && !soak_told_to_end; minute++) {
        ok = soak_minute(&s, proxy, r, out, minute, began);
        k->injected++;
    }
    uint64_t consumed = s.consumed;
    ok = ok && storm_recover(&s);
    int result = case_end(k, &s, ok);
    for (int i = 0; i < 2; i++)
        proxy_stop(&proxy[i]);
    bool steady = r && judge_all(r);
    if (!steady && result == 0)
        snprintf(k->note, sizeof k->note, "a process holds more and more");
    printf("  %llu trajectories trained on\n", (unsigned long long)consumed);
    sigaction(SIGTERM, &before[0], NULL);
    sigaction(SIGINT, &before[1], NULL);
    if (out)
        fclose(out);
    free(r);
    return result ? result : steady ? 0 : 1;
}
