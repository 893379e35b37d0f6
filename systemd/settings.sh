#!/bin/sh
# settings.sh FILE: the settings that a new box begins with. Its vehicle is nobody's until somebody says which it is, and
# the profile is one that comes with canlift.
exec sed -e 's/^vin = "[^"]*"\( *# \)/vin = ""                 \1to be filled in: /' \
  -e 's/^profile = "[^"]*"/profile = "obd2"                  /' "$1"
