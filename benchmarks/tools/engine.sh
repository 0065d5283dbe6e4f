# shellcheck shell=bash
# What build_docker.sh and run.sh share; it is read by them, not run.

# shellcheck disable=SC2034 # they use these
IMAGE_NAME=curator_benchmarking

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# need_value OPTION [VALUE...]: the command line from an option on must have its value.
need_value() {
  [ "$#" -ge 2 ] || fail "$1 needs a value (--help tells more)"
}

# Sets `engine`: what CONTAINER_ENGINE says, else docker or podman, whichever is there; and `kind`, which of the two it
# really is: `docker` may be podman under another name.
find_engine() {
  if [ -n "${CONTAINER_ENGINE:-}" ]; then
    engine=$CONTAINER_ENGINE
    command -v -- "$engine" > /dev/null || fail "CONTAINER_ENGINE=$engine: there is no such command; install it, or name another"
  elif command -v docker > /dev/null; then
    engine=docker
  elif command -v podman > /dev/null; then
    engine=podman
  else
    fail "neither docker nor podman is installed: install one, or name one like them in CONTAINER_ENGINE"
  fi
  case $("$engine" --version 2> /dev/null < /dev/null || true) in
    [Pp]odman*) kind=podman ;;
    [Dd]ocker*) kind=docker ;;
    *) fail "CONTAINER_ENGINE=$engine: only docker and podman are known" ;;
  esac
}

# Prints words so that a shell reads the same words from it.
print_command() {
  local line
  printf -v line ' %q' "$@"
  printf '%s\n' "${line:1}"
}
