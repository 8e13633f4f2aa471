# The Python environments under .venvs, each exactly what its lock file says.
# Source common.sh, system.sh, tools.sh and python.sh first.
# shellcheck shell=bash

# shellcheck disable=SC2034 # read by the scripts that source this
readonly ENVIRONMENTS=(bridge component homeassistant)

# Make one environment equal to its lock; at once if it is already.
setup_environment() {
    local name=$1
    if ! environment_is_current "$name"; then
        with_lock "$name" make_environment "$name"
    fi
}

environment_is_current() {
    local folder=$VENVS/$1
    [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$(environment_digest "$1")" ] && [ -x "$folder/bin/python" ]
}

# What an environment is made of. The folder counts, because an environment cannot be moved.
environment_digest() {
    local inputs=("requirements/$1.txt" requirements/build.txt)
    if [ "$1" = bridge ]; then
        inputs+=(pyproject.toml)
    fi
    (cd "$PROJECT_ROOT" && { pwd && cat "${inputs[@]}"; } | digest)
}

make_environment() {
    local name=$1 folder=$VENVS/$1
    if environment_is_current "$name"; then
        return # Another script made it while this one waited.
    fi
    find_uv
    if ! is_suitable_python "$folder/bin/python" || [ "$(cat "$folder/.project" 2>/dev/null)" != "$PROJECT_ROOT" ]; then
        find_python
        "$UV" venv --quiet --clear --no-project --python "$PYTHON" "$folder"
        printf '%s\n' "$PROJECT_ROOT" >"$folder/.project"
    fi
    say "installing requirements/$name.txt into .venvs/$name"
    rm -f "$folder/.stamp"
    (
        cd "$PROJECT_ROOT" || exit
        "$UV" pip sync --quiet --require-hashes --build-constraints requirements/build.txt \
            --python "$folder" "requirements/$name.txt"
        if [ "$name" = bridge ]; then
            "$UV" pip install --quiet --no-deps --no-build-isolation --python "$folder" --editable .
        fi
    )
    environment_digest "$name" >"$folder/.stamp"
}
