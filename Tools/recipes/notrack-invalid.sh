# tap: eth0 02:16:3e:74:00:01
# tap: eth1 02:16:3e:74:01:01
#
# The state of a first packet: NEW, INVALID by its flags, UNTRACKED by a rule; and what NAT does with each.
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
iptables-nft-restore <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack
-A PREROUTING -p tcp -m tcp --dport 9100 -j NOTRACK
-A OUTPUT -p udp -m udp --sport 53 -j CT --notrack
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.0.0.53
-A PREROUTING -d 192.0.2.1/32 -p tcp -j DNAT --to-destination 10.0.0.80
-A POSTROUTING -s 10.0.0.0/24 -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate UNTRACKED -m comment --comment "not tracked" -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -m comment --comment "makes no sense" -j DROP
-A FORWARD -m conntrack --ctstate INVALID -m comment --comment "makes no sense" -j DROP
-A FORWARD -m conntrack --ctstate UNTRACKED -m comment --comment "not tracked" -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -m comment --comment "translated" -j ACCEPT
-A FORWARD -m conntrack ! --ctstate NEW -m comment --comment "neither"
-A FORWARD -i eth1 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
RULES
