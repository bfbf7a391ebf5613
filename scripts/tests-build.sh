#!/bin/sh
# The build directory with its tests, whether it is there already or not.
set -eu
cd "$(dirname "$0")/.."
if [ -f build/build.ninja ]; then
    meson setup --reconfigure build -Dtests=true >/dev/null
else
    meson setup build >/dev/null
fi
exec ninja -C build --quiet
