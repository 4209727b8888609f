/* SPDX-License-Identifier: MIT */
/* goal.c - reading goal files and caption pools; matching patterns.
 *
 * Errors are for the person who edits the file: they name file and line and say what belongs there.
 * Unknown keys are refused, because a misspelt `postive:` would otherwise silently teach the agent
 * something else. Patterns are globs (what people expect) with regular expressions as a way out;
 * glob matching backtracks only to the last star, so hostile captions cost at most len * pattern
 * steps. */
#include "reward_server/goals/goal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/config/scalar.h"
#include "reward_server/goals/regex_size.h"
#include "reward_server/goals/yaml_file.h"

/* --- matching -------------------------------------------------------------------------- */

bool goal_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == '?' || (*pattern && *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

int goal_match(const struct goal *g, const char *caption)
{
    for (int i = 0; i < g->nrules; i++) {
        const struct goal_rule *rule = &g->rules[i];
        if (rule->is_regex ? regexec(&rule->regex, caption, 0, NULL, 0) == 0
                           : goal_glob(rule->pattern, caption))
            return i;
    }
    return GOAL_NO_RULE;
}

void goal_utf8(const char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t n = c >= 0x80 ? utf8_character(bytes + i, len - i) : 0;
        if (n) {
            memcpy(out, bytes + i, n);
            out += n;
            i += n;
            continue;
        }
        if (c >= 0x80) {
            *out++ = (char)(0xC0 | c >> 6);
            *out++ = (char)(0x80 | (c & 0x3F));
        } else {
            *out++ = c < 0x20 || c == 0x7F ? ' ' : (char)c;
        }
        i++;
    }
    *out = '\0';
}

/* --- reading --------------------------------------------------------------------------- */

struct reader {
    struct goal *goal;
    struct yaml_file file;
};

static const char goal_keys[] =
    "description environments positive negative threshold rules preference";

static int goal_complain(struct reader *r, const yaml_node_t *node, const char *what)
{
    return yaml_file_complain(&r->file, node, what);
}

static int read_texts(struct reader *r, const yaml_node_t *node, char ***out, int *count)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return goal_complain(r, node,
                             "a list of sentences belongs here, one per line after \"- \"");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n > GOAL_TEXTS_MAX)
        return goal_complain(r, node, "this list is too long");
    *out = xcalloc(n + 1, sizeof **out);
    for (size_t i = 0; i < n; i++) {
        const yaml_node_t *item = yaml_file_node(&r->file, node->data.sequence.items.start[i]);
        const char *text = yaml_file_text(item);
        if (!text || !*text || strlen(text) > 512)
            return goal_complain(r, item, "a sentence of 1 to 512 bytes belongs here");
        (*out)[(*count)++] = xstrdup(text);
    }
    return ONIC_OK;
}

static int read_rule(struct reader *r, const yaml_node_t *item, struct goal_rule *rule)
{
    const yaml_node_t *key = NULL, *value = NULL;
    if (item->type == YAML_MAPPING_NODE &&
        item->data.mapping.pairs.top - item->data.mapping.pairs.start == 1) {
        key = yaml_file_node(&r->file, item->data.mapping.pairs.start->key);
        value = yaml_file_node(&r->file, item->data.mapping.pairs.start->value);
    }
    const char *pattern = yaml_file_text(key), *label = yaml_file_text(value);
    if (!pattern || !*pattern || !label)
        return goal_complain(r, item, "a rule is written - \"pattern\": 1 (or 0, or abstain)");
    bool yes;
    if (scalar_bool(label, &yes)) /* 1 and 0 too */
        rule->label = yes;
    else if (!strcmp(label, "abstain"))
        rule->label = GOAL_RULE_ABSTAIN;
    else
        return goal_complain(r, value, "the label of a rule is 1, 0 or abstain");
    size_t len = strlen(pattern);
    rule->pattern = xstrdup(pattern);
    if (len < 3 || pattern[0] != '/' || pattern[len - 1] != '/')
        return ONIC_OK;
    char *inner = xstrdup(pattern + 1);
    inner[len - 2] = '\0';
    bool small = regex_is_small(inner);
    int bad = small ? regcomp(&rule->regex, inner, REG_EXTENDED | REG_NOSUB) : 0;
    free(inner);
    if (!small)
        return goal_complain(r, key,
                             "this regular expression is too large once its repetitions are "
                             "written out (a+ is a twice, a{9} nine times): repeat less");
    if (bad)
        return goal_complain(r, key, "this regular expression is not valid");
    rule->is_regex = true;
    return ONIC_OK;
}

