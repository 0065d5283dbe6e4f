# The image `curator_benchmarking`: NeMo Curator, this plugin and the shipped benchmarks (docs/containers.md).
#
#     benchmarks/tools/build_docker.sh
#
# or by hand: docker build --target curator_benchmarking -t curator_benchmarking .

# Any Debian or Ubuntu image whose python3 is 3.11 to 3.13: debian:12 and 13, ubuntu:24.04, or NVIDIA's for those.
ARG BASE_IMAGE=nvidia/cuda:12.9.1-base-ubuntu24.04

FROM ${BASE_IMAGE} AS base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# Versions of Debian's packages are those of the base, which has no others to pin to.
# hadolint ignore=DL3008
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git python3 python3-venv tini wget \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -c 'import sys; version = sys.version_info[:2]; (3, 11) <= version <= (3, 13) or sys.exit( \
        f"BASE_IMAGE has Python {version[0]}.{version[1]}, and 3.11 to 3.13 is needed: take debian:12 or ubuntu:24.04, or newer")'

FROM base AS environment
# hadolint ignore=DL3008
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install -y --no-install-recommends build-essential python3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# What builds the few packages that come as sources only; it stays in this stage.
COPY docker/build.lock docker/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv builder && builder/bin/pip install --require-hashes --no-deps -r docker/build.lock
# docker/requirements-cpu.lock is smaller by torch and CUDA's libraries.
ARG REQUIREMENTS=docker/requirements.lock
COPY ${REQUIREMENTS} requirements.lock
# pip writes byte code: without it, Ray's command line takes three times as long to start. The builder's packages are
# found through PYTHONPATH, and those that are in both locks installed all the same.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/venv \
    && PYTHONPATH="$(echo /build/builder/lib/python3*/site-packages)" \
       /opt/venv/bin/pip install --ignore-installed --require-hashes --no-deps --no-build-isolation -r requirements.lock

FROM environment AS plugin
COPY pyproject.toml README.md LICENSE ./
COPY pytest_curator_bench pytest_curator_bench
RUN builder/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir wheels .

FROM base AS curator_benchmarking
COPY --from=environment /opt/venv /opt/venv
# Any user may run it (`--user`), also one without a name: what they write to is open, and Ray asks for a name.
RUN useradd --uid 10001 --create-home bench \
    && mkdir -p /opt/Curator /opt/pytest-curator-bench/results \
    && chmod 1777 /home/bench /opt/pytest-curator-bench/results
# NeMo Curator's sources mounted on /opt/Curator, or this project's on its place here, come before what is installed.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/Curator:/opt/pytest-curator-bench \
    PYTHONUNBUFFERED=1 \
    PYTEST_ADDOPTS="-o cache_dir=/tmp/pytest-cache" \
    CURATOR_BENCH_IN_CONTAINER=1 \
    HOME=/home/bench USER=bench LOGNAME=bench
WORKDIR /opt/pytest-curator-bench
# Copied, not mounted: buildah would take a layer of its cache whatever is in a mount.
COPY --from=plugin /build/wheels /tmp/wheels
RUN pip install --no-index --no-deps --no-cache-dir /tmp/wheels/*.whl
COPY pyproject.toml conftest.py ./
COPY benchmarks benchmarks
# The benchmarks make their input on the first run, whoever the user is.
RUN mkdir -p benchmarks/data && chmod 1777 benchmarks/data
USER 10001
# One SIGINT ends the running entry cleanly and closes the session. tini passes it on, and reaps what scripts leave.
STOPSIGNAL SIGINT
ENTRYPOINT ["tini", "--", "pytest"]
