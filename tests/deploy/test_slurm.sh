#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/slurm for real, on a three-node Slurm of Debian on this machine: `onic launch slurm`, train, preempt the learner (which is requeued and
# resumes with its keys), cancel an actor, drain, balanced ledger; then a sweep as an array. Needs root, slurm-wlm and munge.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
export ONIC_BIN=${ONIC_BUILD:-$source_dir/build} ONIC_HOST=127.0.0.1
cd "$source_dir" || exit 70
. tests/deploy/lib.sh
unset ${!SQUEUE_@} ${!SBATCH_@} ${!SCANCEL_@}

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
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n[1-3] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17511-17513] CPUs=4 RealMemory=4000
PartitionName=main Nodes=n[1-3] Default=YES PriorityTier=1
PartitionName=urgent Nodes=n[1-3] PriorityTier=10 PreemptMode=OFF
CONF
  export SLURM_CONF=$work/slurm.conf
  sed 's/^SlurmctldPort=.*/SlurmctldPort=17599/' "$SLURM_CONF" >"$work/away.conf" # nobody answers there
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

# queued [OPTION ...]: what squeue says; a job that Slurm forgot is none, a squeue that fails is no empty queue.
queued() {
  local said
  said=$(squeue -h "$@" 2>&1) || [[ $said == *"Invalid job id"* ]] || fail "squeue: $said"
  [[ $said == *"Invalid job id"* ]] || printf '%s' "$said"
}
gone() { [[ -z $(queued -j "$1") ]]; }

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
onic=$ONIC_BIN/onic
launch() { "$onic" launch slurm "$work/test.yaml" --actors=3 --mem=1G --actor-mem=100M --run-dir="$run" "$@"; }

step "what Slurm refuses"
launch --partition=nope 2>"$work/refused" && fail "an unknown partition was taken"
grep -q 'Slurm refused: invalid partition specified: nope; `sinfo -s`' "$work/refused" || fail "$(cat "$work/refused")"
launch --mem=64G 2>"$work/refused" && fail "more memory than any node has was taken"
grep -q 'Slurm refused' "$work/refused" || fail "$(cat "$work/refused")"
launch --actor-sbatch=--partition=nope 2>"$work/refused" && fail "actors in an unknown partition were taken"
grep -q 'Slurm refused: invalid partition' "$work/refused" || fail "$(cat "$work/refused")"
[[ -z $(queued) ]] || fail "something is in the queue"
[[ ! -e $run/slurm/job ]] || fail "a run that was refused has a job: $(cat "$run/slurm/job")"

step "launching"
read -r learner array _ <<<"$(launch)" || fail "onic launch"
at_exit "scancel $learner $array"
wait_for 60 "training" past 0
grep -q 'actor joined.*key=' "$run"/slurm/learner-*.log || fail "the actors have no keys"
[[ $(stat -Lc %a "$run/slurm/keys/learner.key") == 600 ]] || fail "others can read the job's keys"
launch 2>"$work/refused" && fail "a run in the queue was submitted again"
grep -q "in the queue already, as job $learner" "$work/refused" || fail "$(cat "$work/refused")"
SQUEUE_STATES=COMPLETED launch 2>"$work/refused" && fail "a run in the queue was submitted again, where squeue is told to hide it"
key=$(cat "$run/slurm/keys/learner.allow")
SLURM_CONF=$work/away.conf launch 2>"$work/refused"
[[ $? == 75 ]] && grep -q "in the queue, as job $learner, squeue does not say" "$work/refused" || fail "no controller: $(cat "$work/refused")"
[[ -s $run/slurm/learner ]] || fail "a launch that knew nothing removed the learner's address"

step "preempting the learner (Slurm waits two minutes before it starts again)"
node=$(squeue -h -o %N -j "$learner")
before=$(steps)
urgent=$(sbatch --parsable --partition=urgent --nodelist="$node" --exclusive --output=/dev/null --wrap='sleep 5') || fail "sbatch"
preempted() { scontrol show job "$learner" | says 'Restarts=1'; }
wait_for 60 "the preemption" preempted
wait_for 60 "the end of the urgent job" gone "$urgent"
came_back() { [[ $(squeue -h -o %T -j "$learner") == RUNNING ]]; }
wait_for 240 "the restart of the learner's job" came_back
wait_for 120 "training after the preemption" past "$before"
[[ $(cat "$run/slurm/keys/learner.allow") == "$key" ]] || fail "the job has other keys after its restart"
check_ledger "$("$onic" ledger "$run" --json)"

step "cancelling one actor of the array"
before=$(steps)
scancel "${array}_2" || fail "scancel"
wait_for 60 "training without it" past "$before"

step "draining"
scancel --signal=TERM --batch "$learner"
wait_for 90 "the end of the learner's job" gone "$learner"
check_ledger "$("$onic" ledger "$run" --json)"
scancel "$array"
wait_for 90 "the end of the actors" gone "$array"

step "a sweep as an array"
cat >"$work/sweep.yaml" <<'YAML'
options: {env.id: corridor, reward.model: none, reward.coef_int: 0, env.count: 8, train.batch: 512, run.frames: 20000, train.threads: 1}
seeds: [1, 2]
YAML
"$onic" launch slurm "$work/sweep.yaml" --actors=2 --cpus-per-task=1 --mem=1G --actor-mem=100M --run-dir="$work/sweep" >"$work/jobs" ||
  fail "onic launch of a sweep"
cat "$work/jobs"
[[ $(wc -l <"$work/jobs") == 2 ]] || fail "not two runs"
"$onic" launch slurm "$work/sweep.yaml" --actors=2 --run-dir="$work/sweep" 2>"$work/refused" && fail "a sweep in the queue was submitted again"
grep -q "in the queue already, as job [0-9]*_[01]" "$work/refused" || fail "$(cat "$work/refused")"
run=$work/sweep/s1
nobody() { [[ -z $(queued) ]]; }
at_exit 'squeue -h -o %A | xargs -r scancel'
wait_for 300 "the end of the sweep" nobody
for run in "$work"/sweep/s1 "$work"/sweep/s2; do
  [[ $(steps) -ge 20000 ]] || fail "$run was not trained"
  [[ ! -e $run/slurm/keys ]] || [[ ! -e $(readlink -f "$run/slurm/keys") ]] || fail "the keys of $run were left behind"
  check_ledger "$("$onic" ledger "$run" --json)"
done
"$onic" launch slurm "$work/sweep.yaml" --actors=2 --run-dir="$work/sweep" 2>&1 | says 'all 2 runs in .* are trained' ||
  fail "a sweep that is trained was submitted again"
echo "passed"