static int read_rules(struct reader *r, const yaml_node_t *node)
{
    struct goal *g = r->goal;
    if (node->type != YAML_SEQUENCE_NODE)
        return goal_complain(r, node, "a list of rules belongs here: - \"pattern\": 1");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n > GOAL_TEXTS_MAX)
        return goal_complain(r, node, "this list is too long");
    g->rules = xcalloc(n + 1, sizeof *g->rules);
    for (size_t i = 0; i < n; i++) {
        int rc = read_rule(r, yaml_file_node(&r->file, node->data.sequence.items.start[i]),
                           &g->rules[i]);
        g->nrules += g->rules[i].pattern != NULL;
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

static int read_key(struct reader *r, const char *name, const yaml_node_t *value)
{
    struct goal *g = r->goal;
    const char *text = yaml_file_text(value);
    if (!strcmp(name, "positive"))
        return read_texts(r, value, &g->positive, &g->npositive);
    if (!strcmp(name, "negative"))
        return read_texts(r, value, &g->negative, &g->nnegative);
    if (!strcmp(name, "environments"))
        return read_texts(r, value, &g->environments, &g->nenvironments);
    if (!strcmp(name, "rules"))
        return read_rules(r, value);
    if (!strcmp(name, "description")) {
        g->description = text ? xstrdup(text) : NULL;
        return text ? ONIC_OK : goal_complain(r, value, "one sentence belongs here");
    }
    if (!strcmp(name, "preference")) {
        g->no_preference = text && !strcmp(text, "none");
        return g->no_preference ? ONIC_OK : goal_complain(r, value, "preference can only be none");
    }
    if (text && scalar_real(text, &g->threshold) && g->threshold >= -2 && g->threshold <= 2)
        return ONIC_OK;
    return goal_complain(r, value, "threshold is a number from -2 to 2");
}

static int complain_of_anchors(struct reader *r)
{
    const struct goal *g = r->goal;
    char text[160];
    snprintf(text, sizeof text,
             "the goal has no anchors%s; every goal has at least one sentence under positive: and "
             "one under negative:, whoever annotates",
             g->npositive   ? " under negative:"
             : g->nnegative ? " under positive:"
                            : "");
    return goal_complain(r, NULL, text);
}

static int check_complete(struct reader *r)
{
    struct goal *g = r->goal;
    if (g->no_preference && !g->npositive && !g->nnegative && !g->nrules)
        return ONIC_OK;
    if (g->no_preference)
        return goal_complain(r, NULL, "preference: none stands alone, without anchors or rules");
    if (!g->npositive || !g->nnegative)
        return complain_of_anchors(r);
    if (!g->nrules)
        return goal_complain(
            r, NULL, "the goal has no rules; add at least one - \"pattern\": 1 under rules:");
    return ONIC_OK;
}

static int goal_parse(struct goal *g, const struct buf *text, struct onic_err *err)
{
    struct reader r = {.goal = g, .file = {.path = g->path, .err = err}};
    int rc = yaml_file_parse(&r.file, text,
                             "a goal file is a list of keys such as positive: and negative:");
    if (rc)
        return rc;
    const yaml_node_t *root = r.file.root;
    rc = yaml_file_check_keys(&r.file, root, goal_keys);
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start;
         !rc && p < root->data.mapping.pairs.top; p++)
        rc = read_key(&r, yaml_file_text(yaml_file_node(&r.file, p->key)),
                      yaml_file_node(&r.file, p->value));
    if (!rc)
        rc = check_complete(&r);
    yaml_file_close(&r.file);
    return rc;
}

