/* SPDX-License-Identifier: MIT */
/* run_config.c - see run_config.h. */
#include "common/run/run_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/overlay.h"
#include "common/run/run_file.h"
#include "common/run/run_seal.h"

enum { CONFIG_TEXT_MAX = 1 << 20 };

/* --- whole or not ---------------------------------------------------------------------------- */

/* A file without a checksum: an older onic wrote none. Since then a run has an id. */
static const char *unsealed_fault(const char *dir, const char *text, size_t len)
{
    if (len == 0)
        return "config.yaml is empty";
    if (run_file_exists(dir, RUN_ID_FILE))
        return "config.yaml lacks its checksum: it was cut or edited since onic wrote it";
    if (!run_file_exists(dir, "version.txt"))
        return "config.yaml has no checksum and no version.txt beside it: onic did not write it";
    return text[len - 1] == '\n' ? NULL : "config.yaml was cut";
}

/* True: what is wrong with it stands in why. */
static bool config_is_bad(const char *dir, const char *text, char why[RUN_CONFIG_WHY_MAX])
{
    const char *fault = NULL;
    size_t len = strlen(text);
    switch (run_seal_look(text, len)) {
    case RUN_SEAL_GOOD:
        return run_seal_is_anothers(dir, text, why);
    case RUN_SEAL_BROKEN:
        fault = "config.yaml does not match its checksum: it was cut, damaged or edited since onic "
                "wrote it";
        break;
    case RUN_SEAL_NONE:
        fault = unsealed_fault(dir, text, len);
        break;
    }
    snprintf(why, RUN_CONFIG_WHY_MAX, "%s", fault ? fault : "");
    return fault != NULL;
}

enum run_config_state run_config_look(const char *dir, char why[RUN_CONFIG_WHY_MAX])
{
    char *text = xmalloc(CONFIG_TEXT_MAX), fault[RUN_CONFIG_WHY_MAX];
    bool none = false, bad = false;
    int rc = run_dir_read(dir, "config.yaml", text, CONFIG_TEXT_MAX, NULL);
    if (!rc) {
        bad = config_is_bad(dir, text, fault);
    } else if (rc == ONIC_ENOTFOUND) {
        none = !run_dir_trained(dir);
        bad = !none;
        snprintf(fault, sizeof fault, "config.yaml is gone, though there are checkpoints");
    }
    if (bad && why)
        memcpy(why, fault, sizeof fault);
    free(text);
    return none ? RUN_CONFIG_NONE : bad ? RUN_CONFIG_BAD : RUN_CONFIG_WHOLE;
}

int run_config_refuse(const char *dir, const char *why, struct onic_err *err)
{
    bool there = run_file_exists(dir, "config.yaml");
    return err_set(err, ONIC_ECONFIG,
                   "%s: %s (changed options belong on the command line, which is stored); %s"
                   "--run.config=checkpoint goes on with those of its newest checkpoint",
                   dir, why,
                   there ? "--run.config=edited goes on with what the file says now, " : "");
}

int run_dir_check_config(const char *dir, struct onic_err *err)
{
    char why[RUN_CONFIG_WHY_MAX];
    return run_config_look(dir, why) == RUN_CONFIG_BAD ? run_config_refuse(dir, why, err) : ONIC_OK;
}

/* --- taking it over -------------------------------------------------------------------------- */

static void mark_defaults(struct config *c)
{
    struct config *defaults = xmalloc(sizeof *defaults);
    config_defaults(defaults);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], a[CONFIG_STR_MAX], b[CONFIG_STR_MAX];
        config_key(i, key);
        config_get(c, key, a, sizeof a);
        config_get(defaults, key, b, sizeof b);
        if (strcmp(a, b) == 0)
            c->origin[i] = CONFIG_DEFAULT;
    }
    free(defaults);
}

/* On top of what *onto holds. why, may be NULL: what is wrong with the file, "" = nothing; of
 * before there were checksums is believed. */
