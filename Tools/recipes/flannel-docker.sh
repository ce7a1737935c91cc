# tap: eth0 02:16:3e:0a:00:0b
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 127.0.0.1 10248 kubelet
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 10249 kube-proxy
# listen: tcp 0.0.0.0 31500 kube-proxy
# listen: tcp 0.0.0.0 3306 docker-proxy
#
# A node of an older cluster: flannel (VXLAN) gives Docker its bridge, kube-proxy does the services.
. ./lib.sh

setting net.ipv4.ip_forward 1
setting net.ipv4.conf.all.rp_filter 1
setting net.ipv4.conf.default.rp_filter 1
setting net.bridge.bridge-nf-call-iptables 1
setting net.ipv4.conf.eth0.rp_filter 1

ip link set eth0 up
ip address add 192.168.10.11/24 brd 192.168.10.255 dev eth0
ip route add default via 192.168.10.1 dev eth0 proto static metric 100

ip link add flannel.1 type vxlan id 1 local 192.168.10.11 dev eth0 srcport 0 0 dstport 8472 nolearning
ip link set flannel.1 address 5e:d2:29:87:c1:18 mtu 1450 up
ip address add 172.30.24.0/32 dev flannel.1
ip neigh replace 172.30.25.0 lladdr 8a:11:53:0c:b7:f2 dev flannel.1 nud permanent
bridge fdb append 8a:11:53:0c:b7:f2 dev flannel.1 dst 192.168.10.12 self permanent
ip route add 172.30.25.0/24 via 172.30.25.0 dev flannel.1 onlink
ip neigh replace 172.30.40.0 lladdr 56:bc:75:d2:40:09 dev flannel.1 nud permanent
bridge fdb append 56:bc:75:d2:40:09 dev flannel.1 dst 192.168.10.13 self permanent
ip route add 172.30.40.0/24 via 172.30.40.0 dev flannel.1 onlink

ip link add docker0 type bridge
ip link set docker0 address 02:42:7a:5b:11:c4 mtu 1450 up
ip address add 172.30.24.1/24 brd 172.30.24.255 dev docker0
pod dns veth1f0c6aa 0e:5f:d5:1c:33:a1 172.30.24.3/24
pod mysql veth93c7a2e 0e:5f:d5:1c:33:a2 172.30.24.4/24
pod web vethb0449d1 0e:5f:d5:1c:33:a3 172.30.24.5/24
for port in veth1f0c6aa veth93c7a2e vethb0449d1; do
    ip link set $port mtu 1450 master docker0
    # As kubelet does it: a pod may reach itself by its service.
    bridge link set dev $port hairpin on
done
ip neigh replace 172.30.24.3 lladdr 02:42:ac:1e:18:03 dev docker0 nud reachable
ip neigh replace 172.30.24.4 lladdr 02:42:ac:1e:18:04 dev docker0 nud reachable
ip neigh replace 172.30.24.5 lladdr 02:42:ac:1e:18:05 dev docker0 nud reachable
ip neigh replace 192.168.10.1 lladdr 02:16:3e:0a:00:01 dev eth0 nud reachable
ip neigh replace 192.168.10.12 lladdr 02:16:3e:0a:00:0c dev eth0 nud reachable

