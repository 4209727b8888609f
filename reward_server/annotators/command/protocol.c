/* SPDX-License-Identifier: MIT */
/* protocol.c - the lines that the command annotator and a user's program exchange.
 *
 * Read strictly: what is not exactly an answer never becomes a label. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/command/command_impl.h"
#include "reward_server/http/http_json.h"

static json_t *game_text(const char *bytes, size_t len)
{
    char text[2 * QUESTION_CAPTION_MAX + 1];
    goal_utf8(bytes, len, text);
    json_t *string = json_string(text);
    return string ? string : json_string("");
}

char *protocol_question(const struct goal *goal, uint64_t id, const char *question, size_t len,
                        int vote)
{
    struct question q;
    char name[2 * GOAL_NAME_MAX];
    question_split(question, len, &q);
    snprintf(name, sizeof name, "%s/%s", goal->domain, goal->name);
    json_t *o = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)id, "kind",
                          question_kind_name(q.kind), "caption", game_text(q.caption, q.len));
    if (q.kind == QUESTION_PAIR)
        json_object_set_new(o, "caption_b", game_text(q.caption_b, q.len_b));
    json_object_set_new(o, "vote", json_integer(vote));
    json_object_set_new(o, "goal", json_string(name));
    json_object_set_new(o, "about", json_string(goal->description ? goal->description : ""));
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    ONIC_ASSERT(text != NULL);
    json_decref(o);
    size_t n = strlen(text);
    char *line = xcalloc(1, n + 2);
    memcpy(line, text, n);
    line[n] = '\n';
    free(text);
    return line;
}

static void read_label(const json_t *o, struct protocol_answer *out)
{
    const json_t *label = json_object_get(o, "label");
    const json_t *confidence = json_object_get(o, "confidence");
    const json_t *abstain = json_object_get(o, "abstain");
    const char *raw = json_string_value(json_object_get(o, "raw"));
    const char *error = json_string_value(json_object_get(o, "error"));
    if (error) {
        char text[120];
        life_printable(text, sizeof text, error, strlen(error));
        snprintf(out->why, sizeof out->why, "it says: %s", text);
    } else if (abstain && !label) {
        out->label.state = LABEL_ABSTAINED;
        snprintf(out->raw, sizeof out->raw, "abstained: %.400s",
                 json_is_string(abstain) ? json_string_value(abstain) : "no reason given");
    } else if (abstain || !(json_is_number(label) || json_is_boolean(label))) {
        snprintf(out->why, sizeof out->why, "it needs \"label\" (a number) or \"abstain\"");
    } else if (confidence && !json_is_number(confidence)) {
        snprintf(out->why, sizeof out->why, "its confidence is not a number");
    } else {
        out->label.state = LABEL_ANSWERED;
        out->label.value = json_is_true(label) ? 1 : json_number_value(label);
        out->label.confidence = confidence ? json_number_value(confidence) : 1;
        snprintf(out->raw, sizeof out->raw, "%s", raw && *raw ? raw : "no reason given");
    }
}

bool protocol_read(const char *line, size_t len, struct protocol_answer *out)
{
    *out = (struct protocol_answer){.label = {.state = LABEL_UNKNOWN}};
    json_t *o = http_json(line, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = json_object_get(o, "id");
    bool fine = json_is_integer(id) && json_integer_value(id) > 0;
    if (fine) {
        out->id = (uint64_t)json_integer_value(id);
        read_label(o, out);
    } else {
        snprintf(out->why, sizeof out->why,
                 o ? "it has no \"id\" of a question" : "it is not a JSON object");
    }
    json_decref(o);
    return fine;
}

bool protocol_fits(struct protocol_answer *a, enum question_kind kind)
{
    const char *fault = label_fault(&a->label, kind);
    if (fault) {
        a->label.state = LABEL_UNKNOWN;
        snprintf(a->why, sizeof a->why, "label %g, confidence %g, of a question of kind %s: %s",
                 a->label.value, a->label.confidence, question_kind_name(kind), fault);
    }
    return a->label.state != LABEL_UNKNOWN;
}
