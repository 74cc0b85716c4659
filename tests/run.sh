#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what the tests need, builds, runs every test, and ends with the line
#   N passed, N failed, N skipped
# Exit code 0 only when nothing failed and something ran.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
out=${EFFNET_TEST_BUILD_DIR:-$root/build-tests}
started=$SECONDS

usage() {
  cat <<'END'
Usage: tests/run.sh [OPTION...]
Without options: the suite built by gcc, style checks, the suite under the address and undefined-behaviour
sanitizers, a clang build, kernels and a choice of all else on 64-bit Arm under qemu-user, v4l2src and the element on a kernel's own
camera drivers (the short form of --camera), and valgrind on a choice of tests.
  --quick         the suite built by gcc only, without the slow tests: two minutes on two cores
  --asan          only the suite under the sanitizers
  --tsan          only the programs that share work between threads, under the thread sanitizer
  --live          only tests/live, all of it: a thousand storms, soaks of many streams; then the storms under the
                  address and undefined-behaviour sanitizers (an hour)
  --clang         only the suite built by clang
  --valgrind      only valgrind, on more programs than by default (slow)
  --fuzz SECONDS  only the fuzz targets, SECONDS each, as many at once as there are CPUs
  --fuzz-long     only the fuzz targets, each until ten million inputs or for two hours
  --coverage      only the lines of weights, image and bind that their tests run: at least 95 %
  --distro [SUITE] only the suite in a fresh Debian of that name: by default in trixie (13, GStreamer 1.26) and then
                  in sid (unstable; GStreamer 1.28) (debootstrap; needs root)
  --package [SUITE] only the packages of debian/, built and looked at by lintian in a fresh Debian of that name, installed
                  and run in a clean one: by default in bookworm (12) and then in trixie (13) (debootstrap; needs root)
  --camera        only v4l2src and the element on the kernel's own virtual cameras, in a machine that QEMU emulates: all
                  formats, sizes, memory modes, unplugging (slow where KVM does not work)
  --validate      only GStreamer's own scenarios, beside identity (needs gst-validate-1.0 of gst-devtools)
  --arm           only 64-bit Arm under qemu-user, all of the library's programs and those of the element that an emulated
                  CPU is quick enough for (hours; GStreamer for Arm needs debootstrap and root)
  --emulated [NAME...]
                  only the kernels for AVX-512 and AMX, and inference with them, on a CPU that Bochs emulates, or of these
                  what a NAME stands for, such as effnet_conv.*_amx (debootstrap; needs root; slow)
  --long          only the tests that take minutes each: whole tables, every variant at its own size
  --bench         only tests/bench: its own tests, then the measurement
  --no-install    install nothing
The builds lie in build-tests, or where EFFNET_TEST_BUILD_DIR says.
END
}

say() {
  printf '\n== %s (%d s)\n' "$1" $((SECONDS - started))
}

# count PASSED FAILED SKIPPED: in a file, to which what runs in the background adds too.
count() {
  echo "$*" >>"$out/counts.txt"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Packages that are not installed and that the distribution has.
missing_packages() {
  local package
  for package in "$@"; do
    [ -n "$package" ] || continue
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' && continue
    [ -n "$(apt-cache madison "$package" 2>/dev/null)" ] && echo "$package"
  done
}

# GstAnalytics' headers, where GStreamer has it: from 1.24 on.
analytics_package() {
  local name=libgstreamer-plugins-bad1.0-dev version
  version=$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^ *Candidate: //p')
  dpkg --compare-versions "${version:-0}" ge 1.24 2>/dev/null && echo "$name"
}

install_packages() {
  local packages=(
    gcc g++ clang clang-format llvm meson ninja-build pkg-config git
    libglib2.0-dev libjson-glib-dev libjpeg-dev libopenblas-dev libgirepository1.0-dev
    gobject-introspection libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libpango1.0-dev libsoup-3.0-dev
    libmosquitto-dev libsqlite3-dev mosquitto mosquitto-clients openssl
    python3-prometheus-client
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x fonts-dejavu-core libjpeg-turbo-progs
    libavif-bin libavif-gdk-pixbuf heif-gdk-pixbuf libheif-examples
    gir1.2-gst-plugins-base-1.0 gir1.2-gstreamer-1.0
    gir1.2-gst-rtsp-server-1.0 python3 python3-venv python3-pip python3-numpy python3-pil python3-gi
    python3-torch python3-torchvision python3-h5py python3-jsonschema valgrind shellcheck
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
  local missing
  # EFFNET_NO_TORCH: without the reference implementation; the tests that need it are skipped.
  [ -z "${EFFNET_NO_TORCH:-}" ] || packages=("${packages[@]/python3-torch*/}")
  command -v apt-get >/dev/null || return 0
  mapfile -t missing < <(missing_packages "${packages[@]}")
  if [ "${#missing[@]}" -gt 0 ] && [ ! -d /var/lib/apt/lists/partial ]; then as_root apt-get update -q; fi
  packages+=("$(analytics_package)")
  case $what in
    distro | emulated | package | arm) packages+=(debootstrap) ;;
    camera | default) packages+=(qemu-system-x86 busybox-static) ;; # the kernel's package camera.sh downloads itself
  esac
  mapfile -t missing < <(missing_packages "${packages[@]}")
  [ "${#missing[@]}" -eq 0 ] && return 0
  say "installing: ${missing[*]}"
  as_root apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -q -y \
    --no-install-recommends "${missing[@]}" >"$out/apt.log" 2>&1 || {
    echo "apt-get failed; tests that need what is missing will say so. The end of $out/apt.log:"
    tail -5 "$out/apt.log"
  }
}

