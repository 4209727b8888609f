/* SPDX-License-Identifier: MIT */
/* play_keys.c - see play_keys.h. */
#include "deploy/cli/play_keys.h"

#include <stdio.h>
#include <string.h>

/* Where the environment names no keys: those of options 0, 1, ...; q quits. */
static const char play_keys_plain[] =
    "0123456789abcdefghijklmnoprstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

enum { PLAIN_KEYS = sizeof play_keys_plain - 1, KEY_CTRL_D = 4 };

static bool has_own_keys(const struct env_spec *spec)
{
    return spec->action_keys && spec->actions.kind == ACTION_DISCRETE;
}

int play_keys_check(const struct env_spec *spec, struct onic_err *err)
{
    const struct action_space *a = &spec->actions;
    if (a->kind == ACTION_CONTINUOUS)
        return err_set(err, ONIC_ECONFIG,
                       "an action of %s is %d number%s, which keys cannot give: --human plays "
                       "environments whose actions are choices",
                       spec->id, a->n, a->n == 1 ? "" : "s");
    for (int part = 0; part < action_space_parts(a); part++)
        if (!has_own_keys(spec) && action_space_options(a, part) > PLAIN_KEYS)
            return err_set(err, ONIC_ECONFIG,
                           "%s has %d choices at once, and there are %d keys for them: watch it "
                           "without --human",
                           spec->id, action_space_options(a, part), PLAIN_KEYS);
    return ONIC_OK;
}

static int key_of(const struct env_spec *spec, int option)
{
    return has_own_keys(spec) ? spec->action_keys[option] : play_keys_plain[option];
}

static void put_key_name(int key, struct buf *out)
{
    static const char *const arrow[] = {"Up", "Down", "Right", "Left"};
    if (key >= ENV_KEY_UP)
        buf_puts(out, arrow[key - ENV_KEY_UP]);
    else if (key & 0x80)
        buf_printf(out, "Alt-%c", key & 0x7f);
    else if (key == '\r' || key == ' ')
        buf_puts(out, key == ' ' ? "Space" : "Enter");
    else if (key < ' ')
        buf_printf(out, "Ctrl-%c", key + '@');
    else
        buf_printf(out, "%c", key);
}

void play_keys_put(const struct env_spec *spec, struct buf *out)
{
    const struct action_space *a = &spec->actions;
    for (int part = 0; part < action_space_parts(a); part++) {
        buf_puts(out, "keys");
        if (a->kind == ACTION_MULTI)
            buf_printf(out, " for %s:", spec->action_names[part]);
        for (int i = 0; i < action_space_options(a, part); i++) {
            buf_puts(out, i ? ", " : " ");
            put_key_name(key_of(spec, i), out);
            if (a->kind == ACTION_DISCRETE)
                buf_printf(out, " %s", spec->action_names[i]);
        }
        buf_puts(out, "\n");
    }
}

static int option_of(const struct env_spec *spec, int part, int key)
{
    for (int i = 0; i < action_space_options(&spec->actions, part); i++)
        if (key_of(spec, i) == key)
            return i;
    return -1;
}

/* One choice of the action; -1: the end was asked for. first: its place in the mask. */
static int ask_part(struct terminal *t, const struct env_spec *spec, int part, int first,
                    const uint8_t *mask)
{
    char which[80], prompt[200];
    snprintf(which, sizeof which, "your move");
    if (spec->actions.kind == ACTION_MULTI)
        snprintf(which, sizeof which, "your move, choose %.60s", spec->action_names[part]);
    snprintf(prompt, sizeof prompt, "%s", which);
    for (;;) {
        int key = terminal_key(t, prompt), option = key ? option_of(spec, part, key) : -1;
        if (!key)
            return -1;
        if (option < 0 && (key == 'q' || key == KEY_CTRL_D)) {
            t->quit = true;
            return -1;
        }
        if (option >= 0 && (!mask || action_mask_get(mask, first + option)))
            return option;
        snprintf(prompt, sizeof prompt, "%s; %s", which,
                 option < 0 ? "that key is no action" : "that is not possible now");
    }
}

bool play_keys_action(struct terminal *t, const struct env_spec *spec, const uint8_t *mask,
                      union action_cell *action)
{
    for (int part = 0, first = 0; part < action_space_parts(&spec->actions); part++) {
        int option = ask_part(t, spec, part, first, mask);
        if (option < 0)
            return false;
        action[part].choice = option;
        first += action_space_options(&spec->actions, part);
    }
    return true;
}
