#!/bin/sh
# What udhcpc calls with what a DHCP server says, in the initrd of a netboot set: enough to fetch the root. dhcpcd asks anew later.
case $1 in
deconfig)
  ip address flush dev "$interface"
  ip link set dev "$interface" up
  ;;
bound | renew)
  ip address add "$ip/${mask:-24}" dev "$interface"
  [ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
  for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
  ;;
esac
