#!/usr/bin/env bash
# Usage: build.sh [DIRECTORY]
#
# Makes the double of Engram 0.1.0 one file, as the program is one: DIRECTORY/engram (default: target/released).
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
to=${1:-$here/../../target/released}
mkdir -p -- "$to"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp -- "$here"/engram/*.py "$work/"
# With its bytecode: the interpreter does not keep that of an archive, and the program is started often.
# Of its own time only is it taken for the source's; so both get the same.
touch -d @1000000000 -- "$work"/*.py
python3 -m compileall -q -b "$work"
python3 -m zipapp "$work" -p /usr/bin/python3 -o "$to/.engram.$$"
mv -f -- "$to/.engram.$$" "$to/engram"
