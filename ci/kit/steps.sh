# shellcheck shell=bash disable=SC2154,SC2034
# What the kit runs: sourced by ci/hardware.sh. A step is a name, a limit in seconds for each profile, what it is for, and its command.

step_names=()
declare -A step_limit=() step_about=() step_command=()
declare -A vllm_limit=([quick]=900 [full]=1800)
declare -A limits=() # those of the command line

# find_tool: prints the tool's path.
find_tool() {
  local each top
  top=$(dirname "$kit")/..
  for each in ${GPREEMPT:+"$GPREEMPT"} "$top/build/release/cli/gpreempt" "$top/build/cli/gpreempt" "$top/bin/gpreempt" "$(command -v gpreempt || true)"; do
    [[ -n $each && -x $each && ! -d $each ]] && (cd "$(dirname "$each")" && printf '%s/%s\n' "$PWD" "$(basename "$each")") && return
    [[ $each != "${GPREEMPT:-}" ]] || return 1  # who names one wants that one
  done
  return 1
}

# add_step NAME QUICK FULL ABOUT COMMAND...: the command is run with its output in the step's log.
add_step() {
  local name=$1 quick=$2 full=$3 about=$4 command
  shift 4
  step_names+=("$name")
  [[ $profile == quick ]] || quick=$full
  step_limit[$name]=${limits[$name]:-$quick}
  step_about[$name]=$about
  printf -v command '%q ' "$@"
  step_command[$name]=$command
}

is_step() { [[ -n ${step_command[$1]:-} ]]; }

# The order is that of trust: what only looks, what asks the driver without a queue, what preempts a little, what preempts a lot.
make_steps() {
  local name streams rate results=$out/results options quick=() hive=() sequences=5592
  [[ $BACKEND == kfd ]] || others=()  # on a model nobody is there
  options=("${others[@]}")
  [[ $exclusive == no ]] || hive=(--exclusive-hive)
  options+=("${hive[@]}")
  [[ $profile == quick ]] && quick=(--quick) && sequences=200
  add_step provenance 60 60 "what this machine, driver and tool are" collect_provenance
  add_step doctor 60 60 "what keeps this machine from preempting" examine
  if [[ $BACKEND != sim ]]; then
    add_step conformance 180 900 "the driver's answers against those of real drivers" \
      "$tool" conformance --backend "$BACKEND" --quiet --sequences "$sequences" \
      --record "$out/state/conformance.record"
  fi
  add_step validate-hardware 1320 14400 "the test plan T-1 to T-18" \
    "$tool" validate-hardware --profile "$profile" --backend "$BACKEND" --quiet --out "$results/validate-hardware" "${options[@]}"
  if [[ -x $(contract_program) ]]; then
    add_step contract 240 2400 "the contract's test suites, as on the models" \
      contract "$(contract_program)" "${hive[@]}"
  fi
  while read -r name; do
    add_step "experiment-$name" 60 900 "the question $name" \
      "$tool" experiment "$name" --backend "$BACKEND" --quiet "${quick[@]}" "${options[@]}" --out "$results/experiment-$name"
  done < <("$tool" experiment list | awk '/^[a-z]/ { print $1 }')
  # HIP gives the streams of a process four queues (GPU_MAX_HW_QUEUES): two streams have one each, eight share.
  for streams in 2 8; do
    for rate in 10 100; do
      add_step "soak-$streams-streams-$rate-hz" $((soak_s * 5 + 30)) $((soak_s * 5 + 60)) \
        "$streams streams, taken off and put back $rate times a second, against the same left alone" soak "$streams" "$rate" "${others[@]}"
    done
  done
  if [[ $BACKEND == kfd ]]; then
    add_step gang-ddp 300 3600 "training over two GPUs, one rank taken off 100 times for each of several times" gang_ddp "${others[@]}"
    [[ -z ${VLLM_MODEL:-} ]] || add_step gang-vllm "${vllm_limit[$profile]}" "${vllm_limit[$profile]}" \
      "vLLM over two GPUs as it is, beside training on both" gang_vllm "$VLLM_MODEL" "${others[@]}"
  fi
  if "$tool" --help | grep -q '^ *calibrate '; then
    add_step calibrate 120 600 "the model's parameters, from what was measured" calibrate_samples
  fi
  add_step report 60 60 "the proof of concept's report, of everything above" make_reports
  add_step bundle 60 120 "one archive with all of it" pack
}

