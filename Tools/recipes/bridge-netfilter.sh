# tap: port1 02:16:3e:75:00:01
# tap: port2 02:16:3e:75:00:02
# tap: uplink 02:16:3e:75:01:02
#
# Two ports of a bridge with bridge-nf-call-iptables=1: bridged frames pass the IP tables, and NAT.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.bridge.bridge-nf-call-iptables 1
ip link add br0 type bridge
ip link set br0 address 02:16:3e:75:00:00 up
ip link set port1 master br0 up
ip link set port2 master br0 up
ip link set uplink up
ip address add 10.0.0.1/24 dev br0
ip address add 192.0.2.2/24 dev uplink
ip route add default via 192.0.2.1 dev uplink
bridge fdb replace 02:16:3e:75:00:11 dev port1 master dynamic
bridge fdb replace 02:16:3e:75:00:12 dev port2 master dynamic
ip neigh replace 10.0.0.11 lladdr 02:16:3e:75:00:11 dev br0 nud reachable
ip neigh replace 10.0.0.12 lladdr 02:16:3e:75:00:12 dev br0 nud reachable
iptables-nft-restore <<'RULES'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.0.0.100/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.12:8080
-A POSTROUTING -s 10.0.0.0/24 ! -o br0 -j MASQUERADE
-A POSTROUTING -s 10.0.0.0/24 -o br0 -p udp -m udp --dport 53 -m physdev --physdev-is-bridged -j SNAT --to-source 10.0.0.1
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m physdev --physdev-is-bridged -m comment --comment "bridged"
-A FORWARD -m physdev --physdev-in port1 --physdev-out port2 -p tcp -m tcp --dport 22 -j DROP
-A FORWARD -m physdev --physdev-in port2 -p tcp -m tcp --dport 25 -j REJECT --reject-with tcp-reset
-A FORWARD -i br0 -o br0 -m comment --comment "the bridge's names, not the ports'" -j ACCEPT
-A FORWARD -i br0 -o uplink -m physdev --physdev-in port1 -j ACCEPT
-A FORWARD -i port1 -m comment --comment "never: -i is the bridge" -j DROP
COMMIT
RULES
