/* SPDX-License-Identifier: MIT */
/* stored_open.c - see stored_open.h. The environment's description has the observation, the actions
 * and the default network, the stored options have the rest; the stored text of the network must be
 * the one that comes out. */
#include "deploy/onnx/stored_open.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "common/run/policy_options.h"
#include "learner/train/stored_text.h"
#include "learner/train/trainer.h"

static int stored_description(struct env_description *out, const struct checkpoint_file *file,
                              struct onic_err *err)
{
    const void *text;
    size_t len;
    struct onic_err why;
    int rc = checkpoint_get_bytes(file, "env", &text, &len, err);
    if (!rc && env_describe_read(text, len, out, &why))
        rc = err_set(err, ONIC_EDAMAGED, "%s", why.msg);
    return rc;
}

static int stored_options(struct policy_config *out, const struct env_description *env,
                          const struct checkpoint_file *file, struct onic_err *err)
{
    const void *text;
    size_t len;
    struct config *cfg = xmalloc(sizeof *cfg);
    int rc = checkpoint_get_bytes(file, "config", &text, &len, err);
    config_defaults(cfg);
    if (!rc)
        rc = config_read_stored(cfg, text, len, checkpoint_path(file), err);
    if (!rc)
        policy_options(out, cfg, env->default_net, &env->actions, &env->obs);
    free(cfg);
    return rc;
}

/* There is no option that the user could leave out: what differs is another onic's. */
static int stored_network(const struct stored_policy *p, const struct checkpoint_file *file,
                          struct onic_err *err)
{
    struct onic_err why = {0};
    int rc = stored_text_check_network(file, p->policy, &why);
    if (rc == ONIC_ECONFIG)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "its network is not the one that this onic makes of its options: use the "
                       "onic that wrote it");
    return rc ? err_set(err, rc, "%s", why.msg) : ONIC_OK;
}

int stored_policy_open(struct stored_policy *out, const struct checkpoint_file *file,
                       struct onic_err *err)
{
    struct policy_config config;
    memset(out, 0, sizeof *out);
    int rc = stored_description(&out->env, file, err);
    if (!rc)
        rc = stored_options(&config, &out->env, file, err);
    if (!rc)
        rc = policy_create(&out->policy, &config, err);
    if (!rc)
        rc = stored_network(out, file, err);
    if (!rc) {
        const struct params *params = policy_params(out->policy);
        out->weights = xaligned(params->floats * sizeof(float));
        rc = trainer_read_weights(file, params, out->weights, &out->weights_version,
                                  &out->env_steps, err);
    }
    return rc ? (err_wrap(err, "%s", checkpoint_path(file)), rc) : rc;
}

void stored_policy_close(struct stored_policy *p)
{
    policy_free(p->policy);
    free(p->weights);
    memset(p, 0, sizeof *p);
}
