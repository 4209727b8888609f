/* SPDX-License-Identifier: MIT */
/* check_books.c - every trajectory of every lineage: I1, I2, I3, I5, I8, I9, I10; see check.h.
 *
 * The books are kept once more, trajectory by trajectory, from what learners say that they did. For
 * each life its lineage is gone through from the beginning; only what happens in the life itself is
 * judged, the rest was judged as its own. Where a life begins with a checkpoint, what was accepted
 * and not booked is unsettled again, as the learner has it (learner_save.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "tests/chaos/check.h"

enum { STATE_NONE, STATE_ACCEPTED, STATE_CONSUMED }; /* else TRACE_DROP or TRACE_LOST + reason */
enum { HOLDERS_MAX = 65536, NOBODY = -1 };

struct account {
    uint64_t incarnation, settled, produced, credit;
    uint32_t actor;
    bool open, alive, unreachable;
    bool taken_alive; /* closed as lost while nothing said that it was gone */
    bool unknown_end; /* closed without its page: what it made last is not known */
    uint16_t *state;  /* [cap] of seq - 1 */
    uint64_t cap;
};

struct books {
    struct check *c;
    const struct check_life *life;
    bool judged, partial;
    struct account *accounts; /* [n] */
    int n;
    struct strmap *of;      /* incarnation -> index in accounts */
    int *holder;            /* [HOLDERS_MAX] index of an actor number's newest account */
    int64_t now, announced; /* versions: of the weights, published; -1 = not known */
};

/* --- saying ------------------------------------------------------------------------------- */

static void blame(struct books *b, int invariant, const struct trace_event *e, const char *what)
{
    if (!b->judged)
        return;
    check_violation(b->c, invariant,
                    "trajectory %llu of actor %u (incarnation %llu:%llu) %s; %s, epoch %u",
                    (unsigned long long)e->seq, e->actor, (unsigned long long)e->incarnation >> 32,
                    (unsigned long long)e->incarnation & 0xffffffffu, what, b->life->process->name,
                    b->life->epoch);
}

static void blame_account(struct books *b, int invariant, const struct account *a, const char *what)
{
    struct trace_event e = {.actor = a->actor, .incarnation = a->incarnation};
    if (!b->judged)
        return;
    check_violation(b->c, invariant, "actor %u (incarnation %llu:%llu) %s; %s, epoch %u", e.actor,
                    (unsigned long long)e.incarnation >> 32,
                    (unsigned long long)e.incarnation & 0xffffffffu, what, b->life->process->name,
                    b->life->epoch);
}

/* --- accounts ----------------------------------------------------------------------------- */

static struct account *account_find(const struct books *b, uint64_t incarnation)
{
    uint64_t *i = strmap_get(b->of, &incarnation, sizeof incarnation);
    return i ? &b->accounts[*i] : NULL;
}

static struct account *account_add(struct books *b, const struct trace_event *e)
{
    b->accounts = xrealloc(b->accounts, (size_t)(b->n + 1) * sizeof *b->accounts);
    struct account *a = &b->accounts[b->n];
    *a = (struct account){.incarnation = e->incarnation, .actor = e->actor};
    *strmap_put(b->of, &e->incarnation, sizeof e->incarnation, NULL) = (uint64_t)b->n;
    if (e->actor < HOLDERS_MAX)
        b->holder[e->actor] = b->n;
    b->n++;
    return a;
}

static uint16_t *state_of(struct account *a, uint64_t seq)
{
    if (seq > a->cap) {
        uint64_t cap = a->cap ? 2 * a->cap : 64;
        cap = cap < seq ? seq : cap;
        a->state = xrealloc(a->state, cap * sizeof *a->state);
        memset(a->state + a->cap, 0, (cap - a->cap) * sizeof *a->state);
        a->cap = cap;
    }
    return &a->state[seq - 1];
}

/* Of a lineage whose beginning is not in the traces: what it holds is taken as said. */
static struct account *account_of(struct books *b, const struct trace_event *e)
{
    struct account *a = account_find(b, e->incarnation);
    if (a || !b->partial)
        return a;
    a = account_add(b, e);
    a->open = a->alive = true;
    a->settled = e->seq ? e->seq - 1 : 0;
    a->credit = UINT64_MAX;
    return a;
}

static void set_rest(struct account *a, uint64_t to, uint16_t state)
{
    for (uint64_t s = a->settled + 1; s <= to; s++)
        if (*state_of(a, s) == STATE_NONE)
            *state_of(a, s) = state;
}

