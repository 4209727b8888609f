/* SPDX-License-Identifier: MIT */
/* prompt.c - reading prompt files, filling in captions, recognising answers.
 *
 * Loading expands everything but the captions, in one pass, so that no inserted text is ever read
 * as a template again. What is left open is marked by two control characters that a file cannot
 * contain. The hash is taken of the result: a changed comment asks nothing anew, a changed word
 * does. */
#include "reward_server/prompts/prompt.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "reward_server/goals/goal.h"
#include "reward_server/goals/yaml_file.h"

const char *const prompt_kind_name[PROMPT_KINDS] = {"classification", "ranking"};

enum { SLOT_A = 1, SLOT_B = 2, EXAMPLES_MAX = 16, RENDER_VERSION = 1, TEXT_MAX = 1 << 16 };

struct example {
    const char *caption, *analysis;
};

/* The file as read; texts belong to the YAML document. */
struct source {
    struct yaml_file file;
    enum prompt_kind kind;
    const char *goal;
    const yaml_node_t *system, *user, *example, *examples, *goals, *words, *key;
    const char *preference;
    struct example list[EXAMPLES_MAX];
    int nexamples;
    const yaml_node_t *labels; /* of the goal; NULL: it shows no examples */
    struct prompt *out;
};

/* --- reading --------------------------------------------------------------------------- */

static const yaml_node_t *child(struct source *s, const yaml_node_t *map, const char *name)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const char *key = yaml_file_text(yaml_file_node(&s->file, p->key));
        if (key && !strcmp(key, name))
            return yaml_file_node(&s->file, p->value);
    }
    return NULL;
}

static int items(const yaml_node_t *list)
{
    return list && list->type == YAML_SEQUENCE_NODE
               ? (int)(list->data.sequence.items.top - list->data.sequence.items.start)
               : -1;
}

static const yaml_node_t *item(struct source *s, const yaml_node_t *list, int i)
{
    return yaml_file_node(&s->file, list->data.sequence.items.start[i]);
}

/* A text without control characters: these would break lines or collide with the slots. */
static int prompt_check_text(struct source *s, const yaml_node_t *node, const char *missing)
{
    const char *text = yaml_file_text(node);
    if (!text || !*text)
        return yaml_file_complain(&s->file, node, missing);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7F)
            return yaml_file_complain(&s->file, node, "control characters do not belong here");
    return ONIC_OK;
}

static int prompt_read_word(struct source *s, const yaml_node_t *node, char out[PROMPT_WORD_MAX])
{
    const char *text = yaml_file_text(node);
    size_t len = text ? strlen(text) : 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            len = 0;
    if (!len || len >= PROMPT_WORD_MAX)
        return yaml_file_complain(&s->file, node,
                                  "a word of 1 to 31 letters, digits and _ belongs here");
    snprintf(out, PROMPT_WORD_MAX, "%s", text);
    return ONIC_OK;
}

/* Without words: a ranking has 1, 2 and none. */
static void ranking_words(struct prompt *p)
{
    static const char *const word[] = {"1", "2", "none"};
    for (p->nwords = 0; p->nwords < 3; p->nwords++)
        snprintf(p->word[p->nwords], PROMPT_WORD_MAX, "%s", word[p->nwords]);
}

static int read_words(struct source *s)
{
    static const double label[PROMPT_KINDS][3] = {{1, 0}, {0, 1, 0.5}};
    struct prompt *p = s->out;
    bool ranking = s->kind == PROMPT_RANKING;
    int n = ranking ? 3 : 2;
    memcpy(p->label, label[s->kind], sizeof p->label);
    if (ranking && !s->words) {
        ranking_words(p);
        return ONIC_OK;
    }
    if (items(s->words) != n)
        return yaml_file_complain(
            &s->file, s->words,
            ranking ? "words: needs three words, for the first, the second and neither"
                    : "words: needs two words, first the one for helpful");
    for (; p->nwords < n; p->nwords++) {
        int rc = prompt_read_word(s, item(s, s->words, p->nwords), p->word[p->nwords]);
        if (rc)
            return rc;
        for (int i = 0; i < p->nwords; i++)
            if (strcasecmp(p->word[i], p->word[p->nwords]) == 0)
                return yaml_file_complain(&s->file, s->words, "two of the words are the same");
    }
    return ONIC_OK;
}

