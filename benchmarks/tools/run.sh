#!/usr/bin/env bash
# Runs benchmarks in the container image curator_benchmarking, or in any other. See --help, and docs/containers.md.
set -euo pipefail

mapfile -t exported < <(compgen -e) # what the caller has, before this script has names of its own
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
repo=$(cd -- "$here/../.." && pwd -P)
# shellcheck source=benchmarks/tools/engine.sh
. "$here/engine.sh"

IMAGE_DIR=/opt/pytest-curator-bench # this project in the image
PLUGIN_DIR=/opt/curator-bench       # where --image installs it
SOURCE_DIR=/opt/curator-bench-source # and from what
MOUNT_DIR=/MOUNT                    # below it, what has no place of its own there

# Environment variables that are handed in where they are set: those that configurations and sinks name, and those
# that reach services. --env adds others.
PASSED=(
  'BENCH_*' 'GDRIVE_*' 'MLFLOW_*' 'RESULTS_WEBHOOK_*' 'SLACK_*' GOOGLE_APPLICATION_CREDENTIALS
  AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL
  HF_TOKEN HF_ENDPOINT HF_HUB_OFFLINE NVIDIA_API_KEY RAY_AUTH_MODE RAY_AUTH_TOKEN
  http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
  CI COLUMNS FORCE_COLOR NO_COLOR TERM TZ
)
# Those among them that name a file, which is mounted.
PASSED_FILES=(GDRIVE_SERVICE_ACCOUNT_FILE GOOGLE_APPLICATION_CREDENTIALS)
# Those that only the installation for --image gets.
INSTALL_PASSED=(PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL)

