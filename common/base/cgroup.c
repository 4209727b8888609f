/* SPDX-License-Identifier: MIT */
/* cgroup.c - see cgroup.h. A limit of any group around ours binds us as well, so all are read. */
#define _GNU_SOURCE
#include "common/base/cgroup.h"

#include <stdio.h>
#include <string.h>

bool cgroup_line(const char *root, const char *dir, const char *name, char *line, size_t size)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s%s%s", root, dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return ok;
}

struct search {
    const char *root, *controller;
    cgroup_number v2, v1;
    bool nearest;
    double found; /* -1 = nothing yet */
};

static void cgroup_take(struct search *s, double q)
{
    if (s->nearest ? q >= 0 && s->found < 0 : q > 0 && (s->found < 0 || q < s->found))
        s->found = q;
}

/* mount + path and every parent up to mount itself. */
static void walk_up(struct search *s, const char *mount, const char *path, cgroup_number number)
{
    char dir[2048];
    int n = snprintf(dir, sizeof dir, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    if (n < 0 || (size_t)n >= sizeof dir)
        return;
    for (;;) {
        cgroup_take(s, number(s->root, dir));
        if (strlen(dir) <= strlen(mount))
            return;
        *strrchr(dir, '/') = '\0';
    }
}

/* True when the comma-separated list of a v1 line holds the controller. */
static bool has_controller(const char *list, const char *controller)
{
    size_t n = strlen(list), wanted = strlen(controller);
    for (const char *p = list; p < list + n; p += strcspn(p, ",") + 1)
        if (strncmp(p, controller, wanted) == 0 && (p[wanted] == ',' || p[wanted] == '\0'))
            return true;
    return false;
}

/* A v1 controller is mounted under its own name, or under that of the list it shares a mount with.
 */
static void walk_v1(struct search *s, const char *list, const char *path)
{
    char mount[256];
    double before = s->found;
    snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", s->controller);
    walk_up(s, mount, path, s->v1);
    if (s->found >= 0 && before < 0)
        return;
    snprintf(mount, sizeof mount, "/sys/fs/cgroup/%.200s", list);
    walk_up(s, mount, path, s->v1);
}

static double search(struct search *s)
{
    char path[4096], line[2048];
    s->found = -1;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", s->root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) { /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = '\0';
        char *first = strchr(line, ':');
        char *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            continue;
        *second = '\0';
        const char *list = first + 1, *group = second + 1;
        if (list[0] == '\0')
            walk_up(s, "/sys/fs/cgroup", group, s->v2);
        else if (has_controller(list, s->controller))
            walk_v1(s, list, group);
    }
    if (f)
        fclose(f);
    return s->found;
}

double cgroup_tightest(const char *root, const char *controller, cgroup_number v2, cgroup_number v1)
{
    struct search s = {.root = root, .controller = controller, .v2 = v2, .v1 = v1};
    double q = search(&s);
    return q > 0 ? q : 0;
}

double cgroup_nearest(const char *root, const char *controller, cgroup_number v2, cgroup_number v1)
{
    struct search s = {.root = root, .controller = controller, .v2 = v2, .v1 = v1, .nearest = true};
    return search(&s);
}
