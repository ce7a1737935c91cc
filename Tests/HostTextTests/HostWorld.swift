/// A host with something of everything that the kernel at hand can make, as commands for a shell in a namespace of its
/// own. What a kernel may lack is tried only.
let hostWorld = """
    set -e
    ip link set lo up
    for n in 0 1 2; do ip link add v$n type veth peer name p$n; done
    ip link add br0 type bridge
    ip link set p0 master br0
    ip link set p0 type bridge_slave hairpin on
    ip link set p1 master br0
    for l in v0 p0 v1 p1 br0 v2; do ip link set $l addrgenmode none; ip link set $l up; done
    ip tuntap add t0 mode tap
    ip tuntap add t1 mode tun
    ip link add vx0 type vxlan id 4096 local 192.0.2.1 dstport 4789 dev v0 nolearning
    ip link add vx1 type vxlan id 7 remote 192.0.2.9 dstport 8472
    ip link add vx2 type vxlan id 8 group 239.1.1.1 dev v0 dstport 4789
    ip link add vx6 type vxlan id 9 local 2001:db8::1 remote 2001:db8::2 dstport 4789
    ip link add mv0 link v0 type macvlan mode bridge
    ip link add ifb7 type ifb
    ip link set mv0 group 7
    ip link set mv0 mtu 1400
    for l in vx0 vx1 vx6 t0 t1; do ip link set $l addrgenmode none; ip link set $l up; done
    ip addr add 192.0.2.1/24 brd + dev v0
    ip addr add 192.0.2.5/24 dev v0
    ip addr add 10.9.0.1 peer 10.9.0.2/32 dev v1
    ip addr add 10.8.0.1/24 metric 77 dev v1 scope link
    ip addr add 2001:db8::1/64 dev v0 nodad
    ip addr add 2001:db8:1::1/64 dev v1 nodad preferred_lft 0 valid_lft 50000
    ip addr add 2001:db8:2::1 peer 2001:db8:2::2/128 dev v1 nodad
    ip addr add 198.51.100.1/32 dev lo
    ip route add default via 192.0.2.254 dev v0
    ip route add 10.1.0.0/16 via 192.0.2.254 metric 50 src 192.0.2.5 proto static
    ip route add 10.2.0.0/16 nexthop via 192.0.2.253 dev v0 weight 3 nexthop dev v1
    ip route add 10.3.0.0/16 dev v1 scope link mtu lock 1300 advmss 1200 window 5000 hoplimit 9 initcwnd 4
    ip route add 10.3.1.0/24 dev v1 mtu 1350
    ip route add 10.4.0.0/16 via inet6 fe80::1 dev v0
    ip route add blackhole 10.5.0.0/16
    ip route add unreachable 10.6.0.0/16 metric 9
    ip route add prohibit 10.7.0.0/16 table 77
    ip route add throw 10.7.1.0/24 table 77
    ip route add 10.10.0.0/16 via 192.0.2.7 table 1000 realm 3/5
    ip route add 10.11.0.0/16 via 192.0.2.7 realm 6
    ip route add 10.12.0.0/16 tos 0x10 via 192.0.2.8
    ip route add 10.13.0.0/16 via 203.0.113.1 dev v0 onlink
    ip route add 10.14.0.0/16 nexthop via 192.0.2.3 realm 8 nexthop via 203.0.113.2 dev v0 onlink weight 255
    ip route add 10.15.0.0/24 dev v2
    ip route add multicast 239.0.0.0/8 dev v0 table 50
    ip route add local 10.16.0.0/24 dev lo
    ip route add broadcast 10.17.0.255 dev v0
    ip route add 10.18.0.1 dev v1 proto bird
    ip route add 10.19.0.0/16 encap ip id 5 dst 10.0.0.8 dev v0 || true
    ip nexthop add id 1 via 192.0.2.40 dev v0
    ip nexthop add id 2 dev v1
    ip nexthop add id 3 blackhole
    ip nexthop add id 4 via fe80::40 dev v0
    ip nexthop add id 15 via 192.0.2.41 dev v0
    ip nexthop add id 10 group 1,5/15,3
    ip nexthop add id 6 via 203.0.113.42 dev v0 onlink
    ip route add 10.20.0.0/16 nhid 1
    ip route add 10.21.0.0/16 nhid 10
    ip route add 10.22.0.0/16 nhid 3
    ip route add 10.23.0.0/16 nhid 4
    ip -6 route add 2001:db8:23::/64 nhid 4
    ip -6 route add default via fe80::9 dev v0 metric 512
    ip -6 route add 2001:db8:10::/64 nexthop via fe80::a dev v0 weight 2 nexthop via fe80::b dev v1
    ip -6 route add 2001:db8:11::/64 from 2001:db8:1::/64 via fe80::c dev v0 || true
    ip -6 route add unreachable 2001:db8:12::/64
    ip -6 route add blackhole 2001:db8:13::/64 table 77
    ip -6 route add prohibit 2001:db8:14::/64 metric 3
    ip -6 route add 2001:db8:15::/64 dev v1 mtu 1300 expires 90000 pref high
    ip -6 route add 2001:db8:16::1 via fe80::d dev v0 pref low src 2001:db8::1
    ip -6 route add local 2001:db8:17::/64 dev lo
    ip rule add from 10.0.0.0/8 to 10.1.0.1 iif v0 lookup 77 priority 100
    ip rule add not fwmark 0x10/0xf0 lookup 1000 priority 101
    ip rule add fwmark 0x5 oif v1 blackhole priority 102
    ip rule add tos 0x10 ipproto tcp dport 80-90 sport 7 prohibit priority 103
    ip rule add uidrange 0-1000 goto 105 priority 104
    ip rule add nop priority 105
    ip rule add iif nosuch lookup main suppress_prefixlength 0 priority 106
    ip rule add from 192.0.2.1 lookup 77 realms 3/4 priority 107
    ip rule add goto 40000 priority 108
    ip rule add unreachable to 203.0.113.0/24 ipproto 89 priority 109 protocol bird
    ip rule add l3mdev priority 1000 || true
    ip -6 rule add from 2001:db8::/32 lookup 77 priority 100
    ip -6 rule add fwmark 7 to 2001:db8::5 dport 53 unreachable priority 101
    ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:99 dev v0
    ip neigh add 192.0.2.253 lladdr 02:00:00:00:00:98 dev v0 nud stale
    ip neigh add fe80::9 lladdr 02:00:00:00:00:97 dev v0 nud reachable router
    ip neigh add 192.0.2.252 lladdr 02:00:00:00:00:96 dev v0 nud noarp
    ip neigh add 192.0.2.251 dev v0 nud failed
    ip neigh add proxy 192.0.2.250 dev v0
    bridge fdb add 02:11:22:33:44:55 dev vx0 dst 203.0.113.9 self permanent
    bridge fdb append 00:00:00:00:00:00 dev vx0 dst 203.0.113.10 port 4790 vni 44 self
    bridge fdb add 02:11:22:33:44:66 dev p0 master static
    bridge fdb add 02:11:22:33:44:77 dev vx6 dst 2001:db8::77 self

    """

