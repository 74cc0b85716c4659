#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Who may include whom, and where each foreign library stops. layers.sh [TREE]
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 1
# shellcheck source=tests/style/tap.sh
. "$here/tap.sh"

# Quoted includes of a room that are none of: the room itself, the rooms after it.
known=' '
room() {
  local name=$1 allowed
  known+="$name "
  shift
  allowed=$(printf '%s|' "$name" "$@")
  check "src/$name includes only: $* and itself" "$(
    grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "src/$name" 2>/dev/null |
      grep -vE "\"(${allowed%|})/[^\"]*\""
  )"
}

# stops PATTERN WHAT ALLOWED: lines in C sources that match PATTERN outside of the paths ALLOWED.
stops() {
  check "$2" "$(grep -rnE --include='*.[ch]' --include='*.inc' "$1" src gst-plugin 2>/dev/null |
    grep -vE "^($3)")"
}

room base effnet
room arch base
room weights base
room threads base
room kernels base
room image kernels threads base
room bind arch weights base
room quant bind arch weights base
room plan bind quant arch kernels base
room engine effnet plan bind quant weights arch image threads kernels base
room train effnet engine plan bind quant weights arch image threads kernels base
room cli effnet gst-plugin
check "every folder of src is a room known here" "$(
  for folder in src/*/; do
    folder=$(basename "$folder")
    [[ "$known" == *" $folder "* || "$folder" == '*' ]] || echo "src/$folder"
  done
)"

check "of src only base/error.h and cli include the public header" "$(
  grep -rn '"effnet/effnet.h"' src 2>/dev/null | grep -vE '^src/(base/error\.h|cli/)'
)"
check "of src only the scheduler's files in engine, and cli, include its header" "$(
  grep -rn '"effnet/scheduler.h"' src 2>/dev/null | grep -vE '^src/(engine/(executor|waits)\.h|cli/)'
)"
check "of src only train, and cli, include its header" "$(
  grep -rn '"effnet/train.h"' src 2>/dev/null | grep -vE '^src/(train|cli)/'
)"
check "of gst-plugin the tool includes json.h, schema.h, schema_json.h and video.h only" "$(
  grep -rn '"gst-plugin/' src 2>/dev/null | grep -vE '^src/cli/.*"gst-plugin/(json|schema|schema_json|video)\.h"'
)"
check "gst-plugin includes the public headers and what elements share; an element its own files and those two of metrics/ that are for it, classify those that teach, too" "$(
  grep -rnE '#[[:space:]]*include[[:space:]]*"' gst-plugin 2>/dev/null |
    grep -vE '"(effnet/(effnet|percentile|scheduler|train)\.h|[a-z_]+\.h)"' |
    grep -vE '^gst-plugin/([a-z]+)/.*"\1/[a-z_]+\.h"' | grep -vE '^gst-plugin/classify/.*"teach/[a-z_]+\.h"' |
    grep -vE '^gst-plugin/[a-z]+/.*"metrics/(metrics|tally)\.h"' | grep -vE '^gst-plugin/plugin\.c:.*"([a-z]+)/\1\.h"'
)"

stops '<(pango|cairo)/|<(pango|cairo)[a-z]*\.h>' 'Pango and Cairo stop at overlay/draw.c' 'gst-plugin/overlay/draw\.c:'
stops '<libsoup/' 'libsoup stops at metrics/soup.h' 'gst-plugin/metrics/soup\.h:'
stops '#[[:space:]]*include[[:space:]]*<gst/' 'GStreamer stops at gst-plugin and cli' 'gst-plugin/|src/cli/'
stops '<(jpeglib|jerror|turbojpeg)\.h>' 'libjpeg stops at image/jpeg*.c' 'src/image/jpeg[a-z_]*\.c:'
stops '<[a-z/]*cblas[a-z0-9_]*\.h>|cblas_|openblas_' 'cblas stops at kernels/isa/blas' 'src/kernels/isa/blas|src/kernels/kernels\.inc'
stops '<([a-z]*mmintrin|immintrin|x86intrin|arm_[a-z0-9]*|cpuid)\.h>' 'intrinsics stop at kernels/ (cpuid at base/cpu.c)' \
  'src/kernels/|src/base/cpu\.c:.*cpuid\.h'
stops '<mosquitto|<mqtt_protocol' 'MQTT stops at publish/mqtt.c' 'gst-plugin/publish/mqtt\.c:'
stops '<librdkafka/' 'Kafka stops at publish/kafka.c' 'gst-plugin/publish/kafka\.c:'
stops '<sqlite3' 'SQLite stops at publish/spool.c' 'gst-plugin/publish/spool\.c:'
stops '<(pthread|threads)\.h>|\<(g_thread_new|g_thread_try_new|pthread_create|g_thread_pool_new)\>' \
  'threads are made at threads/ (and by cli: cmd_bench.c a stream each, train_features.c a core each, player.c one that may hang; by teach/worker.c; by metrics/server.c, publish/{link,courier}.c)' \
  'src/threads/|src/cli/(cmd_bench|train_features|player)\.c|gst-plugin/(teach/worker|metrics/server|publish/(link|courier))\.c'
stops '<sys/mman\.h>|GMappedFile|g_mapped_file' 'memory is mapped at base/arena.c, no file anywhere' \
  'src/base/arena\.c'
stops '\<(printf|fprintf|puts|putchar|g_print|g_printerr|perror)[[:space:]]*\(' 'the library and the plugin never print' 'src/cli/'
stops '\<(setenv|g_setenv|putenv|setlocale|signal|sigaction|openblas_set_num_threads)[[:space:]]*\(' \
  'the host process is left alone' 'src/cli/'
stops '\<(g_intern_string|g_quark_from_string)[[:space:]]*\(' \
  'names of files and users are not kept for ever (but in GstAnalytics, which has no other way; in the checkpoint the names are a dialect'"'"'s)' \
  'gst-plugin/classify/(carriers|props)\.c:|src/cli/options\.c:|src/bind/checkpoint\.c:'
tap_end
