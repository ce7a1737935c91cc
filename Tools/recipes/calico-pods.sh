# What the Calico nodes share: eth0, the pods, their sysctls. Sourced.
FOLDERS=../../Rulesets

# load FOLDER: the sets and the rules that the folder holds.
load() {
    ipset restore < "$FOLDERS/$1/ipset-save.txt"
    iptables-nft-restore < "$FOLDERS/$1/iptables-save.txt"
}

# vxlan: the tunnel to the other node, and the routes of the blocks.
vxlan() {
    ip link add vxlan.calico type vxlan id 4096 local 192.0.2.10 dev eth0 srcport 0 0 dstport 4789 nolearning
    ip link set vxlan.calico address 66:00:00:00:00:01 mtu 1450 up
    ip address add 10.244.1.0/32 dev vxlan.calico
    ip neigh replace 10.244.2.0 lladdr 66:00:00:00:00:02 dev vxlan.calico nud permanent
    bridge fdb append 66:00:00:00:00:02 dev vxlan.calico dst 192.0.2.20 self permanent
    ip route add 10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink
    ip route add blackhole 10.244.1.0/26 proto 80
}

setting net.ipv4.ip_forward 1
setting net.ipv4.conf.all.rp_filter 1
setting net.ipv4.conf.default.rp_filter 1
setting net.ipv4.conf.eth0.rp_filter 1
ip link set eth0 up
ip address add 192.0.2.10/24 dev eth0
ip route add default via 192.0.2.1 dev eth0
ip neigh replace 192.0.2.1 lladdr 0a:de:fe:51:08:01 dev eth0 nud reachable
ip neigh replace 192.0.2.20 lladdr 0a:de:fe:51:08:14 dev eth0 nud reachable
ip neigh replace 192.0.2.30 lladdr 0a:de:fe:51:08:1e dev eth0 nud reachable
ip route add 10.244.3.0/24 via 192.0.2.30 dev eth0 proto bird

number=0
for name in cali11111111111 cali12222222222 cali33333333333 cali44444444444; do
    number=$((number + 1))
    pod p$number $name ee:ee:ee:ee:ee:ee 10.244.1.$((number + 9))/32
    setting net.ipv4.conf.$name.rp_filter 1
    setting net.ipv4.conf.$name.route_localnet 1
    setting net.ipv4.conf.$name.proxy_arp 1
    setting net.ipv4.conf.$name.forwarding 1
    ip route add 10.244.1.$((number + 9)) dev $name scope link
    hardware=$(ip -n p$number -o link show eth0 | sed 's/.*ether \([^ ]*\).*/\1/')
    ip neigh replace 10.244.1.$((number + 9)) lladdr "$hardware" dev $name nud reachable
done
