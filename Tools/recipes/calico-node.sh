# tap: eth0 0a:de:fe:51:08:f7
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 192.0.2.10 6443 kube-apiserver
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 9099 calico-node
# listen: tcp 0.0.0.0 32100 kube-proxy
#
# A Calico node: four pods, another node behind vxlan.calico. Rules and sets are the folder's own, loaded again.
. ./lib.sh
. ./calico-pods.sh

vxlan
load calico-node
