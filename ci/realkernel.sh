#!/usr/bin/env bash
# Boots Debian's kernels with their own amdgpu module in QEMU, without a GPU, and runs tests/realkernel and the
# conformance cases inside, against the real /dev/kfd. See docs/realkernel.md, or --help.
set -euo pipefail
cd "$(dirname "$0")/.."
source ci/lib.sh

# Release, suite and package. The first has the older rules of who may ask the driver, the second the newer ones.
KERNELS=("6.12.95 bookworm-backports linux-image-6.12.95+deb12-amd64"
  "6.12.107 trixie linux-image-6.12.107+deb13-amd64")
REALKERNEL_PACKAGES=(qemu-system-x86 busybox-static cpio kmod xz-utils binutils debian-archive-keyring)
# What a kernel's folder in the cache holds; another number makes them all anew.
FORMAT=1
# A boot, the tests and the cases take half of this; a generated sequence takes a fraction of a second.
BOOT_LIMIT_S=120
SEQUENCES_PER_S=2

cache=${GPREEMPT_CACHE:-${HOME:-/var/tmp}/.cache/gpreempt}/realkernel
out=build/realkernel
filter='*'
only=''
sequences=0
record=no

usage() {
  cat <<EOF
Usage: ci/realkernel.sh [--kernel RELEASE] [--filter PATTERN] [--sequences N] [--record]

Boots Debian's kernels (${KERNELS[*]%% *}) in QEMU with the amdgpu module they come with. Without a GPU that
module still serves /dev/kfd, so that this backend meets the real driver: everything but queues.

  --kernel RELEASE  only that kernel
  --filter PATTERN  only these tests, as --gtest_filter has it
  --sequences N     besides the conformance cases, N generated sequences of calls
  --record          keep what each kernel answered in $out/linux-RELEASE.record

The kernels are downloaded once (215 MB) and kept, 35 MB each, in
$cache. Without them and without a network the script
says so and ends with 0. The consoles are left in $out.
EOF
}

# skip REASON: what could not be run, which is no failure.
skip() {
  printf 'realkernel: skipped: %s\n' "$*"
  exit 0
}

# apt_private WORK COMMAND...: apt with its own sources, lists and cache in WORK: nothing of the system's changes.
apt_private() {
  local work=$1 command=$2
  shift 2
  "$command" -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$work/lists" -o Dir::State::Status=/dev/null -o "Dir::Cache=$work/cache" \
    -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Retries=2 "$@"
}

# download SUITE PACKAGE WORK: gets the package, by its name, into WORK.
download() {
  local suite=$1 package=$2 work=$3 uri
  uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '$1 == "URIs:" && $2 ~ /\/debian\/?$/ { print $2; exit }') || true
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${uri:-http://deb.debian.org/debian} $suite main" \
    >"$work/sources.list"
  apt_private "$work" apt-get update && (cd "$work" && apt_private "$work" apt-get download "$package")
}

# pack_kernel WORK FOLDER: the kernel image, and an archive with busybox and all that amdgpu needs, in FOLDER.
pack_kernel() {
  local work=$1 folder=$2 root=$1/root tree=$1/tree version module name
  mkdir -p "$root" "$tree"/{bin,dev,proc,sys,tmp,modules,tests,arguments}
  dpkg --fsys-tarfile "$work"/linux-image-*.deb | tar -C "$root" -x --wildcards --no-anchored \
    'vmlinuz*' 'modules.*' '*/kernel/lib/*' '*/kernel/drivers/gpu/drm/*' '*/kernel/drivers/i2c/algos/*' \
    '*/kernel/drivers/acpi/*' '*/kernel/drivers/platform/*' '*/kernel/drivers/media/*cec*' \
    '*/kernel/drivers/media/rc/*' '*/kernel/drivers/base/*' '*/kernel/drivers/video/*'
  [[ -e $root/lib ]] || ln -s usr/lib "$root/lib"
  version=$(ls "$root/lib/modules")
  depmod -b "$root" "$version"
  # Without __mcount_loc the kernel does not patch each of amdgpu's 14000 functions at load, which takes 10 s here.
  while read -r module; do
    name=$(basename "$module" .xz)
    xz -dcq "$module" >"$tree/modules/$name" 2>/dev/null || cp "$module" "$tree/modules/$name"
    strip --strip-debug -R __mcount_loc -R .BTF -R .BTF.ext -R .orc_unwind -R .orc_unwind_ip -R .orc_header \
      "$tree/modules/$name"
    echo "$name" >>"$tree/modules/order"
  done < <(modprobe -d "$root" -S "$version" --show-depends amdgpu | awk '$1 == "insmod" { print $2 }')
  cp /bin/busybox "$tree/bin/busybox"
  cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
  (cd "$tree" && find . | cpio -o -H newc --quiet) >"$folder/base.cpio"
}

