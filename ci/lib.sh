# shellcheck shell=bash disable=SC2034
# Shared by the scripts in ci/ and .ci/: sourced by bash from the repository's top folder, never run.

export CCACHE_DIR=${CCACHE_DIR:-${HOME:-/var/tmp}/.cache/ccache}
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1  # clones in different folders share the cache
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# What the target gpreempt needs, what the tests add, and what the checks add.
BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config libsimgrid-dev libcli11-dev libexpected-dev
  libfmt-dev libspdlog-dev nlohmann-json3-dev libtomlplusplus-dev libboost-dev libsqlite3-dev libcsv-dev)
TEST_PACKAGES=(libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev)
CLANG_PACKAGES=(clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev)

# say TEXT...: a progress line with the seconds since the script began.
say() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

# die SENTENCE: what failed, what to do, where the log is.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# step WHAT ADVICE LOG COMMAND...: runs a command with its output in LOG, shows that it is alive every 10 s, and
# ends the script with one sentence if it fails.
step() {
  local what=$1 advice=$2 log=$3 child status=0 next
  shift 3
  say "$what"
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  trap 'kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; exit 130' INT TERM
  next=$((SECONDS + 10))
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS >= next)); then
      say "  $(tail -n 20 "$log" | grep -v '^ *$' | tail -n 1 | tr -d '\r' | cut -c 1-90)"
      next=$((SECONDS + 10))
    fi
  done
  wait "$child" || status=$?
  trap - INT TERM
  ((status == 0)) && return
  if [[ ${CI:-} == true ]]; then
    tail -n 60 "$log" | sed 's/^/  | /'  # nobody can open the log of a CI machine
  fi
  die "$what failed; $advice (log: $log)."
}

# missing PACKAGE...: prints those that are not installed.
missing() {
  local package
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# install PACKAGE...: installs what is missing, and does nothing if nothing is.
install() {
  local wanted as_root=()
  command -v dpkg-query >/dev/null ||
    die "this is not Debian or Ubuntu; install the counterparts of '$*' by hand and use 'cmake --workflow --preset dev'."
  mapfile -t wanted < <(missing "$@")
  ((${#wanted[@]} == 0)) && return
  if (($(id -u) != 0)); then
    command -v sudo >/dev/null ||
      die "${#wanted[@]} packages are missing and there is neither root nor sudo; run 'apt-get install ${wanted[*]}' as root and repeat."
    sudo -v || die "sudo was refused; run 'apt-get install ${wanted[*]}' as root and repeat."
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
  fi
  local apt=("${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120)
  step "Updating the package lists" "check the network and the apt sources, then repeat" \
    build/logs/apt-update.log "${apt[@]}" update
  step "Installing ${#wanted[@]} packages: ${wanted[*]}" \
    "read which package apt refused; Debian 12 and Ubuntu 24.04 (with universe) have them all" \
    build/logs/apt-install.log "${apt[@]}" install -y --no-install-recommends "${wanted[@]}"
}

# configure PRESET: configures that preset's build tree.
configure() {
  step "Configuring ($1)" "read the first CMake error; a build folder from elsewhere must be removed" \
    "build/logs/configure-$1.log" cmake --preset "$1"
}

# compile PRESET: builds that preset's targets.
compile() {
  step "Building ($1)" "read the first compiler error and repeat: what is built is kept" \
    "build/logs/build-$1.log" cmake --build --preset "$1"
}

# run_tests PRESET: runs that preset's tests, shows what ctest shows and what fails, and counts tests, of which a process
# may run many; no tests is a failure.
run_tests() {
  local log=build/logs/ctest-$1.log raw=build/logs/ctest-$1.verbose.log status=0
  # What is the same for every test that passes.
  local dull='^(test [0-9]+|[0-9]+: (\[ RUN |\[       OK |\[---|\[===|Test command|Working Directory|Environment var|Test timeout|Note: | [A-Z_]+=|$).*)$'
  say "Testing ($1)"
  ctest --preset "$1" -j2 --verbose --no-tests=error </dev/null 2>&1 | tee "$raw" | grep --line-buffered -vE "$dull" || status=$?
  if grep -q 'No tests' "$raw"; then
    die "ctest found no tests in preset $1; configure with GPREEMPT_TESTS=ON and build first (log: $raw)."
  fi
  ci/tally "$raw" | tee "$log" || status=1
  ((status == 0)) ||
    die "tests failed in preset $1; repeat one with 'ctest --preset $1 -R NAME' (log: $raw)."
}

# sources: our C++ files, one a line: whatever folder they are in, so that a new one is judged from its first day.
sources() {
  find . \( -path './.?*' -o -path ./build \) -prune -o -type f \( -name '*.h' -o -name '*.cc' \) -print |
    sed 's|^\./||' | sort
}

# tree_pattern: this checkout's folder, as the beginning of a regular expression.
tree_pattern() { printf '^%s' "$(sed 's,[][\.*^$+?(){}|],\\&,g' <<<"$PWD/")"; }
