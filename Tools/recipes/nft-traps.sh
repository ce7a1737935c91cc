# tap: eth0 02:16:3e:79:00:01
# tap: eth1 02:16:3e:79:01:01
#
# Native tables only, with what is easily read otherwise than the kernel means it.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.ipv6.conf.all.forwarding 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
ip address add 2001:db8::1/64 dev eth0 nodad
ip address add fd00::1/64 dev eth1 nodad
ip route add default via 192.0.2.254 dev eth0
nft -f - <<'RULES'
table inet filter {
    set blocked {
        type ipv4_addr
        flags interval
        auto-merge
        elements = { 198.51.100.0/25, 198.51.100.128/25, 203.0.113.7 }
    }
    set services {
        type ifname . inet_proto . inet_service
        elements = { "eth0" . tcp . 22, "eth0" . udp . 53, "eth1" . tcp . 8080 }
    }
    set seen {
        type ipv4_addr
        size 1024
        flags dynamic,timeout
        timeout 10m
    }
    map marks {
        type inet_service : mark
        flags interval
        elements = { 80 : 0x00000050, 443 : 0x000001bb, 8000-8999 : 0x00001f40 }
    }
    map verdicts {
        type ipv4_addr . inet_service : verdict
        flags interval
        elements = { 192.0.2.0/24 . 1000-1999 : goto web, 192.0.2.9 . 2000 : continue, 192.0.2.9 . 2001 : drop }
    }
    chain raw {
        type filter hook prerouting priority raw; policy accept;
        udp dport 123 notrack
        # Before conntrack every packet is invalid, and a mark of its connection can't be set.
        tcp dport 81 ct state invalid ct mark set 0x1 meta mark set 0x81
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        # It marks every packet, also those that the rule then does not match.
        meta mark set tcp dport map @marks ip saddr @blocked drop
        # Untracked is not new: this holds for it.
        ct state != new udp dport 123 accept
        # Any bit, the whole word, no bit.
        tcp flags syn tcp flags == syn | ack drop
        tcp flags ! ack,syn,rst,fin drop
        ct state vmap { established : accept, related : accept, invalid : jump invalid }
        ip saddr . tcp dport vmap @verdicts
        iifname . meta l4proto . th dport @services add @seen { ip saddr } accept
        ip saddr @seen reject with tcp reset
        meta mark 0x1bb accept
        ip6 nexthdr icmpv6 accept
        udp dport 7 reject
        udp dport 9 reject with icmpx type admin-prohibited
        udp dport 11 limit rate over 10/second drop
        udp dport 11 accept
        udp dport { 20-29 } jump deep
        meta nfproto ipv6 tcp dport != 22 accept
    }
    chain invalid {
        tcp flags rst return
        counter drop
    }
    chain web {
        tcp dport 1080 accept
    }
    chain deep {
        udp dport 20 return
        udp dport vmap { 21 : accept, 22-25 : goto deeper }
        accept
    }
    chain deeper {
        udp dport 22 return
        udp dport 23 reject with icmp type host-unreachable
        accept
    }
}
table ip late {
    # Accept above ends the chain of table filter, and not this.
    chain forward {
        type filter hook forward priority filter + 5; policy accept;
        ip daddr 10.0.0.66 drop
        fib saddr . iif oif missing drop
        iif "eth1" oifname "eth0" ip ttl 63 meta mark set meta mark | 0x10000
    }
}
table ip6 early {
    chain forward {
        type filter hook forward priority filter - 5; policy accept;
        ip6 daddr fd00::66 drop
    }
}
table ip asleep {
    flags dormant
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
}
RULES
