/* SPDX-License-Identifier: MIT */
/* call.c - one request to a server: its money reserved, its reply booked, what it says of an error;
 * below the jobs (llm.c) and the probes (probe.c), which learn of the reply through `done`. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/llm_impl.h"
enum { OVERHEAD_TOKENS = 64 };

void llm_call_end(struct llm_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        call->l->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    free(call->body);
    free(call);
}

static void on_http(void *ctx, const struct http_reply *reply)
{
    struct llm_call *call = ctx;
    struct llm *l = call->l;
    call->e->in_flight--;
    call->done(call, reply);
    llm_call_end(call);
    l->ask_next(l);
}

bool llm_send(struct llm *l, struct llm_endpoint *e, const char *path, char *body,
              size_t prompt_bytes, int max_tokens, const int *jobs, int n,
              void (*done)(struct llm_call *call, const struct http_reply *reply))
{
    struct llm_spent most = {1, 0, (int64_t)max_tokens * (n ? n : 1)};
    if (prompt_bytes)
        most.tokens_in =
            (int64_t)((double)prompt_bytes * l->tokens_per_byte) + OVERHEAD_TOKENS * (n ? n : 1);
    if (!llm_budget_reserve(&l->budget, most.tokens_in, most.tokens_out)) {
        free(body);
        return false;
    }
    char url[2 * LLM_URL_MAX + 32];
    bool root = strncmp(path, "/tokenize", 9) == 0 || strncmp(path, "/extras", 7) == 0 ||
                strcmp(path, "/completion") == 0;
    http_address_join(&e->address, root ? e->root : e->url, path, url, sizeof url);
    struct llm_call *call = xcalloc(1, sizeof *call);
    *call = (struct llm_call){.l = l, .e = e, .reserved = most, .body = body, .done = done};
    call->prompt_bytes = prompt_bytes;
    call->n = n;
    for (int i = 0; i < n; i++)
        call->job[i] = jobs[i];
    call->next = l->calls;
    if (call->next)
        call->next->prev = call;
    l->calls = call;
    struct http_request q = {.url = url,
                             .body = body,
                             .body_len = strlen(body),
                             .key = l->settings.key,
                             .total_ms = (int)(l->settings.deadline_s * 1000),
                             .done = on_http,
                             .ctx = call};
    e->in_flight++;
    l->requests++;
    call->http = http_start(l->http, &q);
    return true;
}

/* Without a usage, or when nothing came back after something was sent, the most is assumed. */
void llm_book(struct llm_call *call, const struct http_reply *r, const struct llm_answer *a)
{
    struct llm_spent real = call->reserved;
    if (a->has_usage) {
        real = (struct llm_spent){1, a->tokens_in, a->tokens_out};
        double ratio =
            call->prompt_bytes ? 1.1 * (double)a->tokens_in / (double)call->prompt_bytes : 0;
        struct llm *l = call->l;
        if (ratio > 0 && (!l->ratio_known || ratio > l->tokens_per_byte)) {
            l->tokens_per_byte = ratio;
            l->ratio_known = true;
        }
    } else if (r->failure == HTTP_NO_CONNECTION || (r->failure == HTTP_FINE && !http_answered(r))) {
        real = (struct llm_spent){.requests = 1};
    }
    llm_budget_settle(&call->l->budget, &call->reserved, &real);
}

void llm_error_text(const struct llm *l, const struct http_reply *r, char out[LLM_WHY_MAX])
{
    http_error_text(r->status, r->body, r->len, "llm.url", out, LLM_WHY_MAX);
    http_hide_key(out, l->settings.key);
}
