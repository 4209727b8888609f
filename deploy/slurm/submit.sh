#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Submits learner, reward server and N actors: deploy/slurm/submit.sh CONFIG RUN N [sbatch options ...]; prints the two job numbers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
config=${1:?usage: submit.sh CONFIG RUN N} run=${2:?usage: submit.sh CONFIG RUN N} actors=${3:?usage: submit.sh CONFIG RUN N}
shift 3
mkdir -p "$run/slurm"
rm -f "$run/slurm/done" "$run/slurm/learner" "$run/slurm/keys"
learner=$(sbatch --parsable --output="$run/slurm/learner-%j.log" "$@" "$here/onic.sbatch" "$config" "$run")
array=$(sbatch --parsable --output="$run/slurm/actor-%A-%a.log" --array="1-$actors" --dependency="after:$learner" "$@" \
  "$here/actors.sbatch" "$run")
echo "$learner $array"
