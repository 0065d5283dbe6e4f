#!/usr/bin/env bash
# Builds the container image curator_benchmarking. See --help, and docs/containers.md.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
repo=$(cd -- "$here/../.." && pwd -P)
# shellcheck source=benchmarks/tools/engine.sh
. "$here/engine.sh"

usage() {
  cat << END
usage: build_docker.sh [OPTION...] [-- ENGINE'S ARGUMENTS...]

Builds the container image $IMAGE_NAME with docker or podman. Its tag says what is in it: the commit, or the commit
and a digest of what was changed since. The same sources get the same tag, and an image that is there is not built
again.

options:
  --tag-as-latest     call it $IMAGE_NAME:latest, too: the image that run.sh takes (default: do)
  --no-tag-as-latest  don't
  --pull-base-image   look for a newer base image in the registry first
  --skip-base-image   take the base image that is there, and never ask a registry for it
  --base-image IMAGE  the base: any Debian or Ubuntu with Python 3.11 to 3.13 (default: that of the Dockerfile)
  --cpu               without torch and CUDA's libraries: smaller, for machines without GPU
  --requirements FILE a lock file of your own, in docker/ of this checkout
  --force             build it although an image of that tag is there (so do the engine's arguments)
  --dry-run           print the command that would be run, and don't run it
  --help              print this

environment:
  CONTAINER_ENGINE    docker or podman (default: the first that is there)
END
}

is_latest=1 is_dry_run='' is_forced='' pull='' base_image='' requirements=''

while [ "$#" -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --tag-as-latest) is_latest=1 ;;
    --no-tag-as-latest) is_latest='' ;;
    --pull-base-image | --skip-base-image)
      [ "${pull:-$1}" = "$1" ] || fail "--pull-base-image and --skip-base-image exclude each other"
      pull=$1
      ;;
    --base-image)
      need_value "$@"
      base_image=$2
      shift
      ;;
    --base-image=*) base_image=${1#*=} ;;
    --cpu) requirements=docker/requirements-cpu.lock ;;
    --requirements)
      need_value "$@"
      requirements=$2
      shift
      ;;
    --requirements=*) requirements=${1#*=} ;;
    --force) is_forced=1 ;;
    --dry-run) is_dry_run=1 ;;
    --)
      shift
      is_forced=1
      break
      ;;
    *) fail "$1: there is no such option (--help lists them; those of the engine go behind --)" ;;
  esac
  shift
done

cd -- "$repo"
[[ -z $requirements || $requirements == docker/*.lock && -f $requirements ]] ||
  fail "--requirements $requirements: expected a file docker/NAME.lock in $repo"
find_engine

# What the Dockerfile copies, as .dockerignore lets it through.
sources=(Dockerfile .dockerignore docker pyproject.toml README.md LICENSE conftest.py pytest_curator_bench benchmarks)

# What was changed since the commit, and what git doesn't know.
changes() {
  git diff --no-ext-diff --binary HEAD -- "${sources[@]}"
  git ls-files --others --exclude-standard -z -- "${sources[@]}" | xargs -0r sha256sum --
}

export LC_ALL=C # for an order of names that is the same everywhere
if [ "$(git rev-parse --show-toplevel 2> /dev/null)" = "$repo" ] && commit=$(git rev-parse --short=12 HEAD 2> /dev/null); then
  full_commit=$(git rev-parse HEAD)
  changed=$(changes)
  tag=$commit
  [ -z "$changed" ] || tag+=-$(sha256sum <<< "$changed" | cut -c 1-8)
else
  full_commit=unknown
  tag=$(find "${sources[@]}" -type f ! -path '*/__pycache__/*' ! -path 'benchmarks/data/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-12)
fi
# Another base or lock makes another image.
[ -z "$requirements" ] || { name=$(basename -- "$requirements" .lock) && tag+=-${name#requirements-}; }
if [ -n "$base_image" ]; then
  tag+=-$(tr -c 'A-Za-z0-9_.\n' '-' <<< "${base_image##*/}")-$(sha256sum <<< "$base_image" | cut -c 1-6)
fi
tag=${tag:0:128}

arguments=(--file Dockerfile --target "$IMAGE_NAME" --tag "$IMAGE_NAME:$tag")
[ -z "$is_latest" ] || arguments+=(--tag "$IMAGE_NAME:latest")
arguments+=(--label "org.opencontainers.image.revision=$full_commit")
[ -z "$base_image" ] || arguments+=(--build-arg "BASE_IMAGE=$base_image")
[ -z "$requirements" ] || arguments+=(--build-arg "REQUIREMENTS=$requirements")
case $pull in
  --pull-base-image)
    if [ "$kind" = podman ]; then arguments+=(--pull=newer); else arguments+=(--pull); fi
    ;;
  --skip-base-image)
    # podman can be told never to ask a registry; docker asks for what is not there.
    if [ "$kind" = podman ]; then
      arguments+=(--pull=never)
    else
      base=${base_image:-$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)}
      "$engine" image inspect -- "$base" > /dev/null 2>&1 || fail "--skip-base-image: $base is not there"
    fi
    ;;
esac
# Without it, podman does not heed SHELL.
[ "$kind" = docker ] || arguments+=(--format docker)

command=("$engine" build "${arguments[@]}" "$@" .)
if [ -n "$is_dry_run" ]; then
  print_command "${command[@]}"
elif [ -z "$is_forced" ] && [ "$pull" != --pull-base-image ] && "$engine" image inspect -- "$IMAGE_NAME:$tag" > /dev/null 2>&1; then
  [ -z "$is_latest" ] || "$engine" tag "$IMAGE_NAME:$tag" "$IMAGE_NAME:latest"
  printf '%s\n' "$IMAGE_NAME:$tag is there already (--force builds it again)"
else
  export DOCKER_BUILDKIT=1 # cache mounts need it, and docker before 23 doesn't take it by itself
  "${command[@]}"
  printf '%s\n' "built $IMAGE_NAME:$tag"
fi
