# tap: eth0 02:16:3e:7a:00:01
# tap: eth1 02:16:3e:7a:01:01
#
# Translations by native tables, in the manner of kube-proxy's nftables mode, beside one by iptables-nft.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.ipv6.conf.all.forwarding 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 192.0.2.2/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
ip address add 2001:db8::1/64 dev eth0 nodad
ip address add fd00::1/64 dev eth1 nodad
ip route add default via 192.0.2.254 dev eth0
iptables-nft-restore <<'RULES'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 3000 -j DNAT --to-destination 10.0.0.30:3000
-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.99
COMMIT
RULES
nft -f - <<'RULES'
table ip proxy {
    set ours {
        type ipv4_addr
        flags interval
        elements = { 10.0.0.0/24 }
    }
    map services {
        type ipv4_addr . inet_proto . inet_service : verdict
        elements = { 192.0.2.1 . tcp . 80 : goto service-web, 192.0.2.1 . tcp . 443 : goto service-one,
            192.0.2.1 . udp . 53 : goto service-dns }
    }
    map ports {
        type inet_service : ipv4_addr . inet_service
        elements = { 8080 : 10.0.0.40 . 80, 8443 : 10.0.0.41 . 443 }
    }
    chain prerouting {
        type nat hook prerouting priority dstnat - 5; policy accept;
        ip daddr . meta l4proto . th dport vmap @services
        ip daddr 192.0.2.2 dnat ip addr . port to tcp dport map @ports
        ip daddr 192.0.2.2 meta l4proto udp redirect to :5300-5399
        ip daddr 192.0.2.2 meta l4proto icmp dnat to 10.0.0.50
    }
    chain output {
        type nat hook output priority -100; policy accept;
        ip daddr . meta l4proto . th dport vmap @services
        meta l4proto tcp ip daddr 203.0.113.80 tcp dport 80 redirect to :8080
    }
    chain service-web {
        ip saddr @ours jump hairpin
        numgen random mod 3 vmap { 0 : goto endpoint-1, 1 : goto endpoint-2, 2 : goto endpoint-3 }
    }
    chain service-one {
        ip protocol tcp dnat to jhash ip saddr mod 2 seed 0x1234 map { 0 : 10.0.0.11, 1 : 10.0.0.12 }
    }
    chain service-dns {
        meta l4proto udp dnat to 10.0.0.53-10.0.0.54:5353
    }
    chain hairpin {
        meta mark set meta mark | 0x4000
    }
    chain endpoint-1 {
        meta l4proto tcp dnat to 10.0.0.11:8080
    }
    chain endpoint-2 {
        meta l4proto tcp dnat to 10.0.0.12:8080
    }
    chain endpoint-3 {
        meta l4proto tcp dnat to 10.0.0.13:8080
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        meta mark & 0x4000 == 0x4000 masquerade fully-random
        oifname "eth0" ip saddr 10.0.0.0/25 snat to 192.0.2.2
        oifname "eth0" ip saddr 10.0.0.128/25 snat ip prefix to ip saddr map { 10.0.0.128/25 : 192.0.2.128/25 }
    }
    chain after {
        # The nat step has been at 100, whatever the nat chains' own priorities are.
        type filter hook prerouting priority -99; policy accept;
        ct status dnat ip daddr 10.0.0.0/24 counter
        ct status & dnat == 0 ip daddr 192.0.2.0/24 counter
    }
}
table inet nat6 {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip6 daddr 2001:db8::1 tcp dport { 80, 443 } dnat ip6 to [fd00::11]:8080
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        meta nfproto ipv6 oifname "eth0" masquerade
    }
}
RULES
