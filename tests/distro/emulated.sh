#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The kernels that few machines can run (AVX-512, its bf16, AMX) on an emulated CPU: Bochs boots a Linux whose
# init runs the test programs of a build. Needs root and debootstrap: Bochs, Linux and the boot loader are
# packages of a Debian 13 in a folder. What cannot be had is NOT RUN, exit code 77.
# usage: tests/distro/emulated.sh [BUILD [FOLDER [NAME...]]]; NAMEs, which are patterns, are of rows of the kernels' list
# or of programs (), below. The last line counts programs: N passed, N failed, N skipped.
#
# What Bochs 3.0 needs:
# - It has AMX but not the trap on its first use (XFD) that Linux demands before it grants AMX; with setcpuid= of
#   6.15 or later, hence backports' Linux, it takes the trap for there. It then grants AMX and never saves tiles:
#   nothing may come between two tile instructions of a thread, so programs run alone, with the FIFO scheduler.
# - A CPU may run an instruction that Linux, patching itself, has replaced from another: the second CPU comes
#   when Linux is up.
# - Its way from SMM back to Linux loses this CPU's control registers: a ROM of our own switches to ACPI before.
# - Two instructions are wrong: bochs30.h does them by others.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/distro/root.sh
. "$here/root.sh"
source=$(cd "$here/../.." && pwd)
build=${1:-$source/build-emulated}
limit=${EFFNET_EMULATED_SECONDS:-7200}
xfd=$((10 * 32 + 4)) # Linux' number of the feature XFD
names=("${@:3}")
bochs_pid=

# The rows of the kernels' list that this is about.
rows() {
  "$build/tests/kernels/check_kernels" --list | grep -oE '^effnet_[a-z0-9_]+_(avxvnni|avx512|avx512vnni|avx512bf16|amx) ' | tr -d ' '
}

# NAME [VARIABLE=VALUE] PROGRAM [ARGUMENT...], in the order of their runs. Where nothing is capped the rows for AMX
# are taken.
programs() {
  local row
  echo "cpu src/cli/effnet cpu"
  for row in $(rows); do echo "$row tests/kernels/check_kernels --row=$row"; done
  cat <<'TABLE'
list tests/kernels/test-list
sabotage tests/kernels/test-sabotage
activation tests/kernels/test-activation
bind tests/bind/test-bind
plan tests/plan/test-plan
threads-amx tests/engine/test-engine -p /engine/thread-invariance-bf16
threads-amx-int8 tests/engine/test-engine -p /engine/thread-invariance-int8
threads-avx512bf16 EFFNET_ISA=avx512bf16 tests/engine/test-engine -p /engine/thread-invariance-bf16
threads-avx512 tests/engine/test-engine -p /engine/thread-invariance/b0 -p /engine/thread-invariance/lite0
engine tests/engine/test-engine -p /engine/regions -p /engine/sharing -p /engine/info -p /engine/top-k
reference tests/engine/test-reference -p /reference/b0/97/native -p /reference/lite0/97/native
parity tests/golden/test_parity 'b0 same 0.001 1' 'lite0 same 0.001 1' 'es symmetric 1e-05 1 65'
TABLE
}

