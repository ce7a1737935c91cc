# tap: eth0 02:16:3e:77:00:01
# tap: eth1 02:16:3e:77:01:01
#
# One rule for each type of set that this kernel has, with its directions, nomatch and a list of sets.
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/16 dev eth1
ipset create ip hash:ip
ipset add ip 192.0.2.10
ipset create ip24 hash:ip netmask 24
ipset add ip24 192.0.2.0
ipset create net hash:net
ipset add net 198.51.0.0/16
ipset add net 198.51.100.0/24 nomatch
ipset add net 198.51.100.7
ipset create ipport hash:ip,port
ipset add ipport 10.0.0.10,tcp:80
ipset add ipport 10.0.0.10,udp:5000-5003
ipset add ipport 10.0.0.10,icmp:echo-request
ipset create ipportip hash:ip,port,ip
ipset add ipportip 192.0.2.11,tcp:80,10.0.0.11
ipset create ipportnet hash:ip,port,net
ipset add ipportnet 192.0.2.12,tcp:81,10.0.2.0/24
ipset create netport hash:net,port
ipset add netport 192.0.2.64/26,tcp:82
ipset add netport 192.0.2.64/28,tcp:82 nomatch
ipset create netiface hash:net,iface
ipset add netiface 192.0.2.0/25,eth0
ipset create bitmapip bitmap:ip range 10.0.3.0/24
ipset add bitmapip 10.0.3.16/28
ipset create bitmapport bitmap:port range 0-1023
ipset add bitmapport 83
ipset create several list:set
ipset add several ip
ipset add several net
ipset create timed hash:ip timeout 86400
ipset add timed 192.0.2.90 timeout 40000
ipset add timed 192.0.2.91 timeout 0
ipset create skb hash:ip skbinfo counters comment
ipset add skb 192.0.2.95 skbmark 0x20/0xff skbprio 1:10 skbqueue 3 comment "the video wall"
ipset create notempty hash:ip
iptables-nft-restore <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -j SET --map-set skb src --map-mark
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m set --match-set ip src -m comment --comment "hash:ip"
-A FORWARD -m set --match-set ip24 src -m comment --comment "hash:ip netmask 24"
-A FORWARD -m set --match-set net src -m comment --comment "hash:net, the longest prefix decides"
-A FORWARD -m set ! --match-set net src -m comment --comment "hash:net, not"
-A FORWARD -m set --match-set ipport dst,dst -m comment --comment "hash:ip,port"
-A FORWARD -m set --match-set ipportip src,dst,dst -m comment --comment "hash:ip,port,ip"
-A FORWARD -m set --match-set ipportnet src,dst,dst -m comment --comment "hash:ip,port,net"
-A FORWARD -m set --match-set netport src,dst -m comment --comment "hash:net,port"
-A FORWARD -m set --match-set netiface src,src -m comment --comment "hash:net,iface, the one it came by"
-A FORWARD -m set --match-set netiface src,dst -m comment --comment "hash:net,iface, the one it leaves by"
-A FORWARD -m set --match-set bitmapip dst -m comment --comment "bitmap:ip"
-A FORWARD -m set --match-set bitmapport dst -m comment --comment "bitmap:port"
-A FORWARD -m set --match-set several src -m comment --comment "list:set"
-A FORWARD -m set --match-set timed src -m comment --comment "with timeouts"
-A FORWARD -m mark --mark 0x20/0xff -m comment --comment "mark from skbinfo"
-A FORWARD -m set --match-set notempty src -j DROP
-A FORWARD -p udp -j SET --add-set notempty src
COMMIT
RULES
