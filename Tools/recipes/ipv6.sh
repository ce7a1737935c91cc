# tap: wan 02:16:3e:60:00:02
# tap: lan 02:16:3e:60:01:01
# tap: dmz 02:16:3e:60:02:01
# listen: tcp :: 22 sshd
# listen: udp :: 547 dhcpv6
# listen: tcp 0.0.0.0 22 sshd
#
# A router for both families: clients with global and with unique local addresses, a DMZ behind a mapped prefix.
. ./lib.sh
setting net.ipv4.ip_forward 1
setting net.ipv6.conf.all.forwarding 1
setting net.ipv4.conf.all.rp_filter 1
for name in wan lan dmz; do
    setting net.ipv6.conf.$name.accept_dad 0
    setting net.ipv4.conf.$name.rp_filter 1
    ip link set $name up
done
ip address add 192.0.2.2/24 brd 192.0.2.255 dev wan
ip address add 2001:db8:0:1::2/64 dev wan
ip address add 10.1.0.1/24 brd 10.1.0.255 dev lan
ip address add 2001:db8:a:1::1/64 dev lan
ip address add fd00:a:1::1/64 dev lan
ip address add 10.2.0.1/24 brd 10.2.0.255 dev dmz
ip address add fd00:b::1/64 dev dmz
ip route add default via 192.0.2.1 dev wan
ip -6 route add default via fe80::1 dev wan metric 1024
ip -6 route add unreachable 2001:db8:a:ff00::/56
ip -6 route add blackhole fd00::/8 metric 2048
ip -6 route add fd00:c::/64 via 2001:db8:a:1::fe dev lan table 100
ip -6 rule add pref 1000 fwmark 0x64/0xff lookup 100
ip neigh replace fe80::1 lladdr 02:16:3e:60:00:01 dev wan nud reachable router
ip neigh replace 192.0.2.1 lladdr 02:16:3e:60:00:01 dev wan nud reachable
ip neigh replace fd00:b::10 lladdr 02:16:3e:60:02:10 dev dmz nud reachable
ip neigh replace 2001:db8:a:1::50 lladdr 02:16:3e:60:01:50 dev lan nud reachable

ipset create bogons6 hash:net family inet6
for net in ::/96 ::ffff:0:0/96 100::/64 2001:db8:bad::/48 fec0::/10; do ipset add bogons6 $net; done
ipset create admins6 hash:ip family inet6
ipset add admins6 2001:db8:feed::7
ipset create dmz6 hash:ip,port family inet6
ipset add dmz6 fd00:b::10,tcp:443
ipset add dmz6 fd00:b::10,udp:443
ipset add dmz6 fd00:b::11,tcp:25
ipset create bogons4 hash:net
for net in 0.0.0.0/8 127.0.0.0/8 240.0.0.0/4; do ipset add bogons4 $net; done

ip6tables-nft-restore <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p ipv6-icmp -m icmp6 --icmpv6-type 133/0 -j ACCEPT
-A PREROUTING -p ipv6-icmp -m icmp6 --icmpv6-type 135/0 -j ACCEPT
-A PREROUTING -i wan -m set --match-set bogons6 src -j DROP
-A PREROUTING -m rpfilter --invert -j DROP
-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack
-A OUTPUT -p udp -m udp --sport 53 -j CT --notrack
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i lan -d fd00:c::/64 -j MARK --set-xmark 0x64/0xff
-A FORWARD -o wan -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A POSTROUTING -o wan -p udp -m udp --dport 53 -j DSCP --set-dscp 0x2e
-A POSTROUTING -o wan -m hl --hl-lt 4 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 2001:db8:0:1::2/128 -i wan -p tcp -m tcp --dport 443 -j DNAT --to-destination [fd00:b::10]:443
-A PREROUTING -d 2001:db8:0:2::/64 -i wan -j NETMAP --to fd00:b::/64
-A PREROUTING -i lan -p udp -m udp --dport 123 -j REDIRECT --to-ports 1123
-A POSTROUTING -s fd00:b::/64 -o wan -j NETMAP --to 2001:db8:0:2::/64
-A POSTROUTING -s fd00::/8 -o wan -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:FROM-WAN - [0:0]
:NDP - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p ipv6-icmp -j NDP
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -i lan -p udp -m multiport --dports 53,547 -j ACCEPT
-A INPUT -i lan -p udp -m udp --dport 1123 -j ACCEPT
-A INPUT -p tcp -m set --match-set admins6 src -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A INPUT -i wan -j FROM-WAN
-A INPUT -j REJECT --reject-with icmp6-adm-prohibited
-A FORWARD -m rt --rt-type 0 -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan -o wan -j ACCEPT
-A FORWARD -i lan -d fd00:c::/64 -o lan -j ACCEPT
-A FORWARD -i wan -o dmz -m set --match-set dmz6 dst,dst -j ACCEPT
-A FORWARD -i dmz -o wan -p tcp -m multiport --dports 80,443 -j ACCEPT
-A FORWARD -i wan -p ipv6-icmp -m icmp6 --icmpv6-type 128 -m limit --limit 10/sec -j ACCEPT
-A FORWARD -i wan -j FROM-WAN
-A FROM-WAN -p tcp -j REJECT --reject-with tcp-reset
-A FROM-WAN -j REJECT --reject-with icmp6-port-unreachable
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 133 -m hl --hl-eq 255 -j ACCEPT
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 134 -m hl --hl-eq 255 -j ACCEPT
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j ACCEPT
-A NDP -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 130 -j ACCEPT
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
-A NDP -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT
-A NDP -j DROP
COMMIT
RULES
iptables-nft-restore <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -i wan -m set --match-set bogons4 src -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 192.0.2.2/32 -i wan -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.2.0.10:443
-A POSTROUTING -s 10.0.0.0/8 -o wan -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lan -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan -o wan -j ACCEPT
-A FORWARD -d 10.2.0.10/32 -i wan -o dmz -p tcp -m tcp --dport 443 -j ACCEPT
COMMIT
RULES