# What was asked for by name, or all.
chosen() {
  if [ ${#names[@]} -eq 0 ]; then programs; else programs | grep -E "^(cpu$(printf '|%s' "${names[@]}")) "; fi
}

chosen_files() {
  chosen | grep -oE ' (src|tests)/[^ ]+' | sort -u
}

compile() {
  [ -f "$build/build.ninja" ] ||
    meson setup "$build" "$source" -Dgst=disabled -Dc_args="-include $here/bochs30.h" >"$root.log" 2>&1 || {
    tail -20 "$root.log"
    exit 1
  }
  # the rows are known when this one is there; what runs is then known as well
  ninja -C "$build" tests/kernels/check_kernels >"$root.log" 2>&1 || { tail -20 "$root.log" && exit 1; }
  # shellcheck disable=SC2046 # names without spaces
  ninja -C "$build" $(chosen_files) >"$root.log" 2>&1 || { tail -20 "$root.log" && exit 1; }
  build=$(cd "$build" && pwd)
}

packages() {
  sed -nE '1s/^deb ([^ ]+) .*/deb \1 trixie-backports main/p' "$root/etc/apt/sources.list" \
    >"$root/etc/apt/sources.list.d/backports.list"
  root_update
  # bochs-term: the smallest of the screens, one of which bochs wants installed
  root_run apt-get -q -y --no-install-recommends install bochs bochs-term bochsbios vgabios busybox-static \
    isolinux syslinux-common xorriso >>"$root.log" 2>&1 || { tail -5 "$root.log" && exit 1; }
  # Of Linux only its image: taken out of its package, which differs between releases, not installed.
  # shellcheck disable=SC2016 # the root's shell expands it
  root_run sh -euc 'cd /emulated && rm -rf linux *.deb
    apt-get -q install -s -t trixie-backports --no-install-recommends linux-image-cloud-amd64 >plan
    apt-get -q download $(sed -nE "s/^Inst (linux-(image|binary)-[0-9][^ ]*) .*/\1/p" plan)
    for package in *.deb; do dpkg -x "$package" linux; done
    cp "$(find linux -name "vmlinuz*" -type f | head -1)" iso/vmlinuz' >>"$root.log" 2>&1 || {
    tail -5 "$root.log"
    exit 1
  }
}

# Programs and libraries lie where they lie here, so that they find each other.
initramfs() {
  local tree=$root/emulated/tree name line file
  mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/tmp"
  cp "$root/bin/busybox" "$tree/bin/"
  for file in $(chosen_files | sed "s|^ |$build/|") "$(command -v chrt)"; do
    echo "$file"
    ldd "$file" | grep -oE '/[^ ]+'
  done | xargs realpath -s | sort -u | xargs cp -L --parents -t "$tree"
  cp -r --parents "$source/models/lite0" "$source/tests/golden/parity.safetensors" "$tree"
  {
    cat <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin EFFNET_TEST_EMULATED=1 EFFNET_SOURCE_ROOT='$source' EFFNET_BUILD_ROOT='$build'
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo 1 >/proc/sys/kernel/printk
echo 1 >/sys/devices/system/cpu/cpu1/online
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
cd '$build'
INIT
    chosen | while read -r name line; do
      echo "echo '== $name'; '$(command -v chrt)' -f 1 env $line; echo '== $name: exit code '\$?"
    done
    # the machine is stopped from outside
    echo "echo '== end'; while :; do sleep 1000; done"
  } >"$tree/init"
  chmod +x "$tree/init"
  (cd "$tree" && find . | "$root/bin/busybox" cpio -o -H newc) >"$root/emulated/iso/initrd" 2>/dev/null
}

boot_image() {
  local iso=$root/emulated/iso
  cp "$root/usr/lib/ISOLINUX/isolinux.bin" "$root/usr/lib/syslinux/modules/bios/ldlinux.c32" "$iso/isolinux/"
  cat >"$iso/isolinux/isolinux.cfg" <<CONFIG
default linux
label linux
kernel /vmlinuz
initrd /initrd
append console=ttyS0,115200 quiet panic=0 maxcpus=1 mitigations=off nokaslr nowatchdog setcpuid=$xfd
CONFIG
  root_run xorriso -as mkisofs -quiet -o /emulated/boot.iso -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table /emulated/iso >>"$root.log" 2>&1
  # 55 aa, one block of 512 bytes; out (0xb2), 0xf1: what the BIOS has the ACPI tables tell Linux to do; retf;
  # the sum of all bytes is 0.
  { printf '\125\252\001\260\361\346\262\313' && head -c 503 /dev/zero && printf '\374'; } >"$root/emulated/acpi.rom"
  cat >"$root/emulated/bochsrc" <<'CONFIG'
display_library: rfb, options="timeout=0"
cpu: model=sapphire_rapids, count=2, quantum=32, ips=50000000, reset_on_triple_fault=0
megs: 1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
optromimage1: file=acpi.rom, address=0xd0000
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial
clock: sync=none
panic: action=fatal
error: action=ignore
log: bochs.log
CONFIG
}

stop() {
  [ -z "$bochs_pid" ] || kill -KILL "$bochs_pid" 2>/dev/null || true
  wait 2>/dev/null || true
  bochs_pid=
}

leave() {
  stop
  root_leave
}

# Until the guest has ended, one way or another; says which program it is at.
boot() {
  local serial=$root/emulated/serial now='' at
  rm -f "$serial"
  : >"$serial"
  # The emulated screen listens on a port: in a network of its own nobody else reaches it.
  unshare --net chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root \
    sh -c 'cd /emulated && exec bochs-bin -q -f bochsrc -unlock' </dev/null >"$root/emulated/bochs.out" 2>&1 &
  bochs_pid=$!
  trap leave EXIT
  while kill -0 "$bochs_pid" 2>/dev/null && [ $SECONDS -lt "$limit" ]; do
    grep -qaE '^== end|Kernel panic' "$serial" && break
    at=$(grep -a '^== ' "$serial" | tail -1 | tr -d '\r')
    [ "$at" = "$now" ] || echo "$at ($SECONDS s)"
    now=$at
    sleep 1
  done
  stop
}

# output NAME: what the program printed
output() {
  sed -n "/^== $1\$/,/^== $1: exit code/p" "$root/emulated/log" | sed '1d;$d'
}

# verdict NAME CODE: counts, and shows what failed. What was skipped is "ok" for TAP; here it must have been run.
verdict() {
  case $1:$2 in
    effnet_*:0)
      expect "$1" "$(output "$1" | grep -qE "^ok [0-9]+ - $1 # [1-9][0-9]* cases" || echo "it was not checked")"
      ;;
    threads-*:0 | reference:0 | parity:0)
      expect "$1" "$(output "$1" | grep -E '^ok .* # SKIP' || true)"
      ;;
    *:0) passed=$((passed + 1)) ;;
    *:77) skipped=$((skipped + 1)) ;;
    *)
      failed=$((failed + 1))
      echo "FAILED: $1: exit code ${2:-none: it did not end}"
      output "$1" | grep -aE '^(not ok|Bail out)|^[^#o]' | head -20
      output "$1" | tail -5
      ;;
  esac
}

