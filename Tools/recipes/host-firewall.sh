# tap: eth0 02:16:3e:14:00:0b
# ipip: tunl0
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 0.0.0.0 179 bird
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 9099 calico-node
#
# A node of a Calico cluster (IPIP, node-to-node mesh) behind a firewall that its operator wrote for a plain server.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.ipv4.conf.all.rp_filter 2
setting net.ipv4.conf.default.rp_filter 2
ip link set eth0 up
ip address add 10.20.0.11/24 brd 10.20.0.255 dev eth0
ip route add default via 10.20.0.1 dev eth0
for node in 12 13; do
    ip neigh replace 10.20.0.$node lladdr 02:16:3e:14:00:0${node#1} dev eth0 nud reachable
done
ip neigh replace 10.20.0.1 lladdr 02:16:3e:14:00:01 dev eth0 nud reachable

pod web cali0e35a9c7d11 ee:ee:ee:ee:ee:ee 10.42.7.5/32
ip route add 10.42.7.5 dev cali0e35a9c7d11 scope link
ip neigh replace 10.42.7.5 lladdr 02:42:0a:2a:07:05 dev cali0e35a9c7d11 nud reachable
ip link set tunl0 mtu 1480 up
ip address add 10.42.7.0/32 dev tunl0
ip route add blackhole 10.42.7.0/26 proto bird
# The route to 10.20.0.13's block came before the firewall did; 10.20.0.12's never arrived.
ip route add 10.42.9.64/26 via 10.20.0.13 dev tunl0 proto bird onlink

ipset create nodes hash:ip
for node in 10.20.0.11 10.20.0.12 10.20.0.13; do ipset add nodes $node; done
ipset create admins hash:net
ipset add admins 10.99.0.0/24
ipset add admins 10.99.0.66 nomatch
iptables-nft-restore <<'RULES'
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:LOGDROP - [0:0]
:NODES - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 10/sec --limit-burst 20 -j ACCEPT
-A INPUT -p tcp -m set --match-set admins src -m tcp --dport 22 -j ACCEPT
-A INPUT -i eth0 -m set --match-set nodes src -j NODES
-A INPUT -i cali+ -p tcp -m tcp --dport 10250 -j ACCEPT
-A INPUT -j LOGDROP
-A LOGDROP -m limit --limit 5/min --limit-burst 10 -j LOG --log-prefix "fw drop: " --log-level 4
-A LOGDROP -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset
-A LOGDROP -j DROP
-A NODES -p tcp -m multiport --dports 2379,2380,6443,10250,10256 -j ACCEPT
-A NODES -p udp -m udp --dport 8472 -j ACCEPT
COMMIT
RULES
