#!/usr/bin/env bash
# Builds the image with podman, on a Debian base made here, and tries what docs/containers.md says of it.
#
#     tests/container/check_image.sh [DIRECTORY]
#
# For root on Debian 12, with: apt-get install --no-install-recommends podman runc mmdebstrap
# DIRECTORY (default: a temporary one, removed at the end) keeps base and images for another time, some 10 GB. It takes
# ten minutes. No part of CI, where no engine is. It says what it sees, and ends with an error at the first that is wrong.
#
# The base stands in for one of a registry, and the lock without torch for the default one, whose CUDA libraries are of
# no use here. `--isolation chroot` and the mounts of certificates are for sandboxes such as this project's CI machines.
set -euo pipefail

# shellcheck source=tests/container/podman.sh
. "$(dirname -- "$0")/podman.sh"
cd "$repo"
image=curator_benchmarking
tools=$repo/benchmarks/tools

wrong() {
  printf 'WRONG: %s\n' "$*" >&2
  exit 1
}
holds() { grep -qF -- "$2" "$1" || { cat "$1" >&2; wrong "expected in the output above: $2"; }; }
# The only file that a pattern, which may hold blanks, stands for.
only() {
  local files
  mapfile -t files < <(compgen -G "$1")
  [ "${#files[@]}" -eq 1 ] || wrong "$1: ${#files[@]} files"
  printf '%s' "${files[0]}"
}

build() {
  local certificates=/etc/ssl/certs/ca-certificates.crt extra=()
  [ ! -e /etc/pip.conf ] || extra=(-v /etc/pip.conf:/etc/pip.conf:ro)
  "$tools/build_docker.sh" --cpu --base-image localhost/debian-base --skip-base-image -- \
    --isolation chroot -v "$certificates:$certificates:ro" ${extra[@]+"${extra[@]}"} > "$scratch/build.log" 2>&1 ||
    { tail -n 40 "$scratch/build.log" >&2; wrong 'the build'; }
}
started=$SECONDS
build
say "built in $((SECONDS - started)) s, of it what no cache had: $(tail -n 1 "$scratch/build.log")"
started=$SECONDS
build
say "built again in $((SECONDS - started)) s; size $(podman image inspect --format '{{.Size}}' "$image" | numfmt --to=si)B"
"$tools/build_docker.sh" --cpu --base-image localhost/debian-base > "$scratch/build.log"
holds "$scratch/build.log" 'is there already'

say 'the default benchmarks, without a network, as whoever calls'
started=$SECONDS
CURATOR_BENCH_RESULTS_DIR="$scratch/my results" NETWORK=none \
  "$tools/run.sh" --junitxml "$scratch/out dir/junit.xml" > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; wrong 'exit status'; }
holds "$scratch/log" '6 passed'
holds "$scratch/log" "results: $scratch/my results/session__"
grep -q 'tests="6"' "$scratch/out dir/junit.xml" || wrong 'the JUnit file'
session=$(only "$scratch/my results/session__*")
grep -q '"image_digest": "localhost/curator_benchmarking@sha256:' "$session/env.json" || wrong 'the image digest in env.json'
grep -q "\"hostname\": \"$(uname -n)\"" "$session/env.json" || wrong 'the host name in env.json'
[ -z "$(find "$scratch/my results" "$scratch/out dir" ! -user "$(id -u)")" ] || wrong 'the owner of results'
say "6 passed in $((SECONDS - started)) s; results, JUnit, image digest and host name are right"

say 'the same as a user without a name, by hand'
mkdir "$scratch/theirs"
chown 12345:23456 "$scratch/theirs"
podman run --rm --user 12345:23456 --network none --shm-size 2g \
  --mount "type=bind,source=$scratch/theirs,target=/opt/pytest-curator-bench/results" \
  "$image" -k 'test_benchmark or cc_extraction' --junitxml=results/junit.xml > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; wrong 'exit status'; }
holds "$scratch/log" '2 passed'
[ -z "$(find "$scratch/theirs" \( ! -uid 12345 -o ! -gid 23456 \))" ] || wrong 'the owner of results'
say 'all files are theirs'

say 'a configuration of the host, with blanks and a comma in its paths'
mkdir -p "$scratch/my, benchmarks/scripts" "$scratch/some data"
echo content > "$scratch/some data/file"
cat > "$scratch/my, benchmarks/scripts/mine.py" << 'END'
import pathlib, subprocess, time
from pytest_curator_bench.script import Benchmark

bench = Benchmark("Mine")
bench.parser.add_argument("--input")
bench.parser.add_argument("--sleep", type=float, default=1)
with bench:
    bench.metrics["content"] = len(pathlib.Path(bench.args.input).read_text())
    subprocess.run(["sh", "-c", "(setsid sleep 0.3 &)"])  # an orphan, for which nobody waits
    time.sleep(bench.args.sleep)
END
cat > "$scratch/my, benchmarks/mine.yaml" << END
results_dir: ../my other results
paths:
  - {name: data, host_path: ../some data}
  - {name: also, host_path: "$scratch/some data", container_path: /data}
