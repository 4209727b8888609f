/* SPDX-License-Identifier: MIT */
/* label_check.c - the hashes that make a question's key, and that tell whether a row is what was
 * written. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "reward_server/store/label_store_impl.h"

static void label_check_put_field(struct buf *b, const void *data, size_t len)
{
    uint64_t n = len;
    buf_append(b, &n, sizeof n);
    buf_append(b, data, len);
}

static void label_check_put_text(struct buf *b, const char *s)
{
    label_check_put_field(b, s, strlen(s));
}

struct label_key label_key_make(const struct label_identity *id, const char *question, size_t len)
{
    struct buf b;
    int32_t vote = id->vote;
    buf_init(&b, 8 * (LABEL_ID_FIELD_MAX + 16) + len + 64);
    label_check_put_text(&b, question_kind_name(question_kind_of(question, len)));
    label_check_put_text(&b, id->annotator);
    label_check_put_text(&b, id->model);
    label_check_put_text(&b, id->goal_version);
    label_check_put_text(&b, id->parameters);
    label_check_put_field(&b, &vote, sizeof vote);
    label_check_put_field(&b, question, len);
    ONIC_ASSERT(!b.overflow);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(b.data, b.len));
    struct label_key key;
    memcpy(key.byte, canonical.digest, sizeof key.byte);
    buf_release(&b);
    return key;
}

void label_identity_text(const struct label_identity *id, char out[192])
{
    snprintf(out, 192, "%s %.40s %.40s@%.32s %.40s%svote=%d", id->annotator, id->model, id->goal,
             id->goal_version, id->parameters, *id->parameters ? " " : "", id->vote);
}

void label_origin(const char *annotator, const char *raw, char out[LABEL_SOURCE_MAX])
{
    size_t n = strcspn(raw, ":");
    snprintf(out, LABEL_SOURCE_MAX, "%.31s", annotator);
    for (const char *p = strchr(annotator, '>') ? annotator : ""; *p; p += *p == '>') {
        size_t len = strcspn(p, ">");
        if (len == n && n < LABEL_SOURCE_MAX && memcmp(p, raw, n) == 0)
            snprintf(out, LABEL_SOURCE_MAX, "%.*s", (int)n, raw);
        p += len;
    }
}

int64_t label_row_check(const struct label_row *row)
{
    struct buf b;
    const struct label *l = &row->label;
    uint32_t state = l->state, attempts = (uint32_t)row->attempts;
    buf_init(&b, LABEL_RAW_MAX + 256);
    label_check_put_field(&b, row->key.byte, sizeof row->key.byte);
    label_check_put_field(&b, &l->id, sizeof l->id);
    label_check_put_field(&b, &state, sizeof state);
    label_check_put_field(&b, &l->value, sizeof l->value);
    label_check_put_field(&b, &l->confidence, sizeof l->confidence);
    label_check_put_text(&b, l->raw);
    label_check_put_field(&b, &l->asked_at, sizeof l->asked_at);
    label_check_put_field(&b, &l->answered_at, sizeof l->answered_at);
    label_check_put_field(&b, &attempts, sizeof attempts);
    ONIC_ASSERT(!b.overflow);
    int64_t check = (int64_t)XXH3_64bits(b.data, b.len);
    buf_release(&b);
    return check;
}

int64_t label_texts_check(const char *const *text, int n, int64_t number)
{
    struct buf b;
    buf_init(&b, (size_t)n * (LABEL_NOTE_MAX + 8) + 64);
    label_check_put_field(&b, &number, sizeof number);
    for (int i = 0; i < n; i++)
        label_check_put_text(&b, text[i]);
    ONIC_ASSERT(!b.overflow);
    int64_t check = (int64_t)XXH3_64bits(b.data, b.len);
    buf_release(&b);
    return check;
}