# What flannel's `--ip-masq=true` makes Docker write; a fix is put in its place by flannel-docker-replaced.sh.
: "${POD_RULES:=-A POSTROUTING -s 172.30.24.0/24 ! -o docker0 -j MASQUERADE}"
: "${POD_CHAINS:=}"
iptables-nft-restore <<RULES
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION - [0:0]
:DOCKER-USER - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -j KUBE-FIREWALL
-A DOCKER -d 172.30.24.4/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 3306 -j ACCEPT
-A DOCKER-ISOLATION -j RETURN
-A DOCKER-USER -j RETURN
-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -s 172.30.0.0/16 -m comment --comment "kubernetes forwarding conntrack pod source rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-FORWARD -d 172.30.0.0/16 -m comment --comment "kubernetes forwarding conntrack pod destination rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-SERVICES -d 10.254.77.20/32 -p tcp -m comment --comment "default/reports:http has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-MARK-DROP - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-NPX46M4PTMTKRN6Y - [0:0]
:KUBE-SEP-FKILGDVKESVSEHEB - [0:0]
:KUBE-SVC-EM6TYMHOE4ZSTRV3 - [0:0]
:KUBE-SEP-SHJ4NIFNUIQNVRIK - [0:0]
:KUBE-SVC-76P6BOJ2YB4ZXCAA - [0:0]
:KUBE-SEP-HUORC2ETD2JNKG66 - [0:0]
:KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]
:KUBE-SEP-MG6KGVRTR62LFTUH - [0:0]
:KUBE-SEP-SQJ3VOCOAJBCRKS4 - [0:0]
$POD_CHAINS
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
$POD_RULES
-A POSTROUTING -s 172.30.24.4/32 -d 172.30.24.4/32 -p tcp -m tcp --dport 3306 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 3306 -j DNAT --to-destination 172.30.24.4:3306
-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODEPORTS -p tcp -m comment --comment "openstack/keystone:public" -m tcp --dport 31500 -j KUBE-MARK-MASQ
-A KUBE-NODEPORTS -p tcp -m comment --comment "openstack/keystone:public" -m tcp --dport 31500 -j KUBE-SVC-76P6BOJ2YB4ZXCAA
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -m mark --mark 0x4000/0x4000 -j MASQUERADE
-A KUBE-SERVICES ! -s 172.30.0.0/16 -d 10.254.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d 10.254.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
-A KUBE-SERVICES ! -s 172.30.0.0/16 -d 10.254.8.8/32 -p tcp -m comment --comment "default/mysql:mysql cluster IP" -m tcp --dport 3306 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d 10.254.8.8/32 -p tcp -m comment --comment "default/mysql:mysql cluster IP" -m tcp --dport 3306 -j KUBE-SVC-EM6TYMHOE4ZSTRV3
-A KUBE-SERVICES ! -s 172.30.0.0/16 -d 10.254.31.5/32 -p tcp -m comment --comment "openstack/keystone:public cluster IP" -m tcp --dport 5000 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d 10.254.31.5/32 -p tcp -m comment --comment "openstack/keystone:public cluster IP" -m tcp --dport 5000 -j KUBE-SVC-76P6BOJ2YB4ZXCAA
-A KUBE-SERVICES ! -s 172.30.0.0/16 -d 10.254.0.2/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d 10.254.0.2/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-NPX46M4PTMTKRN6Y -m comment --comment "default/kubernetes:https" -j KUBE-SEP-FKILGDVKESVSEHEB
-A KUBE-SEP-FKILGDVKESVSEHEB -s 192.168.10.10/32 -m comment --comment "default/kubernetes:https" -j KUBE-MARK-MASQ
-A KUBE-SEP-FKILGDVKESVSEHEB -p tcp -m comment --comment "default/kubernetes:https" -m tcp -j DNAT --to-destination 192.168.10.10:6443
-A KUBE-SVC-EM6TYMHOE4ZSTRV3 -m comment --comment "default/mysql:mysql" -j KUBE-SEP-SHJ4NIFNUIQNVRIK
-A KUBE-SEP-SHJ4NIFNUIQNVRIK -s 172.30.24.4/32 -m comment --comment "default/mysql:mysql" -j KUBE-MARK-MASQ
-A KUBE-SEP-SHJ4NIFNUIQNVRIK -p tcp -m comment --comment "default/mysql:mysql" -m tcp -j DNAT --to-destination 172.30.24.4:3306
-A KUBE-SVC-76P6BOJ2YB4ZXCAA -m comment --comment "openstack/keystone:public" -j KUBE-SEP-HUORC2ETD2JNKG66
-A KUBE-SEP-HUORC2ETD2JNKG66 -s 172.30.25.7/32 -m comment --comment "openstack/keystone:public" -j KUBE-MARK-MASQ
-A KUBE-SEP-HUORC2ETD2JNKG66 -p tcp -m comment --comment "openstack/keystone:public" -m tcp -j DNAT --to-destination 172.30.25.7:5000
-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-MG6KGVRTR62LFTUH
-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns" -j KUBE-SEP-SQJ3VOCOAJBCRKS4
-A KUBE-SEP-MG6KGVRTR62LFTUH -s 172.30.24.3/32 -m comment --comment "kube-system/kube-dns:dns" -j KUBE-MARK-MASQ
-A KUBE-SEP-MG6KGVRTR62LFTUH -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination 172.30.24.3:53
-A KUBE-SEP-SQJ3VOCOAJBCRKS4 -s 172.30.25.3/32 -m comment --comment "kube-system/kube-dns:dns" -j KUBE-MARK-MASQ
-A KUBE-SEP-SQJ3VOCOAJBCRKS4 -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination 172.30.25.3:53
COMMIT
RULES
