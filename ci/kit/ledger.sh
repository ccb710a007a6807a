# shellcheck shell=bash disable=SC2154,SC2004
# What is done and what it was done with: sourced by ci/hardware.sh. A finished step leaves state/STEP.stamp: a hash of its inputs, its exit
# code, its seconds.

declare -A stamp_code=() stamp_seconds=()

say() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

# hash_common: what every step depends on.
hash_common() {
  common_hash=$({ printf '%s\n' "$BACKEND" "$profile" "$soak_s" "$exclusive" "$chosen_gpus" "${RUN_ARGS:-}" && cat "$tool" "$kit"/*.sh; } | sha256sum)
  common_hash=${common_hash%% *}
}

# A stamp counts for the same tool, kit, backend and choices, and for the same command.
read_stamps() {
  local step hash code seconds command
  for step in "${step_names[@]}"; do
    [[ -f $out/state/$step.stamp ]] || continue
    { read -r hash code seconds && read -r command; } <"$out/state/$step.stamp" || continue  # cut short: as if it were not there
    [[ $hash == "$common_hash" && $command == "${step_command[$step]% }" ]] || continue
    stamp_code[$step]=$code stamp_seconds[$step]=$seconds
  done
}

# open_ledger: one kit at a time in a folder; what an earlier one that was killed has left running is ended first.
open_ledger() {
  local step drop=no
  mkdir -p "$out/state" "$out/logs" "$out/results" || refuse 3 "--out $out: it cannot be written; name another folder"
  exec 9>"$out/state/lock"
  flock -n 9 || refuse 3 "another ci/hardware.sh works in $out; wait for it, or name another --out"
  rm -f "$out/state/interrupted"
  end_orphan
  for step in "${step_names[@]}"; do
    [[ $step != "$from" && $step != "$only" ]] || drop=yes
    [[ $drop == no ]] || rm -f "$out/state/$step.stamp"
    [[ $step != "$only" ]] || drop=no
  done
  read_stamps
}

# end_orphan: state/running names the process group of a step; the start time tells it from a later process with its number.
end_orphan() {
  local pid start
  [[ -f $out/state/running ]] || return 0
  read -r pid start <"$out/state/running" || true
  if [[ -n ${pid:-} && $(start_time "$pid") == "${start:-gone}" ]]; then
    say "an earlier run was killed and left its step running (process $pid): ending it"
    end_step "$pid"
  fi
  rm -f "$out/state/running"
}

# start_time PID: when a process began, in ticks since the boot; nothing if it is gone.
start_time() {
  local stat words
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  read -r -a words <<<"${stat##*) }"
  echo "${words[19]}"
}

# The last step packs what the others have left: it is done again whenever one was.
is_done() {
  [[ -n ${stamp_code[$1]:-} ]] || return 1
  [[ $1 != report && $1 != bundle ]] || [[ -z ${anything_new:-} ]]
}

# write_stamp STEP CODE SECONDS: whole or not at all.
write_stamp() {
  printf '%s %s %s\n%s\n' "$common_hash" "$2" "$3" "${step_command[$1]% }" >"$out/state/.stamp"
  mv "$out/state/.stamp" "$out/state/$1.stamp"
  stamp_code[$1]=$2 stamp_seconds[$1]=$3
  [[ $1 == report || $1 == bundle ]] || anything_new=yes
}

verdict_of() {
  case ${stamp_code[$1]:-} in
    '') echo "not done" ;;
    0) echo "done" ;;
    1) echo "not as expected" ;;
    3) echo "not answerable" ;;
    *) echo "stopped (${stamp_code[$1]})" ;;
  esac
}

print_plan() {
  local step sum=0
  printf '%-32s %8s  %-16s %s\n' step limit state about
  for step in "${step_names[@]}"; do
    printf '%-32s %6d s  %-16s %s\n' "$step" "${step_limit[$step]}" "$(verdict_of "$step")" "${step_about[$step]}"
    sum=$((sum + ${step_limit[$step]}))
  done
  printf '%d steps on %s, %d min at most; into %s\n' "${#step_names[@]}" "$BACKEND" $(((sum + 59) / 60)) "$out"
  [[ -z $chosen_gpus ]] || printf 'on GPUs %s only (ROCR_VISIBLE_DEVICES=%s)\n' "$chosen_gpus" "$ROCR_VISIBLE_DEVICES"
  echo
}

print_commands() {
  local step
  for step in "${step_names[@]}"; do
    [[ -z $only || $step == "$only" ]] || continue
    printf '%stimeout %d %s\n' \
      "${chosen_gpus:+env -u HIP_VISIBLE_DEVICES -u CUDA_VISIBLE_DEVICES -u GPU_DEVICE_ORDINAL ROCR_VISIBLE_DEVICES=$ROCR_VISIBLE_DEVICES }" \
      "${step_limit[$step]}" "${step_command[$step]}"
  done
}

print_summary() {
  local step found=0
  printf '\n%-32s %8s  %s\n' step took verdict
  for step in "${step_names[@]}"; do
    printf '%-32s %6s s  %s\n' "$step" "${stamp_seconds[$step]:--}" "$(verdict_of "$step")"
    [[ ${stamp_code[$step]:-0} == 0 ]] || found=1
  done
  printf '\nResults: %s; archive: %s\n' "$out/report.html" "$out/evidence-$BACKEND-$profile.tar.gz"
  ((found == 0)) || printf 'Something is not as expected: read the logs of those steps in %s/logs, then docs/hardware-day.md.\n' "$out"
  exit "$found"
}
