#!/usr/bin/env bash
# Re-resolve the pinned sets. Maintainers only: needs `uv` on PATH (never needed to run or test CIOR).
#   requirements/lock.sh            keep pins, add or drop what pyproject.toml changed
#   requirements/lock.sh --upgrade  take newer versions
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_CUSTOM_COMPILE_COMMAND="requirements/lock.sh"
rooms=(--extra bus --extra streams --extra store --extra vision --extra connectors --extra evidence --extra register --extra copies --extra console --extra web-build --extra city --extra grafana --extra embedded --extra simulator)
common=(--python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links --quiet)
uv pip compile pyproject.toml requirements/build.in "${rooms[@]}" --extra evidence-hsm --extra vision-onnx --extra dev "${common[@]}" "$@" -o requirements/dev.txt
uv pip compile pyproject.toml requirements/build.in "${rooms[@]}" "${common[@]}" -c requirements/dev.txt -o requirements/runtime.txt
