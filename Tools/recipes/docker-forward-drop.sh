# tap: eth0 02:16:3e:01:00:0a
# tap: eth1 02:16:3e:08:00:01
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 0.0.0.0 8080 docker-proxy
# listen: tcp 127.0.0.1 5432 docker-proxy
#
# A machine that routed between two networks until Docker was installed on it. The layout is Docker 20 to 27's.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.bridge.bridge-nf-call-iptables 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.168.1.10/24 brd 192.168.1.255 dev eth0
ip address add 10.8.0.1/24 brd 10.8.0.255 dev eth1
ip route add default via 192.168.1.1 dev eth0
ip neigh replace 192.168.1.1 lladdr 02:16:3e:01:00:01 dev eth0 nud reachable
ip link add docker0 type bridge
ip link set docker0 address 02:42:c0:8c:3a:6a up
ip address add 172.17.0.1/16 brd 172.17.255.255 dev docker0
ip link add br-3f1c2a9b7d04 type bridge
ip link set br-3f1c2a9b7d04 address 02:42:60:a4:f6:c6 up
ip address add 172.18.0.1/16 brd 172.18.255.255 dev br-3f1c2a9b7d04
pod web veth680b85d d2:4f:34:7c:05:6c 172.17.0.2/16
pod db veth9f3814e 16:d9:be:ed:6b:a8 172.18.0.2/16
ip link set veth680b85d master docker0
ip link set veth9f3814e master br-3f1c2a9b7d04
ip neigh replace 172.17.0.2 lladdr 02:42:ac:11:00:02 dev docker0 nud reachable
ip neigh replace 172.18.0.2 lladdr 02:42:ac:12:00:02 dev br-3f1c2a9b7d04 nud reachable
iptables-nft-restore <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o br-3f1c2a9b7d04 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br-3f1c2a9b7d04 -j DOCKER
-A FORWARD -i br-3f1c2a9b7d04 ! -o br-3f1c2a9b7d04 -j ACCEPT
-A FORWARD -i br-3f1c2a9b7d04 -o br-3f1c2a9b7d04 -j ACCEPT
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 172.18.0.2/32 ! -i br-3f1c2a9b7d04 -o br-3f1c2a9b7d04 -p tcp -m tcp --dport 5432 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i br-3f1c2a9b7d04 ! -o br-3f1c2a9b7d04 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o br-3f1c2a9b7d04 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.18.0.0/16 ! -o br-3f1c2a9b7d04 -j MASQUERADE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 5432 -j MASQUERADE
-A DOCKER -i br-3f1c2a9b7d04 -j RETURN
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 ! -i br-3f1c2a9b7d04 -p tcp -m tcp --dport 5432 -j DNAT --to-destination 172.18.0.2:5432
COMMIT
RULES
