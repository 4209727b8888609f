/* SPDX-License-Identifier: MIT */
/* cmd_top.c - `onic top RUN|ADDR`: how a run is, in the terminal, once a second. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/process.h"
#include "common/base/shown.h"
#include "common/metrics/panel.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/run_open.h"
#include "deploy/cli/top_source.h"
#include "deploy/cli/top_text.h"

enum { TOP_TEXT_MAX = PANEL_TEXT_MAX, CAPTIONS_EVERY = 10 };

struct top {
    struct top_source source;
    struct config cfg; /* of a RUN */
    bool once, json;
    json_t *captions;
    int turn;
};

static volatile sig_atomic_t top_stopped;

static void top_on_signal(int sig)
{
    (void)sig;
    top_stopped = 1;
}

static int top_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct top *t = ctx;
    (void)value;
    (void)err;
    if (strncmp(name, "json", 4) == 0)
        t->json = true;
    else
        t->once = true;
    return ONIC_OK;
}

static int top_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct top *t = ctx;
    if (t->source.place[0])
        return err_set(err, ONIC_ECONFIG, "one run at a time: '%s' or '%s'", t->source.place, arg);
    snprintf(t->source.place, sizeof t->source.place, "%s", arg);
    return ONIC_OK;
}

static int top_open(struct top *t, struct onic_err *err)
{
    int rc = top_source_find(&t->source, err);
    if (rc || !t->source.is_run)
        return rc;
    rc = run_dir_config(t->source.place, &t->cfg, err);
    if (rc == ONIC_ENOTFOUND)
        return run_folder_refuse(t->source.place, "config.yaml", err);
    t->source.run = (struct state_run){.run_dir = t->source.place,
                                       .env = t->cfg.env_id,
                                       .reward_model = t->cfg.reward_model,
                                       .annotator = t->cfg.annotator_id,
                                       .goal = t->cfg.annotator_goal,
                                       .run_id = "",
                                       .frames = (uint64_t)t->cfg.run_frames,
                                       .stop_success = t->cfg.stop_success,
                                       .stop_wall_s = t->cfg.stop_wall_s};
    return rc;
}

static void look_at_captions(struct top *t)
{
    json_t *now = t->turn++ % CAPTIONS_EVERY == 0 || !t->captions
                      ? top_source_more(&t->source, "/api/captions")
                      : NULL;
    if (json_is_array(json_object_get(now, "captions"))) {
        json_decref(t->captions);
        t->captions = now;
    } else {
        json_decref(now);
    }
}

static int top_look(struct top *t, struct buf *out, bool *ended, struct onic_err *err)
{
    json_t *state;
    int rc = top_source_state(&t->source, &state, err);
    if (rc)
        return rc;
    const char *phase = json_string_value(json_object_get(state, "phase"));
    *ended = strcmp(phase, "ended") == 0 || strcmp(phase, TOP_CRASHED) == 0;
    if (t->json) {
        char *text = json_dumps(state, JSON_COMPACT);
        buf_printf(out, "%s\n", text);
        free(text);
    } else {
        json_t *actors = top_source_more(&t->source, "/api/actors");
        look_at_captions(t);
        top_text(state, actors, t->captions, out);
        json_decref(actors);
    }
    json_decref(state);
    return ONIC_OK;
}

static void top_watch_signals(void)
{
    struct sigaction stop = {.sa_handler = top_on_signal};
    int stops[PROCESS_STOPS_MAX], n = process_stop_signals(stops);
    for (int i = 0; i < n; i++)
        sigaction(stops[i], &stop, NULL);
}

/* A page goes with its run, mostly before it was asked for the end. */
static bool has_page_gone(const struct top *t, int rc)
{
    return !t->source.is_run && (rc == ONIC_ENOTFOUND || rc == ONIC_EIO);
}

/* Until the run has ended, answers no more, or somebody has seen enough. */
static int top_watch(struct top *t, struct onic_err *err)
{
    struct panel *panel = panel_create(PANEL_TERMINAL, STDOUT_FILENO);
    struct buf text, seen; /* seen: the last that was shown */
    bool ended = false;
    int rc = ONIC_OK;
    buf_init(&text, TOP_TEXT_MAX);
    buf_init(&seen, TOP_TEXT_MAX);
    top_watch_signals();
    while (!rc && !top_stopped && !ended) {
        buf_reset(&text);
        rc = top_look(t, &text, &ended, err);
        if (rc)
            break;
        panel_show(panel, text.data);
        buf_reset(&seen);
        buf_append(&seen, text.data, text.len);
        if (!ended)
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    panel_free(panel);
    if (seen.len)
        shown_write(stdout, seen.data, seen.len); /* the last of it stays */
    if (seen.len && has_page_gone(t, rc)) {
        shown_printf(stderr, "onic top: the page at %s answers no more; its run has ended\n",
                     t->source.place);
        rc = ONIC_OK;
    }
    buf_release(&text);
    buf_release(&seen);
    return rc;
}

static int top_run(struct top *t, struct onic_err *err)
{
    struct buf text;
    bool ended;
    if (!t->once && !t->json && isatty(STDOUT_FILENO))
        return top_watch(t, err);
    buf_init(&text, 1 << 20);
    int rc = top_look(t, &text, &ended, err);
    if (!rc)
        shown_write(stdout, text.data, text.len);
    buf_release(&text);
    return rc;
}

int cmd_top(int argc, char **argv)
{
    static struct config given;
    static struct top t;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic top",
        .rows = "",
        .usage =
            "usage: onic top RUN|ADDR [--once] [--json]\n"
            "How a run is, every second: of a run directory by its files, of the page of a run "
            "(HOST:PORT) with its\n"
            "actors and captions. Without a terminal, or with --once, once; --json: what the "
            "page is told.\n",
        .extra = (const char *const[]){"--once", "--json=-", NULL},
        .on_extra = top_on_extra,
        .on_positional = top_on_positional,
        .ctx = &t,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !t.source.place[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "give a run directory or the address of a page, for example `onic top "
                     "runs/keycorridor-s1` or `onic top 127.0.0.1:8080`");
    if (!rc)
        rc = top_open(&t, &err);
    if (!rc)
        rc = top_run(&t, &err);
    json_decref(t.captions);
    return command_result("top", rc, &err);
}
