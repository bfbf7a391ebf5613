#!/bin/sh
# `make check-xen`: what both halves do against what real Xen does, asked now.
# usage: check-xen.sh [--slow] [--certify] [--seeds N] ... (tests/xen/run.py)
set -eu
cd "$(dirname "$0")/.."
scripts/deps.sh xen
scripts/xen-fetch.sh >/dev/null || exit 1
exec tests/xen/run.py build/carillon build/images build/xen/out "$@"