static int read_examples(struct source *s)
{
    int n = items(s->examples);
    if (s->kind == PROMPT_RANKING)
        return ONIC_OK;
    if (n < 1 || n > EXAMPLES_MAX)
        return yaml_file_complain(&s->file, s->examples, "examples: needs 1 to 16 entries");
    for (; s->nexamples < n; s->nexamples++) {
        const yaml_node_t *node = item(s, s->examples, s->nexamples);
        const yaml_node_t *caption = child(s, node, "caption");
        const yaml_node_t *analysis = child(s, node, "analysis");
        int rc = ONIC_OK;
        if (node->type == YAML_MAPPING_NODE)
            rc = yaml_file_check_keys(&s->file, node, "caption analysis");
        bool wanted = strstr(yaml_file_text(s->example), "{analysis}") != NULL;
        if (!rc && (!caption || (wanted && !analysis)))
            rc = yaml_file_complain(&s->file, node,
                                    wanted ? "an example has caption: and analysis:"
                                           : "an example has caption:");
        if (!rc)
            rc = prompt_check_text(s, caption, "the message of the example belongs here");
        if (!rc && analysis)
            rc = prompt_check_text(s, analysis, "one sentence on the message belongs here");
        if (rc)
            return rc;
        s->list[s->nexamples].caption = yaml_file_text(caption);
        s->list[s->nexamples].analysis = analysis ? yaml_file_text(analysis) : "";
    }
    return ONIC_OK;
}

static int prompt_check_labels(struct source *s, const yaml_node_t *labels)
{
    if (items(labels) != s->nexamples)
        return yaml_file_complain(&s->file, labels, "labels: needs one label for each example");
    for (int i = 0; i < s->nexamples; i++) {
        const char *label = yaml_file_text(item(s, labels, i));
        if (!label || (strcmp(label, "0") != 0 && strcmp(label, "1") != 0))
            return yaml_file_complain(&s->file, item(s, labels, i),
                                      "the label of an example is 1 or 0");
    }
    return ONIC_OK;
}

static int check_goal(struct source *s, const yaml_node_t *name, const yaml_node_t *value)
{
    const yaml_node_t *preference = child(s, value, "preference");
    const yaml_node_t *labels = child(s, value, "labels");
    int rc = ONIC_OK;
    if (yaml_file_text(name) && value->type == YAML_MAPPING_NODE)
        rc = yaml_file_check_keys(
            &s->file, value, s->kind == PROMPT_CLASSIFICATION ? "preference labels" : "preference");
    if (!rc && (!yaml_file_text(name) || !yaml_file_text(preference)))
        rc = yaml_file_complain(&s->file, name,
                                "a goal is written name: {preference: \"a sentence, or nothing\"}");
    if (!rc && *yaml_file_text(preference))
        rc = prompt_check_text(s, preference, "");
    if (!rc && labels)
        rc = prompt_check_labels(s, labels);
    if (!rc && !strcmp(yaml_file_text(name), s->goal)) {
        s->preference = yaml_file_text(preference);
        s->labels = labels;
    }
    return rc;
}

/* All goals are checked, so that a mistake shows whichever goal is used. */
static int read_goals(struct source *s)
{
    const yaml_node_t *goals = s->goals;
    struct buf known;
    if (!goals || goals->type != YAML_MAPPING_NODE)
        return yaml_file_complain(&s->file, goals, "goals: with one entry per goal is missing");
    buf_init(&known, 600);
    int rc = ONIC_OK;
    for (yaml_node_pair_t *p = goals->data.mapping.pairs.start;
         !rc && p < goals->data.mapping.pairs.top; p++) {
        const yaml_node_t *name = yaml_file_node(&s->file, p->key);
        rc = check_goal(s, name, yaml_file_node(&s->file, p->value));
        if (!rc && child(s, goals, yaml_file_text(name)) != yaml_file_node(&s->file, p->value))
            rc = yaml_file_complain(&s->file, name, "this goal is given twice");
        if (!rc)
            buf_printf(&known, "%s%s", known.len ? ", " : "", yaml_file_text(name));
    }
    if (!rc && !s->preference)
        rc = err_set(s->file.err, ONIC_ECONFIG,
                     "%s:%d: there is no goal \"%.60s\" here; known: %s. Add a line %.60s: "
                     "{preference: \"a sentence for the model\"} below goals: (in a copy of the "
                     "folder, given as annotator.prompts_dir)",
                     s->file.path, (int)goals->start_mark.line + 1, s->goal, known.data, s->goal);
    buf_release(&known);
    return rc;
}

