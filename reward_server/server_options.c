/* SPDX-License-Identifier: MIT */
/* server_options.c - see server_options.h. */
#include "reward_server/server_options.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "reward_server/annotators/annotator_options.h"
#include "reward_server/goals/goal_options.h"

static void server_options_store(struct server_params *out, const struct config *cfg)
{
    if (*cfg->labels_path)
        snprintf(out->store_path, sizeof out->store_path, "%s", cfg->labels_path);
    else if (*cfg->run_dir)
        snprintf(out->store_path, sizeof out->store_path, "%s/labels.sqlite", cfg->run_dir);
    else
        snprintf(out->store_path, sizeof out->store_path, "labels.sqlite");
}

static void say_idle_options(const struct config *cfg, const struct annotator_order *o)
{
    struct buf names;
    buf_init(&names, 8192);
    if (annotator_idle_options(cfg, o, false, &names))
        log_warn("options have no effect: no annotator of this reward server looks at them",
                 kv("options", (const char *)names.data),
                 kv("annotator", (const char *)o->member[0].v->id));
    buf_release(&names);
}

int server_options(struct server_params *out, const struct config *cfg, struct onic_err *err)
{
    char note[ONIC_ERR_MSG_MAX];
    *out = (struct server_params){
        .listen_address = cfg->listen_address,
        .allow_insecure = cfg->security_allow_insecure,
        .keys = cfg->security_keys,
        .audit_dir = cfg->run_dir,
        .run_dir = *cfg->labels_path ? "" : cfg->run_dir,
        .queue_entries = (int)cfg->annotator_queue_entries,
        .queue_bytes = (size_t)cfg->annotator_queue_bytes,
        .oldest_share = cfg->annotator_oldest_share,
    };
    const char *listen = cfg->dashboard_listen;
    bool served = strcmp(listen, "auto") != 0 && strcmp(listen, "off") != 0;
    out->monitor = (struct reward_monitor_params){.listen = served ? listen : "",
                                                  .hosts = cfg->dashboard_hosts,
                                                  .allow_exposed = cfg->security_allow_insecure ||
                                                                   cfg->security_keys[0]};
    server_options_store(out, cfg);
    if (!*out->listen_address)
        return err_set(err, ONIC_ECONFIG,
                       "the reward server needs an address to bind, for example "
                       "--listen=tcp://127.0.0.1:5557");
    int rc = annotator_choose(&out->annotators, cfg, note, err);
    if (!rc)
        rc = goal_options(&out->goal, cfg, err);
    if (!rc && *note)
        log_warn(note);
    if (!rc)
        say_idle_options(cfg, &out->annotators);
    return rc;
}
