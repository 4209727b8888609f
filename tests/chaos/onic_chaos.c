/* SPDX-License-Identifier: MIT */
/* onic_chaos.c - `onic-chaos`: runs of real programs under faults that a seed chooses, each checked
 * by onic-check. README.md says what each case does. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/output.h"
#include "tests/chaos/cases.h"

static const struct {
    const char *name, *what;
    int (*run)(struct chaos_case *);
    int faults; /* when none is asked for */
} cases[] = {
    {"kills", "kill -9 of actors, learner and reward server", case_kills, 20},
    {"pauses", "SIGSTOP of any part", case_pauses, 12},
    {"impostors", "a second actor of a number that is in use", case_impostors, 4},
    {"proxy", "delays, stalls, flipped bits, cut and half-closed connections", case_proxy, 4},
    {"calls", "the n-th write, fsync, rename, reservation fails or lies", case_calls, 16},
    {"memory", "the n-th allocation fails", case_memory, 9},
    {"clock", "the wall clock jumps by years", case_clock, 8},
    {"disk", "the disk of the run fills up (root)", case_disk, 6},
    {"cgroup", "a memory cgroup that is too small (root)", case_cgroup, 8},
    {"network", "partitions, loss, resets, a slow line between namespaces (root)", case_network, 6},
    {"determinism", "kills, and the same weights as without", case_determinism, 20},
    {"determinism_nethack", "the same with games of NetHack", case_determinism_nethack, 20},
    {"flood", "thousands of malformed frames from fifty connections", case_flood, 20},
    {"idle", "hundreds of connections that say nothing", case_idle, 200},
    {"soak", "one fault a minute; what each process holds", case_soak, 2},
};
enum { CASES = sizeof cases / sizeof *cases, ROUNDS_MAX = 100000 };

struct arguments {
    uint64_t seed;
    int faults, rounds;
    const char *report, *base, *samples;
    bool keep;
};

static const char usage[] =
    "usage: onic-chaos [--seed=N] [--faults=N] [--rounds=N] [--report=FILE] [--samples=FILE] "
    "[--keep] [CASE...]\n"
    "Runs actors, a learner and a reward server under faults and checks what they did. --faults: "
    "of each\n"
    "part or kind in a round. --rounds: runs of each case, with seeds N, N + 1, ... With --report "
    "each round\n"
    "is a line of JSON in FILE, and rounds that stand there already are passed over, so that the "
    "same command\n"
    "goes on where it was stopped. --samples: what each process holds, while the case soak runs. "
    "--keep keeps\n"
    "every run, not only those that failed. Exit code 70 when a promise is broken.\n";

/* --- report -------------------------------------------------------------------------------- */

static void round_key(char out[128], const char *name, uint64_t seed, int faults)
{
    snprintf(out, 128, "{\"case\":\"%s\",\"seed\":%llu,\"faults\":%d,", name,
             (unsigned long long)seed, faults);
}

/* Only rounds that went well are passed over: the others are run again. */
static bool is_done(const char *report, const char *key)
{
    char line[4096];
    bool done = false;
    FILE *f = report ? fopen(report, "re") : NULL;
    while (f && fgets(line, sizeof line, f))
        done |= strncmp(line, key, strlen(key)) == 0 && strstr(line, "\"result\":\"ok\"") != NULL;
    if (f)
        fclose(f);
    return done;
}

static void write_report(const char *report, const char *key, struct chaos_case *k, int result)
{
    static const char *const roles[] = {"actor", "learner", "server"};
    FILE *f = report ? fopen(report, "ae") : NULL;
    if (!f)
        return;
    fprintf(f,
            "%s\"injected\":%llu,\"made\":%llu,\"labels\":%llu,\"violations\":%llu,"
            "\"unaccounted\":%llu,\"consumed_twice\":%llu,\"labels_lost\":%llu,\"reasked\":%llu,",
            key, (unsigned long long)k->injected, (unsigned long long)k->check.made,
            (unsigned long long)k->check.labels, (unsigned long long)check_violations(&k->check),
            (unsigned long long)k->check.unaccounted, (unsigned long long)k->check.violated[2],
            (unsigned long long)k->check.labels_lost, (unsigned long long)k->check.reasked);
    for (int i = 0; i < TRACE_TEST; i++)
        fprintf(f, "\"%s_p99_s\":%.3f,", roles[i], storm_quantile(&k->times[i], 0.99));
    fprintf(f, "\"seconds\":%.1f,\"result\":\"%s\"}\n", k->seconds,
            result == 0              ? "ok"
            : result == CASE_SKIPPED ? "skipped"
                                     : "failed");
    fclose(f);
}

