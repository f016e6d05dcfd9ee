#!/bin/sh
# fetch.sh FOLDER: puts the published JavaScript client into FOLDER, the one --web-client-dir names. npm fetches the version that
# package-lock.json pins and checks its hash. A folder that is up to date is left alone.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
target=$1
stamp=$(sha256sum "$here/package-lock.json" | cut -d ' ' -f 1)
[ "$(cat "$target/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --ignore-scripts --omit=optional --no-audit --no-fund --prefix "$work"
mkdir -p "$target"
cp "$work"/node_modules/hypha-rpc/dist/hypha-rpc-websocket.* "$target/"
cp "$work/node_modules/hypha-rpc/LICENSE" "$target/hypha-rpc.LICENSE"
echo "$stamp" >"$target/.stamp"