# collect_provenance: files that say where the results come from; those of the driver as `gpreempt doctor --sysroot` reads them.
collect_provenance() {
  local folder=$out/provenance file
  rm -rf "$folder"
  mkdir -p "$folder/sysroot"
  {
    date -u +'%Y-%m-%dT%H:%M:%SZ'
    uname -a
    "$tool" --version
    sha256sum "$tool"
    cat "$kit/../../COMMIT" 2>/dev/null || git -C "$kit" rev-parse HEAD 2>/dev/null || echo "commit unknown"
    printf 'backend %s, profile %s, seconds of a soak %s, exclusive hive %s, GPUs %s\n' "$BACKEND" "$profile" "$soak_s" "$exclusive" "${chosen_gpus:-all}"
    cat /etc/os-release 2>/dev/null || true
    cat /opt/rocm/.info/version 2>/dev/null || echo "no /opt/rocm/.info/version"
  } | tee "$folder/machine.txt"
  for file in /sys/module/amdgpu/version /sys/module/amdgpu/taint /sys/module/amdgpu/parameters/* \
    /sys/class/kfd/kfd/topology/system_properties /sys/class/kfd/kfd/topology/nodes/*/{gpu_id,name,properties} \
    /proc/cpuinfo /proc/version /proc/sys/kernel/osrelease /proc/sys/kernel/yama/ptrace_scope; do
    [[ -r $file && -f $file ]] || continue
    mkdir -p "$folder/sysroot$(dirname "$file")"
    cat "$file" >"$folder/sysroot$file" 2>/dev/null || true
  done
  "$tool" queues --format json >"$folder/queues.json" 2>"$folder/queues.txt" || true  # who else is there
  kernel_log >"$folder/kernel-log-before.txt" 2>/dev/null || true
}

# examine: the doctor's findings, which decide on kfd only: a model needs nothing of this machine.
examine() {
  local status=0
  "$tool" doctor --format json >"$out/provenance/doctor.json" || true
  "$tool" doctor || status=$?
  [[ $BACKEND == kfd ]] || { echo "not judged: BACKEND=$BACKEND needs no GPU" && return; }
  return "$status"
}

# contract_program: where a build folder has the suites of this backend.
contract_program() { echo "$(dirname "$tool")/../tests/contract/contract_$BACKEND"; }

# contract PROGRAM OPTION...: quick runs the suites that say most. The test plan before it has asked whom they would disturb.
contract() {
  local suites='*'
  [[ $profile == full ]] || suites='*/SuspendTest.*:*/ResumeTest.*:*/QueueTest.*:*/TargetTest.*:ExpectationsTest.*'
  mkdir -p "$out/results/contract"
  "$@" --require-backend --gtest_color=no "--gtest_filter=$suites" "--gtest_output=xml:$out/results/contract/contract.xml"
}

# soak STREAMS RATE OTHERS...: the scenario without and with its remaps, with the same requests.
soak() {
  local streams=$1 rate=$2 more=()
  shift 2
  mapfile -d '' -t more < <(xargs -r printf '%s\0' <<<"${RUN_ARGS:-}")  # words, quoted as a shell has them
  export GPU_MAX_HW_QUEUES=4  # HIP's default, written down
  "$tool" run soak-remaps --backend "$BACKEND" --policy none,suspend --duration "${soak_s}s" --quiet --gate \
    --set "offline.streams.queues=$streams" --set "online.ask.arrivals.rate=$rate/s" \
    --out "$out/results/soak-$streams-streams-$rate-hz" "$@" "${more[@]}"
}

