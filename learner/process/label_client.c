/* SPDX-License-Identifier: MIT */
/* label_client.c - see label_client.h.
 *
 * The client below (labels.h) deduplicates, resends and bounds; here is only what belongs
 * to learning: which questions to ask, where labels go, and that labels of two different annotators
 * never mix in one reward model. */
#define _DEFAULT_SOURCE /* strsep */
#include "learner/process/label_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_address.h"
#include "common/wire/labels/labels.h"
#include "learner/process/actor_keys.h"
#include "learner/process/held_labels.h"
#include "learner/process/label_options.h"
#include "learner/process/label_sources.h"
#include "learner/process/peer_numbers.h"

enum {
    REFRESH_MS = 1000,
    FRUITLESS_MS = 60000, /* a life without a label is worth a word when it asked for so long */
    STATE_MAX = 4096 + LABEL_OPTIONS_TEXT_MAX
};

struct label_client {
    struct wire_labels_client *client; /* NULL: no server */
    struct wire_keys *keys;
    char address[SOCK_ADDRESS_MAX];
    int pairs_waiting;
    struct label_options now;             /* of this life */
    char identity[192];                   /* of the labels in the reward model; "" = none yet */
    char options[LABEL_OPTIONS_TEXT_MAX]; /* with which it came to be */
    /* of all lives */
    struct label_heard heard;
    uint64_t labels, abstained, distrusts;
    /* of this life */
    uint64_t missing;           /* heard of, and not in the store */
    unsigned server_met;        /* wire_labels_client_status.welcomes that were compared with it */
    uint64_t judged, high, tie; /* all labels; above 0.5; 0.5 */
    double sum;
    struct label_sources sources;
    struct actor_keys *actors; /* whose messages are asked about */
    struct peer_numbers peer;
    double staleness_s; /* between question and use, moving average; < 0 = no label yet */
    int *unknown;       /* [unknown_cap] */
    int unknown_cap;
    bool hold;
    struct strmap *asked; /* questions of this round while holding; NULL = not holding */
    struct held_labels held;
    int64_t asked_ms;                /* clock_ms of the first question of this life; 0 = none */
    bool ails;                       /* the annotator said what no start says */
    char waiting[192], trouble[160]; /* trouble: the last that was said of the annotator */
    char fruitless[300];
};

int label_client_create(struct label_client **out, const struct label_client_params *p,
                        struct onic_err *err)
{
    struct label_client *a = xcalloc(1, sizeof *a);
    a->staleness_s = -1.0;
    snprintf(a->address, sizeof a->address, "%s", p->address);
    a->pairs_waiting = p->pairs_waiting;
    a->now = *p->options;
    a->sources.alarm = p->label_drift;
    a->actors = actor_keys_create(p->actor_share);
    a->keys = p->keys;
    *out = a;
    if (!p->address[0])
        return ONIC_OK;
    int rc = wire_labels_client_create(&a->client, p->address, NULL, p->keys, err);
    if (rc) {
        label_client_free(a);
        *out = NULL;
    }
    return rc;
}