static int read_config_file(const char *dir, struct config *onto, char why[RUN_CONFIG_WHY_MAX],
                            struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    char *text = xmalloc(CONFIG_TEXT_MAX);
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    int rc = run_dir_read(dir, "config.yaml", text, CONFIG_TEXT_MAX, err);
    if (!rc)
        rc = config_read_stored(onto, text, strlen(text), path, err);
    if (!rc && why && (!run_file_exists(dir, RUN_ID_FILE) || !config_is_bad(dir, text, why)))
        why[0] = '\0';
    free(text);
    return rc;
}

int run_dir_config_shown(const char *dir, struct config *out, char why[RUN_CONFIG_WHY_MAX],
                         struct onic_err *err)
{
    config_defaults(out);
    why[0] = '\0';
    int rc = read_config_file(dir, out, why, err);
    if (!rc)
        mark_defaults(out);
    return rc;
}

int run_dir_config(const char *dir, struct config *out, struct onic_err *err)
{
    char why[RUN_CONFIG_WHY_MAX];
    int rc = run_dir_config_shown(dir, out, why, err);
    if (!rc && why[0])
        log_warn("the options of a run are not as onic wrote them, and what they lack counts as "
                 "the default",
                 kv("run", dir), kv("why", (const char *)why));
    return rc;
}

/* Portable options alone: its plug-ins are names of files, not paths. */
static int read_newest_checkpoint(const char *dir, const struct config *given, struct config *out,
                                  struct onic_err *err)
{
    struct checkpoint_file *newest = NULL;
    struct config *stored = xmalloc(sizeof *stored);
    const void *text;
    size_t len;
    config_defaults(stored);
    config_defaults(out);
    int rc = run_dir_newest(&newest, dir, NULL, err);
    if (!rc)
        rc = checkpoint_get_bytes(newest, "config", &text, &len, err);
    if (!rc)
        rc = config_read_stored(stored, text, len, checkpoint_path(newest), err);
    if (!rc)
        rc = config_take_portable(out, stored, given, checkpoint_path(newest), err);
    if (!rc)
        log_info("options of a checkpoint are taken over",
                 kv("checkpoint", checkpoint_path(newest)));
    checkpoint_close(newest);
    free(stored);
    return rc;
}

/* The file as it is now, and what it lacks of the newest checkpoint. Whoever may edit the file may
 * name paths in it, so none that stands there is asked for. */
static int take_edited(const char *dir, const struct config *given, struct config *out,
                       struct onic_err *err)
{
    struct config *decided = xmalloc(sizeof *decided), *file = xmalloc(sizeof *file);
    *decided = *given;
    config_defaults(file);
    int rc = read_config_file(dir, file, NULL, err);
    if (!rc)
        rc = config_overlay(decided, file, err);
    if (!rc)
        rc = read_newest_checkpoint(dir, decided, out, err);
    if (rc == ONIC_ENOTFOUND && run_file_exists(dir, "config.yaml")) { /* nothing was trained yet */
        config_defaults(out);
        rc = ONIC_OK;
    }
    if (!rc)
        rc = read_config_file(dir, out, NULL, err);
    free(decided);
    free(file);
    return rc;
}

int run_config_take(const char *dir, const struct config *given, struct config *out,
                    struct onic_err *err)
{
    if (given->run_config == CONFIG_run_config_kept)
        return run_dir_config(dir, out, err);
    int rc = given->run_config == CONFIG_run_config_edited
                 ? take_edited(dir, given, out, err)
                 : read_newest_checkpoint(dir, given, out, err);
    if (!rc)
        mark_defaults(out);
    return rc;
}

int run_config_write(const char *dir, const struct config *cfg, const uint8_t id[RUN_ID_BYTES],
                     struct onic_err *err)
{
    struct buf text;
    buf_init(&text, CONFIG_TEXT_MAX);
    config_dump(cfg, &text);
    run_seal_own(&text, id);
    run_seal_close(&text);
    int rc = run_file_replace(dir, "config.yaml", text.data, text.len, err);
    buf_release(&text);
    return rc;
}
