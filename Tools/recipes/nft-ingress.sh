# tap: eth0 02:16:3e:7b:00:01
# tap: eth1 02:16:3e:7b:01:01
#
# A chain at ingress, which packets meet before the IP layer.
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
ip route add default via 192.0.2.254 dev eth0
nft -f - <<'RULES'
table netdev edge {
    chain in {
        type filter hook ingress device "eth0" priority 0; policy accept;
        ip saddr 203.0.113.66 drop
    }
}
table inet filter {
    chain forward {
        type filter hook forward priority filter; policy accept;
        tcp dport 23 drop
    }
}
RULES
