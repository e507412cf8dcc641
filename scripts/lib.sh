# Shared by the other scripts: the checkout's own Python environment, made when it is missing or out of date.
# shellcheck shell=sh

cd "$(dirname "$0")/.." || exit 1
ROOT=$PWD

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

find_python() {
    for candidate in "${PYTHON:-}" python3.14 python3.13 python3.12 python3; do
        if [ -n "$candidate" ] && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    # pyenv keeps its versions out of PATH.
    home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" "$home/.pyenv" /opt/pyenv /usr/local/pyenv; do
        for candidate in "$root"/versions/3.1[2-9]*/bin/python; do
            if [ -x "$candidate" ] && new_enough "$candidate"; then
                printf '%s\n' "$candidate"
                return
            fi
        done
    done
    say "No Python 3.12 or newer was found. Install one (Debian: python3.12-venv; or pyenv install 3.13),"
    say "or name it: PYTHON=/path/to/python3.13 $0"
    exit 1
}

# The environment in .venv holds exactly what requirements.lock says.
setup() {
    stamp=$(cat requirements.lock pyproject.toml | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    python=$(find_python) || exit 1
    if ! new_enough .venv/bin/python; then
        rm -rf .venv
        say "Making .venv with $("$python" --version)"
        "$python" -m venv .venv || exit 1
    fi
    say "Installing what requirements.lock says (a minute or two)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock || {
        say "The packages could not be installed; is there a package index to reach?"
        exit 1
    }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . || exit 1
    printf '%s' "$stamp" >.venv/stamp
}

# need COMMAND PACKAGE: a program that a script cannot do without.
need() {
    if command -v "$1" >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Installing $2"
        { apt-get update && apt-get install --yes --no-install-recommends "$2"; } >/dev/null 2>&1
    fi
    command -v "$1" >/dev/null 2>&1 || {
        say "$1 is missing; install it (Debian: apt-get install $2) and run this again."
        exit 1
    }
}

# Go's checker of signed notes and trees, with which tests check the ledger's proofs a second time.
go_notes() {
    if [ ! -d /usr/share/gocode/src/golang.org/x/mod/sumdb/note ] && [ "$(id -u)" = 0 ]; then
        say "Installing golang-golang-x-mod-dev"
        { apt-get update && apt-get install --yes --no-install-recommends golang-golang-x-mod-dev; } >/dev/null 2>&1
    fi
    [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/note ] || {
        say "Go's x/mod is missing; install it (Debian: apt-get install golang-golang-x-mod-dev) and run this again."
        exit 1
    }
}

# The OpenID provider that tests use, in tests/idp/node_modules: exactly what its lock file says.
provider() {
    stamp=$(cat tests/idp/package.json tests/idp/package-lock.json | cksum)
    if [ "$(cat tests/idp/node_modules/.stamp 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    need node nodejs
    if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a < 20 || (a == 20 && b < 20) ? 1 : 0)'; then
        say "The tests' OpenID provider needs Node 20.20 or newer; this is $(node --version)."
        exit 1
    fi
    need npm npm
    # npm trusts what it brings; what this machine trusts is to count as well.
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f /etc/ssl/certs/ca-certificates.crt ]; then
        export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
    fi
    say "Installing the tests' OpenID provider"
    npm ci --prefix tests/idp --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || {
        say "It could not be installed; is there an npm registry to reach?"
        exit 1
    }
    printf '%s' "$stamp" >tests/idp/node_modules/.stamp
}

# What the benches compare with, in .bench: exactly what its lock file says, and only for them.
yardsticks() {
    stamp=$(cat scripts/benches/requirements.lock .venv/stamp | cksum)
    if [ "$(cat .bench/stamp 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    say "Installing what the benches compare with"
    rm -rf .bench
    # What they would bring besides is not used; nor do they say that they run on the newest Python.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --ignore-requires-python --target .bench -r scripts/benches/requirements.lock || {
        say "The packages could not be installed; is there a package index to reach?"
        exit 1
    }
    printf '%s' "$stamp" >.bench/stamp
}