static void free_texts(char **texts, int n)
{
    for (int i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

static int read_pool(struct goal *g, struct buf *text, const char *path, struct onic_err *err)
{
    int lines = 1;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    if (lines > GOAL_TEXTS_MAX)
        return err_set(err, ONIC_ECONFIG, "%s has more than %d lines", path, GOAL_TEXTS_MAX);
    g->pool = xcalloc((size_t)lines + 1, sizeof *g->pool);
    char *save = NULL;
    for (char *line = strtok_r(text->data, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        size_t len = strnlen(line, 512);
        if (line[0] == '#')
            continue;
        g->pool[g->npool] = xcalloc(2 * len + 1, 1);
        goal_utf8(line, len, g->pool[g->npool++]);
    }
    if (g->npool < 2)
        return err_set(err, ONIC_ECONFIG,
                       "%s has %d captions, the sentence model needs at least 2 to be centred on: "
                       "add some that the environment says, one per line, or remove the file",
                       path, g->npool);
    return ONIC_OK;
}

static void goal_hash_version(struct goal *g, const struct buf *file, const struct buf *pool)
{
    uint64_t sizes[2] = {file->len, pool->len};
    XXH3_state_t *state = XXH3_createState();
    ONIC_ASSERT(state);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, sizes, sizeof sizes);
    XXH3_128bits_update(state, file->data, file->len);
    XXH3_128bits_update(state, pool->data, pool->len);
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(g->version, sizeof g->version, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
}

/* The pool beside the goal file, else that of its domain; "" where neither is. One that is there
 * but cannot be read is an error of its own. */
static void find_pool(struct goal *g, const char *folder, const char *dir)
{
    snprintf(g->pool_path, sizeof g->pool_path, "%.4000s/pool.txt", folder);
    if (access(g->pool_path, F_OK) != 0)
        snprintf(g->pool_path, sizeof g->pool_path, "%.3900s/%.63s/pool.txt", dir, g->domain);
    if (access(g->pool_path, F_OK) != 0)
        g->pool_path[0] = '\0';
}

/* What is wrong with it is remembered for those who read it. */
static void load_pool(struct goal *g, struct buf *text)
{
    struct onic_err err = {0};
    struct buf copy; /* read_pool takes it apart */
    buf_init(&copy, GOAL_FILE_MAX_BYTES);
    int rc = yaml_file_read(g->pool_path, text, &err);
    buf_append(&copy, text->data, text->len);
    if (!rc)
        rc = read_pool(g, &copy, g->pool_path, &err);
    buf_release(&copy);
    if (!rc)
        return;
    snprintf(g->pool_trouble, sizeof g->pool_trouble, "%s", err.msg);
    free_texts(g->pool, g->npool);
    g->pool = NULL;
    g->npool = 0;
}

static int load_files(struct goal *g, const char *folder, const char *dir, struct onic_err *err)
{
    struct buf file, pool;
    buf_init(&file, GOAL_FILE_MAX_BYTES);
    buf_init(&pool, GOAL_FILE_MAX_BYTES);
    find_pool(g, folder, dir);
    int rc = yaml_file_read(g->path, &file, err);
    if (!rc)
        rc = goal_parse(g, &file, err);
    if (!rc && g->pool_path[0])
        load_pool(g, &pool);
    if (!rc)
        goal_hash_version(g, &file, &pool);
    buf_release(&file);
    buf_release(&pool);
    return rc;
}

/* --- finding --------------------------------------------------------------------------- */

/* Calls each with the name of every goal (domain given) or domain (NULL) that is there. */
static void goal_list(const char *folder, const char *suffix,
                      void (*each)(void *ctx, const char *name), void *ctx)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(entry[i]->d_name), end = strlen(suffix);
        char name[256];
        snprintf(name, sizeof name, "%s", entry[i]->d_name);
        bool fits =
            name[0] != '.' && len > end && len < sizeof name && !strcmp(name + len - end, suffix);
        if (fits && !end) { /* a domain is a folder */
            char path[4400];
            struct stat st;
            snprintf(path, sizeof path, "%s/%s", folder, name);
            fits = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        }
        if (fits) {
            name[len - end] = '\0';
            each(ctx, name);
        }
        free(entry[i]);
    }
    free(entry);
}

static void add_name(void *ctx, const char *name)
{
    struct buf *b = ctx;
    buf_printf(b, "%s%s", b->len ? ", " : "", name);
}

/* What is there in a folder, for sentences: the caller releases it. */
static const char *names_in(struct buf *names, const char *folder, const char *suffix)
{
    buf_init(names, 500);
    goal_list(folder, suffix, add_name, names);
    return names->len ? names->data : "none";
}

static int unknown_domain(const char *dir, const char *domain, struct onic_err *err)
{
    struct buf names;
    char near[64];
    const char *known = names_in(&names, dir, "");
    option_nearest_of(domain, known, near);
    int rc = err_set(
        err, ONIC_ECONFIG,
        "there are no goals for \"%.60s\" (annotator.domain, or what env.id begins with)%s%s%s: "
        "%.200s has %s. Give a goal file of yours (--annotator.goal=./FILE.yaml; "
        "the README of the goals shows one), or train without language: --reward.model=counts, rnd "
        "or none",
        domain, near[0] ? ", did you mean \"" : "", near, near[0] ? "\"?" : "", dir, known);
    buf_release(&names);
    return rc;
}

static int unknown_goal(const char *folder, const char *name, struct onic_err *err)
{
    struct buf names;
    char near[64];
    const char *known = names_in(&names, folder, ".yaml");
    option_nearest_of(name, known, near);
    int rc = err_set(err, ONIC_ECONFIG,
                     "annotator.goal is \"%.60s\"%s%s%s known in %.200s: %s; or a file of yours: "
                     "./FILE.yaml",
                     name, near[0] ? ", did you mean \"" : ";", near, near[0] ? "\"?" : "", folder,
                     known);
    buf_release(&names);
    return rc;
}

bool goal_is_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strchr(name, '/') || (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")));
}

/* A goal of the shipped kind: its folder below dir. */
static int find_named(struct goal *g, const char *dir, const char *name, char folder[4096],
                      struct onic_err *err)
{
    struct stat st;
    snprintf(folder, 4096, "%.3900s/%.63s", dir, g->domain);
    snprintf(g->path, sizeof g->path, "%.3900s/%.100s.yaml", folder, name);
    snprintf(g->name, sizeof g->name, "%.63s", name);
    if (!*g->domain || stat(folder, &st) != 0)
        return unknown_domain(dir, g->domain, err);
    return stat(g->path, &st) != 0 ? unknown_goal(folder, name, err) : ONIC_OK;
}

static int refuse_folder(const char *name, struct onic_err *err)
{
    struct buf names;
    int rc = err_set(err, ONIC_ECONFIG,
                     "annotator.goal=%.300s is a folder; name a goal file in it (it has %s), or a "
                     "goal by its name and the folder of the domains as annotator.goals_dir",
                     name, names_in(&names, name, ".yaml"));
    buf_release(&names);
    return rc;
}

static int find_file(struct goal *g, const char *name, char folder[4096], struct onic_err *err)
{
    struct stat st;
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    snprintf(g->path, sizeof g->path, "%s", name);
    snprintf(folder, 4096, "%.*s", slash ? (int)(slash - name) : 1, slash ? name : ".");
    if (!folder[0])
        snprintf(folder, 4096, "/");
    snprintf(g->name, sizeof g->name, "%.63s", base);
    char *dot = strrchr(g->name, '.');
    if (dot && dot != g->name)
        *dot = '\0';
    if (stat(name, &st) == 0)
        return S_ISDIR(st.st_mode) ? refuse_folder(name, err) : ONIC_OK;
    return err_set(err, ONIC_ECONFIG, "the goal file %.400s (annotator.goal) is not there: %s",
                   name, strerror(errno));
}

int goal_load(struct goal **out, const char *dir, const char *domain, const char *name,
              struct onic_err *err)
{
    char folder[4096];
    struct goal *g = xcalloc(1, sizeof *g);
    *out = NULL;
    snprintf(g->domain, sizeof g->domain, "%.63s", domain);
    int rc = goal_is_file(name) ? find_file(g, name, folder, err)
                                : find_named(g, dir, name, folder, err);
    if (!rc)
        rc = load_files(g, folder, dir, err);
    if (!rc)
        *out = g;
    else
        goal_free(g);
    return rc;
}

struct goal *goal_unstated(const char *domain)
{
    struct goal *g = xcalloc(1, sizeof *g);
    const struct buf nothing = {0};
    snprintf(g->domain, sizeof g->domain, "%.63s", domain);
    snprintf(g->name, sizeof g->name, "unstated");
    goal_hash_version(g, &nothing, &nothing);
    return g;
}

void goal_free(struct goal *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->nrules; i++) {
        if (g->rules[i].is_regex)
            regfree(&g->rules[i].regex);
        free(g->rules[i].pattern);
    }
    free(g->rules);
    free_texts(g->positive, g->npositive);
    free_texts(g->negative, g->nnegative);
    free_texts(g->environments, g->nenvironments);
    free_texts(g->pool, g->npool);
    free(g->description);
    free(g);
}

