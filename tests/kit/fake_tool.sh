#!/usr/bin/env bash
# Stands in for gpreempt: writes down how it was called, in $FAKE/calls, and succeeds. A test's $FAKE/hook, if there is one, is sourced first
# and may do otherwise; `kit` is then the process of ci/hardware.sh.
set -eu
parent() {
  local key value
  while read -r key value _; do [[ $key != PPid: ]] || echo "$value"; done <"/proc/$1/status"
}
case "$*" in
  --help) printf 'Commands:\n  run  runs\n' && exit ;;
  --version) echo 'gpreempt 0.0.0' && exit ;;
  'experiment list') printf 'alpha  a question\n       needs nothing\nbeta   another\n' && exit ;;
  'decode kernel-log -')
    [[ ! -e $FAKE/unable ]] || exit 2
    grep 'amdgpu: GPU reset' && exit || exit 0
    ;;
esac
echo "$*" >>"$FAKE/calls"
# shellcheck disable=SC2034,SC1091
kit=$(parent "$PPID")
[[ ! -f $FAKE/hook ]] || source "$FAKE/hook"
# What report and the like write.
while (($# > 0)); do
  [[ $1 != --out ]] || case $2 in *.html | *.md) echo page >"$2" ;; *) mkdir -p "$2" && echo '{}' >"$2/verdicts.json" ;; esac
  shift
done
