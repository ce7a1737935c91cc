# tap: eth0 02:16:3e:70:00:02
# tap: eth1 02:16:3e:70:01:02
#
# A host with two uplinks: what it sends itself is marked in OUTPUT and so takes another way.
. ./lib.sh
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.2/24 dev eth0
ip address add 198.51.100.2/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 table 100
ip rule add pref 100 fwmark 0x1 lookup 100
ip rule add pref 110 tos 0x10 lookup 100
iptables-nft-restore <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p tcp -m tcp --dport 443 -j MARK --set-xmark 0x1/0xffffffff
-A OUTPUT -p tcp -m tcp --dport 22 -j TOS --set-tos 0x10/0x3f
-A OUTPUT -o eth1 -p tcp -m tcp --dport 443 -m comment --comment "still sees the old interface" -j MARK --set-xmark 0x2/0xffffffff
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -d 203.0.113.80/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 198.51.100.80:8080
-A OUTPUT -d 203.0.113.53/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353
-A POSTROUTING -o eth1 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -o eth1 -m comment --comment "not met: -o is from before the routing was done again" -j DROP
-A OUTPUT -p tcp -m mark --mark 0x4 -m tcp --dport 8443 -j MARK --set-xmark 0x1/0xffffffff
-A OUTPUT -o eth0 -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-admin-prohibited
COMMIT
RULES
