#!/usr/bin/env bash
# Makes .venv from requirements.lock with Python 3.11 to 3.13. Repeating it is quick and harmless.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "ChatSphere needs Python 3.11, 3.12 or 3.13. Install one, or name it: make PYTHON=/path/to/python" >&2
    exit 1
}

make_environment() {
    local python="$1"
    "$python" -m venv .venv 2>/dev/null && return
    rm -rf .venv
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$python" .venv && return
    fi
    # Debian keeps ensurepip in a package of its own; pip itself may be there all the same.
    if "$python" -m venv --without-pip .venv 2>/dev/null && "$python" -m pip --python .venv/bin/python install -q pip 2>/dev/null; then
        return
    fi
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null && "$python" -m venv .venv && return
    fi
    echo "A virtual environment cannot be made. Install the package python3-venv and try again." >&2
    exit 1
}

install_lock() {
    local uv
    uv=$(grep -m1 -oE '^uv==[^ ]+' requirements.lock)
    if [ -x .venv/bin/uv ] || command -v uv >/dev/null || .venv/bin/python -m pip install -q --disable-pip-version-check "$uv"; then
        local program=.venv/bin/uv
        [ -x "$program" ] || program=uv
        if "$program" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock &&
            "$program" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .; then
            return
        fi
        echo "uv could not install the lock; trying pip." >&2
    fi
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
}

stamp=.venv/installed
want=$(cat requirements.lock pyproject.toml tools/install.sh | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

python=$(find_python)
echo "Installing ChatSphere into .venv with $("$python" --version) …"
[ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || make_environment "$python"
install_lock
echo "$want" > "$stamp"