# gpu_ids: of those that are there and may be used, as `gpreempt doctor` and `queues` print them, in the order in which ROCm counts them.
gpu_ids() {
  local file id
  while read -r file; do
    { read -r id <"$file"; } 2>/dev/null || continue
    ((id == 0)) || printf '%x\n' "$id"
  done < <(printf '%s\n' "${KFD_NODES:-/sys/class/kfd/kfd/topology/nodes}"/*/gpu_id | sort -V)
}

# choose_gpus LIST: from here on every program sees these GPUs only, in this order, and so does the tool, which reads the runtime's own
# variable. HIP's variables would choose among them once more.
choose_gpus() {
  local word place found places=() ids=() all=()
  [[ $BACKEND == kfd ]] || { echo "--gpus $1: nothing to choose from, $BACKEND is a model" && return; }
  mapfile -t all < <(gpu_ids)
  for word in ${1//,/ }; do
    found=''
    for place in "${!all[@]}"; do
      [[ $word != "$place" ]] || found=${found:-$place}
      [[ ${word,,} != "${all[place]}" ]] || found=$place
    done
    [[ -n $found && " ${places[*]} " != *" $found "* ]] ||
      refuse 2 "--gpus '$1': '$word' is no GPU that this process may use, or is named twice; there are, from 0: ${all[*]:-none}"
    places+=("$found") ids+=("${all[found]}")
  done
  ((${#ids[@]} > 0)) || refuse 2 "--gpus '$1' names none"
  chosen_gpus=${ids[*]}
  ROCR_VISIBLE_DEVICES=$(IFS=, && echo "${places[*]}")
  export ROCR_VISIBLE_DEVICES chosen_gpus
  unset HIP_VISIBLE_DEVICES CUDA_VISIBLE_DEVICES GPU_DEVICE_ORDINAL
}
chosen_gpus=${chosen_gpus:-} # all

# gpus: how many there are to use.
gpus() {
  local ids=()
  if [[ -n $chosen_gpus ]]; then read -r -a ids <<<"$chosen_gpus"; else mapfile -t ids < <(gpu_ids); fi
  echo "${#ids[@]}"
}

# can_be_gang: whether two GPUs and torchrun are there; says what is not.
can_be_gang() {
  (($(gpus) >= 2)) || { echo "a gang needs two GPUs, and here are $(gpus)" && return 1; }
  command -v torchrun >/dev/null || { echo "a gang needs PyTorch's torchrun on the PATH" && return 1; }
}

# gang_ddp OTHERS...: the losses of a data-parallel job with one rank suspended against those undisturbed.
gang_ddp() {
  local durations=1,10,100
  [[ $profile == quick ]] || durations+=,1000
  can_be_gang || return 3
  python3 "$kit/../../workloads/gangs/run_ddp.py" --out "$out/results/gang-ddp" --durations "$durations" --gpreempt "$tool" "$@"
}

# gang_vllm MODEL OTHERS...: the server starts anew for each policy, and loads its model for as long as VLLM_SETTLE.
gang_vllm() {
  local model=$1 gangs=$kit/../../workloads/gangs folder=$out/results/gang-vllm
  shift
  can_be_gang || return 3
  "$tool" run "$gangs/vllm-tp2.toml" --backend kfd --policy none,linger --settle "${VLLM_SETTLE:-180s}" --quiet --out "$folder" \
    --online "python3 $gangs/vllm_online.py $model --out $folder-requests" \
    --offline "torchrun --nproc-per-node 2 $gangs/ddp_train.py --out $folder-training --steps 1000000" "$@"
}

# calibrate_samples: of the experiment that takes them, if it left any.
calibrate_samples() {
  local bundle=$out/results/experiment-suspend-costs
  [[ -f $bundle/samples.csv ]] || { echo "no samples: see the log of experiment-suspend-costs" && return 1; }
  "$tool" calibrate "$bundle" --out "$out/calibration"
}

# make_reports: a page and a text, from whatever steps have left results.
make_reports() {
  "$tool" report "$out/results" --kind poc --out "$out/report.html" &&
    "$tool" report "$out/results" --kind poc --format md --out "$out/report.md"
}

# pack: the archive and its checksum, made whole or not at all.
pack() {
  local name=evidence-$BACKEND-$profile
  kernel_log >"$out/provenance/kernel-log-after.txt" 2>/dev/null || true
  rm -f "$out/$name.tar.gz" "$out/$name.tar.gz.sha256"
  tar -C "$out" -czf "$out/.packing" --exclude=state/lock --exclude=state/running --exclude=.packing . || (($? == 1)) || return 3  # 1: this step's log grew
  mv "$out/.packing" "$out/$name.tar.gz" || return 3
  (cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
}
