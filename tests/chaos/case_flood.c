/* SPDX-License-Identifier: MIT */
/* case_flood.c - malformed frames from fifty connections, half of which have joined as actors, into
 * a learner that trains on what two honest actors play.
 *
 * Nobody may crash or be started again; each frame that was sent stands in exactly one counter; the
 * ledger balances; the learner's memory stays below twice what it was. Seconds with the flood and
 * without take turns, so that the honest actors' share of what they reach without it is that of the
 * same minutes. That share is judged where the flood is long enough to tell. */
#include <stdio.h>
#include <string.h>

#include "tests/chaos/cases.h"
#include "tests/chaos/flood.h"
#include "tests/chaos/usage.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"

enum {
    CONNECTIONS = 50,
    JOINED = 25,
    FRAMES_A_FAULT = 1000,
    FRAMES_A_SECOND = 5000,
    TURN_MS = 5000,
    CALM_MS = 3000,  /* two lines of metrics */
    JUDGED_TURNS = 8 /* fewer tell no share */
};
static const double share_min = 0.8, memory_max = 2.0;

static const char flood_options[] =
    "--env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 --env.count=4 --train.rollout=16 "
    "--annotator.id=rules --checkpoint.every_s=5 --metrics.every_s=1 --train.batch=2048 "
    "--metrics.tensorboard=false --replay.every_episodes=0 --log.level=error";

/* Where a frame can end; all of the learner. */
struct counted {
    double bad, fenced, other_session, order, duplicates, invalid;
};

static struct counted count_now(const struct storm *s)
{
    struct ledger l = {0};
    struct onic_err err = {0};
    (void)check_read_ledger(s->run, &l, &err);
    return (struct counted){.bad = metrics_last(s->run, "wire/rx_bad_total"),
                            .fenced = metrics_last(s->run, "wire/fenced_total"),
                            .other_session = metrics_last(s->run, "wire/old_session_total"),
                            .order = metrics_last(s->run, "wire/out_of_order_total"),
                            .duplicates = metrics_last(s->run, "wire/duplicates_total"),
                            .invalid = (double)l.trajectories.dropped[LEDGER_DROP_INVALID]};
}

static double sum_of(const struct counted *c)
{
    return c->bad + c->fenced + c->other_session + c->order + c->duplicates + c->invalid;
}

/* What the honest actors reached, by whether the flood was on. */
struct turns {
    double seconds[2];
    uint64_t consumed[2];
    int n;
    double rss_before, rss_most;
};

static void look_at_memory(const struct storm *s, struct turns *t)
{
    struct usage u;
    if (usage_of(s->part[STORM_LEARNER].pid, &u))
        t->rss_most = u.rss_mb > t->rss_most ? u.rss_mb : t->rss_most;
}

/* One turn with the flood, as many frames as a bounded rate allows, and one without. */
static bool flood_turns(struct storm *s, struct flood *f, struct turns *t, uint64_t most)
{
    for (int off = 0; off < 2; off++) {
        uint64_t began = storm_now_ns(), consumed = s->consumed, sent = flood_sums(f).sent;
        uint64_t length = (uint64_t)TURN_MS * 1000000u;
        while (storm_now_ns() - began < length && !s->failed) {
            uint64_t may = (storm_now_ns() - began) / 1000000u * FRAMES_A_SECOND / 1000;
            bool flows = !off && flood_sums(f).sent - sent < may && flood_sums(f).sent < most;
            if ((flows && !flood_round(f)) || !storm_wait_ms(s, flows ? 0 : 5))
                return false;
            look_at_memory(s, t);
        }
        t->seconds[off] += (double)(storm_now_ns() - began) * 1e-9;
        t->consumed[off] += s->consumed - consumed;
    }
    t->n++;
    return !s->failed;
}

static bool flood_all(struct chaos_case *k, struct storm *s, struct flood *f, struct turns *t)
{
    uint64_t most = (uint64_t)k->faults * FRAMES_A_FAULT;
    struct usage u;
    if (!usage_of(s->part[STORM_LEARNER].pid, &u))
        return storm_fail(s, "there is no learner");
    t->rss_before = t->rss_most = u.rss_mb;
    while (flood_sums(f).sent < most)
        if (!flood_turns(s, f, t, most))
            return false;
    return true;
}

