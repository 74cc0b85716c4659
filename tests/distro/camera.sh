#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# v4l2src and the element on real V4L2 drivers: QEMU boots Debian's kernel, whose own virtual cameras (vivid, and a
# webcam on a virtual USB) stand behind this machine's files, read-only, and runs camera.py there. No root is needed, and no
# module goes into this machine's kernel. What cannot be had is NOT RUN, exit code 77.
# usage: tests/distro/camera.sh [--short] [BUILD [FOLDER [TEST...]]]; the last line counts: N passed, N failed, N skipped.
# FOLDER keeps the kernel, and the log of the run: log. EFFNET_CAMERA_SECONDS: after so many it is a failure (3600; short 900).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
short='' limit=3600
[ "${1:-}" != --short ] || { short=--short limit=900 && shift; }
build=$(cd "${1:-$source/build}" && pwd)
folder=${2:-${EFFNET_TEST_BUILD_DIR:-$source/build-tests}/camera}
limit=${EFFNET_CAMERA_SECONDS:-$limit} qemu='' accelerator=''
names=${*:3}

not_run() {
  echo "NOT RUN: $1"
  exit 77
}

# The kernel's image and those of its modules that cameras need, out of its package.
kernel() {
  local package
  package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  [ -n "$package" ] || not_run "apt knows no linux-image-amd64"
  [ ! -f "$folder/$package.done" ] || return 0
  rm -rf "$folder/linux" "$folder"/linux-image-*
  mkdir -p "$folder/linux"
  (cd "$folder" && apt-get -q download "$package" >apt.log 2>&1) || not_run "$package cannot be downloaded"
  # Which of these there are differs between versions: modprobe misses what is not.
  dpkg-deb --fsys-tarfile "$folder/$package"_*.deb | tar -x -C "$folder/linux" --wildcards '*/vmlinuz-*' \
    '*/modules.builtin*' '*/modules.order' '*/kernel/drivers/media/'{common,mc,v4l2-core,cec,test-drivers,rc/rc-core*,usb/uvc} \
    '*/kernel/drivers/'{usb/core,usb/common,usb/usbip,virtio,video/fbdev/core} '*/kernel/fs/'{9p,fscache,netfs} \
    '*/kernel/net/9p' 2>"$folder/tar.log" || true
  rm "$folder/$package"_*.deb
  find "$folder/linux" -name '*.ko.xz' -exec unxz {} +
  [ -d "$folder/linux/lib" ] || ln -s usr/lib "$folder/linux/lib"
  busybox depmod -b "$folder/linux" "$(basename "$folder"/linux/lib/modules/*)"
  grep -q '/vivid.ko:' "$folder"/linux/lib/modules/*/modules.dep || not_run "$package has no camera vivid"
  touch "$folder/$package.done"
}

# Two that an emulated CPU is quick enough for: b1 with synthetic weights, and the default model with a small input.
models() {
  [ -f "$folder/models/b1/model.safetensors" ] || "$build/tests/live/make_model" b1 1000 "$folder/models/b1"
  mkdir -p "$folder/models/small"
  ln -sf "$source/models/lite0/model.safetensors" "$folder/models/small/"
  sed 's/^\( *\)224\b/\164/' "$source/models/lite0/config.json" >"$folder/models/small/config.json"
}

# What is needed to see this machine's files; all else is there then.
initramfs() {
  local tree=$folder/tree modules version file
  modules=$(echo "$folder"/linux/lib/modules/*)
  version=$(basename "$modules")
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,proc,sys,dev,machine} "$tree/lib/modules/$version"
  cp "$(command -v busybox)" "$tree/bin/"
  cp "$modules"/modules.* "$tree/lib/modules/$version/"
  for file in $(grep -E '/(virtio_pci|9pnet_virtio|9p)\.ko:' "$modules/modules.dep" | tr -d :); do
    (cd "$modules" && cp --parents "$file" "$tree/lib/modules/$version/")
  done
  cat >"$tree/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "== start"
for module in virtio_pci 9pnet_virtio 9p; do modprobe \$module; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro machine /machine
rm -rf /lib/modules
ln -s '/machine$folder/linux/lib/modules' /lib/modules
# a webcam; the same with planes of their own; a webcam and an HDMI input
modprobe vivid n_devs=3 node_types=0x1,0x1,0x1 multiplanar=1,2,1 num_inputs=1,1,2 input_types=0x0,0x0,0xc vid_cap_nr=0,1,2
modprobe uvcvideo
modprobe vhci_hcd
for part in proc sys dev; do mount -o bind /\$part /machine/\$part; done
mount -t tmpfs tmpfs /machine/run
mkdir -p /machine/dev/shm
mount -t tmpfs tmpfs /machine/dev/shm
ifconfig lo up
chroot /machine /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/run TMPDIR=/run LANG=C.UTF-8 \
  EFFNET_SOURCE_ROOT='$source' EFFNET_BUILD_ROOT='$build' EFFNET_MODEL_PATH='$folder/models:$source/models' \
  GST_PLUGIN_PATH='$build/gst-plugin' GST_REGISTRY='$folder/registry.bin' GST_REGISTRY_UPDATE=no PYTHONDONTWRITEBYTECODE=1 \
  ${PYTHON:-/usr/bin/python3} '$here/camera.py' '$build/src/cli/effnet' $short $names
echo "== end"
poweroff -f
INIT
  chmod +x "$tree/init"
  (cd "$tree" && find . | busybox cpio -o -H newc) 2>/dev/null | gzip -1 >"$folder/initrd"
}

# machine ACCELERATOR [OPTION...]: starts it; qemu is its process.
machine() {
  : >"$folder/serial"
  qemu-system-x86_64 -accel "$@" -M q35 -m 2048 -nic none -nodefaults -display none -no-reboot \
    -kernel "$(echo "$folder"/linux/boot/vmlinuz-*)" -initrd "$folder/initrd" \
    -append "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off" -serial "file:$folder/serial" \
    -fsdev local,id=machine,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=machine,mount_tag=machine >"$folder/qemu.log" 2>&1 </dev/null &
  qemu=$!
  accelerator=$1
}

# wait_for SECONDS PATTERN: until the machine writes it, or ends
wait_for() {
  local end=$((SECONDS + $1))
  while kill -0 "$qemu" 2>/dev/null && [ $SECONDS -lt $end ]; do
    ! grep -qa "$2" "$folder/serial" || return 0
    sleep 0.2
  done
  grep -qa "$2" "$folder/serial"
}

stop() {
  { [ -z "$qemu" ] || kill "$qemu" || true; wait || true; } 2>/dev/null
  qemu=
}

# A KVM inside a virtual machine may be there and not work. Where the CPU is emulated, the machine's time goes with its
# instructions (2 ns each), so that nothing in it is late where others have this machine's CPUs; one CPU does as much as two, and
# copies byte by byte, which new CPUs are told to do, are slow.
boot() {
  trap stop EXIT
  [ ! -w /dev/kvm ] || machine kvm -cpu max -smp 2
  if [ -z "$qemu" ] || ! wait_for 15 '^== start' 2>/dev/null; then
    stop
    machine tcg -cpu max,-erms,-fsrm -smp 1 -icount shift=1
  fi
  wait_for "$limit" '^== end' || echo "the emulated machine did not come to its end in $limit s"
  stop
  tr -d '\r' <"$folder/serial" >"$folder/log"
}

[ "$(uname -m)" = x86_64 ] || not_run "the kernel with the cameras is one for x86-64"
for program in qemu-system-x86_64 busybox apt-get dpkg-deb; do
  command -v "$program" >/dev/null || not_run "$program is not installed"
done
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
kernel
models
# Made here: to look through all plugins takes the emulated machine a minute.
GST_PLUGIN_PATH=$build/gst-plugin GST_REGISTRY=$folder/registry.bin gst-inspect-1.0 effnetclassify >/dev/null ||
  not_run "the build has no element"
initramfs
boot
sed '/^== /d' "$folder/log"
times >"$folder/times" # of this shell, then of its children: user and system
echo "# Linux $(basename "$folder"/linux/lib/modules/*), QEMU with $accelerator, $(sed -n '2s/ .*//p' "$folder/times") of CPU"
passed=$(grep -cE '^ok [0-9]+ ' "$folder/log" || true) failed=$(grep -c '^not ok ' "$folder/log" || true)
skipped=$(grep -cE '^ok [0-9]+ .*# SKIP' "$folder/log" || true)
grep -q '^== end' "$folder/log" && [ "$passed" -gt 0 ] || failed=$((failed + 1))
echo "$((passed - skipped)) passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