static int read_source(struct source *s)
{
    const yaml_node_t *root = s->file.root;
    bool ranking = s->kind == PROMPT_RANKING;
    s->system = child(s, root, "system");
    s->user = child(s, root, "user");
    s->key = child(s, root, "key");
    s->goals = child(s, root, "goals");
    s->words = child(s, root, "words");
    s->example = child(s, root, "example");
    s->examples = child(s, root, "examples");
    int rc = yaml_file_check_keys(&s->file, root,
                                  ranking ? "system user key goals words"
                                          : "system user key goals words example examples");
    if (!rc)
        rc = prompt_check_text(s, s->system, "system: with a text is missing");
    if (!rc)
        rc = prompt_check_text(s, s->user, "user: with a text is missing");
    if (!rc && !ranking)
        rc = prompt_check_text(s, s->example, "example: with a text is missing");
    if (!rc && !s->key)
        rc = yaml_file_complain(&s->file, NULL, "key: with the name of the answer is missing");
    if (!rc)
        rc = prompt_read_word(s, s->key, s->out->key);
    if (!rc)
        rc = read_words(s);
    if (!rc)
        rc = read_examples(s);
    return rc ? rc : read_goals(s);
}

/* --- expanding ------------------------------------------------------------------------- */

/* The length of valid text at s that some readers take for a line break or a control, else 0. */
static size_t unprintable(const unsigned char *s)
{
    if (s[0] == 0xC2 && s[1] >= 0x80 && s[1] <= 0x9F)
        return 2;
    return s[0] == 0xE2 && s[1] == 0x80 && (s[2] == 0xA8 || s[2] == 0xA9) ? 3 : 0;
}

static void prompt_put_caption(struct buf *out, const char *caption, size_t len)
{
    char *utf8 = xcalloc(2 * len + 1, 1);
    goal_utf8(caption, len, utf8);
    for (const char *c = utf8; *c;) {
        size_t skip = unprintable((const unsigned char *)c);
        if (skip)
            buf_puts(out, " ");
        else if (*c == '"' || *c == '\\')
            buf_printf(out, "\\%c", *c);
        else
            buf_append(out, c, 1);
        c += skip ? skip : 1;
    }
    free(utf8);
}

struct value {
    const char *name, *text;
    bool required, is_caption, seen;
};

/* Line of the byte `at` of a text: exact for literal blocks (|), else the line it starts on. */
static int line_of(const yaml_node_t *node, const char *text, const char *at)
{
    int line = (int)node->start_mark.line + 1;
    if (node->data.scalar.style != YAML_LITERAL_SCALAR_STYLE)
        return line;
    for (line++; text < at; text++)
        line += *text == '\n';
    return line;
}

static int unknown_placeholder(struct source *s, int line, const char *name, size_t len,
                               const struct value *values, int n)
{
    char word[64], near[64], known[200] = "none";
    snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), name);
    for (int i = 0, at = 0; i < n; i++)
        at += snprintf(known + at, sizeof known - (size_t)at, "%s%s", i ? " " : "", values[i].name);
    option_nearest_of(word, n ? known : "", near);
    return err_set(s->file.err, ONIC_ECONFIG,
                   "%s:%d: unknown placeholder {%s}%s%s%s known here: %s", s->file.path, line, word,
                   near[0] ? ", did you mean {" : ";", near, near[0] ? "}?" : "", known);
}

/* Replaces {name}; a brace that no lower-case name follows stands for itself. */
static int expand(struct source *s, const yaml_node_t *node, struct value *values, int n,
                  struct buf *out)
{
    const char *text = yaml_file_text(node);
    for (const char *c = text; *c;) {
        size_t len = *c == '{' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
        if (!len || c[1 + len] != '}') {
            buf_append(out, c++, 1);
            continue;
        }
        int i = 0;
        while (i < n && (strlen(values[i].name) != len || strncmp(values[i].name, c + 1, len) != 0))
            i++;
        if (i == n)
            return unknown_placeholder(s, line_of(node, text, c), c + 1, len, values, n);
        values[i].seen = true;
        if (values[i].is_caption)
            prompt_put_caption(out, values[i].text, strlen(values[i].text));
        else
            buf_puts(out, values[i].text);
        c += len + 2;
    }
    for (int i = 0; i < n; i++)
        if (values[i].required && !values[i].seen)
            return err_set(s->file.err, ONIC_ECONFIG, "%s:%d: this text needs the placeholder {%s}",
                           s->file.path, (int)node->start_mark.line + 1, values[i].name);
    return ONIC_OK;
}

