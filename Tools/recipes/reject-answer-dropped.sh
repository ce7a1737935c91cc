# tap: eth0 02:16:3e:76:00:01
# listen: tcp 0.0.0.0 22 sshd
#
# REJECT's own answer goes through OUTPUT: a firewall that is strict there turns "refused" into a timeout.
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set eth0 up
ip address add 192.0.2.2/24 dev eth0
ip address add 10.0.0.1/24 dev eth0
ip route add default via 192.0.2.1 dev eth0
iptables-nft-restore <<'RULES'
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT DROP [0:0]
:ANSWERS - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp -m tcp --dport 81 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-admin-prohibited
-A OUTPUT -m conntrack --ctstate ESTABLISHED -m comment --comment "RELATED was forgotten" -j ACCEPT
-A OUTPUT -p icmp -j ANSWERS
-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -m comment --comment "resets are let out" -j ACCEPT
-A ANSWERS -d 10.0.0.0/24 -p icmp -m icmp --icmp-type 3 -m comment --comment "only to the inside" -j ACCEPT
COMMIT
RULES