# make_kernel RELEASE SUITE PACKAGE: downloads and packs a kernel; the cache has it whole or not at all.
make_kernel() {
  local work=$cache/work-$1
  rm -rf "$work"
  mkdir -p "$work/done"
  download "$2" "$3" "$work" || return
  pack_kernel "$work" "$work/done" || return
  rm -rf "${cache:?}/$1-$FORMAT"
  mv "$work/done" "$cache/$1-$FORMAT"
  rm -rf "$work"
}

# prepare: fills the cache with the kernels that are wanted, and names those there are in `ready`.
prepare() {
  local kernel release suite package
  for kernel in "${KERNELS[@]}"; do
    read -r release suite package <<<"$kernel"
    [[ -z $only || $only == "$release" ]] || continue
    wanted+=("$release")
    if [[ ! -f $cache/$release-$FORMAT/base.cpio ]]; then
      # A subshell: without a network the other kernel may be there all the same.
      (step "Downloading Linux $release ($suite)" "without it the kernel is skipped" \
        "build/logs/realkernel-$release.log" make_kernel "$release" "$suite" "$package") || continue
    fi
    ready+=("$release")
  done
}

# add_program NAME TARGET ARGUMENTS: a program that the machine runs.
add_program() {
  strip -o "$out/tree/tests/$1" "$(find build/static -type f -name "$2")"
  echo "$3" >"$out/tree/arguments/$1"
}

# pack_tests: the programs that run inside, as an archive that is laid over the kernel's.
pack_tests() {
  local tree=$out/tree
  rm -rf "$tree"
  mkdir -p "$tree"/{tests,arguments}
  cp tests/realkernel/init "$tree/init"
  add_program realkernel realkernel_tests "--gtest_color=no --gtest_filter=$filter"
  add_program conformance gpreempt_conformance_kfd "--sequences $sequences"
  (cd "$tree" && find . -mindepth 1 | cpio -o -H newc --quiet) >"$out/tests.cpio"
}

# boot RELEASE: runs one machine until it ends itself; its console goes to a file.
boot() {
  local folder=$cache/$1-$FORMAT status=0 machine
  cat "$folder/base.cpio" "$out/tests.cpio" >"$out/$1.initrd"
  timeout "$((BOOT_LIMIT_S + sequences / SEQUENCES_PER_S))" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -machine q35 -m 768 -smp 1 \
    -nodefaults -no-user-config -display none -serial stdio -no-reboot \
    -kernel "$folder/vmlinuz" -initrd "$out/$1.initrd" -append "console=ttyS0 panic=-1 quiet loglevel=1" \
    </dev/null >"$out/$1.raw" 2>&1 &
  machine=$!
  trap 'kill "$machine"' TERM  # which ends QEMU, too
  wait "$machine" || status=$?
  tr -d '\r' <"$out/$1.raw" >"$out/$1.console"
  rm -f "$out/$1.raw"
  rm -f "$out/$1.initrd"
  ((status == 0)) || echo "=== ended by force: $status" >>"$out/$1.console"
}

# results RELEASE: of that machine's console, one line a test: verdict, name, milliseconds.
results() {
  awk -v release="$1" '
    function verdict(word) { print word, "realkernel/" release "/" name, ms; name = "" }
    /^=== begin / { program = $3; open[program] = 1; ran[program] = 0 }
    /^=== end /   { delete open[$3]
                    if ($4 == 0 && !ran[$3]) { name = $3 ".IsAsExpected"; ms = 0; verdict(empty ? "Failed" : "Passed") }
                    if ($4 != 0 && !failed[$3]) { name = $3 ".EndsWell"; ms = 0; verdict("Failed") } }
    /^\[=+\] Running 0 tests/ { empty = 1 }
    /^\[ RUN      \] / { name = $4; ran[program]++ }
    /^\[ +(OK|FAILED|SKIPPED) +\] [^ ]+ \([0-9]+ ms\)$/ || /^\[  FAILED  \] .* \([0-9]+ ms\)$/ {
      name = $0; sub(/^\[[^]]*\] +/, "", name); sub(/[ ,].*/, "", name)
      ms = substr($(NF - 1), 2)
      word = /OK/ ? "Passed" : /FAILED/ ? "Failed" : "Skipped"
      if (word == "Failed") failed[program] = 1
      verdict(word)
    }
    /^=== (kernel complains|module .* does not load)$/ { name = "Kernel.IsContent"; ms = 0; verdict("Failed") }
    END { for (each in open) { if (name == "") name = each ".EndsWell"; ms = 0; verdict("Failed") }
          if (!("realkernel" in ran)) { name = "Kernel.Boots"; ms = 0; verdict("Failed") } }
  ' "$out/$1.console"
}

