# tap: eth0 0a:de:fe:51:08:f7
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 192.0.2.10 6443 kube-apiserver
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 9099 calico-node
# listen: tcp 0.0.0.0 32100 kube-proxy
#
# The node of calico-node.sh with Calico in nftables mode and kube-proxy in nftables mode.
. ./lib.sh
. ./calico-pods.sh

ip link add vxlan.calico type vxlan id 4096 local 192.0.2.10 dev eth0 srcport 0 0 dstport 4789 nolearning
ip link set vxlan.calico address 66:00:00:00:00:01 mtu 1450 up
ip address add 10.244.1.0/32 dev vxlan.calico
ip neigh replace 10.244.2.0 lladdr 66:00:00:00:00:02 dev vxlan.calico nud permanent
bridge fdb append 66:00:00:00:00:02 dev vxlan.calico dst 192.0.2.20 self permanent
ip route add 10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink
ip route add blackhole 10.244.1.0/26 proto 80
nft -f calico.nft
nft -f kube-proxy.nft