/* All examples are expanded, so that a bad template shows even for goals without labels. */
static int expand_examples(struct source *s, struct buf *out)
{
    int rc = ONIC_OK;
    for (int i = 0; !rc && i < s->nexamples; i++) {
        bool helpful = s->labels && *yaml_file_text(item(s, s->labels, i)) == '1';
        struct value values[] = {
            {"caption", s->list[i].caption, true, true, false},
            {"analysis", s->list[i].analysis, false, false, false},
            {"word", s->out->word[helpful ? 0 : 1], true, false, false},
            {"key", s->out->key, false, false, false},
        };
        rc = expand(s, s->example, values, 4, out);
    }
    if (!s->labels)
        buf_reset(out);
    return rc;
}

static int expand_user(struct source *s, const char *examples, struct buf *out)
{
    struct prompt *p = s->out;
    if (s->kind == PROMPT_RANKING) {
        struct value values[] = {
            {"caption_a", "\1", true, false, false},
            {"caption_b", "\2", true, false, false},
            {"preference", s->preference, true, false, false},
            {"key", p->key, true, false, false},
        };
        return expand(s, s->user, values, 4, out);
    }
    struct value values[] = {
        {"caption", "\1", true, false, false},
        {"preference", s->preference, true, false, false},
        {"examples", examples, true, false, false},
        {"yes", p->word[0], true, false, false},
        {"no", p->word[1], true, false, false},
        {"key", p->key, true, false, false},
    };
    return expand(s, s->user, values, 6, out);
}

static void hash_text(XXH3_state_t *state, const char *text)
{
    uint64_t len = strlen(text);
    XXH3_128bits_update(state, &len, sizeof len);
    XXH3_128bits_update(state, text, len);
}

static void prompt_hash_version(struct prompt *p)
{
    uint64_t shape[3] = {RENDER_VERSION, (uint64_t)p->kind, (uint64_t)p->nwords};
    XXH3_state_t *state = XXH3_createState();
    ONIC_ASSERT(state);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, shape, sizeof shape);
    hash_text(state, p->system);
    hash_text(state, p->user);
    hash_text(state, p->key);
    for (int i = 0; i < p->nwords; i++)
        hash_text(state, p->word[i]);
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(p->version, sizeof p->version, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
}

static int prompt_build(struct source *s)
{
    struct buf system, examples, user;
    buf_init(&system, TEXT_MAX);
    buf_init(&examples, TEXT_MAX);
    buf_init(&user, TEXT_MAX);
    int rc = expand(s, s->system, NULL, 0, &system);
    if (!rc)
        rc = expand_examples(s, &examples);
    if (!rc)
        rc = expand_user(s, examples.data, &user);
    if (!rc && (system.overflow || examples.overflow || user.overflow))
        rc = err_set(s->file.err, ONIC_ECONFIG, "%s: the prompt is longer than %d bytes",
                     s->file.path, TEXT_MAX);
    if (!rc) {
        s->out->system = xstrdup(system.data);
        s->out->user = xstrdup(user.data);
        prompt_hash_version(s->out);
    }
    buf_release(&system);
    buf_release(&examples);
    buf_release(&user);
    return rc;
}

/* Adds the wordings of this kind that a domain's folder has. */
static void put_wordings(struct buf *out, const char *folder, enum prompt_kind kind)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, alphasort);
    size_t len = strlen(prompt_kind_name[kind]);
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name, *end = strstr(name, ".yaml");
        if (strncmp(name, prompt_kind_name[kind], len) == 0 && name[len] == '.' && end && !end[5] &&
            end > name + len + 1)
            buf_printf(out, "%s%.*s", out->len ? ", " : "", (int)(end - name - len) - 1,
                       name + len + 1);
        free(entry[i]);
    }
    free(entry);
}