viewer_url_template: "file://{session_path}"
entries:
  - {name: one, script: mine.py, args: "--input {data}/file"}
  - {name: two, script: mine.py, args: "--input {also}/file"}
  - {name: long, script: mine.py, args: "--input {data}/file --sleep 100", marks: [quick]}
  - {name: store, script: mine.py, ray: {num_cpus: 1}, object_store_size: 12000000000}
END
config="$scratch/my, benchmarks/mine.yaml"
"$tools/run.sh" --bench-config "$config" -k 'one or two' > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; wrong 'exit status'; }
holds "$scratch/log" '2 passed'
holds "$scratch/log" "viewer: file://$scratch/my other results/session__"
holds "$scratch/log" 'content=8'
say 'paths are mounted, and named as the host calls them'

say 'limits'
limits='from pytest_curator_bench.machine.hardware import available_cpus, read_memory; print(available_cpus(), read_memory().effective_bytes)'
found=$(podman run --rm --cpus 1 --memory 2g --entrypoint python "$image" -c "$limits")
[ "$found" = "1 2147483648" ] || wrong "CPUs and memory: $found"
say "one CPU and 2 GiB are seen: $found"
status=0
SHM_SIZE=64m "$tools/run.sh" --bench-config "$config" -k store --bench-require-resources --bench-session small > "$scratch/log" 2>&1 || status=$?
[ "$status" = 1 ] || wrong "exit status $status"
holds "$scratch/log" 'Ray would refuse to start: the object store of 12 GB does not fit in /dev/shm'
[ ! -e "$scratch/my other results/small/store/ray.log" ] || wrong 'Ray was started'
say "$(grep -m 1 -o 'Ray would refuse to start.*' "$scratch/log")"

say 'PID 1 reaps'
reaping='import os, subprocess, time
subprocess.run(["sh", "-c", "(setsid sleep 0.2 &)"]); time.sleep(1)
states = [open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] for pid in os.listdir("/proc") if pid.isdigit()]
print(open("/proc/1/comm").read().strip(), len(states), states.count("Z"))'
found=$("$tools/run.sh" --shell python -c "$reaping")
[ "$found" = "tini 2 0" ] || wrong "PID 1, processes, zombies: $found"
say "PID 1, processes, zombies: $found"

say 'stop'
"$tools/run.sh" --bench-config "$config" --bench-session stopped -k long > "$scratch/log" 2>&1 &
run=$!
until [ -e "$scratch/my other results/stopped/long/stdouterr.log" ]; do
  kill -0 "$run" 2> /dev/null || { cat "$scratch/log" >&2; wrong 'it ended by itself'; }
  sleep 0.2
done
started=$SECONDS
podman stop --latest --time 60 > /dev/null
status=0
wait "$run" || status=$?
[ "$status" = 2 ] || wrong "exit status $status, not pytest's 2 for an interrupted run"
grep -q '"status": "interrupted"' "$scratch/my other results/stopped/long/results.json" || wrong "the entry's status"
say "stopped in $((SECONDS - started)) s: exit status 2, the entry is marked interrupted"

say 'NeMo Curator of the host'
mkdir -p "$scratch/Curator/nemo_curator"
printf '__version__ = "mounted"\n' > "$scratch/Curator/nemo_curator/__init__.py"
# shellcheck disable=SC2016 # the container's variable
found=$(HOST_CURATOR_DIR="$scratch/Curator" "$tools/run.sh" --use-host-curator --shell \
  'echo $CURATOR_REPO_DIR; python -c "import nemo_curator; print(nemo_curator.__version__, nemo_curator.__file__)"')
[ "$found" = $'/opt/Curator\nmounted /opt/Curator/nemo_curator/__init__.py' ] || wrong "$found"
say "$found"

say 'benchmarks of the host'
CURATOR_BENCH_RESULTS_DIR="$scratch/their results" "$tools/run.sh" --use-host-benchmarks -k test_benchmark > "$scratch/log" 2>&1 ||
  { cat "$scratch/log" >&2; wrong 'exit status'; }
holds "$scratch/log" '1 passed'

if command -v docker > /dev/null; then
  # Podman 4.3's service, unlike its own command line and Docker's engine, takes no comma in a mount.
  say 'with the command line of docker'
  cp -r "$scratch/my, benchmarks" "$scratch/my benchmarks"
  podman system service --time 0 "unix://$scratch/podman.sock" > /dev/null 2>&1 &
  until [ -S "$scratch/podman.sock" ]; do sleep 0.1; done
  DOCKER_HOST="unix://$scratch/podman.sock" CONTAINER_ENGINE=docker "$tools/run.sh" \
    --bench-config "$scratch/my benchmarks/mine.yaml" -k 'one or two' > "$scratch/log" 2>&1 ||
    { cat "$scratch/log" >&2; wrong 'exit status'; }
  holds "$scratch/log" '2 passed'
  say 'the same'
fi
say 'all as it should be'
