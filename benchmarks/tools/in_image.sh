#!/bin/sh
# Installs pytest-curator-bench in a container of any image with Python 3.11 to 3.13, and runs it there.
#
#     in_image.sh DIRECTORY SOURCE [PROGRAM [ARGUMENT...]]
#
# SOURCE is a wheel, a checkout, or a directory of wheels (then no package index is asked); extras follow in brackets.
# It is installed into DIRECTORY unless it is there already. PROGRAM is pytest, curator-bench, or any other.
#
# Nothing of the image is changed or shadowed. The plugin, pytest and what they depend on have an environment of their
# own, DIRECTORY/harness. Benchmark scripts and Ray run in the image's Python, which sees DIRECTORY/package besides its
# own packages: the package pytest_curator_bench alone, which scripts can use without any other.
set -eu

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# Sets `python` to the image's interpreter.
find_python() {
  found=''
  for name in python python3 python3.13 python3.12 python3.11; do
    python=$(command -v "$name") || continue
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
    case $version in
      3.11 | 3.12 | 3.13) return 0 ;;
    esac
    found="$found, $name is $version"
  done
  fail "this image has no Python 3.11 to 3.13 on its PATH (${found#, }): take another image"
}

# install_with ARGUMENT...: install with what the image has: pip, uv, or the pip that comes with Python or SOURCE.
install_with() {
  if "$python" -m pip --version > /dev/null 2>&1; then
    "$python" -m pip --python "$own" install --quiet --no-cache-dir "$@"
  elif command -v uv > /dev/null; then
    uv pip install --python "$own" --quiet --no-cache --compile-bytecode "$@"
  elif "$own" -m ensurepip > /dev/null 2>&1; then
    "$own" -m pip install --quiet --no-cache-dir "$@"
  else
    for pip in "$path"/pip-*.whl; do
      [ ! -e "$pip" ] || { "$own" "$pip/pip" install --quiet "$@" && return 0; }
    done
    fail "this image has neither pip nor uv nor ensurepip: name a directory of wheels with pip's among them"
  fi
}

install() {
  path=${source%%\[*}
  extras=${source#"$path"}
  mkdir -p "$directory/package"
  "$python" -m venv --clear --without-pip "$directory/harness" || fail "$python can't make a virtual environment"
  # Settings of the image for its own packages.
  unset PYTHONPATH PYTHONHOME PIP_CONSTRAINT PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV UV_CONSTRAINT UV_OVERRIDE
  if [ -f "$path" ] || [ -f "$path/pyproject.toml" ]; then
    install_with "$source"
  elif [ -d "$path" ]; then
    install_with --no-index --find-links "$path" "pytest-curator-bench$extras"
  else
    fail "$path: there is no such wheel or directory"
  fi >&2 || fail "$source could not be installed (see above)"
  packages=$("$own" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  rm -rf "$directory/package/pytest_curator_bench"
  mv "$packages/pytest_curator_bench" "$directory/package/"
  # So that the plugin finds Ray and NeMo Curator, and records the image's packages: after its own.
  "$python" -c 'import os, site
for path in site.getsitepackages():
    if os.path.isdir(path):
        print(f"import site; site.addsitedir({path!r})")' > "$packages/image_packages.pth"
  : > "$directory/installed"
}

[ "$#" -ge 2 ] || fail 'expected DIRECTORY SOURCE [PROGRAM [ARGUMENT...]]'
directory=$1
source=$2
shift 2
own=$directory/harness/bin/python
find_python
[ -e "$directory/installed" ] || (install) # in a shell of its own, for what it unsets
[ "$#" -gt 0 ] || exit 0

program=$1
shift
CURATOR_BENCH_PYTHON=$python
# NeMo Curator's sources, where they are mounted, come before an installed NeMo Curator.
PYTHONPATH=$directory/package${CURATOR_REPO_DIR:+:$CURATOR_REPO_DIR}${PYTHONPATH:+:$PYTHONPATH}
export CURATOR_BENCH_PYTHON PYTHONPATH
case $program in
  pytest)
    # Plugins among the image's packages are made for another pytest. -p loads more.
    export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
    exec "$own" -P -m pytest -p curator_bench -p xdist -p timeout "$@"
    ;;
  curator-bench) exec "$own" -P -m pytest_curator_bench "$@" ;;
  *) exec "$program" "$@" ;;
esac
