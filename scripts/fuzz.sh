#!/usr/bin/env bash
# Searches each parser that faces the network for inputs that break a promise, with libFuzzer.
#
#   scripts/fuzz.sh search SECONDS   so long for each target, from what is kept in fuzz/corpus
#   scripts/fuzz.sh keep             keeps of what was found what reaches code nothing kept reaches
#
# Works with stable Rust: the compiler only counts which code runs, without a sanitizer. A finding
# is written to target/fuzz/found; after the fix it belongs into fuzz/corpus/TARGET.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
action="${1:?search or keep}"
seconds="${2:-60}"
host="$(rustc -vV | sed -n 's/^host: //p')"

# As `cargo fuzz --sanitizer none` sets them. With a target named, build scripts stay as they are.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$flags" cargo build --locked --quiet --package landfall-fuzz --features libfuzzer \
    --profile fuzz --target "$host" --target-dir target/fuzz
fuzzer="target/fuzz/$host/fuzz/landfall-fuzz"

for kept in fuzz/corpus/*; do
    name="$(basename "$kept")"
    inputs="target/fuzz/inputs/$name"
    mkdir -p "$inputs" target/fuzz/found
    # The fuzzer's first folder names the target.
    if [ "$action" = keep ]; then
        # One input for each branch that nothing smaller reaches: counts of loops would keep ten times more.
        "$fuzzer" "$kept" "$inputs" -set_cover_merge=1 -use_counters=0 2>&1 | grep "^MERGE-OUTER: .*new files with"
        continue
    fi
    echo "== $name, $seconds s"
    "$fuzzer" "$inputs" "$kept" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="target/fuzz/found/$name-" -print_final_stats=1 2>&1 |
        { grep -vE '^(#|INFO|WARNING|[[:space:]]*NEW_FUNC|".*# Uses)' || true; }
done
