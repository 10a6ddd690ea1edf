#!/bin/sh
# TARGET/run SCRIPT [-- ARGUMENTS]: a script of package.json, as npm runs it: in the folder of package.json.
# NVIDIA_LIBS=FOLDER:FOLDER says where NVIDIA's libraries are that were not packed.
set -eu

fail() {
  echo "run: $1" >&2
  exit 2
}

cd "$(dirname "$0")"
export PATH="$PWD/bin:$PWD/node_modules/.bin:$PATH" DIFFBIR_CACHE="${DIFFBIR_CACHE:-$PWD/cache}"
[ $# -gt 0 ] || fail "expected the name of a script: test:gpu, bench:gpu, full-size"
script=$(node -p 'require("./package.json").scripts[process.argv[1]] ?? ""' -- "$1")
[ -n "$script" ] || fail "package.json has no script $1"
shift
[ "${1:-}" != -- ] || shift

IFS=:
for folder in ${NVIDIA_LIBS:-}; do
  [ -d "$folder" ] || fail "NVIDIA_LIBS names $folder, which is no folder"
  # Beside the provider: cuDNN is looked for there alone, and opens its parts beside itself.
  ln -sf "$(cd "$folder" && pwd)"/lib*.so.* "$DIFFBIR_CACHE"/cuda/*/
done

exec sh -c "$script \"\$@\"" run "$@"
