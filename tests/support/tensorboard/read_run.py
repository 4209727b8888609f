#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the published tensorboard package reads of runs: the code of its own plug-ins, no reader of ours.

    read_run.py FOLDER        # one JSON object: run -> what is there of it

Of each run: tags of scalars with their last step and value, histograms with how many numbers they hold and within which bounds, texts,
and of the hparams plug-in the hyper-parameters with their types, the metrics, and how the session ended.
"""
import json
import logging
import sys

from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

logging.getLogger("tensorboard").setLevel(logging.ERROR)


def last(mux, run, tag):
    event = mux.Tensors(run, tag)[-1]
    return event.step, tensor_util.make_ndarray(event.tensor_proto)


def read_session(mux, run, out):
    content = mux.PluginRunToTagToContent(hparams.PLUGIN_NAME).get(run, {})
    if hparams.SESSION_START_INFO_TAG in content:
        start = hparams.parse_session_start_info_plugin_data(content[hparams.SESSION_START_INFO_TAG])
        out["hparams"] = {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}
        out["started"] = start.start_time_secs
    if hparams.EXPERIMENT_TAG in content:
        experiment = hparams.parse_experiment_plugin_data(content[hparams.EXPERIMENT_TAG])
        out["metrics"] = [m.name.tag for m in experiment.metric_infos]
        out["types"] = {h.name: h.type for h in experiment.hparam_infos}
    if hparams.SESSION_END_INFO_TAG in content:
        out["end"] = hparams.parse_session_end_info_plugin_data(content[hparams.SESSION_END_INFO_TAG]).status


def read_run(mux, run):
    out = {"scalars": {}, "histograms": {}, "texts": {}, "hparams": {}, "types": {}, "metrics": [], "started": 0, "end": 0}
    for tag in mux.PluginRunToTagToContent("scalars").get(run, {}):
        step, value = last(mux, run, tag)
        out["scalars"][tag] = [step, float(value)]
    for tag in mux.PluginRunToTagToContent("histograms").get(run, {}):
        step, bins = last(mux, run, tag)
        out["histograms"][tag] = {"step": step, "values": float(bins[:, 2].sum()), "from": float(bins[0][0]), "to": float(bins[-1][1])}
    for tag in mux.PluginRunToTagToContent("text").get(run, {}):
        out["texts"][tag] = last(mux, run, tag)[1].item(0).decode()
    read_session(mux, run, out)
    return out


def main():
    mux = plugin_event_multiplexer.EventMultiplexer()
    mux.AddRunsFromDirectory(sys.argv[1])
    mux.Reload()
    print(json.dumps({run: read_run(mux, run) for run in mux.Runs()}))


if __name__ == "__main__":
    main()
