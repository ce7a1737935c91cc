# tap: lan 02:16:3e:73:00:01
# tap: wan 02:16:3e:73:01:02
# listen: tcp 0.0.0.0 3128 squid
#
# Every kind of NAT: REDIRECT, NETMAP, ranges, several addresses to masquerade with, and a clash.
# connection: -p tcp -s 203.0.113.50 -d 198.51.100.2 --sport 55000 --dport 25 --dst-nat 10.0.0.25 --state ESTABLISHED -t 600 -u SEEN_REPLY,ASSURED
# connection: -p tcp -s 10.0.0.8 -d 203.0.113.10 --sport 40000 --dport 443 --src-nat 198.51.100.2:40000 --state ESTABLISHED -t 600 -u SEEN_REPLY,ASSURED
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set lan up
ip link set wan up
ip address add 10.0.0.1/24 dev lan
ip address add 10.0.0.2/24 dev lan
ip address add 192.0.2.2/24 dev wan
ip address add 198.51.100.2/24 dev wan
ip route add default via 198.51.100.1 dev wan
iptables-nft-restore <<'RULES'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i lan -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128
-A PREROUTING -i lan -p udp -m udp --dport 53 -j REDIRECT
-A PREROUTING -d 192.0.2.128/25 -i wan -j NETMAP --to 10.0.0.128/25
-A PREROUTING -d 198.51.100.2/32 -i wan -p tcp -m tcp --dport 8000:8010 -j DNAT --to-destination 10.0.0.20:9000-9010/8000
-A PREROUTING -d 198.51.100.2/32 -i wan -p tcp -m tcp --dport 25 -j DNAT --to-destination 10.0.0.25
-A PREROUTING -d 198.51.100.2/32 -i wan -p tcp -m tcp --dport 7000 -j DNAT --to-destination 10.0.0.30-10.0.0.33 --persistent
-A INPUT -i lan -p tcp -m tcp --dport 3128 -j SNAT --to-source 10.0.0.2
-A OUTPUT -o wan -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128
-A OUTPUT -d 192.0.2.128/25 -j NETMAP --to 10.0.0.128/25
-A POSTROUTING -s 10.0.0.128/25 -o wan -j NETMAP --to 192.0.2.128/25
-A POSTROUTING -s 10.0.0.9/32 -o wan -p udp -j SNAT --to-source 192.0.2.2:1024-1031
-A POSTROUTING -s 10.0.0.0/24 -o wan -j MASQUERADE
COMMIT
RULES
