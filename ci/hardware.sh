#!/usr/bin/env bash
# The afternoon on the machine with the GPUs, as one command: what to run, in which order, for how long at most, and when to stop. Can be
# repeated after any interruption: finished steps are kept. See docs/hardware-day.md, or --help.
# shellcheck disable=SC1091,SC2034,SC2154,SC2004
set -euo pipefail
kit=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/kit
source "$kit/steps.sh"
source "$kit/ledger.sh"
source "$kit/guard.sh"

BACKEND=${BACKEND:-kfd}
profile=quick
out=hardware-day
others=() # whom the tool may disturb, as it wants to be told
from='' only='' gpu_list=''
dry_run=no exclusive=no list=no
tool=${GPREEMPT:-}
soak_s='' # as the profile has it

usage() {
  cat <<EOF
Usage: [BACKEND=kfd|vkfd|sim] ci/hardware.sh [--profile quick|full] [--out DIR] [--from STEP] [--only STEP]
                      [--gpus LIST] [--exclusive-hive] [--bystander TARGET] [--allow-bystanders] [--limit STEP=SECONDS] [--soak-seconds N]
                      [--list] [--dry-run]

Runs, in this order: provenance, doctor, conformance, the test plan, the contract, each experiment, the soak with remaps, gangs over two
GPUs (kfd only), calibration, the reports, and packs all of it into one archive. The steps and their limits are printed first; quick stays under 60 minutes.

  --profile quick|full  quick (the default): shorter runs; full: the plan's own lengths, some hours
  --out DIR             where everything goes ($out); the same DIR goes on where it was left
  --from STEP           do this step and all after it again
  --only STEP           only this step
  --gpus LIST           use these GPUs only, such as f7bc,1a2b: the ids that doctor and queues print, or places from 0 (kfd; all)
  --exclusive-hive      nobody else uses these GPUs or their hive: also what needs that
  --bystander TARGET    somebody on these GPUs who may be disturbed (a pid, command:NAME, ...); repeatable
  --allow-bystanders    disturb anybody
  --limit STEP=SECONDS  another limit for a step; repeatable
  --soak-seconds N      length of each run of the soak (quick: 15, full: 300)
  --list                the steps, their limits, and what is done; runs nothing
  --dry-run             the commands; runs nothing and writes nothing

  BACKEND       kfd: this machine's GPUs. vkfd, sim: a dress rehearsal on the model, anywhere
  GPREEMPT      the tool, if it is not in this tree's build folder, beside this script, or on the PATH
  RUN_ARGS      more arguments for each \`gpreempt run\`, such as --offline 'python train.py'
  VLLM_MODEL    a model, for the step with vLLM as the Online side; VLLM_SETTLE: how long it loads (180s)
  KERNEL_LOG    a command that prints the kernel's log (kfd: dmesg; otherwise none)

It stops by itself at the first step that cannot go on (exit codes of the tool above 1, but for an experiment that this machine cannot make),
that is over its limit, or during which the kernel log tells of a reset or a hang: the step is ended, so that the tool resumes all queues; processes that are still held are rescued.

Exit codes: 0 all done; 1 all done, and something was found that is not as expected; 2 usage; 3 stopped, or this machine cannot
EOF
}

# refuse CODE SENTENCE: what cannot be done, and what to do.
refuse() {
  local code=$1
  shift
  printf 'hardware: %s\n' "$*" >&2
  exit "$code"
}

while (($# > 0)); do
  case $1 in
    --profile) profile=${2:-} && shift ;;
    --out) out=${2:-} && shift ;;
    --from) from=${2:-} && shift ;;
    --only) only=${2:-} && shift ;;
    --limit)
      [[ ${2:-} =~ ^([a-z0-9-]+)=([1-9][0-9]*)$ ]] || refuse 2 "--limit '${2:-}': it is STEP=SECONDS"
      limits[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]} && shift
      ;;
    --soak-seconds) soak_s=${2:-} && shift ;;
    --gpus) gpu_list=${2:-,} && shift ;;
    --exclusive-hive) exclusive=yes ;;
    --bystander) others+=(--bystander "${2:-}") && shift ;;
    --allow-bystanders) others+=(--allow-bystanders) ;;
    --list) list=yes ;;
    --dry-run) dry_run=yes ;;
    --help | -h) usage && exit ;;
    *) refuse 2 "there is no '$1'; see ci/hardware.sh --help" ;;
  esac
  shift || refuse 2 "the last option needs a value; see ci/hardware.sh --help"
done
case $BACKEND in kfd | vkfd | sim) ;; *) refuse 2 "BACKEND=$BACKEND: it is kfd, vkfd or sim" ;; esac
case $profile in quick) soak_s=${soak_s:-15} ;; full) soak_s=${soak_s:-300} ;; *) refuse 2 "--profile '$profile': it is quick or full" ;; esac
[[ $soak_s =~ ^[1-9][0-9]*$ ]] || refuse 2 "--soak-seconds '$soak_s': it is a number of seconds"
[[ -n $out ]] || refuse 2 "--out needs a folder"
[[ $out == /* ]] || out=$PWD/$out

tool=$(find_tool) || refuse 3 "there is no gpreempt: build it (ci/quickstart, or cmake in an unpacked tarball), or set GPREEMPT=/path/to/gpreempt"
if [[ -n $gpu_list ]]; then
  choose_gpus "$gpu_list"
elif [[ $BACKEND == kfd && -n ${ROCR_VISIBLE_DEVICES:-} ]]; then
  # The tool and the programs would obey it, and neither the plan nor the evidence would say so.
  refuse 2 "ROCR_VISIBLE_DEVICES=$ROCR_VISIBLE_DEVICES is set: unset it, or name these GPUs with --gpus"
fi
make_steps
hash_common
for name in ${from:+"$from"} ${only:+"$only"} "${!limits[@]}"; do
  is_step "$name" || refuse 2 "there is no step '$name'; it is one of: ${step_names[*]}"
done
[[ $list == no ]] || { [[ ! -d $out/state ]] || read_stamps; print_plan; exit; }
[[ $dry_run == no ]] || { print_plan; print_commands; exit; }

open_ledger
print_plan
start_guard
# A signal that comes while a command substitution begins may be served in that subshell: the file tells of it either way.
trap ': >"$out/state/interrupted"' INT TERM HUP
for step in "${step_names[@]}"; do
  [[ -z $only || $step == "$only" ]] || continue
  if is_done "$step"; then
    say "$step: done before (${stamp_code[$step]})"
    continue
  fi
  run_step "$step"
done
print_summary