# The libraries that the 64-bit Arm build links: another architecture for dpkg, so only where the machine is
# CI's own.
install_arm_packages() {
  [ -n "${CI:-}" ] && command -v dpkg >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ] || return 0
  dpkg-query -W libjson-glib-dev:arm64 >/dev/null 2>&1 && return 0
  say "installing arm64 libraries"
  { as_root dpkg --add-architecture arm64 && as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -q -y \
      --no-install-recommends libglib2.0-dev:arm64 libjson-glib-dev:arm64 libjpeg62-turbo-dev:arm64; } \
    >"$out/apt-arm.log" 2>&1 || tail -3 "$out/apt-arm.log"
}

# build NAME CC [MESON OPTION...]: configures and builds with -Werror in $out/NAME; counts as one test.
build() {
  local name=$1 cc=$2 dir=$out/$1 how
  shift 2
  how=(setup "$dir" "$root" -Dwerror=true "$@")
  [ -f "$dir/build.ninja" ] && how=(configure "$dir" -Dwerror=true "$@")
  if CC=$cc CXX=${cc/gcc/g++} meson "${how[@]}" >"$out/$name-setup.log" 2>&1 &&
    ninja -C "$dir" >"$out/$name-build.log" 2>&1; then
    say "built: $name"
    grep -hE '^ +(GStreamer plugin|OpenBLAS|models) ' "$out/$name-setup.log"
    count 1 0 0
  else
    count 0 1 0
    echo "FAILED: the build $name; the end of its logs:"
    tail -n 40 "$out/$name-setup.log" "$out/$name-build.log" 2>/dev/null
    return 1
  fi
}

# suite NAME LOG [MESON TEST OPTION...]: runs the tests of $out/NAME and adds them up.
suite() {
  local name=$1 dir=$out/$1 base=$2 log numbers
  shift 2
  say "testing: $name $*"
  rm -f "$dir/meson-logs/$base"*
  meson test -C "$dir" --no-rebuild --print-errorlogs --logbase "$base" "$@" 2>&1 |
    grep --line-buffered -vE '^(ninja: |$)'
  log=$(find "$dir/meson-logs" -name "$base*.json" | head -1)
  if [ -s "$log" ] && numbers=$("${PYTHON:-python3}" "$root/tests/count.py" "$log" 2>>"$out/failures.txt"); then
    # shellcheck disable=SC2086 # three numbers
    count $numbers
    echo "$name: ${numbers// / / } (passed / failed / skipped)"
  else
    echo "FAILED: $name left no log of its tests"
    count 0 1 0
  fi
}

# run_gcc [MESON TEST OPTION...]
run_gcc() {
  build gcc "${GCC:-gcc}" && suite gcc testlog --no-suite distro --no-suite bench --no-suite long "$@"
}

# Rooms whose tests load no GStreamer and leave GLib's quarks alone: they need no suppression.
asan_rooms=(base arch weights threads kernels image bind plan engine train)

# Less optimised, it compiles in half the time and tests as fast.
build_asan() {
  build asan "${GCC:-gcc}" -Db_sanitize=address,undefined -Ddebug=true -Doptimization=1 -Db_ndebug=false
}

