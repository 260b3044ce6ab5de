#!/usr/bin/busybox sh
# The smallest process 1 that k3s runs below: what the kernel needs to be told, an address, and k3s, unsupervised.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
read -r up _ </proc/uptime
echo "@$up mark root" >/dev/ttyS1
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --make-rshared /
modprobe -a virtio_net overlay br_netfilter
sysctl -q -p /etc/sysctl.d/50-k3os.conf >/dev/null 2>&1
hostname floor
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo nameserver 10.0.2.3 >/etc/resolv.conf
mkdir -p /var/lib/rancher/k3s/agent
ln -s /usr/share/k3os/images /var/lib/rancher/k3s/agent/images
sh /run/k3os-bench/probe.sh /dev/ttyS1 &
ulimit -n 1048576
k3s server >/run/k3os-bench/k3s.log 2>&1 &
wait $!
echo "k3s ended with status $?"
tail -n 60 /run/k3os-bench/k3s.log
poweroff -f
