#!/bin/sh
# `make check-xen`: what the hypervisor half answers against what real Xen does, both asked now. Debian's
# Xen is taken out of its package, not installed: that would change how this machine boots.
set -eu
cd "$(dirname "$0")/.."
scripts/deps.sh xen
package=xen-hypervisor-4.17-amd64
dir=build/xen
mkdir -p "$dir"
if [ ! -f "$dir/xen" ]; then
    # The lists may be missing or old where no package had to be installed.
    (cd "$dir" && { apt-get download "$package" || { apt-get update && apt-get download "$package"; }; } \
        >apt.log 2>&1) || {
        echo "check-xen: cannot get $package: see $dir/apt.log" >&2
        exit 1
    }
    dpkg-deb -x "$dir"/"$package"_*.deb "$dir/package"
    gunzip -c "$dir"/package/boot/xen-4.17-amd64.gz >"$dir/xen.new"
    mv "$dir/xen.new" "$dir/xen"
fi
exec tests/xen/run.py "$dir/xen" build/carillon build/images/scenario "$dir/out" "$@"