# run_asan [MESON TEST OPTION...]
run_asan() {
  # The plugin is loaded by sanitized programs only: gst-launch-1.0, python3 and GStreamer's
  # plugin scanner are not, so suites that need them are left to the other builds. The others' stacks are
  # walked the slow way, five times as long, through libraries without frame pointers, so that
  # tests/lsan.supp can name them; tests/cli/tool.py does without where leaks have been looked for.
  local common=malloc_context_size=20:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1
  local skip=(--no-suite slow --no-suite distro --timeout-multiplier 4 "$@")
  [ -f "$out/asan/build.ninja" ] || return
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 EFFNET_TEST_SHORT=1
  ASAN_OPTIONS=$common suite asan rooms "${asan_rooms[@]/#/--suite=}" "${skip[@]}"
  GST_REGISTRY_FORK=no GST_REGISTRY="$out/asan/registry.bin" ASAN_OPTIONS=fast_unwind_on_malloc=0:$common \
    LSAN_OPTIONS=suppressions="$root/tests/lsan.supp":print_suppressions=0 \
    suite asan testlog "${asan_rooms[@]/#/--no-suite=}" --no-suite style --no-suite pipelines --no-suite models "${skip[@]}"
  unset UBSAN_OPTIONS EFFNET_TEST_SHORT
}

# Programs of the pool, of sessions and of the scheduler; fork() and this sanitizer do not go together, so
# tests of the former skip. GLib's locks are told to it by a module that is preloaded (tests/tsan).
in_tsan=(pool session scheduler executors batch process)

run_tsan() {
  local wrapper="env G_SLICE=always-malloc LD_PRELOAD=$out/tsan/tests/tsan/effnet-tsan.so"
  build tsan "${GCC:-gcc}" -Db_sanitize=thread --buildtype=debugoptimized -Db_ndebug=false || return
  TSAN_OPTIONS=second_deadlock_stack=1 \
    suite tsan testlog --timeout-multiplier 10 --wrapper "$wrapper" "${in_tsan[@]}"
  # the element in storms: what GStreamer and GLib do among themselves is not looked at
  TSAN_OPTIONS=ignore_noninstrumented_modules=1:detect_deadlocks=0 \
    suite tsan storm --timeout-multiplier 10 --wrapper "$wrapper" storm gst-metrics
}

run_live() {
  build gcc "${GCC:-gcc}" && suite gcc testlog --suite live
  build_asan || return
  GST_REGISTRY_FORK=no UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    suite asan testlog --timeout-multiplier 4 storm-long
}

# run_clang_build [MESON OPTION...]
run_clang_build() {
  if command -v clang >/dev/null; then
    build clang clang "$@"
  else
    echo "clang is not installed"
    count 0 0 1
  fi
}

# run_valgrind TEST...: programs, not scripts
run_valgrind() {
  if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed"
    count 0 0 1
    return
  fi
  # Valgrind knows no AVX-512: the run is capped at AVX2. tests/gst runs the element under it.
  EFFNET_ISA=avx2 G_SLICE=always-malloc GST_REGISTRY_FORK=no GST_REGISTRY="$out/gcc/valgrind-registry.bin" \
    suite gcc valgrind --timeout-multiplier 30 \
    --wrapper "valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --trace-children=no --suppressions=$root/tests/valgrind.supp" "$@"
}

# run_arm NAME [all]: in the build $out/NAME
run_arm() {
  local numbers code=0
  say "testing: 64-bit Arm under qemu-user"
  tests/distro/aarch64.sh "$out/$1" "${@:2}" >"$out/aarch64.log" 2>&1 || code=$?
  grep 'NOT RUN' "$out/aarch64.log"
  if [ $code -eq 77 ]; then
    count 0 0 1
    return
  fi
  cat "$out/$1"/meson-logs/testlog*.json >"$out/aarch64.json" 2>/dev/null
  if [ -s "$out/aarch64.json" ] && numbers=$("${PYTHON:-python3}" tests/count.py "$out/aarch64.json" 2>>"$out/failures.txt"); then
    # shellcheck disable=SC2086 # three numbers
    count $numbers
    echo "arm: ${numbers// / / } (passed / failed / skipped)"
    case $code:$numbers in 0:* | *" "[1-9]*" "*) return ;; esac # a failed test has been counted
    tail -20 "$out/aarch64.log"
    count 0 1 0
  else
    tail -20 "$out/aarch64.log"
    count 0 1 0
  fi
}