# excerpt RELEASE: what a failed test wrote, or how the console ended.
excerpt() {
  awk '
    /^\[ RUN      \] / { text = "" }
    { text = text "  | " $0 "\n" }
    /^DIFFERENT / { print "  | " $0; shown = 1 }
    /^\[  FAILED  \] .* \([0-9]+ ms\)$/ { printf "%s", text; shown = 1 }
    END { if (!shown) printf "%s", substr(text, length(text) - 4000) }
  ' "$out/$1.console"
}

# keep_record RELEASE: what the conformance cases found, between the lines that a record begins and ends with.
keep_record() {
  awk '/^# conformance record/ { kept = 1 } kept { print } /^# end of conformance record/ { exit }' \
    "$out/$1.console" >"$out/linux-$1.record"
  say "Recorded $out/linux-$1.record, $(wc -l <"$out/linux-$1.record") lines"
}

# report: all results as ctest shows its own, and its summary; fails if a test failed or none ran.
report() {
  local release verdict name ms all=0 bad=0 skipped=() dots
  printf -v dots '%98s' ''
  dots=${dots// /.}
  for release in "${ready[@]}"; do
    while read -r verdict name ms; do
      all=$((all + 1))
      [[ $verdict == Failed ]] && bad=$((bad + 1))
      [[ $verdict == Skipped ]] && skipped+=("$all - $name (Skipped)")
      name+=' '
      printf '%5s Test #%-3d %s %s %6d ms\n' '' "$all" "$name${dots:${#name}}" "$verdict" "$ms"
    done < <(results "$release")
    if results "$release" | grep -q ^Failed; then
      printf 'Of the console of Linux %s:\n' "$release"
      excerpt "$release"
    fi
  done
  ((${#skipped[@]} == 0)) || { printf 'The following tests did not run:\n'; printf '\t%s\n' "${skipped[@]}"; }
  ((all > 0)) || return
  printf '%d%% tests passed, %d tests failed out of %d\n' $(((all - bad) * 100 / all)) "$bad" "$all"
  ((bad == 0))
}

while (($# > 0)); do
  case $1 in
    --kernel) only=${2:?--kernel needs a release} && shift ;;
    --filter) filter=${2:?--filter needs a pattern} && shift ;;
    --sequences) sequences=${2:?--sequences needs a number} && shift ;;
    --record) record=yes ;;
    --help | -h) usage && exit ;;
    *) die "there is no '$1'; see ci/realkernel.sh --help." ;;
  esac
  shift
done

wanted=()
ready=()
mkdir -p "$cache" "$out"
(install "${REALKERNEL_PACKAGES[@]}") || skip "there is no QEMU, or one of ${REALKERNEL_PACKAGES[*]}, and none can be installed."
prepare
((${#wanted[@]} > 0)) || die "there is no kernel '$only' here; see ci/realkernel.sh --help."
((${#ready[@]} > 0)) || skip "no kernel is in $cache and none can be downloaded."
((${#ready[@]} == ${#wanted[@]})) || say "Only of ${ready[*]}: the others can not be downloaded."

install "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
configure static
compile static
pack_tests
say "Booting Linux ${ready[*]}"
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM
for release in "${ready[@]}"; do boot "$release" & done
wait
trap - INT TERM
if [[ $record == yes ]]; then
  for release in "${ready[@]}"; do keep_record "$release"; done
fi
status=0
report 2>&1 | tee build/logs/ctest-realkernel.log || status=1
((status == 0)) || die "tests failed on a real kernel; repeat one with 'ci/realkernel.sh --filter NAME' (consoles: $out)."
say "Done: all tests passed on Linux ${ready[*]}."