usage() {
  cat << END
usage: run.sh [OPTION...] [PYTEST'S ARGUMENTS...]

Runs benchmarks in a container image, with docker or podman. What isn't an option below goes to pytest:

  run.sh                                    the benchmarks that the image has; results in results/ of this checkout
  run.sh -k cc_extraction                   one of them
  run.sh --bench-config my.yaml             those of a configuration on this machine
  run.sh --image IMAGE --bench-config my.yaml   the same in any image with Python 3.11 to 3.13

Configurations (--bench-config FILE, or FILE.bench.yaml) are looked for from the current directory, then in the image's
own benchmarks/. The directory of each is mounted, and what it names: paths, results_dir, artifacts_dir, datasets,
script_base_dir. --junitxml (--junit-xml) and --log-file write on this machine, too. Results belong to whoever calls.

options:
  --image IMAGE          run in this image, which need not have the plugin: it is installed in a directory of its own,
                         once for each image, and changes nothing of what the image has
  --wheel PATH           for --image, what to install: a wheel, a checkout, or a directory of wheels (then no package
                         index is asked), with extras in brackets: '.[slack]' (default: this checkout)
  --use-host-curator     NeMo Curator from HOST_CURATOR_DIR (default: Curator, beside this checkout), not the image's
  --use-host-benchmarks  benchmarks/ and conftest.py of this checkout, not the image's
  --env NAME[=VALUE]     hand this environment variable in; repeatable. Handed in anyway, where set:
                         ${PASSED[*]:0:6}
                         ${PASSED[*]:6:4}
                         ${PASSED[*]:10:6}
                         ${PASSED[*]:16:8}
                         ${PASSED[*]:24}
  --shell [COMMAND...]   bash in place of pytest, or COMMAND; all that follows belongs to it
  --dry-run              print the command that would be run, and don't run it
  --help                 print this
  --                     all that follows goes to pytest

environment:
  CONTAINER_ENGINE       docker or podman (default: the first that is there)
  IMAGE                  the image (default: $IMAGE_NAME)
  GPUS                   all, none, or numbers: 0,1 (default: all where there are NVIDIA devices)
  MEMORY                 most memory that it may use, such as 64g, or none for no limit (default: that of this machine)
  SHM_SIZE               size of /dev/shm, where Ray's object stores lie (default: that of this machine)
  NETWORK                network, such as host, to reach services of this machine as localhost (default: the engine's)
  CURATOR_BENCH_LEASES_DIR   where runs on this machine share it (default: that of runs outside of containers)
  CURATOR_BENCH_RESULTS_DIR  where results of the image's own configuration go (default: results/ of this checkout)
END
}

# --- mounts: `mounts` has the engine's words, `mounted` what is mounted where ---

mounts=()
declare -A mounted=()

# Sets `field` to one field of the comma-separated list that --mount takes (RFC 4180).
quote_field() {
  field=$1
  if [[ $field == *[\",$'\n']* ]]; then
    printf -v field '"%s"' "${field//\"/\"\"}"
  fi
}

# Sets `bind` to what --mount takes: rw|ro PATH_ON_THE_HOST PATH_INSIDE
describe_bind() {
  quote_field "source=$2"
  bind=type=bind,$field
  quote_field "target=$3"
  bind+=,$field
  [ "$1" = rw ] || bind+=,readonly
}

# add_mount rw|ro PATH_ON_THE_HOST PATH_INSIDE
add_mount() {
  if [ -n "${mounted[$3]:-}" ]; then
    [ "${mounted[$3]}" = "$2" ] || fail "both $2 and ${mounted[$3]} are to be $3 in the container: change one container_path"
    return 0
  fi
  mounted[$3]=$2
  describe_bind "$@"
  mounts+=(--mount "$bind")
}

# Directories that are made if need be, by whoever calls this: engines would make them as root.
to_make=()
to_make_for=()

make_later() {
  to_make+=("$1")
  to_make_for+=("$2")
}

make_dirs() {
  local index dir
  for index in "${!to_make[@]}"; do
    dir=${to_make[index]}
    mkdir -p -- "$dir" 2> /dev/null || fail "${to_make_for[index]}: the directory $dir is not there, and can't be made"
    [ -w "$dir" ] || fail "${to_make_for[index]}: the directory $dir can't be written by $(id -un 2> /dev/null || id -u)"
  done
}

# Sets `path` to the absolute path of a file, its directory without symbolic links: `..` must mean the same inside.
absolute() {
  path=$(realpath -m -- "$(dirname -- "$1")")
  path=${path%/}/$(basename -- "$1")
}

# --- the command line ---

pytest_arguments=()
configs=() # as the container calls them
bench_files=()
config_dirs=() # on the host
passed_by_hand=()
shell_command=()
other_image='' wheel=''
is_shell='' is_dry_run='' use_host_curator='' use_host_benchmarks=''

# Sets `path` to what the container calls a configuration file.
config_inside() {
  if [ -f "$1" ]; then
    absolute "$1"
    [ -r "$path" ] || fail "$2 $1: it can't be read"
    if [[ $path == "$repo/benchmarks/"* ]]; then
      # Beside these, the image makes their data, and expects them in one place.
      use_host_benchmarks=1
      path=$IMAGE_DIR${path#"$repo"}
      return 0
    fi
    config_dirs+=("$(dirname -- "$path")")
    [ "$(dirname -- "$(realpath -- "$path")")" = "$(dirname -- "$path")" ] ||
      fail "$2 $1: a symbolic link out of its directory, which alone is mounted; name $(realpath -- "$path") itself"
    path=$MOUNT_DIR$path
  elif [[ $1 != /* && $1 != *..* && -f $repo/benchmarks/$1 ]]; then
    path=$IMAGE_DIR/benchmarks/$1
  else
    fail "$2 $1: there is no such file in $PWD, nor in the image's benchmarks/"
  fi
}

# Sets `path` to what the container calls a file that pytest writes.
output_inside() {
  absolute "$1"
  make_later "$(dirname -- "$path")" "$2"
  add_mount rw "$(dirname -- "$path")" "$MOUNT_DIR$(dirname -- "$path")"
  path=$MOUNT_DIR$path
}

while [ "$#" -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --image)
      need_value "$@"
      other_image=$2
      shift
      ;;
    --image=*) other_image=${1#*=} ;;
    --wheel)
      need_value "$@"
      wheel=$2
      shift
      ;;
    --wheel=*) wheel=${1#*=} ;;
    --use-host-curator) use_host_curator=1 ;;
    --use-host-benchmarks) use_host_benchmarks=1 ;;
    --dry-run) is_dry_run=1 ;;
    --env)
      need_value "$@"
      passed_by_hand+=("$2")
      shift
      ;;
    --env=*) passed_by_hand+=("${1#*=}") ;;
    --shell)
      is_shell=1
      shift
      if [ "${1:-}" = -- ]; then shift; fi
      shell_command=("$@")
      break
      ;;
    --)
      shift
      pytest_arguments+=("$@")
      break
      ;;
    --bench-config)
      need_value "$@"
      config_inside "$2" "$1"
      configs+=("$path")
      pytest_arguments+=("$1=$path") # of two words, pytest takes the second for a place to look for its rootdir
      shift
      ;;
    --bench-config=*)
      config_inside "${1#*=}" "${1%%=*}"
      configs+=("$path")
      pytest_arguments+=("${1%%=*}=$path")
      ;;
    --junitxml | --junit-xml | --log-file)
      need_value "$@"
      output_inside "$2" "$1"
      pytest_arguments+=("$1=$path")
      shift
      ;;
    --junitxml=* | --junit-xml=* | --log-file=*)
      output_inside "${1#*=}" "${1%%=*}"
      pytest_arguments+=("${1%%=*}=$path")
      ;;
    -*) pytest_arguments+=("$1") ;;
    *.bench.yaml | *.bench.yaml::*)
      config_inside "${1%%::*}" "configuration"
      bench_files+=("$path")
      rest=${1#"${1%%::*}"}
      pytest_arguments+=("$path$rest")
      ;;
    *) pytest_arguments+=("$1") ;;
  esac
  shift
done

image=${other_image:-${IMAGE:-$IMAGE_NAME}}
[ -z "$wheel" ] || [ -n "$other_image" ] || fail "--wheel goes with --image: an image that was built has the plugin"
size_pattern='^[0-9]+[bkmgBKMG]?$'
[[ ${MEMORY:-none} == none || $MEMORY =~ $size_pattern ]] || fail "MEMORY=$MEMORY: expected a size such as 64g, or none"
[[ -z ${SHM_SIZE:-} || $SHM_SIZE =~ $size_pattern ]] || fail "SHM_SIZE=$SHM_SIZE: expected a size such as 32g"

gpus=${GPUS:-}
if [ -z "$gpus" ]; then
  gpus=none
  [ ! -e /dev/nvidiactl ] || gpus=all
fi
[[ $gpus =~ ^(all|none|[0-9]+(,[0-9]+)*)$ ]] || fail "GPUS=$gpus: expected all, none, or numbers such as 0,1"

find_engine

# --- the image, and the user in it ---

format='{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}'
answer=$(mktemp)
trap 'rm -f -- "$answer"' EXIT
# Engines warn on standard error, which is none of the digest.
if ! digest=$("$engine" image inspect --format "$format" -- "$image" 2> "$answer"); then
  complaint=$(< "$answer")
  case $complaint in
    *[Nn]"o such image"* | *"not known"* | *"no such object"*)
      [ -z "$other_image" ] || fail "there is no image $image: $engine pull $image gets one of a registry"
      fail "there is no image $image: build it with benchmarks/tools/build_docker.sh, or name another in IMAGE"
      ;;
    *) fail "$engine can't be asked for the image $image: ${complaint##*$'\n'}" ;;
  esac
fi

uid=$(id -u) gid=$(id -g)
user=(--user "$uid:$gid")
security=''
[ "$kind" = podman ] || security=$("$engine" info --format '{{.SecurityOptions}}' 2> /dev/null || true)
if [ "$kind" = podman ] && [ "$uid" != 0 ]; then
  user+=(--userns keep-id)
elif [[ $security == *name=rootless* ]]; then
  user=(--user 0:0) # a daemon without root maps its root to whoever started it
else
  [[ $security != *name=userns* ]] || user+=(--userns host)
  for group in $(id -G); do
    [ "$group" = "$gid" ] || user+=(--group-add "$group")
  done
fi
# SELinux lets containers read no file of the host, unless relabelled, which would change the files.
user+=(--security-opt label=disable)

# --- environment ---

environment=(--env "IMAGE_DIGEST=$digest" --env "HOST_HOSTNAME=$(uname -n)")
results=$(realpath -m -- "${CURATOR_BENCH_RESULTS_DIR:-$repo/results}")
environment+=(--env "CURATOR_BENCH_RESULTS_DIR=$MOUNT_DIR$results")
# Containers on this machine, and runs outside of them, share it by leases.
leases=$(realpath -m -- "${CURATOR_BENCH_LEASES_DIR:-/tmp/pytest-curator-bench-$uid/leases}")
environment+=(--env "CURATOR_BENCH_LEASES_DIR=$MOUNT_DIR$leases")
add_mount rw "$leases" "$MOUNT_DIR$leases"
# `~` and ${HOME} in configurations mean the same inside; what lies there otherwise is not to be seen.
home=()
if [[ ${HOME:-/} == /?* ]]; then
  environment+=(--env "HOME=$HOME")
  home_dir=$(realpath -ms -- "$HOME")
  if [[ $home_dir == *:* ]]; then
    quote_field "target=$home_dir"
    home=(--mount "type=tmpfs,$field,tmpfs-mode=1777")
  else
    home=(--tmpfs "$home_dir:exec,mode=1777") # docker's are noexec else, and compiled kernels lie in ~/.triton
  fi
fi

is_passed() {
  local pattern
  for pattern in "${PASSED[@]}"; do
    # shellcheck disable=SC2053 # a pattern it is
    [[ $1 != $pattern ]] || return 0
  done
  return 1
}

# By name alone: no value, which may be a secret, stands on a command line that others can read.
for name in "${exported[@]}"; do
  is_passed "$name" || continue
  if [[ " ${PASSED_FILES[*]} " == *" $name "* && -f ${!name} ]]; then
    path=$(realpath -- "${!name}")
    add_mount ro "$path" "$MOUNT_DIR$path"
    environment+=(--env "$name=$MOUNT_DIR$path")
  else
    environment+=(--env "$name")
  fi
done
for name in ${passed_by_hand[@]+"${passed_by_hand[@]}"}; do
  [[ $name =~ ^[A-Za-z_][A-Za-z_0-9]*(=|$) ]] || fail "--env $name: expected NAME or NAME=VALUE"
  [[ $name == *=* || " ${exported[*]} " == *" $name "* ]] || fail "--env $name: there is no such variable in the environment"
  environment+=(--env "$name")
done

# --- an image that need not have the plugin ---

entrypoint=() in_image=() # of pytest: the image's own
image_mounts=()
mounts_entrypoint=(--entrypoint curator-bench -- "$image" mounts)
shell_entrypoint=(--entrypoint tini -- "$image" --)

# Sets `source`, which the plugin is installed from, `source_inside`, which in_image.sh is told, and `key`, a digest of it.
describe_source() {
  wheel=${wheel:-$repo}
  source=$(realpath -m -- "${wheel%%\[*}")
  source_inside=$SOURCE_DIR
  if [ -f "$source/pyproject.toml" ]; then
    key=$(cd -- "$source" && find pyproject.toml pytest_curator_bench -type f ! -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum)
  elif compgen -G "$source/pytest_curator_bench-*.whl" > /dev/null; then
    key=$(cd -- "$source" && sha256sum -- *.whl)
  elif [[ $source == *.whl && -f $source ]]; then
    key=$(sha256sum < "$source")
    source_inside=$SOURCE_DIR/$(basename -- "$source") # what kind of wheel it is, its name says
  else
    fail "--wheel $wheel: expected a wheel of pytest-curator-bench, a directory with one among others, or a checkout"
  fi
  source_inside+=${wheel#"${wheel%%\[*}"}
}

# Sets `plugin` to a directory of the caller's cache in which the plugin is installed for this image.
install_plugin() {
  local cache=${XDG_CACHE_HOME:-${HOME:-/tmp/pytest-curator-bench-$uid}/.cache}/pytest-curator-bench/images
  local source source_inside key new name words
  describe_source
  key=$(printf '%s\n' "$digest" "$source_inside" "$key" "$(sha256sum < "$here/in_image.sh")" | sha256sum | cut -c 1-16)
  plugin=$cache/$key
  [ ! -e "$plugin/installed" ] || return 0
  { mkdir -p -- "$cache" && new=$(mktemp -d -- "$cache/new-XXXXXX"); } 2> /dev/null ||
    fail "--image: the plugin can't be installed into $cache: name another directory in XDG_CACHE_HOME"
  words=(--rm ${NETWORK:+--network "$NETWORK"} "${user[@]}" "${environment[@]}")
  for name in "${INSTALL_PASSED[@]}"; do
    [ -z "${!name:-}" ] || words+=(--env "$name")
  done
  describe_bind rw "$new" "$PLUGIN_DIR"
  words+=(--mount "$bind")
  describe_bind ro "$source" "${source_inside%%\[*}"
  words+=(--mount "$bind")
  describe_bind ro "$here" "$IMAGE_DIR/benchmarks/tools"
  words+=(--mount "$bind" --entrypoint /bin/sh)
  printf '%s: installing the plugin for %s, once, into %s\n' "${0##*/}" "$image" "$plugin" >&2
  if ! "$engine" run "${words[@]}" -- "$image" "${in_image[@]}" "$source_inside" > "$answer"; then
    rm -rf -- "$new"
    fail "the plugin can't be installed for the image $image (see above)"
  fi
  mv -T -- "$new" "$plugin" 2> /dev/null || rm -rf -- "$new" # another run was faster
}

if [ -n "$other_image" ]; then
  in_image=("$IMAGE_DIR/benchmarks/tools/in_image.sh" "$PLUGIN_DIR")
  environment+=(--env PYTHONUNBUFFERED=1 --env "PYTEST_ADDOPTS=-o cache_dir=/tmp/pytest-cache")
  environment+=(--env CURATOR_BENCH_IN_CONTAINER=1 --env USER=bench --env LOGNAME=bench) # Ray asks for a name
  install_plugin
  count=${#mounts[@]}
  in_image+=(-) # there is nothing to install from any more
  add_mount ro "$plugin" "$PLUGIN_DIR"
  add_mount ro "$repo/pyproject.toml" "$IMAGE_DIR/pyproject.toml"
  environment+=(--workdir "$IMAGE_DIR" --stop-signal SIGINT)
  entrypoint=(--entrypoint /bin/sh)
  mounts_entrypoint=("${entrypoint[@]}" -- "$image" "${in_image[@]}" curator-bench mounts)
  shell_entrypoint=("${entrypoint[@]}" -- "$image" "${in_image[@]}")
  in_image+=(pytest)
  [ "${#configs[@]}" -gt 0 ] || [ "${#bench_files[@]}" -gt 0 ] || use_host_benchmarks=1
  if [ -z "$use_host_benchmarks" ]; then
    add_mount ro "$repo/benchmarks" "$IMAGE_DIR/benchmarks"
    add_mount ro "$repo/conftest.py" "$IMAGE_DIR/conftest.py"
  fi
  image_mounts=("${mounts[@]:count}")
fi

# --- what of this machine it needs ---

if [ -n "$use_host_curator" ]; then
  curator=$(realpath -m -- "${HOST_CURATOR_DIR:-$repo/../Curator}")
  [ -d "$curator/nemo_curator" ] ||
    fail "--use-host-curator: $curator is no checkout of NeMo Curator (no nemo_curator/ in it); name one in HOST_CURATOR_DIR"
  add_mount rw "$curator" /opt/Curator
  environment+=(--env CURATOR_REPO_DIR=/opt/Curator)
fi
if [ -n "$use_host_benchmarks" ]; then
  add_mount rw "$repo/benchmarks" "$IMAGE_DIR/benchmarks"
  add_mount ro "$repo/conftest.py" "$IMAGE_DIR/conftest.py"
  make_later "$results" results
  add_mount rw "$results" "$IMAGE_DIR/results" # `../results` of files in benchmarks/
fi

# ask CONFIG...: mounts what the image says that these configurations need.
ask() {
  local question=(--rm --network none "${user[@]}" "${environment[@]}" ${image_mounts[@]+"${image_mounts[@]}"}) wanted inside outside purpose config_dir
  for config_dir in ${config_dirs[@]+"${config_dirs[@]}"}; do
    describe_bind ro "$config_dir" "$MOUNT_DIR$config_dir"
    question+=(--mount "$bind")
  done
  if [ -n "$use_host_benchmarks" ]; then
    describe_bind ro "$repo/benchmarks" "$IMAGE_DIR/benchmarks"
    question+=(--mount "$bind")
  fi
  "$engine" run "${question[@]}" "${mounts_entrypoint[@]}" "$@" > "$answer" ||
    fail "the configuration can't be used (see above)"
  while IFS= read -r -d '' wanted && IFS= read -r -d '' inside && IFS= read -r -d '' outside && IFS= read -r -d '' purpose; do
    case $wanted in
      make)
        make_later "$outside" "$purpose"
        add_mount rw "$outside" "$inside"
        ;;
      need)
        [ -e "$outside" ] || fail "$purpose: $outside does not exist on this machine; make it, or change the configuration"
        add_mount rw "$outside" "$inside"
        ;;
      read)
        [ ! -e "$outside" ] || add_mount ro "$outside" "$inside"
        ;;
    esac
  done < "$answer"
}

# A configuration directory that is named twice is mounted once.
if [ "${#config_dirs[@]}" -gt 0 ]; then
  mapfile -d '' -t config_dirs < <(printf '%s\0' "${config_dirs[@]}" | sort -zu)
fi
[ "${#configs[@]}" -eq 0 ] || ask "${configs[@]}"
for file in ${bench_files[@]+"${bench_files[@]}"}; do
  ask "$file"
done
if [ "${#configs[@]}" -eq 0 ] && [ "${#bench_files[@]}" -eq 0 ]; then
  ask "$IMAGE_DIR/benchmarks/config.yaml"
fi
rm -f -- "$answer"
[ -z "${mounted[${home_dir:-/}]:-}" ] || home=()

# --- limits and devices ---

limits=()
# Ray runs some threads for each CPU; podman allows 2048 in all by default, and without root may have no say in it.
if [ "$kind" = docker ] || [[ $("$engine" info --format '{{.Host.CgroupControllers}}' 2> /dev/null) == *pids* ]]; then
  limits+=(--pids-limit -1)
fi
if [ "${MEMORY:-}" != none ]; then
  kib=$(awk '/^MemTotal:/ {print $2}' /proc/meminfo)
  limits+=(--memory "${MEMORY:-${kib}k}")
fi
shm_size=${SHM_SIZE:-$(df --block-size=1 --output=size /dev/shm 2> /dev/null | tail -n 1 | tr -d ' ' || true)}
[ -z "$shm_size" ] || limits+=(--shm-size "$shm_size")

devices=()
if [ "$gpus" != none ] && [ "$kind" = docker ]; then
  if [ "$gpus" = all ]; then
    devices=(--gpus all)
  else
    devices=(--gpus "\"device=$gpus\"") # a comma separates options here, unless quoted
  fi
elif [ "$gpus" != none ]; then
  IFS=, read -r -a numbers <<< "$gpus"
  for number in "${numbers[@]}"; do
    devices+=(--device "nvidia.com/gpu=$number")
  done
fi

terminal=()
if [ -t 0 ] && [ -t 1 ]; then
  terminal=(--interactive --tty)
elif [ -n "$is_shell" ]; then
  terminal=(--interactive)
fi

command=(
  "$engine" run --rm ${terminal[@]+"${terminal[@]}"} "${user[@]}" ${NETWORK:+--network "$NETWORK"} "${limits[@]}"
  ${devices[@]+"${devices[@]}"} "${environment[@]}" ${home[@]+"${home[@]}"} ${mounts[@]+"${mounts[@]}"}
)
if [ -z "$is_shell" ]; then
  command+=(${entrypoint[@]+"${entrypoint[@]}"} -- "$image" ${in_image[@]+"${in_image[@]}"} ${pytest_arguments[@]+"${pytest_arguments[@]}"})
elif [ "${#shell_command[@]}" -eq 0 ]; then
  command+=("${shell_entrypoint[@]}" bash)
elif [ "${#shell_command[@]}" -eq 1 ]; then
  command+=("${shell_entrypoint[@]}" bash -c "${shell_command[0]}")
else
  command+=("${shell_entrypoint[@]}" "${shell_command[@]}")
fi
if [ -n "$is_dry_run" ]; then
  print_command "${command[@]}"
else
  make_dirs
  (umask 077 && mkdir -p -- "$leases") || fail "the directory of leases, $leases, can't be made: name another in CURATOR_BENCH_LEASES_DIR"
  exec "${command[@]}"
fi
