#!/bin/busybox sh
# The smallest way from the kernel to the root: mounts, and no more of them than k3s needs.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs -o mode=755 run /run
read -r up _ </proc/uptime
echo "@$up mark init" >/dev/ttyS1
while read -r module; do busybox insmod "$module"; done </modules
until [ -b /dev/vda ]; do busybox sleep 0.02; done
busybox mount -t squashfs -o ro /dev/vda /sysroot
busybox mkdir -p /run/live /run/k3os-bench
busybox mount -t tmpfs -o mode=755,size=75% live /run/live
busybox mkdir /run/live/etc /run/live/work
busybox cp -a /sysroot/var /run/live/
busybox mount -t overlay -o lowerdir=/sysroot/etc,upperdir=/run/live/etc,workdir=/run/live/work etc /sysroot/etc
busybox mount -o bind /run/live/var /sysroot/var
busybox mount -t tmpfs tmp /sysroot/tmp
busybox cp /floor.sh /probe.sh /run/k3os-bench/
for place in proc sys dev run; do busybox mount -o move /$place /sysroot/$place; done
exec busybox switch_root /sysroot /run/k3os-bench/floor.sh
