# shellcheck shell=bash disable=SC2154,SC2016
# Runs a step under its limit with an eye on the kernel's log, and stops everything by the rules of a shared machine: sourced by
# ci/hardware.sh.

# How long a tool that is told to end has for giving back what it holds: a call of the driver may take 9 s.
END_S=20
LOOK_S=${LOOK_S:-1}

is_watched() { [[ -n ${KERNEL_LOG:-} || $BACKEND == kfd ]]; }

# kernel_log: prints it; nothing where nobody said how and the backend is a model.
kernel_log() {
  if [[ -n ${KERNEL_LOG:-} ]]; then
    bash -c "$KERNEL_LOG"
  elif [[ $BACKEND == kfd ]]; then
    dmesg
  fi
}

# trouble: the lines that say that a GPU, its driver or the kernel has failed, by the tool's own rule.
trouble() { kernel_log 2>/dev/null | "$tool" decode kernel-log -; }
# troubles: how many. Fails if the log cannot be read, or the tool does not judge it.
troubles() {
  local lines
  lines=$(trouble) || return
  [[ -z $lines ]] && echo 0 || wc -l <<<"$lines"
}

# start_guard: on hardware the kernel's log must be readable before anything is preempted.
start_guard() {
  exec 8<> <(:)  # nothing ever comes: to wait for without a process
  is_watched || return 0
  kernel_log >/dev/null 2>"$out/state/kernel-log.error" ||
    refuse 3 "the kernel's log cannot be read ($(head -n 1 "$out/state/kernel-log.error")): a reset would go unseen; run as root, give the container --cap-add=SYSLOG, or set KERNEL_LOG to a command that prints it"
  troubles_before=$(troubles) || refuse 3 "$tool does not judge the kernel's log (gpreempt decode kernel-log): a reset would go unseen; take the tool of this kit's version"
  ((troubles_before == 0)) || say "the kernel's log already has $troubles_before lines about resets or hangs; only new ones stop this"
}

# run_step STEP: leaves its stamp, or stops everything.
run_step() {
  local step=$1 limit=${step_limit[$1]} log=$out/logs/$1.log begin=$SECONDS status=0 child next
  say "$step: ${step_about[$step]}; at most $limit s"
  [[ ! -e $out/results/$step ]] || rm -rf "${out:?}/results/$step"
  [[ -d $out/provenance ]] || mkdir "$out/provenance"
  # A group of its own, which ends as a whole; without the lock, which must not outlive this script.
  step_shell "$step" "$limit" >"$log" 2>&1 </dev/null 8<&- 9>&- &
  child=$!
  next=$((SECONDS + 30))
  while kill -0 "$child" 2>/dev/null; do
    read -r -t 0.05 -u 8 || true
    [[ ! -e $out/state/interrupted ]] || stop_all "it was interrupted" 130
    ((SECONDS < look_at)) || watch_log "$step"
    if ((SECONDS >= next)); then
      say "  $((SECONDS - begin)) s: $(tail -n 1 "$log" | cut -c 1-90)"
      next=$((SECONDS + 30))
    fi
  done
  wait "$child" || status=$?
  rm -f "$out/state/running"
  [[ ! -e $out/state/interrupted ]] || stop_all "it was interrupted" 130
  watch_log "$step"
  case $status in
    0) say "$step: done" ;;
    1) say "$step: done, not as expected: $(tail -n 1 "$log" | cut -c 1-100)" ;;
    3)
      answers_nothing "$step" || stop_all "$step ended with exit code 3: $(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-200)" 3
      say "$step: this machine does not let it be answered: $(tail -n 1 "$log" | cut -c 1-100)"
      ;;
    124 | 137) stop_all "$step took longer than its limit of $limit s" 3 ;;
    *) stop_all "$step ended with exit code $status: $(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-200)" 3 ;;
  esac
  write_stamp "$step" "$status" $((SECONDS - begin))
}
look_at=0

