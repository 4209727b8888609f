/* SPDX-License-Identifier: MIT */
/* train_end.c - see train_end.h. A suggested command does what is said of it: one that would stop
 * where the run has stopped gets the options that let it go on. */
#include "deploy/cli/train_end.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"
#include "deploy/cli/commands.h"
#include "learner/process/run_identity.h"
#include "learner/process/stop.h"

enum { SENTENCE_MAX = 1 << 16 };

unsigned train_end_reached(const struct train_end *e, struct stop_state *at)
{
    struct checkpoint_file *newest;
    if (run_dir_newest(&newest, e->run_dir, NULL, NULL) != ONIC_OK)
        return 0;
    *at = (struct stop_state){.wall_s = run_identity_wall_s(e->run_dir)};
    stop_of_checkpoint(newest, at);
    checkpoint_close(newest);
    return stop_reached(&e->stop, at);
}

/* Twice run.frames, or as often twice as it takes. */
static int64_t more_frames(const struct stop_params *stop, const struct stop_state *at)
{
    int64_t frames = (int64_t)stop->frames;
    while ((uint64_t)frames <= at->env_steps && frames < INT64_MAX / 2)
        frames *= 2;
    return frames;
}

/* What lets it go on where it has stopped. */
static void put_more(struct buf *out, const struct train_end *e, unsigned reached,
                     const struct stop_state *at)
{
    if (reached & STOP_SUCCESS)
        buf_puts(out, " --stop.success=0");
    if (reached & STOP_WALL)
        buf_puts(out, " --stop.wall_s=0");
    if (reached & STOP_FRAMES)
        buf_printf(out, " --frames=%" PRId64, more_frames(&e->stop, at));
}

static void put_going_on(struct buf *out, const struct train_end *e, unsigned reached,
                         const struct stop_state *at)
{
    buf_printf(out, "`%s train --run-dir=", command_program());
    shell_put(out, e->run_dir);
    put_more(out, e, reached, at);
    buf_puts(out, "`");
}

static void train_end_put_reason(struct buf *out, const struct stop_params *stop,
                                 const struct stop_state *at, unsigned reached)
{
    const char *between = "";
    if (reached & STOP_SUCCESS) {
        buf_printf(out, "stop.success=%g (%.3g of the last %d episodes)", stop->success,
                   at->success, at->episodes);
        between = " and ";
    }
    if (reached & STOP_FRAMES) {
        buf_printf(out, "%srun.frames=%" PRIu64, between, stop->frames);
        between = " and ";
    }
    if (reached & STOP_WALL)
        buf_printf(out, "%sstop.wall_s=%g", between, stop->wall_s);
}

bool train_end_put_reached(const struct train_end *e, struct buf *reason, struct buf *options)
{
    struct stop_state at;
    unsigned reached = train_end_reached(e, &at);
    if (!reached)
        return false;
    train_end_put_reason(reason, &e->stop, &at, reached);
    put_more(options, e, reached, &at);
    return true;
}

bool train_end_is_reached(const struct train_end *e)
{
    struct buf reason, options;
    buf_init(&reason, SENTENCE_MAX);
    buf_init(&options, SENTENCE_MAX);
    bool reached = train_end_put_reached(e, &reason, &options);
    if (reached)
        log_say(LOG_INFO, "onic train", "nothing to do: the run in %s has reached %s already",
                e->run_dir, reason.data);
    buf_release(&options);
    buf_release(&reason);
    return reached;
}

static void say_ledger(const char *run_dir)
{
    struct ledger l;
    struct buf line;
    buf_init(&line, 4096);
    if (run_dir_ledger(run_dir, &l, NULL) == ONIC_OK) {
        ledger_line(&l, &line);
        shown_printf(stdout, "%s\n", line.data);
        fflush(stdout);
    }
    buf_release(&line);
}

/* A life that asked and got no label: its last line of metrics says why: label_client_fruitless. */
static void train_end_say_fruitless(const struct train_end *e)
{
    static char line[LINEAGE_LINE_MAX];
    json_t *last = run_identity_last_line(e->run_dir, line) ? json_loads(line, 0, NULL) : NULL;
    const char *why = json_string_value(json_object_get(last, "waiting_for"));
    double labels = json_number_value(json_object_get(last, "annot/labels_total"));
    if (why && json_object_get(last, "event") && strncmp(why, "no label", 8) == 0) {
        struct buf text;
        buf_init(&text, SENTENCE_MAX);
        buf_printf(&text, "%s (labels of all lives: %.0f)", why, labels);
        if (!e->foreign_labels) {
            buf_printf(&text, "; `%s doctor ", command_program());
            shell_put(&text, e->run_dir);
            buf_puts(&text, "/config.yaml` asks it one question");
        }
        log_say(LOG_WARN, "onic train", "%s", text.data);
        buf_release(&text);
    }
    json_decref(last);
}

static bool train_end_is_refusal(int code)
{
    return code == 64 || code == 77 || code == 78;
}

void train_end_say(const struct train_end *e, int code)
{
    struct stop_state at;
    struct buf text;
    say_ledger(e->run_dir);
    if (train_end_is_refusal(code))
        return;
    train_end_say_fruitless(e);
    buf_init(&text, SENTENCE_MAX);
    if (run_dir_trained(e->run_dir)) {
        buf_printf(&text, "the run is in %s; `%s eval ", e->run_dir, command_program());
        shell_put(&text, e->run_dir);
        buf_printf(&text, "%s` measures it, ", e->code ? e->code : "");
        put_going_on(&text, e, train_end_reached(e, &at), &at);
        buf_puts(&text, " goes on");
    } else if (code == 0) {
        buf_puts(&text, "nothing has been trained yet; ");
        put_going_on(&text, e, 0, NULL);
        buf_puts(&text, " begins");
    }
    if (text.len)
        log_say(LOG_INFO, "onic train", "%s", text.data);
    buf_release(&text);
}
