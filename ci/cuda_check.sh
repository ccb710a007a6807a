#!/usr/bin/env bash
# Runs the workloads' logic on an NVIDIA GPU: durations, records, witness, heartbeat. The same kernel sources as for HIP,
# compiled by nvcc. It needs the programs gpreempt-cuda-online and -offline (cmake -DGPREEMPT_CUDA=ON) in the folder that
# it is given, jq, and a GPU. What it shows, and what not: docs/hip-workloads.md.
# Usage: ci/cuda_check.sh FOLDER OUT
set -uo pipefail
programs=${1:?the folder of gpreempt-cuda-online}
out=${2:?a folder for what it leaves}
mkdir -p "$out"
failed=0

# check NAME EXPECTED COMMAND...: runs it, and says whether it ended with that code.
check() {
  local name=$1 expected=$2 status=0
  shift 2
  printf '\n== %s\n' "$name"
  timeout 100 "$@" >"$out/$name.txt" 2>&1 || status=$?
  tail -n 14 "$out/$name.txt"
  if ((status == expected)); then
    printf '== %s: ok (%d)\n' "$name" "$status"
  else
    printf '== %s: FAILED, it ended with %d, not %d\n' "$name" "$status" "$expected"
    failed=$((failed + 1))
  fi
}

# has NAME TEXT: what it printed holds the text.
has() {
  grep -q -- "$2" "$out/$1.txt" && return
  printf '== %s: FAILED, it does not say: %s\n' "$1" "$2"
  failed=$((failed + 1))
}

online=$programs/gpreempt-cuda-online
offline=$programs/gpreempt-cuda-offline

check online 0 "$online" default --duration 8s --records "$out/online.csv" --report "$out/online.json"
has online 'nothing was lost'
check offline 0 "$offline" default --duration 4s --records "$out/offline.csv" --report "$out/offline.json"
has offline 'nothing was lost'
check case-b 0 "$offline" case-ab --duration 2s --report "$out/case-b.json"
check traffic 0 "$offline" gemm-2048 --traffic 64MiB --duration 2s --report "$out/traffic.json"
check gemm 0 "$offline" gemm-2048 --kernels gemm:2048 --duration 2s --report "$out/gemm.json"
check endless 0 "$offline" default --kernels endless --duration 2s
check persistent 0 "$offline" default --kernels persistent --duration 2s
# program MORE...: one as the experiments start it, with these of its keys otherwise.
program() {
  jq -n '{schema: 1, name: "one", arrivals: [], clients: 0, cooperative: false, endless: false, gang: null, gpu: 0, hardware_priority: 7,
    heartbeat: false, hint_delay_ns: 0, hints: false, hip: false, idle_gpus: [], issue_until_ns: 9223372036854775807, more_gpus: [],
    offline: true, preparation_ns: 0, queues: 1, run_ahead: 0, serving: null, trains: []} + '"$1"
}
program '{endless: true, trains: [[{collective: false, count: 1, duration_ns: 3600000000000,
  shape: {lds_bytes: 0, sgprs: 104, vgprs: 128, waves: 4, workgroups: 528}}]]}' >"$out/hour.json"
program '{queues: 4}' >"$out/idle.json"
check hour 0 "$offline" --program "$out/hour.json" --duration 4s
check idle 0 "$offline" --program "$out/idle.json" --duration 2s
for kind in vgpr lds exec; do
  # Kernels are numbered from the calibration on; in 6 s of kernels of 0.94 ms there are some 6,000 more.
  check "fault-$kind" 1 "$offline" case-ab --duration 6s --inject "$kind:kernel=3000,block=1,thread=70,index=0,flip=128"
  has "fault-$kind" "block 1, wave 2, lane 6: $kind 0 holds"
done
check heartbeat-alone 0 "$online" gemm-2048 --duration 6s --heartbeat 1s --report "$out/heartbeat-alone.json"
"$offline" default --duration 20s >"$out/hog.txt" 2>&1 &
hog=$!
sleep 8
check heartbeat-beside 0 "$online" gemm-2048 --duration 6s --heartbeat 1s --report "$out/heartbeat-beside.json"
kill -TERM "$hog"
wait "$hog"
printf '\n== the other process, stopped by SIGTERM: it ended with %d\n' $?
tail -n 6 "$out/hog.txt"
printf '\n%d checks failed\n' "$failed"
((failed == 0))