/* A life begins with what its checkpoint knows. */
static void books_restore(struct books *b)
{
    for (int i = 0; i < b->n; i++) {
        struct account *a = &b->accounts[i];
        uint64_t booked = 0;
        for (uint64_t s = 1; s <= a->settled && s <= a->cap; s++)
            if (*state_of(a, s) == STATE_ACCEPTED)
                *state_of(a, s) = a->open ? STATE_NONE : TRACE_LOST + LEDGER_LOST_ROLLBACK;
        while (a->open && booked < a->cap && *state_of(a, booked + 1) != STATE_NONE)
            booked++;
        if (a->open)
            a->settled = a->credit = booked;
        a->alive = a->unreachable = false;
    }
    b->now = b->announced = -1;
}

/* --- leases ------------------------------------------------------------------------------- */

static void book_opened(struct books *b, const struct trace_event *e)
{
    struct account *a = account_find(b, e->incarnation);
    int before = e->actor < HOLDERS_MAX ? b->holder[e->actor] : NOBODY;
    if (a) {
        blame_account(b, 8, a, "is given to a second process");
        return;
    }
    if (before != NOBODY && b->accounts[before].open)
        blame_account(b, 8, &b->accounts[before], "holds a number that is given away");
    else if (before != NOBODY && b->accounts[before].taken_alive &&
             e->incarnation >> 32 == b->life->epoch)
        blame_account(b, 8, &b->accounts[before],
                      "lost its number to another process while it was alive");
    a = account_add(b, e);
    a->open = a->alive = true;
}

static void book_closed(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    if (!a || !a->open) {
        blame(b, 8, e, "is of an actor that has no lease, and it is closed");
        return;
    }
    if (e->version != a->settled && !b->partial)
        blame_account(b, 3, a, "is closed with another number settled than was accepted");
    a->settled = e->version;
    a->produced = e->seq;
    set_rest(a, e->seq, e->reason);
    a->taken_alive = a->alive && !a->unreachable && e->reason >= TRACE_LOST;
    a->unknown_end = e->reason == TRACE_LOST + LEDGER_LOST_ACTOR_UNKNOWN;
    a->open = a->alive = false;
}

static void book_back(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    if (!a || !a->open)
        return; /* CLOSED or OPENED has told what is wrong */
    a->alive = true;
    a->unreachable = false;
}

static void book_lease(struct books *b, const struct trace_event *e)
{
    struct account *a = account_find(b, e->incarnation);
    if (a && e->kind == TRACE_ABSENT)
        a->alive = false;
    if (a && e->kind == TRACE_UNREACHABLE)
        a->unreachable = true;
}

/* Of an actor that no checkpoint of this lineage knows. */
static void book_unknown(struct books *b, const struct trace_event *e)
{
    struct account *a = account_find(b, e->incarnation);
    if (a) {
        blame_account(b, 1, a, "is booked a second time, by its page");
        return;
    }
    int before = e->actor < HOLDERS_MAX ? b->holder[e->actor] : NOBODY;
    a = account_add(b, e);
    if (e->actor < HOLDERS_MAX)
        b->holder[e->actor] = before;
    for (uint64_t s = 1; s <= e->seq; s++)
        *state_of(a, s) =
            (uint16_t)(TRACE_LOST + (s <= e->version ? LEDGER_LOST_ROLLBACK : LEDGER_LOST_ACTOR));
    a->produced = a->settled = e->seq;
}

/* --- trajectories ------------------------------------------------------------------------- */

/* The account of the next number that is settled; NULL after saying what is wrong. */
static struct account *next_settled(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    int holder = e->actor < HOLDERS_MAX ? b->holder[e->actor] : NOBODY;
    if (!a || !a->open || holder == NOBODY || &b->accounts[holder] != a) {
        blame(b, 8, e, "is taken from a process that does not hold the number");
        return NULL;
    }
    if (e->seq != a->settled + 1)
        blame(b, 3, e,
              e->seq <= a->settled ? "is settled a second time"
                                   : "is settled although one before it is not");
    a->settled = e->seq > a->settled ? e->seq : a->settled;
    return a;
}

static void book_accepted(struct books *b, const struct trace_event *e)
{
    struct account *a = next_settled(b, e);
    if (!a)
        return;
    uint16_t *state = state_of(a, e->seq);
    if (*state != STATE_NONE)
        blame(b, 2, e, "is accepted although it is in the books");
    *state = STATE_ACCEPTED;
    if (e->seq > a->credit)
        blame(b, 9, e, "is accepted beyond the credit that was given");
    if (b->announced >= 0 && (int64_t)e->version > b->announced)
        blame(b, 5, e, "was played with newer weights than its learner has published");
}

static void book_repeated(struct books *b, const struct trace_event *e)
{
    struct account *a = next_settled(b, e);
    if (a && !b->partial && *state_of(a, e->seq) < STATE_CONSUMED)
        blame(b, 3, e, "is passed over as booked, and it is not");
}

