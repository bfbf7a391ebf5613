#!/bin/sh
# Debian's Xen, taken out of its package and not installed: that would change how this machine boots.
# Prints where it is: build/xen/xen. Trouble is one line, and exit status 1.
set -eu
cd "$(dirname "$0")/.."
package=xen-hypervisor-4.17-amd64
dir=build/xen
mkdir -p "$dir"
if [ ! -f "$dir/xen" ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "no apt-get and dpkg-deb here: put Debian's $package, gunzipped, at $dir/xen" >&2
        exit 1
    fi
    # The lists may be missing or old where no package had to be installed.
    (cd "$dir" && { apt-get download "$package" || { apt-get update && apt-get download "$package"; }; } \
        >apt.log 2>&1) || {
        echo "cannot get $package: see $PWD/$dir/apt.log" >&2
        exit 1
    }
    dpkg-deb -x "$dir"/"$package"_*.deb "$dir/package"
    gunzip -c "$dir"/package/boot/xen-4.17-amd64.gz >"$dir/xen.new"
    mv "$dir/xen.new" "$dir/xen"
fi
echo "$dir/xen"
