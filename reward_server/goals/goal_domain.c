/* SPDX-License-Identifier: MIT */
/* goal_domain.c - whether a goal is of another domain than the captions; see goal.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "reward_server/goals/goal.h"

/* "minigrid" of "minigrid:Unlock" and of "minigrid:*". */
static void domain_of_id(const char *id, char out[GOAL_NAME_MAX])
{
    snprintf(out, GOAL_NAME_MAX, "%.*s", (int)strcspn(id, ":"), id);
}

/* The folder that the file lies in, where it is called as a domain that has goals; else "". */
static void domain_of_folder(const char *path, const char *dir, char out[GOAL_NAME_MAX])
{
    char folder[4096 + GOAL_NAME_MAX + 1];
    struct stat st;
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    snprintf(out, GOAL_NAME_MAX, "%.*s", begin ? (int)(end - begin) : 0, begin ? begin : "");
    snprintf(folder, sizeof folder, "%s/%s", dir, out);
    if (out[0] == '.' || stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        out[0] = '\0';
}

/* True where one of its patterns is of that domain, else the domain that it is of ("": nobody
 * says). */
static bool is_made_for(const struct goal *g, const char *dir, const char *domain,
                        char own[GOAL_NAME_MAX])
{
    char of[GOAL_NAME_MAX];
    own[0] = '\0';
    for (int i = 0; i < g->nenvironments; i++) {
        domain_of_id(g->environments[i], of);
        if (goal_glob(of, domain))
            return true;
        if (i == 0)
            snprintf(own, GOAL_NAME_MAX, "%s", of);
    }
    if (g->nenvironments == 0)
        domain_of_folder(g->path, dir, own);
    return !own[0] || strcmp(own, domain) == 0;
}

bool goal_is_foreign(const struct goal *g, const struct goal_choice *c, char why[ONIC_ERR_MSG_MAX])
{
    char domain[GOAL_NAME_MAX], own[GOAL_NAME_MAX];
    domain_of_id(c->env_id, domain);
    why[0] = '\0';
    if (!c->env_given)
        return false;
    if (strcmp(c->domain, "auto") != 0 && strcmp(c->domain, domain) != 0) {
        snprintf(why, ONIC_ERR_MSG_MAX,
                 "annotator.domain=%s means goals, captions and prompts of %s, and %.100s says "
                 "other things: hardly a message will be understood. --annotator.domain=auto "
                 "takes those of %s",
                 c->domain, c->domain, c->env_id, domain);
    } else if (!g->no_preference && !is_made_for(g, c->dir, domain, own)) {
        snprintf(why, ONIC_ERR_MSG_MAX,
                 "annotator.goal=%.300s is a goal of %s, and %.100s says other things: hardly a "
                 "message will be understood. --annotator.goal=auto takes one of %s; a file of "
                 "yours says below environments: what it is for",
                 c->name, own, c->env_id, domain);
    }
    return why[0] != '\0';
}
