#!/bin/bash
# PID 1 of the bed: a kernel with CAN, two virtual buses, then the command in $BED; its exit status goes to $BED/status.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
modules=/usr/lib/uml/modules/$(uname -r)/kernel
for module in net/can/can net/can/can-raw net/can/can-bcm net/can/can-gw net/can/j1939/can-j1939 drivers/net/can/dev/can-dev \
  drivers/net/can/vcan drivers/net/can/vxcan drivers/net/can/slcan/slcan; do
  insmod "$modules/$module.ko"
done
ip link set lo up
for bus in vcan0 vcan1; do
  ip link add "$bus" type vcan
  ip link set "$bus" mtu 72 up
done
bash "$BED/command"
echo $? > "$BED/status"
poweroff -f > /dev/null
