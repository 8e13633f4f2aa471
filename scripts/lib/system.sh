# Programs that come from the machine's own package manager. Source common.sh first.
# shellcheck shell=bash

# Print the path of the first of the named programs that exists; servers may be in folders of root's PATH only.
find_program() {
    local name path
    for name in "$@"; do
        if path=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$name"); then
            printf '%s\n' "$path"
            return
        fi
    done
    return 1
}

# The MQTT broker, the browser, the PostgreSQL server and Prometheus' tool that tests and demo use; nothing in the bridge
# needs them.
setup_system() {
    local missing=()
    find_program mosquitto >/dev/null || missing+=(mosquitto)
    find_program chromium chromium-browser google-chrome >/dev/null || missing+=(chromium)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || find_program initdb >/dev/null || missing+=(postgresql)
    find_program promtool >/dev/null || missing+=(promtool)
    if [ "${#missing[@]}" -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

# The interpreter that makes .venvs/tools; any version will do.
need_python_with_venv() {
    if ! { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }; then
        install_packages python3-venv
    fi
}

# Install Debian packages, or stop and name the command that does.
install_packages() {
    if ! have apt-get; then
        die "missing on this machine: $*. Install them with its package manager and run this again."
    elif ! is_root; then
        die "missing on this machine: $*. Run 'sudo apt-get install --yes $*' and then this again."
    fi
    say "installing $*"
    with_lock system apt_install "$@" || die "apt-get could not install $*; see .venvs/apt.log"
}

apt_install() {
    local options=(--yes --quiet -o DPkg::Lock::Timeout=300)
    {
        apt-get "${options[@]}" update &&
            DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" --no-install-recommends install "$@"
    } >"$VENVS/apt.log" 2>&1 </dev/null
}
