#!/bin/sh
# The agent as a service of systemd, from a wheel, where there is no Debian package of it.
#
#   install.sh install WHEEL [--wheels FOLDER]   installs or upgrades; with the libraries' wheels in FOLDER, no network
#   install.sh uninstall [--purge]               keeps settings, journal and user; --purge takes settings and journal too
#
# Into /opt/canlift: a virtual environment for each time that it is installed, of which `bin` leads to the newest. So one
# that fails, whenever it does, leaves what was there before; and installing again is all that mends it. $PYTHON makes the
# environment, python3 unless it is said.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
opt=/opt/canlift
etc=/etc/canlift
settings=$etc/agent.toml
room_mb=150
unit=canlift-agent.service
unit_file=/etc/systemd/system/$unit
sysusers=/etc/sysusers.d/canlift.conf
sysctl=/etc/sysctl.d/60-canlift.conf
bus=/etc/systemd/network/80-can0.network
program=/usr/local/bin/canlift-agent
state=/var/lib/canlift

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}
words() {
  printf 'usage: install.sh install WHEEL [--wheels FOLDER]\n       install.sh uninstall [--purge]\n'
}
usage() {
  words >&2
  exit 2
}
explain() {
  words
  cat << EXPLAINED

The agent of canlift as a service of systemd, from a wheel; root types it.

  install WHEEL      installs it into $opt, or upgrades what is there and keeps settings and journal;
                     the settings of a new box are $settings
  --wheels FOLDER    takes the libraries' wheels from there, and nothing from a network
  uninstall          keeps settings, journal and the user canlift
  --purge            takes settings and journal too

PYTHON=… names another Python than python3; it has to be 3.11 or newer.
EXPLAINED
}
systemd_runs() { [ -d /run/systemd/system ]; }
put() { install -D -m 644 "$1" "$2.new" && mv "$2.new" "$2"; }

fit() {
  [ "$(id -u)" = 0 ] || fail "only root can install a service"
  for each in systemctl systemd-sysusers; do
    command -v $each > /dev/null || fail "$each is not there: this is for systems that run systemd"
  done
  [ "$(dpkg-query -W -f '${db:Status-Status}' canlift-agent 2> /dev/null || :)" != installed ] ||
    fail "the Debian package canlift-agent is installed: upgrade or remove that one (apt-get)"
}

fit_to_install() {
  python=${PYTHON:-python3}
  command -v "$python" > /dev/null ||
    fail "$python is not there: canlift needs Python 3.11 or newer (apt-get install python3)"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "canlift needs Python 3.11 or newer, this is $("$python" -V): name another one with PYTHON=…"
  "$python" -c 'import ensurepip, venv' 2> /dev/null ||
    fail "$python cannot make virtual environments (apt-get install python3-venv)"
  case $(basename "$wheel") in
    canlift-*.whl) ;;
    *) fail "$wheel: expected a wheel of canlift, canlift-<version>-py3-none-any.whl" ;;
  esac
  [ -f "$wheel" ] || fail "$wheel: is not there"
  [ -z "$wheels" ] || [ -d "$wheels" ] || fail "$wheels: no such folder"
}

fit_settings() {
  [ -d $etc ] || return 0
  [ -z "$(find $etc -maxdepth 0 -perm /o=rwx)" ] ||
    fail "$etc: everybody may look into it, and it holds secrets: chgrp canlift $etc; chmod 750 $etc"
  [ ! -e $settings ] || runuser -u canlift -- test -r $settings ||
    fail "$settings: the user canlift cannot read it: chgrp canlift $etc $settings; chmod 750 $etc; chmod 640 $settings"
}

make_environment() {
  new=
  trap 'rm -rf "$new"; rmdir $opt 2> /dev/null || :' EXIT
  mkdir -p $opt
  free=$(df -Pk $opt | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$free" -ge $room_mb ] || fail "$opt: $free MB are free there and $room_mb MB are needed; nothing was installed"
  new=$(mktemp -d $opt/environment.XXXXXX) || fail "$opt: nothing can be written there; nothing was installed"
  chmod 755 "$new"
  options=
  [ -z "$wheels" ] || options="--no-index --find-links=$wheels"
  # shellcheck disable=SC2086  # They are words.
  if ! { "$python" -m venv "$new" &&
    "$new/bin/python" -m pip --disable-pip-version-check install -q $options "${wheel}[agent]" &&
    "$new/bin/canlift-agent" check --model obd2 > /dev/null && sync; }; then
    fail "the installation failed, as said above; what was installed before still is"
  fi
}

put_the_rest() {
  put "$here/canlift.sysctl" $sysctl
  [ -e $bus ] || put "$here/network/80-can0.network" $bus
  [ -d $etc ] || install -d -m 750 -g canlift $etc
  # systemd makes it too, but a box is enrolled before its service first starts.
  install -d -m 700 -o canlift -g canlift $state
  if [ ! -e $settings ]; then
    sh "$here/settings.sh" "$here/../config/agent.toml" > $settings.new
    chgrp canlift $settings.new
    chmod 640 $settings.new
    mv $settings.new $settings
    fresh=yes
  fi
  put "$here/$unit" $unit_file
  first=
  if [ ! -e $opt/bin ]; then
    first=yes
    systemctl -q enable $unit
  fi
  ln -sfn "$new/bin" $opt/bin.new
  mv -T $opt/bin.new $opt/bin
  trap - EXIT
  ln -sfn $opt/bin/canlift-agent $program
}

start() {
  wrong=
  if systemd_runs; then
    /usr/lib/systemd/systemd-sysctl $sysctl || :
    systemctl daemon-reload
    if [ -z "$first" ]; then
      systemctl try-restart $unit || wrong=yes
    elif [ -z "$fresh" ]; then
      systemctl start $unit || wrong=yes
    fi
  fi
  for old in "$opt"/environment.*; do [ "$old" = "$new" ] || rm -rf "$old"; done
  [ -z "$wrong" ] || fail "it is installed, but does not start: journalctl -u canlift-agent says why"
  [ -z "$fresh" ] || say "say in $settings which vehicle this is, then: systemctl start canlift-agent"
}

install_it() {
  [ $# -ge 1 ] || usage
  wheel=$1 wheels='' fresh=''
  shift
  case $#,${1-} in
    0,) ;;
    2,--wheels) wheels=$2 ;;
    *) usage ;;
  esac
  fit
  fit_to_install
  put "$here/canlift.sysusers" $sysusers
  systemd-sysusers $sysusers
  fit_settings
  make_environment
  put_the_rest
  start
}

uninstall() {
  case $#,${1-} in
    0,) purge= ;;
    1,--purge) purge=yes ;;
    *) usage ;;
  esac
  fit
  if [ -e $unit_file ]; then
    if systemd_runs; then systemctl -q stop $unit; fi
    systemctl -q disable $unit
  fi
  rm -rf $opt $program $unit_file $sysusers $sysctl
  if systemd_runs; then systemctl daemon-reload; fi
  if [ -n "$purge" ]; then
    rm -f $bus
    # Where a disk is mounted there, its folder stays, and is empty.
    rm -rf $etc $state 2> /dev/null || :
    say "what is left of canlift: the user canlift (deluser canlift)"
  else
    say "what is left of canlift: $etc, $bus, $state and the user canlift;" \
      "uninstall --purge takes all but the user"
  fi
}

for word; do
  case $word in
    -h | --help)
      explain
      exit
      ;;
  esac
done
command=${1-}
[ $# -eq 0 ] || shift
case $command in
  install) install_it "$@" ;;
  uninstall) uninstall "$@" ;;
  *) usage ;;
esac
