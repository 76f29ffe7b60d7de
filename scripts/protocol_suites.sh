#!/bin/bash
# Runs the official suites of Engine.IO and Socket.IO against the code that Landfall ships:
#     scripts/protocol_suites.sh FOLDER
# FOLDER is a checkout of https://github.com/socketio/socket.io, which is left as it is. `make judges SUITES=FOLDER`
# builds the server that the suites need and runs this.
set -euo pipefail

checkout=$(cd "$1" && pwd)/docs
cd "$(dirname "$0")/.."
copies=$PWD/target/protocol-suites
preload=$PWD/scripts/one_event_at_a_time.mjs

# The suites name this port.
if (: </dev/tcp/127.0.0.1/3000) 2>/dev/null; then
    echo "port 3000 is taken: stop what listens there" >&2
    exit 1
fi
target/debug/examples/suites &
server=$!
trap 'kill $server' EXIT
until (: </dev/tcp/127.0.0.1/3000) 2>/dev/null; do
    kill -0 $server
    sleep 0.1
done

for suite in engine.io-protocol/v4-test-suite socket.io-protocol/v5-test-suite; do
    mkdir -p "$copies/$suite"
    cp "$checkout/$suite"/*.js* "$copies/$suite"
    npm install --silent --no-audit --no-fund --prefix "$copies/$suite"
    echo "$suite"
    (cd "$copies/$suite" && NODE_OPTIONS="--import $preload" npx mocha --reporter dot test-suite.js)
done
