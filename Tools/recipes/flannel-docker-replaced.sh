# tap: eth0 02:16:3e:0a:00:0b
# listen: tcp 0.0.0.0 22 sshd
# listen: tcp 127.0.0.1 10248 kubelet
# listen: tcp 0.0.0.0 10250 kubelet
# listen: tcp 127.0.0.1 10249 kube-proxy
# listen: tcp 0.0.0.0 31500 kube-proxy
# listen: tcp 0.0.0.0 3306 docker-proxy
#
# The node of flannel-docker.sh with Docker's rule taken out and the usual replacement put in its place.
POD_CHAINS=":my-chain1 - [0:0]
:my-chain2 - [0:0]"
POD_RULES="-A POSTROUTING -s 172.30.24.0/24 ! -o docker0 -j my-chain1
-A POSTROUTING -s 172.30.24.0/24 ! -o flannel.1 -j my-chain2
-A my-chain1 ! -o flannel.1 -j MASQUERADE
-A my-chain2 ! -o docker0 -j MASQUERADE"
. ./flannel-docker.sh
