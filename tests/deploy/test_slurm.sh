#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/slurm for real, on a three-node Slurm of Debian on this machine: submit, train, requeue the learner, cancel an actor,
# finish, balanced ledger. Needs root, slurm-wlm and munge.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
export ONIC_BIN=${ONIC_BUILD:-$source_dir/build} ONIC_HOST=127.0.0.1
cd "$source_dir" || exit 70
. tests/deploy/lib.sh

[[ $(id -u) == 0 ]] || skip "Slurm's daemons need root"
for program in slurmctld slurmd sbatch munged; do
  command -v $program >/dev/null || skip "$program is not installed"
done
[[ -x $ONIC_BIN/onic-learner ]] || fail "$ONIC_BIN/onic-learner is not built"

start_munge() {
  munge -n 2>/dev/null | unmunge >/dev/null 2>&1 && return
  install -d -o munge -g munge /run/munge /var/log/munge
  [[ -s /etc/munge/munge.key ]] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1k count=1; chown munge: /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; } 2>/dev/null
  runuser -u munge -- munged --foreground >"$work/munged.log" 2>&1 &
  at_exit "stop_process $!"
  wait_for 20 "munge" eval 'munge -n 2>/dev/null | unmunge >/dev/null 2>&1'
}

start_slurm() {
  mkdir -p "$work/state" "$work/spool"
  cat >"$work/slurm.conf" <<CONF
ClusterName=onictest
SlurmctldHost=localhost
SlurmctldPort=17500
SlurmdPort=17501
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
MpiDefault=none
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
NodeName=n[1-3] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17511-17513] CPUs=4 RealMemory=2000
PartitionName=main Nodes=n[1-3] Default=YES
CONF
  export SLURM_CONF=$work/slurm.conf
  slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 &
  at_exit "stop_process $!"
  local node
  for node in n1 n2 n3; do
    slurmd -N $node -D -f "$SLURM_CONF" >/dev/null 2>&1 &
    at_exit "stop_process $!"
  done
  idle() { [[ $(sinfo -h -o %D -t idle 2>/dev/null) == 3 ]]; }
  wait_for 60 "three idle nodes" idle
}

run=$work/run
diagnose() { squeue; tail -n 20 "$run"/slurm/*.log "$run"/log/*.log "$work"/slurmctld.log; }
steps() { tail -n 1 "$run/metrics.jsonl" 2>/dev/null | json env_steps 2>/dev/null || echo 0; }
past() { [[ $(steps) -gt $1 ]]; }

step "three nodes"
start_munge
start_slurm

step "submitting"
cat >"$work/test.yaml" <<'YAML'
env:
  id: corridor
run:
  frames: 1000000000
train:
  rollout: 16
  batch: 1024
checkpoint:
  every_s: 2
YAML
mkdir -p "$run"
read -r learner array <<<"$(deploy/slurm/submit.sh "$work/test.yaml" "$run" 3)" || fail "submit.sh"
at_exit "scancel $learner $array"
wait_for 60 "training" past 0
grep -q 'actor joined.*key=' "$run"/slurm/learner-*.log || fail "the actors have no keys"
[[ $(stat -Lc %a "$run/slurm/keys/learner.key") == 600 ]] || fail "others can read the job's keys"

step "requeueing the learner (Slurm waits two minutes before it starts again)"
before=$(steps)
scontrol requeue "$learner" || fail "scontrol requeue"
came_back() { [[ $(scontrol show job "$learner" | grep -c 'JobState=RUNNING.*') == 1 && $(scontrol show job "$learner" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p') == 1 ]]; }
wait_for 240 "the restart of the learner's job" came_back
wait_for 120 "training after the requeue" past "$before"

step "cancelling one actor of the array"
before=$(steps)
scancel "${array}_2" || fail "scancel"
wait_for 60 "training without it" past "$before"

step "draining"
scancel --signal=TERM --batch "$learner"
gone() { [[ -z $(squeue -h -j "$learner" 2>/dev/null) ]]; }
wait_for 90 "the end of the learner's job" gone
check_ledger "$("$ONIC_BIN/onic" ledger "$run" --json)"
echo "passed"
