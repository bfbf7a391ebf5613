#!/bin/sh
# `make check-xen`: what the hypervisor half answers against what real Xen does, both asked now.
# usage: check-xen.sh [--slow] [--certify] [--seeds N] ... (tests/xen/run.py)
set -eu
cd "$(dirname "$0")/.."
scripts/deps.sh xen
scripts/xen-fetch.sh >/dev/null || exit 1
exec tests/xen/run.py build/carillon build/images/scenario build/xen/out "$@"
