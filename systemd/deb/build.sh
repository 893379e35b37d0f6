#!/bin/sh
# build.sh ARCH FOLDER: the Debian package of the agent, for amd64 or arm64, into FOLDER.
#
# All libraries are in it, in /opt/canlift, so that a box needs no network to install it. That folder is a virtual
# environment with a site-packages for each version of Python that Debian has had since bookworm: whichever the box runs
# finds its own, also after an upgrade of Debian. What is the same for all of them is in the package once, as hard links.
#
# $PYTHON builds it (python3 by default; pip must be there), from the wheels that the package index has for ARCH.
set -eu
umask 022

arch=${1:?} out=${2:?}
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
pythons="3.11 3.12 3.13"

case $arch in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *)
    echo "build.sh: expected amd64 or arm64, found $arch" >&2
    exit 2
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
lib=$root/opt/canlift/lib
pip() { "$python" -m pip --disable-pip-version-check -q "$@"; }

pip wheel --no-deps -w "$work" "$source"
wheel=$(echo "$work"/canlift-*.whl)
version=$(basename "$wheel" | cut -d- -f2)

for each in $pythons; do
  pip install --no-compile --target "$lib/python$each/site-packages" --only-binary=:all: \
    --implementation cp --python-version "$each" \
    --platform "manylinux2014_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux_2_28_$machine" \
    --platform "manylinux_2_34_$machine" "${wheel}[agent]"
  rm -rf "$lib/python$each/site-packages/bin"
done
"$python" "$here/link_same.py" "$lib"/python*

# A virtual environment is this file and a link to the interpreter.
printf 'home = /usr/bin\ninclude-system-site-packages = false\n' > "$root/opt/canlift/pyvenv.cfg"
mkdir -p "$root/opt/canlift/bin" "$root/opt/canlift/share" "$root/usr/bin"
ln -s /usr/bin/python3 "$root/opt/canlift/bin/python3"
install -m 755 "$here/canlift-agent" "$root/opt/canlift/bin/canlift-agent"
ln -s /opt/canlift/bin/canlift-agent "$root/usr/bin/canlift-agent"
sh "$here/../settings.sh" "$source/config/agent.toml" > "$root/opt/canlift/share/agent.toml"

put() { install -D -m 644 "$1" "$root/$2"; }
put "$here/../canlift-agent.service" usr/lib/systemd/system/canlift-agent.service
put "$here/../canlift.sysusers" usr/lib/sysusers.d/canlift.conf
put "$here/../canlift.sysctl" usr/lib/sysctl.d/60-canlift.conf
put "$here/../network/80-can0.network" etc/systemd/network/80-can0.network
put "$source/LICENSE" usr/share/doc/canlift-agent/copyright
for page in vehicle profiles raspberry-pi served; do
  put "$source/docs/$page.md" "usr/share/doc/canlift-agent/$page.md"
done

mkdir -p "$root/DEBIAN"
installed=$(du -sk --exclude DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@INSTALLED@/$installed/" "$here/control" > "$root/DEBIAN/control"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$root/DEBIAN/$script"; done
install -m 644 "$here/conffiles" "$here/triggers" "$root/DEBIAN/"
(cd "$root" && find opt usr -type f -exec md5sum {} +) > "$root/DEBIAN/md5sums"

mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz -z2 --build "$root" "$out/canlift-agent_${version}_$arch.deb"