# answers_nothing STEP: whether an experiment or a gang could not be made here, which is no reason to stop; a failure of the hardware is one.
answers_nothing() {
  [[ $1 != gang-* ]] || ! grep -qE '^(a gang needs|run_ddp.py: the undisturbed job)' "$out/logs/$1.log" || return 0
  local verdicts=$out/results/$1/verdicts.json
  [[ $1 == experiment-* && -f $verdicts ]] && ! grep -q hardware-failure "$verdicts"
}

# step_shell STEP LIMIT: its command under timeout(1), which makes a process group and passes a TERM on to all of it. A function of the kit
# runs in a shell that has sourced it. It writes itself down before it starts anything: whoever kills the kit then leaves nothing unknown.
step_shell() {
  local own=$BASHPID
  local -a words
  printf '%s %s\n' "$own" "$(start_time "$own")" >"$out/state/running"
  eval "words=(${step_command[$1]})"
  if [[ $(type -t "${words[0]}") == function ]]; then
    words=(bash -c 'source "$kit/steps.sh"; source "$kit/guard.sh"; "$@"' "$1" "${words[@]}")
    export kit out tool BACKEND profile soak_s exclusive RUN_ARGS KERNEL_LOG VLLM_SETTLE
  fi
  exec timeout --kill-after="$END_S" "$2" "${words[@]}"
}

# watch_log STEP: a new line about a reset stops everything.
watch_log() {
  local count
  is_watched || return 0
  look_at=$((SECONDS + LOOK_S))
  count=$(troubles) || stop_all "the kernel's log cannot be read or judged any more during $1: a reset would go unseen" 3
  ((count > troubles_before)) || return 0
  stop_all "the kernel's log tells of trouble during $1: $(trouble | tail -n 1 | cut -c 1-160)" 3
}

# end_step PID: TERM, on which the tool resumes what it holds and detaches; KILL if it does not end, on which the driver does it.
end_step() {
  local waited=0
  kill -TERM "$1" 2>/dev/null || return 0
  while kill -0 "$1" 2>/dev/null && ((waited < END_S * 10)); do
    sleep 0.1  # also before there is anything to wait at
    waited=$((waited + 1))
  done
  kill -KILL -- "-$1" "$1" 2>/dev/null || true
}

# rescue_held: whoever is traced by a gpreempt that is gone, or waits in the start of its runtime, is freed. Only on hardware. Fails if one is
# not: then `held` names them.
rescue_held() {
  local pid said
  held=''
  [[ $BACKEND == kfd ]] || return 0
  for pid in "${KFD_PROC:-/sys/class/kfd/kfd/proc}"/*; do
    [[ -d $pid ]] || continue
    pid=${pid##*/}
    said=$("$tool" rescue "$pid" 2>&1) || held+=" $pid"
    say "rescue $pid: $(tail -n 1 <<<"$said")"
  done
  [[ -z $held ]]
}

# stop_all WHY CODE: resume all, detach, stop, and say what to do.
stop_all() {
  local pid given_back='every queue was given back'
  trap - INT TERM HUP
  printf '\nhardware: stopped: %s\n' "$1" >&2
  for pid in $(jobs -pr); do  # also one that has not written itself down yet
    end_step "$pid"
    wait "$pid" 2>/dev/null || true
  done
  rm -f "$out/state/running"
  rescue_held || given_back="these may still be held, see above:$held"
  printf '%s\n' "$1" >"$out/stopped.txt"
  cat >&2 <<EOF
hardware: $given_back. Before going on:
  1. read $out/logs and, on hardware, \`dmesg | tail -n 50\` and \`gpreempt doctor\`
  2. after a reset: end the jobs that were on the GPUs, and see that \`gpreempt queues\` shows none that is off
  3. repeat the same command: finished steps are kept; --from STEP does one and all after it again
EOF
  exit "$2"
}
