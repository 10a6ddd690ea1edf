#!/bin/sh
# sh setup.sh TARGET: puts the pieces beside this file together in the folder TARGET.
set -eu

fail() {
  echo "setup: $1" >&2
  exit 1
}

[ $# -eq 1 ] || fail "expected the folder to unpack to: sh setup.sh TARGET"
mkdir -p "$1"
target=$(cd "$1" && pwd)
cd "$(dirname "$0")"
[ -f pieces.sha256 ] || fail "pieces.sha256 is missing"

pieces=
problems=
while read -r sum piece; do
  pieces="$pieces $piece"
  if [ ! -f "$piece" ]; then
    problems="$problems, $piece is missing"
  elif ! echo "$sum  $piece" | sha256sum -c >/dev/null 2>&1; then
    problems="$problems, $piece is damaged"
  fi
done <pieces.sha256
[ -z "$problems" ] || fail "copy again what is not right: ${problems#, }"

decompress() {
  if command -v xz >/dev/null; then
    xz -dc
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'
  fi
}
# shellcheck disable=SC2086 # names without blanks
cat $pieces | decompress | tar -x -o -f - -C "$target" || fail "cannot unpack to $target"

cat <<END
$target is ready. Paths that these commands are given count from there:
  $target/run test:gpu -- --json tests.json
  $target/run full-size -- random
  $target/run bench:gpu -- --model random/v2.1 --json bench.json
NVIDIA's libraries that were not packed: name their folders before it, NVIDIA_LIBS=FOLDER:FOLDER
END
