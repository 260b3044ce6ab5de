#!/bin/busybox sh
# Finds the root and hands over to systemd: less than a distribution's own initrd does.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs -o mode=755 run /run
read -r up _ </proc/uptime
echo "@$up mark init" >/dev/ttyS1
while read -r module; do busybox insmod "$module"; done </modules
until [ -b /dev/vda ]; do busybox sleep 0.02; done
busybox mount -t ext4 /dev/vda /sysroot
read -r up _ </proc/uptime
echo "@$up mark root" >/dev/ttyS1
for place in proc sys dev run; do busybox mount -o move /$place /sysroot/$place; done
exec busybox switch_root /sysroot /usr/lib/systemd/systemd
