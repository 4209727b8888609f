/* SPDX-License-Identifier: MIT */
/* overlay.c - see overlay.h. Values travel as text, which config_set reads back exactly. */
#include "common/config/overlay.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/config/options.h"

void config_key(int i, char out[64])
{
    option_key(i, out);
}

int config_next(int i)
{
    return option_next(i);
}

bool config_is_portable(int i)
{
    bool text = option_rows[i].type == OPTION_STR;
    return text ? strchr(option_rows[i].who, 'P') != NULL : strchr(option_rows[i].who, 'O') == NULL;
}

bool config_is_for_actors(int i)
{
    return config_is_portable(i) && strchr(option_rows[i].who, 'A') != NULL;
}

bool config_is_place(int i, const char *value)
{
    if (option_rows[i].type != OPTION_STR || !value[0] ||
        (i == CONFIG_I_env_id && strncmp(value, "gym:", 4) == 0))
        return false;
    if (i == CONFIG_I_env_options && (strpbrk(value, "\\~") || strstr(value, "..")))
        return true;
    return strchr(value, '/') || strchr(".~", value[0]);
}

/* One line for all that was not taken from a source; nothing when there is none. */
static void log_left_aside(struct buf *keys, const char *source)
{
    if (keys->len)
        log_warn("options that only the command line, the environment and a configuration named "
                 "there decide are left aside",
                 kv("options", (const char *)keys->data), kv("of", source));
    buf_release(keys);
}

static void overlay_add_key(struct buf *keys, const char *key)
{
    buf_printf(keys, "%s%s", keys->len ? ", " : "", key);
}

int config_overlay(struct config *onto, const struct config *from, struct onic_err *err)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (from->origin[i] == CONFIG_DEFAULT || from->origin[i] == CONFIG_AUTO)
            continue;
        char key[64], value[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(from, i, value);
        int file = 0; /* the same file may have another number there */
        if (from->origin[i] == CONFIG_FILE)
            file = option_remember_file(onto, from->origin_file[from->origin_which[i]]);
        int rc = option_set(onto, i, value, (enum config_origin)from->origin[i], file, key, err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

static bool is_given(const struct config *given, int i)
{
    return given && given->origin[i] != CONFIG_DEFAULT && given->origin[i] != CONFIG_AUTO;
}

int config_take_portable(struct config *onto, const struct config *from, const struct config *given,
                         const char *source, struct onic_err *err)
{
    struct buf aside;
    int rc = ONIC_OK;
    buf_init(&aside, CONFIG_COUNT * 64);
    for (int i = 0; !rc && i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX], mine[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(from, i, value);
        option_text(onto, i, mine);
        if (from->origin[i] != CONFIG_FILE)
            continue;
        bool same = strcmp(value, mine) == 0, place = config_is_place(i, value);
        int file = option_remember_file(onto, from->origin_file[from->origin_which[i]]);
        if (!config_is_portable(i) && !same && !is_given(given, i))
            overlay_add_key(&aside, key);
        else if (config_is_portable(i) && place && !same && !is_given(given, i))
            rc =
                err_set(err, ONIC_ECONFIG,
                        "%s says %s=%.200s: give --%s=..., since no path is taken from a file that "
                        "may come from anywhere",
                        source, key, value, key);
        else if (config_is_portable(i) && !place)
            rc = option_set(onto, i, value, CONFIG_FILE, file, key, err);
    }
    log_left_aside(&aside, source);
    return rc;
}

int config_adopt(struct config *mine, const struct config *peer, struct onic_err *err)
{
    char differs[ONIC_ERR_MSG_MAX - 128] = ""; /* a longer list is cut: one sentence must hold it */
    size_t used = 0;
    struct buf aside;
    int rc = ONIC_OK;
    buf_init(&aside, CONFIG_COUNT * 64);
    for (int i = 0; !rc && i < CONFIG_COUNT; i++) {
        if (peer->origin[i] != CONFIG_PEER)
            continue;
        char key[64], want[CONFIG_STR_MAX], have[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(peer, i, want);
        option_text(mine, i, have);
        if (!config_is_for_actors(i)) {
            if (strcmp(want, have) != 0)
                overlay_add_key(&aside, key);
            continue;
        }
        bool own = mine->origin[i] != CONFIG_DEFAULT && strcmp(want, have) != 0;
        if (own && i == CONFIG_I_env_count) { /* how many a host carries is its own matter */
            log_info("this actor has a number of environments of its own",
                     kv("env.count", (const char *)have), kv("the_learners", (const char *)want));
            continue;
        }
        if (own) {
            if (used < sizeof differs)
                used += (size_t)snprintf(
                    differs + used, sizeof differs - used,
                    "%s: this actor was given %.200s, the learner has %.200s; ", key, have, want);
            continue;
        }
        if (config_is_place(i, want) && strcmp(want, have) != 0)
            rc =
                err_set(err, ONIC_EINCOMPATIBLE,
                        "the learner says %s=%.200s: give --%s=... to this actor, since no path is "
                        "taken from a peer",
                        key, want, key);
        else
            rc = config_set(mine, key, want, CONFIG_PEER, "the learner's configuration", err);
    }
    log_left_aside(&aside, "the learner's configuration");
    if (rc)
        return rc;
    if (used)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%sleave this to the learner or start the learner with the same", differs);
    return ONIC_OK;
}
