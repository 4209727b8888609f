/* SPDX-License-Identifier: MIT */
/* settings.c - options of the llm annotator, checked; see llm_impl.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reward_server/annotators/llm/llm_impl.h"

static void set_address(struct llm_endpoint *e, const char *url, size_t len)
{
    static const char *const paths[] = {"/completions", "/chat", NULL};
    http_address_read(&e->address, url, len, paths);
    memcpy(e->url, e->address.base, sizeof e->url);
    memcpy(e->root, e->url, sizeof e->root);
    size_t n = strlen(e->root);
    if (n > 3 && strcmp(e->root + n - 3, "/v1") == 0)
        e->root[n - 3] = '\0';
}

static int llm_settings_add_endpoint(struct llm *l, const char *url, size_t len,
                                     const struct config *c, const char *key, struct onic_err *err)
{
    struct llm_endpoint one = {.lists = true}, *e = &one;
    if (len >= LLM_URL_MAX - 8)
        return err_set(err, ONIC_ECONFIG, "llm.url: an address is longer than %d bytes",
                       LLM_URL_MAX - 8);
    set_address(e, url, len);
    int rc = http_check_url(e->url, "llm.url", err);
    if (rc)
        return rc;
    rc = http_key_may_travel(key, e->url, c->security_allow_insecure, "llm.url", "llm.api_key_file",
                             err);
    if (rc)
        return rc;
    e->window = (double)c->llm_window;
    e->window_max = (double)c->llm_window_max;
    if (!l)
        return ONIC_OK;
    if (l->nendpoints == LLM_ENDPOINTS_MAX)
        return err_set(err, ONIC_ECONFIG, "llm.url has more than %d addresses", LLM_ENDPOINTS_MAX);
    l->endpoint[l->nendpoints++] = one;
    return ONIC_OK;
}

static int read_addresses(struct llm *l, const struct config *c, const char *key,
                          struct onic_err *err)
{
    int rc = ONIC_OK, n = 0;
    for (const char *p = c->llm_url; !rc && *p;) {
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        if (len) {
            rc = llm_settings_add_endpoint(l, p, len, c, key, err);
            n++;
        }
        p += len;
    }
    if (!rc && n == 0)
        rc =
            err_set(err, ONIC_ECONFIG,
                    "annotator llm needs the address of a server: --llm.url=http://127.0.0.1:8000");
    return rc;
}

/* -1: auto, found out by a probe. */
static const int apis[] = {
    [CONFIG_llm_api_auto] = -1,
    [CONFIG_llm_api_chat] = LLM_CHAT,
    [CONFIG_llm_api_completions] = LLM_COMPLETIONS,
};
static const int dialects[] = {
    [CONFIG_llm_structured_auto] = -1,
    [CONFIG_llm_structured_structured_outputs] = LLM_STRUCTURED_OUTPUTS,
    [CONFIG_llm_structured_guided_choice] = LLM_GUIDED_CHOICE,
    [CONFIG_llm_structured_json_schema] = LLM_JSON_SCHEMA,
    [CONFIG_llm_structured_json_object] = LLM_JSON_OBJECT,
    [CONFIG_llm_structured_grammar] = LLM_GRAMMAR,
    [CONFIG_llm_structured_logit_bias] = LLM_LOGIT_BIAS,
    [CONFIG_llm_structured_plain] = LLM_PLAIN,
};

int llm_omit_read(unsigned *out, const struct config *c, struct onic_err *err)
{
    *out = 0;
    for (const char *p = c->llm_omit; *p;) {
        int i = 0;
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        while (i < LLM_FIELDS &&
               (strlen(llm_field_name(i)) != len || strncmp(llm_field_name(i), p, len) != 0))
            i++;
        if (len && i == LLM_FIELDS)
            return err_set(err, ONIC_ECONFIG,
                           "llm.omit names \"%.*s\"; it is a list of: temperature, top_p, seed, "
                           "stream, max_tokens, system",
                           (int)(len < 60 ? len : 60), p);
        *out |= len ? 1u << i : 0;
        p += len;
    }
    if (*out & 1u << LLM_MAX_TOKENS && (c->llm_max_tokens_total > 0 || c->llm_max_cost > 0))
        return err_set(err, ONIC_ECONFIG,
                       "llm.omit=max_tokens leaves the length of answers to the server, so that %s "
                       "cannot be kept: leave out one of the two",
                       c->llm_max_cost > 0 ? "llm.max_cost" : "llm.max_tokens_total");
    return ONIC_OK;
}

static void llm_settings_fill(struct llm_settings *s, const struct config *c)
{
    snprintf(s->model, sizeof s->model, "%s", c->llm_model);
    s->temperature = c->llm_temperature;
    s->top_p = c->llm_top_p;
    s->deadline_s = c->llm_deadline_s;
    s->max_tokens = (int)c->llm_max_tokens;
    s->batch = (int)c->llm_batch;
    s->seed = c->annotator_seed;
    s->any_model = c->llm_any_model;
    s->first = c->llm_order == CONFIG_llm_order_first;
    s->api = apis[c->llm_api];
    s->dialect = dialects[c->llm_structured];
    s->health = (struct llm_health_options){.backoff_s = c->llm_backoff_s,
                                            .breaker_s = c->llm_breaker_s,
                                            .deadline_s = c->llm_deadline_s};
}

int llm_settings_read(struct llm *l, const struct config *c, struct onic_err *err)
{
    char key[HTTP_KEY_MAX];
    int rc = http_key_read(key, c->llm_api_key_file, "llm.api_key_file", err);
    if (!rc && !*c->llm_model)
        rc = err_set(err, ONIC_ECONFIG,
                     "annotator llm needs the name of a model, part of every label's identity: "
                     "--llm.model=NAME (a server lists its models at /v1/models)");
    if (!rc)
        rc = read_addresses(l, c, key, err);
    if (!rc && *c->llm_ca_file && access(c->llm_ca_file, R_OK) != 0)
        rc = err_set(err, ONIC_ECONFIG, "llm.ca_file %.300s cannot be read: %s", c->llm_ca_file,
                     strerror(errno));
    if (!rc && c->llm_batch > 1 && c->llm_api != CONFIG_llm_api_completions)
        rc = err_set(err, ONIC_ECONFIG,
                     "llm.batch needs llm.api=completions: a chat request holds one question");
    if (!rc && c->llm_max_cost > 0 && c->llm_price_in <= 0 && c->llm_price_out <= 0)
        rc = err_set(err, ONIC_ECONFIG,
                     "llm.max_cost needs llm.price_in and llm.price_out (per million tokens)");
    unsigned omit = 0;
    if (!rc)
        rc = llm_omit_read(&omit, c, err);
    if (!rc && l) {
        l->settings.omit = omit;
        llm_settings_fill(&l->settings, c);
        memcpy(l->settings.key, key, sizeof key);
    }
    explicit_bzero(key, sizeof key);
    return rc;
}