# run_machine NAME SENTENCE SCRIPT [ARGUMENT...]: a script whose last line counts.
run_machine() {
  local numbers code
  say "$2"
  "${@:3}" 2>&1 | tee "$out/$1.txt"
  code=${PIPESTATUS[0]}
  numbers=$(sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$out/$1.txt")
  if [ "$code" -eq 77 ]; then
    count 0 0 1
  elif [ -n "$numbers" ]; then
    # shellcheck disable=SC2086 # three numbers
    count $numbers
  else
    count 0 1 0 # it did not come to its end
  fi
}

run_emulated() {
  run_machine emulated "AVX-512 and AMX on an emulated CPU" tests/distro/emulated.sh "$out/bochs" "$out/emulated" "${names[@]}"
}

# run_camera SENTENCE [--short]
run_camera() {
  run_machine camera "$1" tests/distro/camera.sh "${@:2}" "$out/gcc" "$out/camera"
}

# One target, in the background: its log is $out/fuzz-NAME.log, what it finds lies beside it.
fuzz_one() {
  local name=$1 corpus=$out/corpus-$1 seeds=$root/tests/fuzz/corpus/${1#fuzz-} memory=/dev/shm
  [ -w $memory ] || memory=${TMPDIR:-/tmp}
  mkdir -p "$corpus"
  [ -d "$seeds" ] || seeds=$corpus
  # Files are made in memory; where a block was allocated is not kept, for inputs that are found again at will.
  # Without -entropic=0 a slow target spends more time on choosing its inputs than on running them.
  TMPDIR=$memory ASAN_OPTIONS=malloc_context_size=0:quarantine_size_mb=16 \
    "$out/fuzz/tests/fuzz/$name" -entropic=0 -rss_limit_mb=2048 -timeout=25 -print_final_stats=1 \
    -artifact_prefix="$out/$name-" "${@:2}" "$corpus" "$seeds" >"$out/$name.log" 2>&1
}

# run_fuzz [LIBFUZZER OPTION...]: every target, as many at once as there are CPUs.
run_fuzz() {
  local path name names=() jobs=() i runs
  command -v clang >/dev/null || { echo "NOT RUN: clang is not installed" && count 0 0 1 && return; }
  build fuzz clang -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized || return
  for path in "$out"/fuzz/tests/fuzz/fuzz-*; do
    if [ -x "$path" ] && [ -f "$path" ]; then names+=("$(basename "$path")"); fi
  done
  [ ${#names[@]} -gt 0 ] || { echo "FAILED: no fuzz target was built" && count 0 1 0 && return; }
  say "fuzzing: ${#names[@]} targets, each with $*"
  for name in "${names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    fuzz_one "$name" "$@" &
    jobs+=($!)
  done
  for i in "${!names[@]}"; do
    name=${names[i]}
    if wait "${jobs[i]}"; then
      count 1 0 0
      runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
      echo "$name: $runs executions without a finding"
    else
      count 0 1 0
      echo "FAILED: $name; the end of $out/$name.log:"
      tail -n 30 "$out/$name.log"
    fi
  done
}

# Lines that the tests of the rooms and the stored inputs run; what distrusts files and frames, under 95 %, fails.
run_coverage() {
  build coverage "${GCC:-gcc}" -Db_coverage=true --buildtype=debug || return
  find "$out/coverage" -name '*.gcda' -delete
  suite coverage testlog --no-suite slow --suite weights --suite image --suite bind --suite fuzz \
    --suite faults --timeout-multiplier 4
  script "lines that ran" tests/coverage.py "$out/coverage" 95 weights image bind
}

# script NAME PATH [ARGUMENT...]: a script of its own that counts as one test. Exit code 77: NOT RUN.
script() {
  local code=0
  say "$1"
  if [ ! -x "$2" ]; then
    echo "FAILED: $2 is not there"
    count 0 1 0
    return
  fi
  "${@:2}" || code=$?
  case $code in
    0) count 1 0 0 ;;
    77) count 0 0 1 ;;
    *) count 0 1 0 ;;
  esac
}

# Small programs; what a whole inference does under valgrind, tests/gst sees.
in_valgrind=(tensors card labels plan pool fuzz-safetensors fuzz-card fuzz-jpeg)

# behind NAME COMMAND...: in the background, with the time that other programs leave; its log is $out/NAME.txt.
behind() {
  set -m # a process group of its own, which an end of this script ends too
  {
    renice -n 19 -p $BASHPID && chrt --idle --pid 0 $BASHPID
    "${@:2}"
  } >"$out/$1.txt" 2>&1 </dev/null &
  set +m
}

stop_behind() {
  local job
  for job in $(jobs -rp); do kill -- "-$job"; done
}

# landed NAME JOB: waits for one, and prints its log.
landed() {
  wait "$2"
  grep -v '(process ID) old priority' "$out/$1.txt"
}

other_builds() {
  build_asan
  run_clang_build -Doptimization=0 # for its warnings; --clang runs its programs
}

# The suite built by gcc has tests that wait for a clock: the other builds, Arm and the cameras use what they leave.
run_default() {
  local builds arm cameras
  trap stop_behind EXIT
  build gcc "${GCC:-gcc}"
  behind builds other_builds
  builds=$!
  behind arm run_arm aarch64
  arm=$!
  behind cameras run_camera "cameras of the kernel's own, the short form" --short
  cameras=$!
  [ -f "$out/gcc/build.ninja" ] && suite gcc testlog --no-suite distro --no-suite bench --no-suite long
  landed builds $builds
  run_asan --no-suite faults --no-suite full # minutes of both cores; --asan runs them
  landed arm $arm
  landed cameras $cameras
  [ -f "$out/gcc/build.ninja" ] && run_valgrind "${in_valgrind[@]}"
}

what=default install=1 seconds=60 suites=() names=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick | --asan | --tsan | --live | --clang | --valgrind | --validate | --camera | --arm | --long | --bench | --fuzz-long | --coverage) what=${1#--} ;;
    --distro | --package)
      what=${1#--}
      case ${2:--} in -*) ;; *)
        suites=("$2")
        shift
        ;;
      esac
      ;;
    --emulated)
      what=emulated
      while [ $# -gt 1 ] && [[ $2 != -* ]]; do
        names+=("$2")
        shift
      done
      ;;
    --fuzz)
      what=fuzz
      seconds=${2:-}
      shift
      case $seconds in '' | *[!0-9]*) echo "tests/run.sh: --fuzz needs a number of seconds" >&2 && exit 2 ;; esac
      ;;
    --no-install) install=0 ;;
    --help | -h) usage && exit 0 ;;
    *) echo "tests/run.sh: unknown option '$1'; --help lists them" >&2 && exit 2 ;;
  esac
  shift
