#!/usr/bin/env bash
# The README's tour, run as it stands there: real server, curl, and a WebSocket client in Python.
# With DATABASE_URL the server keeps everything there; `with-postgres scripts/tour.sh` sets it.
# Ends with an error if any step does not do what the README says.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in curl python3; do
    command -v "$program" >/dev/null || { echo "tour: $program is missing: apt-get install $program" >&2; exit 1; }
done
python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "tour: apt-get install python3-venv" >&2; exit 1; }

binary=${LANDFALL_BINARY:-target/debug/landfall}
[ -x "$binary" ] || cargo build --quiet --bin landfall
venv=target/tour-venv
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import websockets' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'websockets==15.0.1'
fi

if [ -n "${DATABASE_URL:-}" ]; then
    # What every node on one database has to be told; the embedded store makes its own.
    JWT_SECRET_KEY=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
    LANDFALL_AUTH_CURSOR_KEY=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
    LANDFALL_SECRETS_KEYS=tour:$(head -c 32 /dev/urandom | base64)
    LANDFALL_SECRETS_LOOKUP=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
    export JWT_SECRET_KEY LANDFALL_AUTH_CURSOR_KEY LANDFALL_SECRETS_KEYS LANDFALL_SECRETS_LOOKUP
    # shellcheck disable=SC2046 # two assignments without spaces
    export $("$binary" vapid)
fi

work=$(mktemp -d)
"$binary" serve --data-dir "$work/data" --listen 127.0.0.1:0 2>"$work/log" &
server=$!
cleanup() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

address=
for _ in $(seq 100); do
    address=$(sed -n 's/.*listening.*addr=\(127[0-9.:]*\).*/\1/p' "$work/log" | head -n 1)
    [ -n "$address" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
[ -n "$address" ] || { echo "tour: the server did not start" >&2; cat "$work/log" >&2; exit 1; }

"$venv/bin/python" scripts/tour.py "$binary" "$work/data" "$address"