static int no_such_prompt(const char *path, const char *dir, const char *domain,
                          enum prompt_kind kind, struct onic_err *err)
{
    char folder[4096];
    struct buf known;
    snprintf(folder, sizeof folder, "%.3800s/%.63s", dir, domain);
    buf_init(&known, 400);
    put_wordings(&known, folder, kind);
    int rc = known.len
                 ? err_set(err, ONIC_ECONFIG,
                           "there is no prompt file %.500s (annotator.prompt); wordings there: "
                           "%s",
                           path, known.data)
                 : err_set(err, ONIC_ECONFIG,
                           "there is no prompt file %.400s to ask a language model with: make "
                           "a folder of yours with %.63s/%s in it (%.300s has "
                           "those of other domains to copy and a README.md that says what to "
                           "change) and name it as annotator.prompts_dir",
                           path, domain, strrchr(path, '/') + 1, dir);
    buf_release(&known);
    return rc;
}

int prompt_load(struct prompt **out, const char *dir, const char *domain, enum prompt_kind kind,
                const char *goal, const char *wording, struct onic_err *err)
{
    char path[4096];
    struct buf text;
    struct source s = {.file = {.path = path, .err = err}, .kind = kind, .goal = goal};
    *out = NULL;
    snprintf(path, sizeof path, "%.3800s/%.63s/%s.%.63s.yaml", dir, domain, prompt_kind_name[kind],
             wording);
    buf_init(&text, PROMPT_FILE_MAX_BYTES);
    int rc = access(path, F_OK) == 0 ? yaml_file_read(path, &text, err)
                                     : no_such_prompt(path, dir, domain, kind, err);
    if (!rc)
        rc = yaml_file_parse(&s.file, &text,
                             "a prompt file is a list of keys such as system: and user:");
    buf_release(&text);
    if (rc)
        return rc;
    s.out = xcalloc(1, sizeof *s.out);
    s.out->kind = kind;
    rc = read_source(&s);
    if (!rc)
        rc = prompt_build(&s);
    yaml_file_close(&s.file);
    if (!rc)
        *out = s.out;
    else
        prompt_free(s.out);
    return rc;
}

void prompt_free(struct prompt *p)
{
    if (!p)
        return;
    free(p->system);
    free(p->user);
    free(p);
}

/* --- asking and answering -------------------------------------------------------------- */

int prompt_render(const struct prompt *p, const char *caption, size_t len, const char *caption_b,
                  size_t len_b, struct buf *out)
{
    for (const char *c = p->user; *c; c++) {
        if (*c == SLOT_A)
            prompt_put_caption(out, caption, len);
        else if (*c == SLOT_B)
            prompt_put_caption(out, caption_b, len_b);
        else
            buf_append(out, c, 1);
    }
    return out->overflow ? ONIC_ELIMIT : ONIC_OK;
}

static void trim(const char **text, size_t *len)
{
    while (*len && isspace((unsigned char)**text))
        (*text)++, (*len)--;
    while (*len && isspace((unsigned char)(*text)[*len - 1]))
        (*len)--;
}

static int find_word(const struct prompt *p, const char *text, size_t len)
{
    trim(&text, &len);
    for (int i = 0; i < p->nwords; i++)
        if (len == strlen(p->word[i]) && !memcmp(text, p->word[i], len))
            return i;
    return -1;
}

/* Whether the line is "key: ..."; *found is the word that follows, -1 for none. */
static bool key_line(const struct prompt *p, const char *line, size_t len, int *found)
{
    size_t key = strlen(p->key);
    trim(&line, &len);
    if (len <= key || strncasecmp(line, p->key, key) != 0)
        return false;
    line += key;
    len -= key;
    trim(&line, &len);
    if (!len || *line != ':')
        return false;
    *found = find_word(p, line + 1, len - 1);
    return true;
}

int prompt_answer(const struct prompt *p, const char *text, size_t len)
{
    int answer = find_word(p, text, len);
    bool last_is_key = false;
    if (answer >= 0)
        return answer;
    trim(&text, &len);
    for (size_t at = 0, n; at < len; at += n + 1) {
        const char *end = memchr(text + at, '\n', len - at);
        n = end ? (size_t)(end - text) - at : len - at;
        int found = -1;
        last_is_key = key_line(p, text + at, n, &found);
        if (last_is_key && (found < 0 || (answer >= 0 && answer != found)))
            return -1;
        if (last_is_key)
            answer = found;
    }
    return last_is_key ? answer : -1;
}
