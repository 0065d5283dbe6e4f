#!/usr/bin/env bash
# Writes the lock files of the image anew: every package that goes in, with its version and the digests of its files.
#
#     docker/lock.sh [uv's options, such as --upgrade or --upgrade-package ray]
#
# It needs uv (https://docs.astral.sh/uv/). Versions that a lock has already are kept, unless they no longer fit what
# pyproject.toml and constraints.txt ask for. One lock serves Python 3.11 to 3.13 on x86_64 and aarch64.
#
# requirements.lock      the default, with torch and the CUDA libraries that it brings
# requirements-cpu.lock  without both: NeMo Curator's text pipelines on CPUs never load torch
# build.lock             what builds those packages that come as sources only
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
  local output=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
    --custom-compile-command docker/lock.sh --output-file "docker/$output" "$@"
}

project=(--constraints constraints.txt --extra all pyproject.toml)
lock requirements.lock "$@" "${project[@]}"
lock requirements-cpu.lock "$@" --excludes docker/not-on-cpu.txt "${project[@]}"
lock build.lock "$@" docker/build.in
