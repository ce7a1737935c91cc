# tap: eth0 02:16:3e:71:00:02
# tap: eth1 02:16:3e:71:01:02
# tap: lan 02:16:3e:71:02:01
#
# Rules by source, mark, interface, TOS and ports; tables that throw, prohibit and blackhole.
. ./lib.sh
setting net.ipv4.ip_forward 1
for name in eth0 eth1 lan; do ip link set $name up; done
ip address add 192.0.2.2/24 dev eth0
ip address add 198.51.100.2/24 dev eth1
ip address add 10.0.0.1/16 dev lan
ip address add 10.0.1.1/24 dev lan
ip route add default via 192.0.2.1 dev eth0 metric 100
ip route add default via 198.51.100.1 dev eth1 metric 200
ip route add 203.0.113.0/24 via 192.0.2.3 dev eth0
ip route add 203.0.113.128/25 via 192.0.2.4 dev eth0 src 192.0.2.2
ip route add unreachable 203.0.113.99
ip route add prohibit 203.0.113.98
ip route add blackhole 203.0.113.97
ip route add default via 198.51.100.1 dev eth1 table 200
ip route add throw 203.0.113.0/24 table 200
ip route add prohibit default table 300
ip route add 203.0.113.0/24 dev eth1 table 400
ip route add prohibit 198.51.98.0/24 table 500
ip rule add pref 1000 from 10.0.1.0/24 lookup 200
ip rule add pref 1010 fwmark 0x10/0xf0 lookup 200
ip rule add pref 1020 iif lan to 198.18.0.0/15 lookup 300
ip rule add pref 1030 not from 10.0.0.0/8 iif lan lookup 500
ip rule add pref 1040 from all iif lan tos 0x08 lookup 400
ip rule add pref 1050 from 10.0.2.0/24 blackhole
ip rule add pref 32765 from all lookup main suppress_prefixlength 0
ip rule add pref 32800 from all unreachable
iptables-nft-restore <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i lan -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x10/0xf0
-A PREROUTING -i lan -p udp -m udp --dport 5060 -j TOS --set-tos 0x08/0xff
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -o eth0 -m comment --comment "by eth0" -j ACCEPT
-A FORWARD -o eth1 -m comment --comment "by eth1" -j ACCEPT
COMMIT
RULES
