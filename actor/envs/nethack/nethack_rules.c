/* SPDX-License-Identifier: MIT */
/* nethack_rules.c - the two published ways to play NetHack with few actions.
 *
 * 23 actions: those of NLE's tasks. After the action, --More-- is dismissed and text input refused
 * until the game waits for a command; a question is refused *once*, unless it is about eating,
 * attacking, a direction or praying: then it is the agent's next observation. Refusing only once,
 * and looking at nothing afterwards, is what the package does, and what makes traces equal.
 *
 * 28 actions: ONI's. Adds cast, quaff, pray, pick up and pay, and small macros that make them
 * usable: the first spell is chosen, a skill that can be enhanced is, and in the two prompts that
 * ask for an item NW (the key y) takes the first one offered while anything else leaves the prompt.
 * Drinking joins the questions that are left to the agent, and a message about taking the stairs
 * survives the dismissal of its page.
 *
 * Where ONI sends the spell's letter blindly, here it is sent only if the game asks: without a
 * spell the letter would be a command of its own. */
#include "actor/envs/nethack/nethack_rules.h"

#include <string.h>

#define META(c) (0x80 | (c))
#define CTRL(c) (0x1f & (c))

enum { KEY_ESC = 27, KEY_SPACE = ' ', AUTO_KEYS_MAX = 2000, REFUSALS_MAX = 8 };

/* key, name */
/* clang-format off */
#define ACTIONS(XX) \
    XX('\r', "more") \
    XX('k', "north") \
    XX('l', "east") \
    XX('j', "south") \
    XX('h', "west") \
    XX('u', "northeast") \
    XX('n', "southeast") \
    XX('b', "southwest") \
    XX('y', "northwest") \
    XX('K', "run north") \
    XX('L', "run east") \
    XX('J', "run south") \
    XX('H', "run west") \
    XX('U', "run northeast") \
    XX('N', "run southeast") \
    XX('B', "run southwest") \
    XX('Y', "run northwest") \
    XX('<', "up") \
    XX('>', "down") \
    XX('.', "wait") \
    XX(CTRL('d'), "kick") \
    XX('e', "eat") \
    XX('s', "search") \
    XX('Z', "cast") \
    XX('q', "quaff") \
    XX(META('p'), "pray") \
    XX(',', "pick up") \
    XX('p', "pay")
/* clang-format on */

const int nethack_action_keys[NETHACK_ACTIONS_EXTENDED] = {
#define XX(key, name) key,
    ACTIONS(XX)
#undef XX
};

const char *const nethack_action_names[NETHACK_ACTIONS_EXTENDED] = {
#define XX(key, name) name,
    ACTIONS(XX)
#undef XX
};

static bool asks(const struct nethack_game *g, int what)
{
    return nethack_game_obs(g)->internal[what] != 0;
}

static bool agents_question(const struct nethack_game *g, bool extended)
{
    static const char *const words[] = {"eat", "attack", "direction?", "pray", "drink"};
    int n = extended ? 5 : 4;
    for (int i = 0; i < n; i++)
        if (nethack_game_message_has(g, words[i]))
            return true;
    return false;
}

static bool base_step(struct nethack_game *g, int action)
{
    nethack_game_key(g, nethack_action_keys[action]);
    for (int sent = 0; !nethack_game_done(g); sent++) {
        if (sent == AUTO_KEYS_MAX)
            return false;
        if (asks(g, NLE_IN_XWAIT)) {
            nethack_game_key(g, KEY_SPACE);
        } else if (asks(g, NLE_IN_GETLIN)) {
            nethack_game_key(g, KEY_ESC);
        } else {
            if (asks(g, NLE_IN_YN) && !agents_question(g, false))
                nethack_game_key(g, KEY_ESC);
            break;
        }
    }
    return true;
}

/* The first item letter of a prompt such as "What do you want to eat? [c-f or ?*]"; 0 = none
 * offered. */
static int first_item(const uint8_t *message)
{
    const char *end = (const char *)message + NLE_MESSAGE;
    const char *p = memchr(message, '[', NLE_MESSAGE);
    for (; p && p < end && *p && *p != ']'; p++) {
        if (p + 4 <= end && memcmp(p, " or ", 4) == 0)
            return 0;
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
            return *p;
    }
    return 0;
}

static int extended_key(const struct nethack_game *g, int action)
{
    if (!asks(g, NLE_IN_YN) || !(nethack_game_message_has(g, "What do you want to eat") ||
                                 nethack_game_message_has(g, "What do you want to drink")))
        return nethack_action_keys[action];
    int item = nethack_action_keys[action] == 'y' ? first_item(nethack_game_obs(g)->message) : 0;
    return item ? item : KEY_SPACE;
}

/* Answers one prompt that is not the agent's; false when the game waits for a command or for the
 * agent. */
static bool answer_prompt(struct nethack_game *g, int *refusals, bool *enhance)
{
    if (asks(g, NLE_IN_XWAIT)) {
        nethack_game_key(g, KEY_SPACE);
    } else if (asks(g, NLE_IN_GETLIN)) {
        nethack_game_key(g, KEY_ESC);
    } else if (asks(g, NLE_IN_YN)) {
        if (agents_question(g, true) || ++*refusals > REFUSALS_MAX)
            return false;
        nethack_game_key(g, KEY_ESC);
    } else if (*enhance) {
        *enhance = false;
        nethack_game_key(g, META('e'));
        if (!nethack_game_done(g) && asks(g, NLE_IN_XWAIT))
            nethack_game_key(g, 'a');
    } else {
        return false;
    }
    return true;
}

static bool extended_step(struct nethack_game *g, int action)
{
    uint8_t stairs[NLE_MESSAGE];
    bool keep = false, told = false, enhance = false;
    int refusals = 0;
    int key = extended_key(g, action);
    nethack_game_key(g, key);
    if (key == 'Z' && !nethack_game_done(g) && (asks(g, NLE_IN_XWAIT) || asks(g, NLE_IN_YN)))
        nethack_game_key(g, 'a');
    for (int sent = 0; !nethack_game_done(g); sent++) {
        if (sent == AUTO_KEYS_MAX)
            return false;
        if (nethack_game_message_has(g, "You descend the stairs.")) {
            memcpy(stairs, nethack_game_obs(g)->message, NLE_MESSAGE);
            keep = true;
        }
        if (nethack_game_pages(g)->confident && !told)
            enhance = told = true;
        if (!answer_prompt(g, &refusals, &enhance))
            break;
    }
    if (keep && !nethack_game_done(g))
        nethack_game_keep_message(g, stairs);
    return true;
}

bool nethack_rules_step(struct nethack_game *g, int actions, int action)
{
    nethack_pages_begin(g);
    return actions == NETHACK_ACTIONS_BASE ? base_step(g, action) : extended_step(g, action);
}