static void book_dropped(struct books *b, const struct trace_event *e)
{
    struct account *a = e->n ? next_settled(b, e) : account_of(b, e);
    if (!a)
        return;
    uint16_t *state = state_of(a, e->seq), want = e->n ? STATE_NONE : STATE_ACCEPTED;
    if (*state == STATE_CONSUMED)
        blame(b, 2, e, "is counted as dropped after it was consumed");
    else if (*state != want && !b->partial)
        blame(b, 3, e, "is counted as dropped a second time, or was never accepted");
    *state = e->reason;
}

static void book_consumed(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    uint16_t *state = a && e->seq ? state_of(a, e->seq) : NULL;
    if (!state || (*state == STATE_NONE && !b->partial)) {
        blame(b, 2, e, "is consumed without having been accepted");
        return;
    }
    if (*state == STATE_CONSUMED)
        blame(b, 2, e, "is consumed a second time");
    else if (*state > STATE_CONSUMED)
        blame(b, 2, e, "is consumed although it is counted as dropped or lost");
    *state = STATE_CONSUMED;
    if (b->now >= 0 && (int64_t)e->version > b->now)
        blame(b, 5, e, "is consumed by older weights than it was played with");
    else if (b->now >= 0 && !b->life->deterministic && (uint64_t)b->now - e->version > b->life->lag)
        blame(b, 5, e, "is consumed, played more versions ago than train.max_policy_lag");
}

static void book_rolled_back(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    if (!a)
        return;
    set_rest(a, e->seq, TRACE_LOST + LEDGER_LOST_ROLLBACK);
    a->settled = e->seq > a->settled ? e->seq : a->settled;
}

/* Consumed by this life, from..to, and by those before it, since the books were saved. */
static void undo_consumed(struct books *b, int life, size_t to, uint64_t saved)
{
    const struct check_life *l = &b->c->lives[life];
    const struct trace_event *e = l->process->events;
    size_t i = to;
    for (; i > l->from && !(e[i - 1].kind == TRACE_SAVED && e[i - 1].seq == saved); i--) {
        if (e[i - 1].kind == TRACE_RESTORED && e[i - 1].seq == saved)
            return;
        struct account *a = e[i - 1].kind == TRACE_CONSUMED ? account_of(b, &e[i - 1]) : NULL;
        uint16_t *state = a && e[i - 1].seq ? state_of(a, e[i - 1].seq) : NULL;
        if (state && *state == STATE_CONSUMED)
            *state = TRACE_LOST + LEDGER_LOST_ROLLBACK;
    }
    if (i == l->from && l->parent >= 0)
        undo_consumed(b, l->parent, l->parent_to, saved);
}

/* The learner went back to a checkpoint without an end. */
static void book_undone(struct books *b, const struct trace_event *e)
{
    int life = (int)(b->life - b->c->lives);
    undo_consumed(b, life, (size_t)(e - b->life->process->events), e->seq);
}

static void book_granted(struct books *b, const struct trace_event *e)
{
    struct account *a = account_of(b, e);
    if (!a)
        return;
    struct trace_event until = {
        .actor = e->actor, .incarnation = e->incarnation, .seq = e->version};
    if (e->version != a->settled && !b->partial)
        blame(b, 3, &until, "is acknowledged, and it is not the newest that was settled");
    if (e->seq > e->version && e->seq - e->version > b->life->window)
        blame(b, 9, e, "gets credit beyond train.window");
    if (a->credit != UINT64_MAX)
        a->credit = e->seq > a->credit ? e->seq : a->credit;
}

/* --- versions and the end ------------------------------------------------------------------ */

static void book_version(struct books *b, const struct trace_event *e)
{
    int64_t version = (int64_t)e->version,
            *was = e->kind == TRACE_UPDATED ? &b->now : &b->announced;
    if (version < *was && b->judged)
        check_violation(b->c, 4, "weights go back from version %lld to %lld within epoch %u; %s",
                        (long long)*was, (long long)version, b->life->epoch,
                        b->life->process->name);
    *was = version;
}

static void book_ended(struct books *b, const struct trace_event *e)
{
    for (int i = 0; i < b->n; i++) {
        struct account *a = &b->accounts[i];
        struct trace_event t = {.actor = a->actor, .incarnation = a->incarnation};
        if (a->open)
            blame_account(b, 10, a, "still has a lease after the drain");
        for (t.seq = 1; t.seq <= a->settled && t.seq <= a->cap; t.seq++) {
            uint16_t state = *state_of(a, t.seq);
            if (state == STATE_ACCEPTED)
                blame(b, 10, &t, "is in flight after the drain: neither consumed nor counted");
            else if (state == STATE_NONE && !b->partial)
                blame(b, 3, &t, "was acknowledged and is neither consumed nor counted");
        }
    }
    (void)e;
}

