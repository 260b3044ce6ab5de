#!/bin/sh
# udhcpc calls this with the answer of a DHCP server, in the initrd of a netboot set. It sets what fetching the root
# needs. dhcpcd asks again later.
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
