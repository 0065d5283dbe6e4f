#!/usr/bin/env bash
# Runs benchmarks with run.sh --image, in an image with NeMo Curator 1.1.0, an old Ray and no pytest.
#
#     tests/container/check_any_image.sh [DIRECTORY]
#
# For root on Debian 12, with: apt-get install --no-install-recommends podman runc mmdebstrap
# DIRECTORY (default: a temporary one, removed at the end) keeps the images for another time, some 3 GB. It takes ten
# minutes, most of them for the image. No part of CI, where no engine is. It ends with an error at the first thing wrong.
#
# The image stands in for a release's, which has the rest of NeMo Curator's dependencies, and CUDA. `--isolation chroot`,
# the host's network and the certificates are for sandboxes such as this project's CI machines.
set -euo pipefail

# shellcheck source=tests/container/podman.sh
. "$(dirname -- "$0")/podman.sh"
export NETWORK=host XDG_CACHE_HOME=$scratch/cache CURATOR_BENCH_LEASES_DIR=$scratch/leases

wrong() {
  cat "$scratch/log" >&2
  printf 'WRONG: %s\n' "$*" >&2
  exit 1
}
holds() { grep -qF -- "$1" "$scratch/log" || wrong "expected in the output above: $1"; }

say 'image'
mkdir -p "$work/context"
cp /etc/ssl/certs/ca-certificates.crt "$work/context/"
cat > "$work/context/Containerfile" << 'END_OF_FILE'
FROM localhost/debian-base
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > /etc/pip.conf && python3 -m venv /opt/venv
RUN /opt/venv/bin/pip install -q --no-cache-dir --no-deps nemo-curator==1.1.0 && /opt/venv/bin/pip install -q --no-cache-dir \
    'ray[data,default]==2.50.1' pydantic==2.9.2 pyyaml==6.0.1 rich==13.7.1 pandas pyarrow loguru fsspec cosmos-xenna==0.1.2 tqdm
ENV PATH=/opt/venv/bin:$PATH
END_OF_FILE
podman build --quiet --format docker --isolation chroot --tag old-release "$work/context"

mkdir -p "$scratch/my benchmarks/scripts"
cat > "$scratch/my benchmarks/mine.yaml" << 'END_OF_FILE'
results_dir: ../results
entries:
  - {name: plain, script: mine.py}
  - {name: on_ray, script: mine.py, args: --ray, ray: {num_cpus: 1}, object_store_size: 100000000, timeout_s: 300}
END_OF_FILE
cat > "$scratch/my benchmarks/scripts/mine.py" << 'END_OF_FILE'
import importlib.metadata, importlib.util, sys

import pydantic
import yaml

from pytest_curator_bench.script import Benchmark


def versions():
    return [sys.prefix, pydantic.VERSION, yaml.__version__, importlib.metadata.version("nemo-curator")]


bench = Benchmark("Mine")
bench.parser.add_argument("--ray", action="store_true")
with bench:
    assert importlib.util.find_spec("pytest") is None, "pytest is seen by a script"
    found = [versions()]
    if bench.args.ray:
        import ray

        ray.init()
        found.append(ray.get(ray.remote(versions).remote()))
    for one in found:
        assert one == ["/opt/venv", "2.9.2", "6.0.1", "1.1.0"], one
END_OF_FILE
config="$scratch/my benchmarks/mine.yaml"
run() { "$repo/benchmarks/tools/run.sh" --image old-release "$@" > "$scratch/log" 2>&1 || wrong "exit status of run.sh $*"; }

say 'from the checkout, with a Ray cluster'
run --bench-config "$config" --bench-session first
holds '2 passed'
grep -qx 'pyyaml==6.0.1' "$scratch/results/first/packages.txt" || wrong 'packages.txt'
grep -q '"python_executable": "/opt/venv/bin/python"' "$scratch/results/first/env.json" || wrong 'env.json'

say 'again, with nothing to install, no network, and two workers'
NETWORK=none run --bench-config "$config" --bench-session second -k plain -n 2
holds '1 passed'
if grep -q 'installing' "$scratch/log"; then wrong 'it was installed again'; fi

say 'by hand, with a wheel and a folder of benchmarks'
mkdir "$scratch/wheels"
podman run --rm -v "$repo:/source:ro" -v "$scratch/wheels:/wheels" old-release \
  pip wheel --quiet --no-deps --wheel-dir /wheels /source > "$scratch/log" 2>&1 || wrong 'the wheel'
wheel=$(compgen -G "$scratch/wheels/*.whl")
podman run --rm --shm-size 2g --stop-signal SIGINT --env CURATOR_BENCH_IN_CONTAINER=1 \
  -v "$scratch/wheels:/wheels:ro" -v "$repo/benchmarks/tools:/tools:ro" -v "$scratch/my benchmarks:/my/benchmarks:ro" \
  -v "$scratch/results:/my/results" -w /my \
  old-release sh /tools/in_image.sh /tmp/curator-bench "/wheels/${wheel##*/}" \
  pytest --bench-config=/my/benchmarks/mine.yaml --bench-session third -k plain > "$scratch/log" 2>&1 || wrong 'exit status'
holds '1 passed'

say 'an image without pip, from a directory of wheels, with no network'
podman run --rm -v "$scratch/wheels:/wheels" old-release pip download --quiet -d /wheels pip "/wheels/${wheel##*/}" > "$scratch/log" 2>&1 ||
  wrong 'the wheels'
printf 'FROM localhost/old-release\nRUN rm -rf /opt/venv/lib/python3*/site-packages/pip /usr/lib/python3*/ensurepip\n' > "$work/context/no_pip"
podman build --quiet --format docker --isolation chroot --tag no-pip -f "$work/context/no_pip" "$work/context"
NETWORK=none "$repo/benchmarks/tools/run.sh" --image no-pip --wheel "$scratch/wheels" --bench-config "$config" -k plain \
  > "$scratch/log" 2>&1 || wrong 'exit status'
holds '1 passed'

say 'all as it should be'