# A check by name whose FAULT, if any, is a sentence.
expect() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1: $2"
  fi
}

results() {
  local name rest
  tr -d '\r' <"$root/emulated/serial" >"$root/emulated/log"
  grep -q '^== ' "$root/emulated/log" || {
    echo "FAILED: the emulated machine did not get as far as its first program; it and Bochs said last:"
    tail -20 "$root/emulated/log"
    tail -5 "$root/emulated/bochs.log" "$root/emulated/bochs.out"
  }
  grep -q '^== end' "$root/emulated/log" || echo "the emulated machine did not come to its end in $SECONDS s"
  while read -r name rest; do
    verdict "$name" "$(sed -n "s/^== $name: exit code //p" "$root/emulated/log")"
  done < <(chosen)
  output cpu | sed -n '/^cpu/p;/^features/p;/^threads/p'
  grep -hE '^ok [0-9]+ - effnet_.* cases' "$root/emulated/log" | sed 's/^ok [0-9]* - //'
  expect "two CPUs" "$(output cpu | grep -qE '^threads +2$' || echo "effnet cpu does not list them")"
  expect "AMX is there" "$(output cpu | grep -qE '^features .*\<amx\>' || echo "effnet cpu does not list it")"
}

[ "$(uname -m)" = x86_64 ] || { echo "NOT RUN: what Bochs runs is built on x86-64" && exit 77; }
passed=0 failed=0 skipped=0
root_make trixie "${2:-${EFFNET_TEST_BUILD_DIR:-$source/build-tests}/emulated}"
rm -rf "$root/emulated"
mkdir -p "$root/emulated/iso/isolinux"
compile
packages
initramfs
boot_image
boot
results
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
