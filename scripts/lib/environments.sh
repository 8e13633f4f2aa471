# The Python environments under .venvs, each exactly what its lock file says.
# Source common.sh, system.sh, tools.sh and python.sh first.
# shellcheck shell=bash

# shellcheck disable=SC2034 # read by the scripts that source this
readonly ENVIRONMENTS=(bridge component homeassistant oracles)

# Print the series of Python that an environment runs on.
python_series_of() {
    case $1 in
    oracles) echo 3.13 ;;
    *) echo 3.14 ;;
    esac
}

# Make one environment equal to its lock; at once if it is already. A work tree whose .venvs is a link borrows the
# environments of another checkout, and uses them as they are, with its own code.
setup_environment() {
    local name=$1
    if [ -L "$VENVS" ]; then
        [ -x "$VENVS/$name/bin/python" ] || die ".venvs is a link and holds no '$name': run scripts/setup where it leads"
        export PYTHONPATH=$PROJECT_ROOT
    elif ! environment_is_current "$name"; then
        with_lock "$name" make_environment "$name"
    fi
}

environment_is_current() {
    local folder=$VENVS/$1
    [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$(environment_digest "$1")" ]
}

# What an environment is made of. The folder counts, because an environment cannot be moved.
environment_digest() { { lock_digest "$1" && cat "$PROJECT_ROOT/pyproject.toml"; } | digest; }

lock_digest() {
    (cd "$PROJECT_ROOT" && { pwd && cat "requirements/$1.txt" requirements/build.txt scripts/lib/environments.sh; }) |
        digest
}

make_environment() {
    local name=$1 folder=$VENVS/$1
    if environment_is_current "$name"; then
        return # Another script made it while this one waited.
    fi
    find_uv
    rm -f "$folder/.stamp"
    if [ "$(cat "$folder/.locked" 2>/dev/null)" != "$(lock_digest "$name")" ]; then
        install_lock "$name" "$folder"
    fi
    if [ "$name" = bridge ]; then
        install_project "$folder"
    fi
    environment_digest "$name" >"$folder/.stamp"
}

# Byte code is compiled at once: Home Assistant and the dashboard start twice as fast with it, and not everybody
# lets Python write it later.
install_lock() {
    local name=$1 folder=$2
    use_python_series "$(python_series_of "$name")"
    rm -f "$folder/.locked"
    if ! is_suitable_python "$folder/bin/python" || [ "$(cat "$folder/.project" 2>/dev/null)" != "$PROJECT_ROOT" ]; then
        find_python
        "$UV" venv --quiet --clear --no-project --python "$PYTHON" "$folder"
        printf '%s\n' "$PROJECT_ROOT" >"$folder/.project"
    fi
    say "installing requirements/$name.txt into .venvs/$name"
    "$UV" pip sync --quiet --compile-bytecode --require-hashes --python "$folder" \
        --build-constraints "$PROJECT_ROOT/requirements/build.txt" "$PROJECT_ROOT/requirements/$name.txt"
    lock_digest "$name" >"$folder/.locked"
}

# The project itself, editable, with the build back end that the lock has pinned.
install_project() {
    "$UV" pip install --quiet --no-deps --no-build-isolation --python "$1" --editable "$PROJECT_ROOT"
}
