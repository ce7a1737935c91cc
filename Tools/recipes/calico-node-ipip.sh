# tap: eth0 0a:de:fe:51:08:f7
# ipip: tunl0
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 0.0.0.0 179 bird
# listen: tcp 192.0.2.10 6443 kube-apiserver
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 9099 calico-node
#
# The node of calico-node.sh with IPIP and BGP instead of VXLAN.
. ./lib.sh
. ./calico-pods.sh

ip link set tunl0 mtu 1480 up
ip address add 10.244.1.0/32 dev tunl0
ip route add 10.244.2.0/24 via 192.0.2.20 dev tunl0 proto bird onlink
ip route add blackhole 10.244.1.0/26 proto bird
load calico-node-ipip