struct chooser {
    const char *dir, *domain, *env_id;
    char best[GOAL_NAME_MAX];
    size_t best_len;
    int rc;
    struct onic_err *err;
};

static void goal_consider(void *ctx, const char *name)
{
    struct chooser *c = ctx;
    struct goal *g = NULL;
    if (c->rc)
        return;
    c->rc = goal_load(&g, c->dir, c->domain, name, c->err);
    for (int i = 0; !c->rc && i < g->nenvironments; i++) {
        size_t len = strlen(g->environments[i]);
        if (len > c->best_len && goal_glob(g->environments[i], c->env_id)) {
            c->best_len = len;
            snprintf(c->best, sizeof c->best, "%.63s", name);
        }
    }
    goal_free(g);
}

int goal_choose(struct goal_choice *c, struct onic_err *err)
{
    if (!strcmp(c->domain, "auto"))
        snprintf(c->domain, sizeof c->domain, "%.*s", (int)strcspn(c->env_id, ":"), c->env_id);
    if (strcmp(c->name, "auto") != 0)
        return ONIC_OK;
    char folder[4096];
    struct stat st;
    snprintf(folder, sizeof folder, "%.3900s/%s", c->dir, c->domain);
    if (!*c->domain || stat(folder, &st) != 0) {
        unknown_domain(c->dir, c->domain, err);
        return ONIC_ENOTFOUND;
    }
    struct chooser found = {.dir = c->dir, .domain = c->domain, .env_id = c->env_id, .err = err};
    goal_list(folder, ".yaml", goal_consider, &found);
    if (found.rc)
        return found.rc;
    if (!found.best_len) {
        struct buf names;
        err_set(err, ONIC_ENOTFOUND,
                "no goal in %.200s is for %.60s (annotator.goal=auto goes by the patterns below "
                "environments: in the files); name one of them as annotator.goal, or a file of "
                "yours: %s",
                folder, c->env_id, names_in(&names, folder, ".yaml"));
        buf_release(&names);
        return ONIC_ENOTFOUND;
    }
    snprintf(c->name, sizeof c->name, "%s", found.best);
    return ONIC_OK;
}
