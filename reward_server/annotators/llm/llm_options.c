/* SPDX-License-Identifier: MIT */
/* llm_options.c - see llm_options.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reward_server/annotators/llm/llm_impl.h"

void llm_address_read(struct http_address *out, const char *url, size_t len)
{
    static const char *const paths[] = {"/completions", "/chat", NULL};
    http_address_read(out, url, len, paths);
}

/* An address of the list, before it is kept. */
static int check_address(const struct config *c, const char *url, size_t len, const char *key,
                         struct onic_err *err)
{
    struct http_address address;
    if (len >= LLM_URL_MAX - 8)
        return err_set(err, ONIC_ECONFIG, "llm.url: an address is longer than %d bytes",
                       LLM_URL_MAX - 8);
    llm_address_read(&address, url, len);
    int rc = http_check_url(address.base, "llm.url", err);
    if (rc)
        return rc;
    const struct http_way way = {.section = "llm",
                                 .url = address.base,
                                 .proxy = c->llm_proxy,
                                 .allow_plain = c->llm_allow_plain_key};
    return http_key_may_travel(key, &way, err);
}

static int read_addresses(struct llm_options *o, const struct config *c, struct onic_err *err)
{
    for (const char *p = c->llm_url; *p;) {
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        int rc = len ? check_address(c, p, len, o->settings.key, err) : ONIC_OK;
        if (rc)
            return rc;
        if (len && o->naddresses == LLM_ENDPOINTS_MAX)
            return err_set(err, ONIC_ECONFIG, "llm.url has more than %d addresses",
                           LLM_ENDPOINTS_MAX);
        if (len)
            snprintf(o->address[o->naddresses++], LLM_URL_MAX, "%.*s", (int)len, p);
        p += len;
    }
    if (o->naddresses > 0)
        return ONIC_OK;
    return err_set(
        err, ONIC_ECONFIG,
        "annotator llm needs the address of a server, --llm.url=http://127.0.0.1:8000 "
        "--llm.model=NAME; without one, ./deploy/quickstart.sh llm fetches a small model "
        "and serves it");
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

static int read_omit(unsigned *out, const struct config *c, struct onic_err *err)
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

/* Votes are samples, and llm.structured binds what is written: both ask for text. */
static int answer_of(const struct config *c)
{
    bool text = c->annotator_vote > 1 || c->llm_structured != CONFIG_llm_structured_auto;
    return c->llm_answer == CONFIG_llm_answer_auto && text ? CONFIG_llm_answer_text
                                                           : (int)c->llm_answer;
}

static void fill(struct llm_options *o, const struct config *c)
{
    struct llm_settings *s = &o->settings;
    snprintf(s->model, sizeof s->model, "%s", c->llm_model);
    s->key_of_file = *c->llm_api_key_file != '\0';
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
    s->answer = answer_of(c);
    s->calibrate = c->llm_calibration == CONFIG_llm_calibration_message;
    s->nonce = c->llm_nonce;
    s->both_orders = c->llm_both_orders;
    s->health = (struct llm_health_options){.backoff_s = c->llm_backoff_s,
                                            .breaker_s = c->llm_breaker_s,
                                            .deadline_s = c->llm_deadline_s};
    o->limits = (struct llm_limits){.max_tokens = c->llm_max_tokens_total,
                                    .max_requests = c->llm_max_requests,
                                    .max_cost = c->llm_max_cost,
                                    .price_in = c->llm_price_in,
                                    .price_out = c->llm_price_out};
    snprintf(o->wording.name, sizeof o->wording.name, "%s", c->annotator_prompt);
    snprintf(o->wording.dir, sizeof o->wording.dir, "%s", c->annotator_prompts_dir);
    o->samples_per_hour = c->llm_samples_per_hour;
    o->window = (int)c->llm_window;
    o->window_max = (int)c->llm_window_max;
    snprintf(o->ca_file, sizeof o->ca_file, "%s", c->llm_ca_file);
    snprintf(o->proxy, sizeof o->proxy, "%s", c->llm_proxy);
    o->connect_ms = (int)(c->llm_connect_s * 1000);
    o->first_byte_ms = (int)(c->llm_first_byte_s * 1000);
}

/* What one option asks of another. */
static int check_together(const struct config *c, struct onic_err *err)
{
    if (*c->llm_ca_file && access(c->llm_ca_file, R_OK) != 0)
        return err_set(err, ONIC_ECONFIG, "llm.ca_file %.300s cannot be read: %s", c->llm_ca_file,
                       strerror(errno));
    if (*c->llm_proxy_auth_file && !*c->llm_proxy)
        return err_set(err, ONIC_ECONFIG, "llm.proxy_auth_file is for llm.proxy, which is not set");
    if (c->llm_batch > 1 && c->llm_api != CONFIG_llm_api_completions)
        return err_set(err, ONIC_ECONFIG,
                       "llm.batch needs llm.api=completions: a chat request holds one question");
    if (c->llm_answer == CONFIG_llm_answer_logprob &&
        c->llm_structured != CONFIG_llm_structured_auto)
        return err_set(err, ONIC_ECONFIG,
                       "llm.structured binds what is written, which llm.answer=logprob does not "
                       "read: leave out one of the two");
    if (c->llm_max_cost > 0 && c->llm_price_in <= 0 && c->llm_price_out <= 0)
        return err_set(err, ONIC_ECONFIG,
                       "llm.max_cost needs llm.price_in and llm.price_out (per million tokens)");
    return ONIC_OK;
}

void llm_options_wipe(struct llm_options *o)
{
    explicit_bzero(o->settings.key, sizeof o->settings.key);
    explicit_bzero(o->proxy_auth, sizeof o->proxy_auth);
}

int llm_options_read(struct llm_options *out, const struct config *c, struct onic_err *err)
{
    *out = (struct llm_options){0};
    fill(out, c);
    int rc = http_key_read(out->settings.key, c->llm_api_key_file, "llm.api_key_file", err);
    if (!rc)
        rc = http_proxy_auth_read(out->proxy_auth, c->llm_proxy_auth_file, "llm.proxy_auth_file",
                                  err);
    if (!rc && *c->llm_url && !*c->llm_model)
        rc = err_set(err, ONIC_ECONFIG,
                     "annotator llm needs the name of a model, part of every label's identity: "
                     "--llm.model=NAME (a server lists its models at /v1/models)");
    if (!rc)
        rc = read_addresses(out, c, err);
    if (!rc)
        rc = check_together(c, err);
    if (!rc)
        rc = read_omit(&out->settings.omit, c, err);
    if (rc)
        llm_options_wipe(out);
    return rc;
}

bool llm_options_vary(const struct config *c)
{
    unsigned omit; /* a temperature of the server's own is often 1 */
    bool sampled = c->llm_temperature > 0 ||
                   (read_omit(&omit, c, NULL) == ONIC_OK && omit & 1u << LLM_TEMPERATURE);
    return sampled && c->llm_answer != CONFIG_llm_answer_logprob;
}
