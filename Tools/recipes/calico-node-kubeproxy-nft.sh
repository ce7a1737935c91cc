# tap: eth0 0a:de:fe:51:08:f7
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 192.0.2.10 6443 kube-apiserver
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 9099 calico-node
# listen: tcp 0.0.0.0 32100 kube-proxy
#
# The node of calico-node.sh with kube-proxy in nftables mode beside Calico's iptables.
. ./lib.sh
. ./calico-pods.sh

vxlan
load calico-node-kubeproxy-nft
nft -f kube-proxy.nft
