/* SPDX-License-Identifier: MIT */
/* orders.c - pairs whose answers are texts, asked in both orders; see llm_impl.h.
 *
 * A model may prefer a place, whatever stands there. Of log-probabilities both orders are asked of
 * every pair, which takes the preference off (margin.c); of a text there is nothing to take it off
 * from, so a share of the pairs (llm.both_orders, drawn of the question) is asked twice and
 * labelled only where both answers mean the same caption. What that share shows holds for all
 * pairs: how often the answers differ, and how many of them name the first place, are numbers of
 * the annotator, and a warning when the last LLM_ORDERS_WINDOW differ too often. */
#include <xxhash.h>

#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { ORDERS_ENOUGH = 20 };
static const double ORDERS_MANY =
    0.25; /* of the pairs: a coin that knows nothing differs in half */

bool llm_orders_both(const struct llm *l, const struct llm_style *style, const char *question,
                     size_t len)
{
    struct rng draw =
        rng_stream((uint64_t)l->settings.seed, "llm.orders", XXH3_64bits(question, len), 0, 0);
    return style->reads == LLM_READS_TEXT && question_kind_of(question, len) == QUESTION_PAIR &&
           rng_double(&draw) < l->settings.both_orders;
}

static int orders_seen(const struct llm_orders *o)
{
    return o->pairs < LLM_ORDERS_WINDOW ? (int)o->pairs : LLM_ORDERS_WINDOW;
}

static double orders_differ(const struct llm_orders *o)
{
    int n = orders_seen(o), differ = 0;
    for (int i = 0; i < n; i++)
        differ += o->differs[i];
    return n ? (double)differ / n : 0;
}

static double orders_first_place(const struct llm_orders *o)
{
    return o->decided ? (double)o->first_place / (double)o->decided : 0.5;
}

static void orders_tell(struct llm_orders *o)
{
    if (o->told || orders_seen(o) < ORDERS_ENOUGH || orders_differ(o) <= ORDERS_MANY)
        return;
    o->told = true;
    log_warn(
        "which of two messages a language model calls better depends on their order, so labels "
        "of pairs that are asked in one order may be a preference for a place: take another "
        "wording (annotator.prompt) or model (llm.model), llm.answer=logprob, which takes the "
        "preference off, or llm.both_orders=1, which abstains from them",
        kv("differ", orders_differ(o)), kv("of_the_last", orders_seen(o)),
        kv("name_the_first_place", orders_first_place(o)));
}

static void orders_count(struct llm_orders *o, double label, double exchanged, bool differs)
{
    o->differs[o->pairs++ % LLM_ORDERS_WINDOW] = differs;
    o->all_differ += differs;
    o->decided += (label != 0.5) + (exchanged != 0.5);
    o->first_place += (label == 0) + (exchanged == 0);
    orders_tell(o);
}

bool llm_orders_take(struct llm *l, struct llm_halves *h, double label, const char *text,
                     struct llm_margin_label *out, bool *differs)
{
    if (h->n == 0) {
        h->n = 1;
        h->label = label;
        snprintf(h->text, sizeof h->text, "%.199s", text);
        return false;
    }
    *differs = label != 1 - h->label; /* a tie is one in either order */
    orders_count(&l->orders_asked, h->label, label, *differs);
    out->label = h->label;
    out->confidence = 1;
    snprintf(out->raw, sizeof out->raw, "%s%.199s; in the other order: %.199s",
             *differs ? "abstained: the answer depends on the order: " : "", h->text, text);
    return true;
}

void llm_orders_report(const struct llm *l, void (*put)(void *ctx, const char *name, double value),
                       void *ctx)
{
    const struct llm_orders *o = &l->orders_asked;
    if (o->pairs == 0)
        return;
    put(ctx, "llm_both_orders", (double)o->pairs); /* these three: of this life */
    put(ctx, "llm_orders_differ", (double)o->all_differ);
    put(ctx, "llm_first_place", orders_first_place(o));
}