static void book(struct books *b, const struct trace_event *e)
{
    static void (*const by_kind[TRACE_KIND_END])(struct books *, const struct trace_event *) = {
        [TRACE_OPENED] = book_opened,     [TRACE_CLOSED] = book_closed,
        [TRACE_ABSENT] = book_lease,      [TRACE_UNREACHABLE] = book_lease,
        [TRACE_BACK] = book_back,         [TRACE_UNKNOWN] = book_unknown,
        [TRACE_ACCEPTED] = book_accepted, [TRACE_REPEATED] = book_repeated,
        [TRACE_DROPPED] = book_dropped,   [TRACE_ROLLED_BACK] = book_rolled_back,
        [TRACE_GRANTED] = book_granted,   [TRACE_CONSUMED] = book_consumed,
        [TRACE_UPDATED] = book_version,   [TRACE_PUBLISHED] = book_version,
        [TRACE_ENDED] = book_ended,       [TRACE_UNDONE] = book_undone,
    };
    if (e->kind < TRACE_KIND_END && by_kind[e->kind])
        by_kind[e->kind](b, e);
    if (e->kind == TRACE_SAVED && b->judged)
        b->c->last_saved = e->seq;
}

/* --- what actors say ----------------------------------------------------------------------- */

/* The books' `produced` comes from the actors' own words to their learner; their traces are others:
 * written before the page, so that a killed one may have one more there. */
static void compare_made(struct books *b, struct account *a)
{
    const struct check_made *own = check_made_by(b->c, b->life->run, a->incarnation);
    if (!own)
        return;
    uint64_t spare = own->left ? 0 : 1;
    char text[160];
    if (a->produced > own->made) {
        snprintf(text, sizeof text, "has made %llu trajectories, the books have %llu of it",
                 (unsigned long long)own->made, (unsigned long long)a->produced);
        blame_account(b, 1, a, text);
    } else if (own->made - a->produced > spare && a->unknown_end) {
        b->c->unknown_after_rollback += own->made - a->produced - spare;
    } else if (own->made - a->produced > spare) {
        snprintf(text, sizeof text, "has made %llu trajectories, the books know of %llu",
                 (unsigned long long)own->made, (unsigned long long)a->produced);
        b->c->unaccounted += own->made - a->produced - spare;
        blame_account(b, 1, a, text);
    }
}

static void books_sum(struct books *b, struct ledger_sums *out)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < b->n; i++) {
        struct account *a = &b->accounts[i];
        out->produced += a->produced;
        for (uint64_t s = 1; s <= a->produced && s <= a->cap; s++) {
            uint16_t state = a->state[s - 1];
            if (state == STATE_CONSUMED)
                out->consumed++;
            else if (state >= TRACE_LOST && state - TRACE_LOST < LEDGER_LOSTS)
                out->lost[state - TRACE_LOST]++;
            else if (state >= TRACE_DROP && state - TRACE_DROP < LEDGER_DROPS)
                out->dropped[state - TRACE_DROP]++;
            else
                out->in_flight++;
        }
        compare_made(b, a);
    }
}

/* --- lineages ------------------------------------------------------------------------------ */

static void books_clear(struct books *b)
{
    for (int i = 0; i < b->n; i++)
        free(b->accounts[i].state);
    b->n = 0;
    strmap_clear(b->of);
    for (int i = 0; i < HOLDERS_MAX; i++)
        b->holder[i] = NOBODY;
    b->now = b->announced = -1;
}

/* The events of a life up to `to`, after those of its parents. */
static void follow(struct books *b, int life, size_t to)
{
    const struct check_life *l = &b->c->lives[life];
    bool judged = b->judged;
    if (l->parent >= 0) {
        b->judged = false;
        follow(b, l->parent, l->parent_to);
        books_restore(b);
    }
    b->judged = judged;
    b->life = l;
    for (size_t i = l->from; i < to; i++)
        book(b, &l->process->events[i]);
}

void check_books(struct check *c)
{
    struct books b = {.c = c, .of = strmap_create(256)};
    b.holder = xmalloc(HOLDERS_MAX * sizeof *b.holder);
    for (int i = 0; i < c->nlives; i++) {
        const struct check_life *l = &c->lives[i];
        books_clear(&b);
        b.judged = true;
        b.partial = l->partial;
        follow(&b, i, l->to);
        c->has_books = i == c->nlives - 1 && l->ended && !l->partial;
        if (c->has_books)
            books_sum(&b, &c->books);
    }
    books_clear(&b);
    free(b.accounts);
    free(b.holder);
    strmap_free(b.of);
}