/// A set of each type, with elements of each form. A kernel without the type refuses the set and its elements.
let setWorld = """
    create s1 hash:ip timeout 30000 counters comment skbinfo
    add s1 10.0.0.1 timeout 0 comment "hello there" skbmark 0x10/0xff skbprio 1:2 skbqueue 7
    add s1 10.0.0.2
    create s2 hash:ip netmask 24 maxelem 100
    add s2 10.5.6.7
    create s3 hash:net family inet6
    add s3 2001:db8::/32
    add s3 2001:db8::1 nomatch
    create s4 hash:ip,port counters
    add s4 10.0.0.1,tcp:80
    add s4 10.0.0.1,icmp:echo-request
    add s4 10.0.0.1,sctp:5
    add s4 10.0.0.1,vrrp:0
    create s46 hash:ip,port family inet6
    add s46 2001:db8::1,icmpv6:ping
    create s5 hash:ip,port,ip
    add s5 10.0.0.1,udp:53,10.0.0.2
    create s6 hash:ip,port,net
    add s6 10.0.0.1,udp:53,10.0.1.0/24
    create s7 hash:net,port
    add s7 10.0.0.0/8,80
    create s8 hash:net,iface
    add s8 10.0.0.0/8,v0
    add s8 10.1.0.0/16,physdev:p0
    add s8 10.2.0.0/16,v nomatch wildcard
    create s9 bitmap:ip range 10.0.0.0/24 netmask 28
    add s9 10.0.0.17
    create s10 bitmap:ip,mac range 10.0.0.0/24 timeout 50000
    add s10 10.0.0.1,02:00:00:00:00:01
    add s10 10.0.0.2
    create s11 bitmap:port range 10-200
    add s11 20-22
    create s12 list:set size 16
    add s12 s1
    add s12 s2
    create s13 hash:mac
    add s13 02:00:00:00:00:01
    create s14 hash:ip,mac
    add s14 10.0.0.1,02:00:00:00:00:01
    create s15 hash:ip,mark markmask 0xff
    add s15 10.0.0.1,0x1234
    create s16 hash:net,net
    add s16 10.0.0.0/8,10.1.0.0/16
    create s17 hash:net,port,net
    add s17 10.0.0.0/8,tcp:80,10.1.0.0/16
    """

/// Connections as conntrack makes them.
let connectionWorld = [
    "-p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 80 --state ESTABLISHED -u ASSURED,SEEN_REPLY --mark 7",
    "-p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 81 --state SYN_SENT",
    "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1001 --dport 53 -g 10.9.0.9",
    "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1002 --dport 53 -n 10.9.0.8",
    "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1003 --dport 53 -w 9",
    "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1004 --dport 53 --orig-zone 11",
    "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1005 --dport 53 --reply-zone 12",
    "-p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 77",
    "-p sctp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 80 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2",
    "-p gre -s 10.0.0.1 -d 10.0.0.2 --srckey 5 --dstkey 6",
    "-p 89 -s 10.0.0.1 -d 10.0.0.2",
    "-p udp -s 2001:db8::1 -d 2001:db8::2 --sport 5 --dport 6",
    "-p icmpv6 -s 2001:db8::1 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 3",
]
