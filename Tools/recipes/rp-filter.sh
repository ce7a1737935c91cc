# tap: strict 02:16:3e:72:00:01
# tap: loose 02:16:3e:72:01:01
# tap: off 02:16:3e:72:02:01
# tap: marked 02:16:3e:72:03:01
#
# What the kernel drops before any FORWARD or INPUT rule sees it: reverse path, martians, forwarding off.
. ./lib.sh
setting net.ipv4.ip_forward 1
for name in strict loose off marked; do ip link set $name up; done
ip address add 10.1.0.1/24 dev strict
ip address add 10.2.0.1/24 dev loose
ip address add 10.3.0.1/24 dev off
ip address add 10.4.0.1/24 dev marked
ip route add 10.9.0.0/16 via 10.1.0.254 dev strict
ip route add 10.8.0.0/16 via 10.4.0.254 dev marked table 50
ip route add 10.8.0.0/16 via 10.3.0.254 dev off
ip rule add pref 50 fwmark 0x5 lookup 50
setting net.ipv4.conf.strict.rp_filter 1
setting net.ipv4.conf.loose.rp_filter 2
setting net.ipv4.conf.marked.rp_filter 1
setting net.ipv4.conf.marked.src_valid_mark 1
setting net.ipv4.conf.off.forwarding 0
iptables-nft-restore <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -m rpfilter --loose -m comment --comment "loosely fine" -j ACCEPT
-A PREROUTING -m rpfilter --loose --invert -m comment --comment "no way back at all"
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i marked -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x5/0xffffffff
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m comment --comment "got here" -j ACCEPT
-A FORWARD -m comment --comment "got here" -j ACCEPT
COMMIT
RULES