done

case $what:${#suites[@]} in distro:0) suites=(trixie sid) ;; package:0) suites=(bookworm trixie) ;; esac
mkdir -p "$out"
: >"$out/failures.txt"
: >"$out/counts.txt"
# Debian's own compiler, meson and python3 before any other: its python3 is the one that sees Debian's modules.
export PATH="/usr/bin:$PATH"
[ -x /usr/bin/python3 ] && export PYTHON=/usr/bin/python3
[ $install -eq 1 ] && install_packages
[ $install -eq 1 ] && case $what in default | arm) install_arm_packages ;; esac
case $what in distro | package | emulated | arm | camera | fuzz*) EFFNET_NO_TORCH=1 ;; esac # none of these asks for it
[ $install -eq 1 ] && [ -z "${EFFNET_NO_TORCH:-}" ] && [ -x tests/golden/venv.sh ] && {
  say "reference implementation (tests/golden/venv.sh)"
  long=
  [ "$what" != long ] || long=--long
  tests/golden/venv.sh $long >"$out/venv.log" 2>&1 || { echo "it could not be made:" && tail -5 "$out/venv.log"; }
}
case $what in
  default) run_default ;;
  quick) EFFNET_TEST_SHORT=1 run_gcc --no-suite slow --no-suite full --no-suite later ;;
  asan) build_asan && run_asan ;;
  tsan) run_tsan ;;
  live) run_live ;;
  clang) run_clang_build -Doptimization=3 && suite clang testlog --no-suite style --no-suite distro --no-suite bench --no-suite long ;;
  valgrind) build gcc "${GCC:-gcc}" && run_valgrind "${in_valgrind[@]}" hostile engine net official formats jpeg ;;
  fuzz) run_fuzz -max_total_time="$seconds" ;;
  fuzz-long) run_fuzz -runs=10000000 -max_total_time=7200 ;;
  coverage) run_coverage ;;
  distro) for name in "${suites[@]}"; do script "a fresh Debian $name" tests/distro/run.sh "$name"; done ;;
  package) for name in "${suites[@]}"; do script "packages for Debian $name" tests/distro/package.sh "$name"; done ;;
  validate) build gcc "${GCC:-gcc}" && script "scenarios beside identity" tests/gst/validate.sh "$out/gcc" "$out/validate" ;;
  emulated) run_emulated ;;
  arm) run_arm aarch64-all all ;;
  camera) build gcc "${GCC:-gcc}" && run_camera "cameras of the kernel's own" ;;
  long) build gcc "${GCC:-gcc}" && suite gcc testlog --suite long ;;
  bench)
    build gcc "${GCC:-gcc}" && suite gcc testlog --suite bench
    EFFNET_BUILD_ROOT="$out/gcc" script "bench" tests/bench/run
    ;;
esac
say "done"
cat "$out/failures.txt"
read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$out/counts.txt")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