static void print_round(const char *name, struct chaos_case *k, int result)
{
    if (result == CASE_SKIPPED) {
        printf("%s: skipped: %s\n", name, k->note);
        return;
    }
    printf(
        "%s, seed %llu: %llu faults in %.0f s, %llu trajectories, %llu labels; %llu unaccounted, "
        "%llu consumed twice, %llu durable labels lost, %llu re-asked, %llu violations",
        name, (unsigned long long)k->seed, (unsigned long long)k->injected, k->seconds,
        (unsigned long long)k->check.made, (unsigned long long)k->check.labels,
        (unsigned long long)k->check.unaccounted, (unsigned long long)k->check.violated[2],
        (unsigned long long)k->check.labels_lost, (unsigned long long)k->check.reasked,
        (unsigned long long)check_violations(&k->check));
    printf("; recovery p50/p99 actor %.2f/%.2f s, learner %.2f/%.2f s, reward server %.2f/%.2f s\n",
           storm_quantile(&k->times[TRACE_ACTOR], 0.5),
           storm_quantile(&k->times[TRACE_ACTOR], 0.99),
           storm_quantile(&k->times[TRACE_LEARNER], 0.5),
           storm_quantile(&k->times[TRACE_LEARNER], 0.99),
           storm_quantile(&k->times[TRACE_SERVER], 0.5),
           storm_quantile(&k->times[TRACE_SERVER], 0.99));
    if (k->note[0])
        printf("  %s\n", k->note);
}

/* --- running ------------------------------------------------------------------------------- */

static int run_case(int which, const struct arguments *a)
{
    int failed = 0, skipped = 0, faults = a->faults ? a->faults : cases[which].faults;
    for (int round = 0; round < a->rounds; round++) {
        struct chaos_case k = {.seed = a->seed + (uint64_t)round,
                               .faults = faults,
                               .base = a->base,
                               .samples = a->samples,
                               .keep = a->keep};
        char key[128];
        round_key(key, cases[which].name, k.seed, faults);
        if (is_done(a->report, key))
            continue;
        uint64_t began = storm_now_ns();
        int result = cases[which].run(&k);
        k.seconds = (double)(storm_now_ns() - began) * 1e-9;
        print_round(cases[which].name, &k, result);
        fflush(stdout);
        write_report(a->report, key, &k, result);
        failed += result == 1;
        skipped += result == CASE_SKIPPED;
    }
    return failed ? 1 : skipped ? CASE_SKIPPED : 0;
}

static int find_case(const char *name)
{
    for (int i = 0; i < CASES; i++)
        if (strcmp(cases[i].name, name) == 0)
            return i;
    return -1;
}

static int bad_usage(const char *what)
{
    fprintf(stderr, "onic-chaos: %s\n%scases:\n", what, usage);
    for (int i = 0; i < CASES; i++)
        fprintf(stderr, "  %-19s %s\n", cases[i].name, cases[i].what);
    return 64;
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"faults", required_argument, NULL, 'f'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"report", required_argument, NULL, 'o'},
                                            {"samples", required_argument, NULL, 'm'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    const char *tmp = getenv("TMPDIR");
    *a = (struct arguments){.seed = (uint64_t)time(NULL), .rounds = 1, .base = tmp ? tmp : "/tmp"};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            a->seed = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            a->faults = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            a->rounds = (int)strtol(optarg, NULL, 10);
            break;
        case 'o':
            a->report = optarg;
            break;
        case 'm':
            a->samples = optarg;
            break;
        case 'k':
            a->keep = true;
            break;
        default:
            return bad_usage("an option that it does not know");
        }
    }
    if (a->faults < 0 || a->faults > ROUNDS_MAX || a->rounds < 1 || a->rounds > ROUNDS_MAX)
        return bad_usage("a number is out of range");
    for (int i = optind; i < argc; i++)
        if (find_case(argv[i]) < 0)
            return bad_usage("a case that it does not know");
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a;
    int code = read_arguments(&a, argc, argv), ran = 0, failed = 0, skipped = 0;
    if (code)
        return code;
    log_set_level(LOG_ERROR);
    for (int i = 0; i < CASES; i++) {
        bool wanted = optind == argc;
        for (int k = optind; k < argc; k++)
            wanted |= find_case(argv[k]) == i;
        if (!wanted)
            continue;
        int result = run_case(i, &a);
        ran++;
        failed += result == 1;
        skipped += result == CASE_SKIPPED;
    }
    code = failed ? 70 : ran && skipped == ran ? CASE_SKIPPED : 0;
    return output_end("onic-chaos", code);
}
