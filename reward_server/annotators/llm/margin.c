/* SPDX-License-Identifier: MIT */
/* margin.c - labels from the probabilities of the answers; see llm_impl.h.
 *
 *   class   margin = log p(helpful) - log p(not) - the same for the message "N/A."
 *   pair    margin = half of (log p(1) - log p(2) as asked, minus the same with the two exchanged)
 *
 * What is taken off is what the model would answer about nothing (contextual calibration, Zhao et
 * al. 2021, arXiv 2102.09690): small models prefer one word whatever they are asked. It belongs to
 * prompt and model, so it is asked once, kept with the identity of the labels, and the same for all
 * servers and lives. Of a pair the two orders take it off by themselves. */
#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

static const double one_sided = 4.6; /* odds of 100 to 1 */
enum { SAME_MAX = 64 };

const char llm_no_content[] = "N/A.";

static const char note_name[] = "llm";

void llm_margin_recall(struct llm *l)
{
    struct llm_calibration *k = &l->calibration;
    char text[ANNOTATOR_NOTE_MAX];
    if (k->known || !l->notes.get || !l->notes.get(l->notes.ctx, note_name, text))
        return;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *way = json_string_value(json_object_get(root, "answer"));
    const json_t *margin = json_object_get(root, "calibration");
    bool number = json_is_number(margin) && isfinite(json_number_value(margin));
    if (way && strcmp(way, "text") == 0)
        *k = (struct llm_calibration){.known = true, .kept = true, .text = true};
    else if (way && strcmp(way, "logprob") == 0 && number)
        *k = (struct llm_calibration){
            .known = true, .kept = true, .margin = json_number_value(margin)};
    else
        log_warn("what the label store says of earlier answers cannot be read: it is asked anew",
                 kv("note", (const char *)text));
    json_decref(root);
}

static void keep(struct llm *l)
{
    struct llm_calibration *k = &l->calibration;
    char text[ANNOTATOR_NOTE_MAX];
    if (k->text)
        snprintf(text, sizeof text, "{\"answer\": \"text\"}");
    else
        snprintf(text, sizeof text, "{\"answer\": \"logprob\", \"calibration\": %.9g}", k->margin);
    k->kept = !l->notes.put || l->notes.put(l->notes.ctx, note_name, text);
}

void llm_margin_decide(struct llm *l, bool text, double margin)
{
    if (l->calibration.known)
        return;
    l->calibration = (struct llm_calibration){.known = true, .text = text, .margin = margin};
    keep(l);
}

bool llm_margin_is_one_sided(const struct llm *l, const struct llm_reading *nothing)
{
    return l->settings.calibrate && fabs(nothing->lp[0] - nothing->lp[1]) > one_sided;
}

void llm_margin_one_sided_text(const struct llm *l, double margin, char out[LLM_WHY_MAX])
{
    const struct llm_words *w = &l->words[QUESTION_CLASS];
    snprintf(out, LLM_WHY_MAX,
             "of the message \"%s\" it says %s with odds of %.0f to 1, so that little is left to "
             "messages: set llm.calibration=none, or annotator.prompt",
             llm_no_content, w->word[margin < 0], exp(fabs(margin)));
}

/* --- labels ---------------------------------------------------------------------------------- */

static double confidence(double margin)
{
    return tanh(fabs(margin) / 2); /* of the two: p(this one) - p(the other) */
}

static void class_label(struct llm *l, const struct llm_reading *r, struct llm_margin_label *out)
{
    const struct llm_words *w = &l->words[QUESTION_CLASS];
    double taken_off = l->settings.calibrate ? l->calibration.margin : 0;
    double margin = r->lp[0] - r->lp[1] - taken_off;
    out->label = w->label[margin > 0 ? 0 : 1];
    out->confidence = confidence(margin);
    snprintf(out->raw, sizeof out->raw,
             "\"%.40s\", margin %+.3f (log p %s %.3f, %s %.3f; taken off %+.3f)", r->first, margin,
             w->word[0], r->lp[0], w->word[1], r->lp[1], taken_off);
}

/* first: as asked; second: with the captions exchanged. */
static void pair_label(const struct llm *l, const struct llm_reading *first,
                       const struct llm_reading *second, struct llm_margin_label *out)
{
    const struct llm_words *w = &l->words[QUESTION_PAIR];
    double here = first->lp[0] - first->lp[1], there = second->lp[1] - second->lp[0];
    double margin = (here + there) / 2;
    double best = fmax(first->lp[0] + second->lp[1], first->lp[1] + second->lp[0]) / 2;
    double none = (first->lp[2] + second->lp[2]) / 2;
    bool tie = none > best;
    out->label = w->label[tie || margin == 0 ? 2 : margin > 0 ? 0 : 1];
    out->confidence = confidence(tie ? none - best : margin);
    snprintf(
        out->raw, sizeof out->raw,
        "\"%.40s\" and exchanged \"%.40s\", margin %+.3f (of the first, in both orders: %+.3f, "
        "%+.3f)",
        first->first, second->first, margin, here, there);
}

/* A model that says the same of everything tells nothing apart. */
static void watch(struct llm *l, double label)
{
    struct llm_calibration *k = &l->calibration;
    if (k->told_same)
        return;
    k->same = k->labels++ == 0 || label == k->last ? k->same + 1 : SAME_MAX + 1;
    k->last = label;
    if (k->same > SAME_MAX)
        k->told_same = true; /* it does tell something apart */
    if (k->same != SAME_MAX || k->labels != SAME_MAX)
        return;
    k->told_same = true;
    log_warn("every answer of the language model is on one side: another wording "
             "(annotator.prompt), a larger model, or llm.calibration",
             kv("labels", (int)SAME_MAX), kv("all", label), kv("calibration", k->margin));
}

bool llm_margin_take(struct llm *l, enum question_kind kind, const struct llm_reading *r,
                     struct llm_halves *h, struct llm_margin_label *out)
{
    if (!l->calibration.kept)
        keep(l);
    if (kind == QUESTION_PAIR && h->n == 0) {
        h->first = *r;
        h->n = 1;
        return false;
    }
    if (kind == QUESTION_PAIR) {
        pair_label(l, &h->first, r, out);
        return true;
    }
    class_label(l, r, out);
    watch(l, out->label);
    return true;
}
