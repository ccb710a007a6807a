#!/usr/bin/env bash
# smoke.sh TOOL TREE FOLDER CASE: one case, in an empty folder of its own; 0 passed, 77 skipped with the reason, else failed.
set -euo pipefail
tool=$1 tree=$2 folder=$3 case=$4
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

# run EXPECTED_CODE ARGUMENTS...: the tool's output is in out and err.
run() {
  local expected=$1 code=0
  shift
  "$tool" "$@" >out 2>err </dev/null || code=$?
  ((code == expected)) && return
  printf 'gpreempt %s: exit code %d, and %d is expected\n' "$*" "$code" "$expected"
  tail -n 20 out err
  exit 1
}
# says FILE PATTERN: a line of the file matches.
says() { grep -qE -- "$2" "$1" || { printf 'no line of %s matches "%s":\n' "$1" "$2" && tail -n 20 "$1" && exit 1; }; }

VersionIsTold() { run 0 --version && says out '^gpreempt [0-9]+\.[0-9]+\.[0-9]+'; }

HelpNamesEveryVerb() {
  local verb
  run 0 --help
  for verb in run doctor queues suspend resume rescue conformance experiment validate-hardware report; do says out "^ *$verb "; done
}

UnknownVerbIsRefused() { run 2 rnu && says err "'run'"; }

DefaultScenarioRuns() {
  run 0 run --duration 5s --policy none,suspend --out bundle --quiet
  says out '^ *suspend +[1-9][0-9]* +0 '  # requests, none unfinished
  [[ -s bundle/summary.json && -s bundle/events.jsonl && -s bundle/report.html ]]
}

SameSeedGivesTheSameRecord() {
  run 0 run --duration 5s --seed 7 --out one --quiet
  run 0 run --duration 5s --seed 7 --out two --quiet
  run 0 run --duration 5s --seed 8 --out three --quiet
  cmp one/events.jsonl two/events.jsonl
  ! cmp -s one/events.jsonl three/events.jsonl
}

ModelsAreBuiltIn() { run 0 models && says out mi308x; }

# Where there is a GPU the verdict is the machine's business.
DoctorSaysWhatIsMissing() {
  [[ ! -e /dev/kfd ]] || { echo "this machine has /dev/kfd" && exit 77; }
  run 3 doctor
  says out '^blocked +kfd-device'
  says out '^verdict: blocked'
}

KfdWithoutADeviceIsRefused() {
  [[ ! -e /dev/kfd ]] || { echo "this machine has /dev/kfd" && exit 77; }
  run 3 run --backend kfd
  says err '/dev/kfd'
}

TestPlanRunsOnTheModel() { run 0 validate-hardware --only T-1 --only T-3 --quiet && says out '^6 met'; }

RehearsalLeavesAnArchive() {
  local code=0
  GPREEMPT=$tool BACKEND=sim bash "$tree/ci/hardware.sh" --out day --soak-seconds 1 >out 2>err </dev/null || code=$?
  ((code <= 1)) || { tail -n 20 out err && exit 1; }
  (cd day && sha256sum --check --quiet evidence-sim-quick.tar.gz.sha256)
  tar -tzf day/evidence-sim-quick.tar.gz >listed
  says listed '^\./results/validate-hardware/verdicts\.json$'
  says listed '^\./report\.html$'
  says listed '^\./provenance/machine\.txt$'
}

# As on a host whose libraries are older than those that the tool was made with.
StaticToolRunsInAnEmptyRoot() {
  local code=0
  ldd "$tool" 2>&1 | grep -qE 'not a dynamic executable|statically linked' || { echo "this build is not static" && exit 77; }
  unshare --mount true 2>/dev/null || { echo "this user may not make a mount namespace" && exit 77; }
  [[ ! -e /dev/kfd ]] || { echo "this machine has /dev/kfd" && exit 77; }
  mkdir -p root/proc
  cp "$tool" root/gpreempt
  unshare --mount bash -c 'mount --rbind /proc root/proc && exec chroot root /gpreempt doctor' >out 2>err || code=$?
  [[ $code == 3 && ! -s err ]] || { echo "exit code $code, and 3 is expected, and nothing on stderr" && cat err && exit 1; }
  says out '^blocked +kfd-device'
}

"$case"
