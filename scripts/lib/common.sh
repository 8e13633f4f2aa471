# Shared by every script: the project's root, messages, failure, help, and a lock between scripts.
# shellcheck shell=bash

PROJECT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENVS=$PROJECT_ROOT/.venvs
readonly PROJECT_ROOT VENVS
# What is installed is no secret, and a service of another user runs it.
umask 022

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Print the comment block at the top of the calling script, which is its help.
print_help() { sed -n '2,/^[^#]/ { /^#/ s/^# \{0,1\}//p; }' "$0"; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# Print one digest of everything on standard input.
digest() {
    if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# Run a function while no other script of this checkout runs one under the same name.
with_lock() {
    local name=$1
    shift
    mkdir -p "$VENVS"
    if ! have flock; then
        "$@"
        return
    fi
    (
        flock --nonblock 9 || {
            say "waiting for another script that sets up $name"
            flock 9
        }
        # The subshell must not let a program that it starts keep the lock.
        "$@" 9>&-
    ) 9>"$VENVS/$name.lock"
}
