# shellcheck shell=bash
# Podman with settings and a storage of its own, and the base image: for the scripts beside this one, which source it.
#
# Their first argument is the directory of the storage; without one it is temporary, and removed at the end. Sets `work`
# to it, `repo` to this checkout, and `scratch` to a directory for one run.

# shellcheck disable=SC2034 # for who sources it
repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
for command in podman runc mmdebstrap; do
  command -v "$command" > /dev/null || { echo "$command is missing: see the beginning of $0" >&2; exit 2; }
done
kept=${1:-}
work=$(realpath -m -- "${kept:-$(mktemp -d)}")
mkdir -p "$work"
scratch=$(mktemp -d)

end() {
  # shellcheck disable=SC2046 # several numbers, or none
  kill $(jobs -p) 2> /dev/null || true
  rm -rf "$scratch"
  [ -n "$kept" ] || { podman system reset --force > /dev/null 2>&1 && rm -rf "$work"; }
}
trap end EXIT

cat > "$work/containers.conf" << 'END'
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > "$work/storage.conf"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINER_ENGINE=podman

say() { printf '== %s\n' "$*"; }

say 'base image'
[ -e "$work/base.tar" ] ||
  mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base.tar"
podman image exists localhost/debian-base || podman import --quiet "$work/base.tar" debian-base