/* --- what came of it ------------------------------------------------------------------------- */

static bool judge_counts(struct storm *s, const struct flood_sums *f, const struct counted *before)
{
    struct counted c = count_now(s);
    struct ledger l = {0};
    struct onic_err err = {0};
    double sent = (double)(f->sent + f->asked), counted = sum_of(&c) - sum_of(before);
    printf("  %llu frames: %.0f thrown away, %.0f of no session, %.0f of an ended one, %.0f out of "
           "order, %.0f repeated, %.0f invalid trajectories; %llu joins, %llu sent away\n",
           (unsigned long long)f->sent, c.bad - before->bad,
           c.other_session - before->other_session - (double)f->asked, c.fenced - before->fenced,
           c.order - before->order, c.duplicates - before->duplicates, c.invalid - before->invalid,
           (unsigned long long)f->joins, (unsigned long long)f->sent_away);
    if (f->unsure)
        printf("  %llu of them of connections that were cut meanwhile\n",
               (unsigned long long)f->unsure);
    if (counted > sent || counted < sent - (double)f->unsure)
        return storm_fail(s, "%.0f frames were sent, %.0f are counted", sent, counted);
    if (check_read_ledger(s->run, &l, &err) != ONIC_OK)
        return storm_fail(s, "%.400s", err.msg);
    if (!ledger_balanced(&l) || l.trajectories.consumed_twice)
        return storm_fail(s, "the ledger does not balance");
    return true;
}

static bool judge_turns(struct storm *s, const struct turns *t)
{
    double rate[2];
    for (int off = 0; off < 2; off++)
        rate[off] = t->seconds[off] > 0 ? (double)t->consumed[off] / t->seconds[off] : 0;
    printf("  honest trajectories a second: %.1f with the flood, %.1f without: %.3f (%d turns of "
           "%d s each)\n  learner: %.1f MB before, at most %.1f MB\n",
           rate[0], rate[1], rate[1] > 0 ? rate[0] / rate[1] : 0.0, t->n, TURN_MS / 1000,
           t->rss_before, t->rss_most);
    if (t->consumed[0] == 0)
        return storm_fail(s, "honest actors were kept out");
    if (t->n >= JUDGED_TURNS && rate[0] < share_min * rate[1])
        return storm_fail(s, "honest actors reach %.2f of what they reach without it",
                          rate[0] / rate[1]);
    if (!SANITIZED && t->rss_most >= memory_max * t->rss_before) /* ASan keeps what was freed */
        return storm_fail(s, "the learner's memory grew from %.1f to %.1f MB", t->rss_before,
                          t->rss_most);
    return true;
}

static bool nobody_ended(struct storm *s)
{
    for (int i = 0; i < STORM_PARTS; i++)
        if (s->part[i].deaths)
            return storm_fail(s, "%s %d ended and was started again", storm_part_name(i), i);
    return true;
}

int case_flood(struct chaos_case *k)
{
    struct storm s;
    struct flood_frames frames = {0};
    struct flood *f = NULL;
    struct turns t = {0};
    struct counted before = {0};
    bool ok = storm_open(&s, k->base, k->seed, flood_options);
    if (ok && !case_free_port(s.learner_listen))
        ok = storm_fail(&s, "there is no free port");
    memcpy(s.learner_reach, s.learner_listen, sizeof s.learner_reach);
    ok = ok && storm_start_all(&s) && flood_listen(&s, 1, &frames) && storm_wait_ms(&s, CALM_MS);
    if (ok) {
        before = count_now(&s);
        f = flood_open(&s, &frames, CONNECTIONS, JOINED, k->seed);
        ok = flood_all(k, &s, f, &t);
        k->injected = flood_sums(f).sent;
    }
    struct flood_sums sums = f ? flood_sums(f) : (struct flood_sums){0};
    flood_close(f);
    flood_frames_free(&frames);
    ok = ok && nobody_ended(&s) && storm_drain(&s) && judge_counts(&s, &sums, &before);
    ok = judge_turns(&s, &t) && ok;
    return case_close(k, &s, ok);
}
