/* SPDX-License-Identifier: MIT */
/* stop.c - see stop.h. */
#include "learner/process/stop.h"

static const char OUTCOMES[] = "success_window"; /* F32 [n] */

unsigned stop_reached(const struct stop_params *p, const struct stop_state *s)
{
    unsigned reached = 0;
    if (s->env_steps >= p->frames)
        reached |= STOP_FRAMES;
    if (p->success > 0 && s->episodes >= STOP_WINDOW && s->success >= p->success)
        reached |= STOP_SUCCESS;
    if (p->wall_s > 0 && s->wall_s >= p->wall_s)
        reached |= STOP_WALL;
    return reached;
}

const char *stop_text(unsigned reached)
{
    return reached & STOP_FRAMES    ? "run.frames reached"
           : reached & STOP_SUCCESS ? "stop.success reached"
           : reached & STOP_WALL    ? "stop.wall_s reached"
                                    : NULL;
}

void stop_save(const double *outcome, int n, struct checkpoint *to)
{
    float value[STOP_WINDOW];
    for (int i = 0; i < n; i++)
        value[i] = (float)outcome[i];
    if (n)
        checkpoint_add_f32(to, OUTCOMES, 1, n, value);
}

int stop_load(const struct checkpoint_file *from, double outcome[STOP_WINDOW])
{
    const struct checkpoint_tensor *t = checkpoint_find(from, OUTCOMES);
    if (!t || t->dtype != CHECKPOINT_F32 || t->bytes > STOP_WINDOW * sizeof(float))
        return 0;
    int n = (int)(t->bytes / sizeof(float));
    for (int i = 0; i < n; i++)
        outcome[i] = (double)((const float *)t->data)[i];
    return n;
}

void stop_of_checkpoint(const struct checkpoint_file *from, struct stop_state *out)
{
    double outcome[STOP_WINDOW], sum = 0;
    if (checkpoint_meta_u64(from, "env_steps", &out->env_steps, NULL) != ONIC_OK)
        out->env_steps = 0;
    out->episodes = stop_load(from, outcome);
    for (int i = 0; i < out->episodes; i++)
        sum += outcome[i];
    out->success = out->episodes ? sum / out->episodes : 0;
}