void label_client_free(struct label_client *a)
{
    if (!a)
        return;
    wire_labels_client_free(a->client);
    actor_keys_free(a->actors);
    strmap_free(a->asked);
    free(a->unknown);
    held_labels_release(&a->held);
    free(a);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* True when it was new. */
static bool label_client_ask_one(struct label_client *a, const char *question, size_t len)
{
    bool new = wire_labels_client_ask(a->client, question, len);
    if (!a->asked_ms)
        a->asked_ms = clock_ms();
    if (a->asked)
        strmap_put(a->asked, question, len, NULL);
    return new;
}

/* What the model draws, as long as not too many questions wait (reward.pairs_waiting). */
static void ask_drawn(struct label_client *a, struct reward_mix *mix)
{
    struct wire_labels_client_status s;
    char question[QUESTION_MAX];
    size_t len;
    wire_labels_client_status(a->client, &s);
    if (s.waiting + s.outstanding >= a->pairs_waiting)
        return;
    while ((len = reward_mix_next_question(mix, question)) > 0)
        label_client_ask_one(a, question, len);
}

void label_client_ask(struct label_client *a, struct reward_mix *mix, const struct batch *b)
{
    if (!a->client)
        return;
    if (reward_mix_type(mix)->next_question) {
        ask_drawn(a, mix);
        return;
    }
    if (b->reward.ncaptions > a->unknown_cap) {
        a->unknown_cap = b->reward.ncaptions + b->reward.ncaptions / 2;
        a->unknown = xrealloc(a->unknown, (size_t)a->unknown_cap * sizeof *a->unknown);
    }
    int n = reward_mix_unknown(mix, &b->reward, a->unknown);
    actor_keys_see(a->actors, &b->reward);
    for (int i = 0; i < n; i++) {
        int k = a->unknown[i];
        char question[QUESTION_MAX];
        uint32_t actor = actor_keys_of(a->actors, (uint32_t)k);
        if (!actor_keys_may(a->actors, actor))
            continue;
        size_t len = question_about(question, reward_mix_type(mix)->traits.asks,
                                    b->reward.caption_text[k], b->reward.caption_len[k]);
        if (label_client_ask_one(a, question, len))
            actor_keys_count(a->actors, actor);
    }
}

/* --- labels ---------------------------------------------------------------------------------- */

/* False: another learner of the same server asks another kind of question. */
static bool hand_over(struct reward_mix *mix, const struct label *l)
{
    struct question q;
    struct label mine = *l;
    if (!question_split(l->question, l->question_len, &q) ||
        q.kind != reward_mix_type(mix)->traits.asks)
        return false;
    if (q.kind != QUESTION_PAIR) {
        mine.question = q.caption;
        mine.question_len = q.len;
    }
    reward_mix_on_label(mix, &mine);
    return true;
}

static void apply(struct label_client *a, struct reward_mix *mix, const struct label *l)
{
    a->heard.last_id = l->id > a->heard.last_id ? l->id : a->heard.last_id;
    if (l->state != LABEL_ANSWERED) {
        a->abstained++;
        return;
    }
    if (!hand_over(mix, l))
        return;
    a->labels++;
    a->judged++;
    a->high += l->value > 0.5;
    a->tie += l->value == 0.5;
    a->sum += l->value;
    if (!label_sources_take(&a->sources, l->source, l->value))
        peer_numbers_drop(&a->peer, l->source);
    double age = clock_wall_s() - l->asked_at;
    if (l->asked_at > 0 && age >= 0)
        a->staleness_s = a->staleness_s < 0 ? age : a->staleness_s + 0.02 * (age - a->staleness_s);
}

/* The client below remembers it as answered. */
static void forget_answer(void *ctx, const char *question, size_t len)
{
    struct label_client *a = ctx;
    wire_labels_client_forget(a->client, question, len);
}

void label_client_hold(struct label_client *a, bool hold)
{
    a->hold = hold;
    if (a->client)
        wire_labels_client_wait_for_all(a->client, hold);
    if (hold && !a->asked)
        a->asked = strmap_create(1024);
}

struct applying {
    struct label_client *a;
    struct reward_mix *mix;
};

static void apply_held(void *ctx, const struct label *l)
{
    struct applying *to = ctx;
    apply(to->a, to->mix, l);
}

void label_client_apply(struct label_client *a, struct reward_mix *mix)
{
    held_labels_take(&a->held, a->asked, apply_held, &(struct applying){a, mix});
    if (a->asked) /* all have an answer now */
        strmap_clear(a->asked);
}

/* Nothing in the reward model depends on the identity that was: what was asked is asked of the new
 * one. */
static void adopt(struct label_client *a, const char *identity)
{
    size_t it = 0, len;
    const char *question;
    uint64_t value;
    if (a->identity[0])
        log_info("the run has no labels yet, so it takes those that are given now",
                 kv("was", (const char *)a->identity), kv("is", identity));
    snprintf(a->identity, sizeof a->identity, "%s", identity);
    label_options_write(&a->now, a->options);
    held_labels_clear(&a->held);
    while (a->asked && strmap_next(a->asked, &it, &question, &len, &value))
        wire_labels_client_ask(a->client, question, len);
}

int label_client_check_identity(const struct label_client *a, const char *identity,
                                struct onic_err *err)
{
    char remedy[LABEL_OPTIONS_REMEDY_MAX];
    if (!a->identity[0] || a->labels == 0 || strcmp(a->identity, identity) == 0)
        return ONIC_OK;
    label_options_remedy(a->options, &a->now, a->identity, identity, remedy);
    return err_set(err, ONIC_EINCOMPATIBLE,
                   "%llu labels of this run were given by [%s], the reward server now answers as "
                   "[%s]: %s, or another --run-dir",
                   (unsigned long long)a->labels, a->identity, identity, remedy);
}

/* At every poll: the server may be restarted with other options in the middle of this life. */
static int check_identity(struct label_client *a, const struct reward_model_type *type,
                          struct onic_err *err)
{
    const struct wire_labels_identity *now = wire_labels_client_identity(a->client);
    if (!now->identity[0])
        return ONIC_OK;
    if (!(now->kinds & 1u << type->traits.asks))
        return err_set(err, ONIC_ECONFIG,
                       "reward.model=%s asks %s questions, which annotator.id=%s does not answer; "
                       "choose another of the two",
                       type->name, question_kind_name(type->traits.asks), now->annotator);
    int rc = label_client_check_identity(a, now->identity, err);
    if (!rc && strcmp(a->identity, now->identity) != 0)
        adopt(a, now->identity);
    return rc;
}

/* Rule A7: a store that was damaged, or replaced by an older copy, has fewer labels than were heard
 * of. They stay in the reward model; whoever asks the store gets them anew, perhaps others. Before
 * labels of this connection are taken: the server told its numbers first. */
static void compare_store(struct label_client *a)
{
    struct wire_labels_client_status s;
    wire_labels_client_status(a->client, &s);
    if (!s.store || s.told == a->server_met)
        return;
    a->server_met = s.told;
    struct label_heard *heard = &a->heard;
    if (heard->store && heard->store != s.store) {
        if (a->labels)
            log_warn("the labels of this run are of another label store than the reward server's, "
                     "which may have none of them",
                     kv("labels", a->labels));
        heard->last_id = 0;
    } else if (heard->last_id > s.store_last_id) {
        uint64_t missing = heard->last_id - s.store_last_id;
        a->missing += missing;
        log_warn("labels that this run has heard of are no longer in the label store; the reward "
                 "model keeps them, `onic labels verify` says more",
                 kv("missing", missing), kv("heard_up_to", heard->last_id),
                 kv("store_ends_at", s.store_last_id));
        heard->last_id = s.store_last_id;
    }
    heard->store = s.store;
}

int label_client_poll(struct label_client *a, struct reward_mix *mix, int timeout_ms,
                      struct onic_err *err)
{
    if (!a->client)
        return ONIC_OK;
    wire_labels_client_poll(a->client, timeout_ms);
    int rc = check_identity(a, reward_mix_type(mix), err);
    if (rc)
        return rc;
    compare_store(a);
    struct label l;
    while (wire_labels_client_next(a->client, &l)) {
        if (a->hold)
            held_labels_put(&a->held, a->asked, &l, forget_answer, a);
        else
            apply(a, mix, &l);
    }
    return ONIC_OK;
}

uint64_t label_client_labels(const struct label_client *a)
{
    return a->labels;
}

bool label_client_pending(const struct label_client *a)
{
    struct wire_labels_client_status s;
    if (!a->client)
        return false;
    wire_labels_client_status(a->client, &s);
    return s.outstanding + s.waiting > 0;
}

/* --- showing --------------------------------------------------------------------------------- */

const struct wire_labels_identity *label_client_identity(const struct label_client *a)
{
    return a->client ? wire_labels_client_identity(a->client) : NULL;
}

const char *label_client_waiting_for(struct label_client *a)
{
    struct wire_labels_client_status s;
    a->waiting[0] = '\0';
    if (!a->client)
        return a->waiting;
    wire_labels_client_status(a->client, &s);
    if (s.waiting_for[0])
        snprintf(a->waiting, sizeof a->waiting, "%s", s.waiting_for);
    else if (s.connected && s.annotator[0])
        snprintf(a->waiting, sizeof a->waiting, "labels: %s", s.annotator);
    a->ails |= s.annotator[0] && !label_annotator_is_starting(s.annotator);
    if (s.waiting_for[0] || s.annotator[0])
        snprintf(a->trouble, sizeof a->trouble, "%s",
                 s.waiting_for[0] ? s.waiting_for : s.annotator);
    return a->waiting;
}

/* A life that is stopped while server and annotator were still starting could not have had a label,
 * and nothing is wrong with it. */
static bool could_have_had_labels(const struct label_client *a,
                                  const struct wire_labels_client_status *s)
{
    return s->abstained_total > 0 || a->ails ||
           (a->asked_ms && clock_ms() - a->asked_ms >= FRUITLESS_MS);
}

const char *label_client_fruitless(struct label_client *a)
{
    struct wire_labels_client_status s;
    char what[100];
    a->fruitless[0] = '\0';
    if (!a->client || a->judged > 0)
        return a->fruitless;
    wire_labels_client_refresh(a->client, REFRESH_MS);
    label_client_waiting_for(a);
    wire_labels_client_status(a->client, &s);
    uint64_t asked = s.asked_total + (uint64_t)(s.waiting > 0 ? s.waiting : 0);
    if (asked == 0 || !could_have_had_labels(a, &s))
        return a->fruitless;
    snprintf(what, sizeof what, "none of %llu questions was answered", (unsigned long long)asked);
    if (s.abstained_total)
        snprintf(what, sizeof what, "the annotator abstained from %llu of %llu questions",
                 (unsigned long long)s.abstained_total, (unsigned long long)asked);
    if (!a->trouble[0] && !s.last_seen_ms)
        snprintf(a->trouble, sizeof a->trouble, "no reward server answers at %.100s", a->address);
    snprintf(a->fruitless, sizeof a->fruitless, "no label in this life, %s%s%s", what,
             a->trouble[0] ? ": " : "", a->trouble);
    return a->fruitless;
}

void annotate_sides(const struct label_client *a, uint64_t *low, uint64_t *high, uint64_t *ties)
{
    *low = a->judged - a->high - a->tie;
    *high = a->high;
    *ties = a->tie;
}

void label_client_report(struct label_client *a, struct metrics *m)
{
    struct wire_labels_client_status s = {0};
    if (a->client)
        wire_labels_client_status(a->client, &s);
    metrics_set(m, "annot/labels_total", (double)a->labels);
    metrics_set(m, "annot/abstained_total", (double)a->abstained);
    metrics_set(m, "annot/backlog",
                (double)(s.server_backlog + (uint64_t)(s.waiting > 0 ? s.waiting : 0)));
    metrics_set(m, "annot/labels_per_s", s.server_labels_per_s);
    if (a->missing)
        metrics_set(m, "annot/missing_total", (double)a->missing);
    if (a->held.dropped)
        metrics_set(m, "annot/held_dropped_total", (double)a->held.dropped);
    metrics_set(m, "annot/outstanding", s.outstanding);
    metrics_set(m, "annot/connected", s.connected ? 1 : 0);
    if (a->judged) {
        metrics_set(m, "annot/label_positive", (double)a->high / (double)a->judged);
        metrics_set(m, "annot/label_tie", (double)a->tie / (double)a->judged);
        metrics_set(m, "annot/label_mean", a->sum / (double)a->judged);
    }
    if (a->staleness_s >= 0)
        metrics_set(m, "annot/staleness_s", a->staleness_s);
    peer_numbers_report(&a->peer, s.own, s.nown, m);
    label_sources_report(&a->sources, m);
    actor_keys_report(a->actors, m);
}

uint64_t label_client_distrusts(const struct label_client *a)
{
    return a->distrusts;
}

void label_client_relearn(struct label_client *a, uint64_t distrusts)
{
    a->labels = a->abstained = 0;
    label_sources_clear(&a->sources);
    a->distrusts = distrusts;
}

/* What the client below remembers as answered it would never ask again. */
int label_client_restart(struct label_client *a, struct onic_err *err)
{
    if (!a->client)
        return ONIC_OK;
    wire_labels_client_free(a->client);
    a->client = NULL;
    a->server_met = 0;
    held_labels_clear(&a->held);
    if (a->asked)
        strmap_clear(a->asked);
    int rc = wire_labels_client_create(&a->client, a->address, NULL, a->keys, err);
    if (!rc)
        wire_labels_client_wait_for_all(a->client, a->hold);
    return rc;
}

/* --- checkpoint ------------------------------------------------------------------------------ */

/* Lines: identity, then numbers, then "store <number>", "distrusts
 * <number>", "source ..." (label_sources.h) and "option
 * <key>=<value>". */
void label_client_save(const struct label_client *a, struct checkpoint *to)
{
    struct buf b;
    buf_init(&b, STATE_MAX);
    buf_printf(&b, "%s\n%llu %llu %llu %.9g\n", a->identity, (unsigned long long)a->heard.last_id,
               (unsigned long long)a->labels, (unsigned long long)a->abstained, a->staleness_s);
    buf_printf(&b, "store %llu\n", (unsigned long long)a->heard.store);
    buf_printf(&b, "distrusts %llu\n", (unsigned long long)a->distrusts);
    label_sources_save(&a->sources, &b);
    buf_puts(&b, a->options);
    checkpoint_add_buf(to, "annotation", &b);
    buf_release(&b);
}

/* The text of a checkpoint, its first two lines read: *rest is what follows them. */
static int read_state(const struct checkpoint_file *from, char text[STATE_MAX + 1], char **rest,
                      char **identity, uint64_t number[3], double *staleness, struct onic_err *err)
{
    const void *data;
    size_t len;
    unsigned long long n[3];
    int rc = checkpoint_get_bytes(from, "annotation", &data, &len, err);
    if (rc)
        return rc;
    if (len > STATE_MAX)
        return err_set(err, ONIC_EDAMAGED, "%s: the annotation state is too long",
                       checkpoint_path(from));
    memcpy(text, data, len);
    text[len] = '\0';
    *rest = text;
    *identity = strsep(rest, "\n");
    if (strncmp(*identity, "class ", 6) == 0) /* before questions told their own kind */
        *identity += 6;
    char *line = *rest ? strsep(rest, "\n") : NULL;
    if (!line || sscanf(line, "%llu %llu %llu %lf", &n[0], &n[1], &n[2], staleness) != 4)
        return err_set(err, ONIC_EDAMAGED, "%s: the annotation state cannot be read",
                       checkpoint_path(from));
    for (int i = 0; i < 3; i++)
        number[i] = n[i];
    return ONIC_OK;
}

int label_client_load(struct label_client *a, const struct checkpoint_file *from,
                      struct onic_err *err)
{
    char text[STATE_MAX + 1], *rest, *line;
    uint64_t number[3];
    unsigned long long n;
    int rc = read_state(from, text, &rest, &line, number, &a->staleness_s, err);
    if (rc)
        return rc;
    snprintf(a->identity, sizeof a->identity, "%s", line);
    a->heard = (struct label_heard){.last_id = number[0]};
    a->labels = number[1];
    a->abstained = number[2];
    a->distrusts = 0; /* where it was written before labels could be withdrawn */
    label_sources_clear(&a->sources);
    a->options[0] = '\0';
    while (rest && (line = strsep(&rest, "\n"))) {
        size_t at = strlen(a->options);
        if (strncmp(line, "option ", 7) == 0)
            snprintf(a->options + at, sizeof a->options - at, "%s\n", line);
        else if (sscanf(line, "store %llu", &n) == 1)
            a->heard.store = n;
        else if (sscanf(line, "distrusts %llu", &n) == 1)
            a->distrusts = n;
        else
            label_sources_load_line(&a->sources, line);
    }
    return ONIC_OK;
}

int label_client_heard(const struct checkpoint_file *from, struct label_heard *out,
                       struct onic_err *err)
{
    char text[STATE_MAX + 1], *rest, *line;
    uint64_t number[3];
    unsigned long long n;
    double staleness;
    int rc = read_state(from, text, &rest, &line, number, &staleness, err);
    *out = (struct label_heard){.last_id = !rc ? number[0] : 0};
    while (!rc && rest && (line = strsep(&rest, "\n")))
        if (sscanf(line, "store %llu", &n) == 1)
            out->store = n;
    return rc;
}
