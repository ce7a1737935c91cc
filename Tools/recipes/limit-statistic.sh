# tap: eth0 02:16:3e:78:00:01
# tap: eth1 02:16:3e:78:01:01
#
# What no snapshot settles: rates, chances, clocks, who has been seen. The answer has to name it and go both ways.
. ./lib.sh
setting net.ipv4.ip_forward 1
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
ip route add default via 192.0.2.254 dev eth0
iptables-nft-restore <<'RULES'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:LADDER - [0:0]
-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j LADDER
-A LADDER -p tcp -m statistic --mode random --probability 0.33333333349 -j DNAT --to-destination 10.0.0.11:8080
-A LADDER -p tcp -m statistic --mode random --probability 0.50000000000 -j DNAT --to-destination 10.0.0.12:8080
-A LADDER -p tcp -j DNAT --to-destination 10.0.0.13:8080
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p icmp -m limit --limit 5/sec --limit-burst 10 -j ACCEPT
-A INPUT -p icmp -j DROP
-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 60 --hitcount 4 --name SSH --mask 255.255.255.255 --rsource -j DROP
-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name SSH --mask 255.255.255.255 --rsource -j ACCEPT
-A INPUT -p tcp -m tcp --dport 25 -m connlimit --connlimit-above 10 --connlimit-mask 32 --connlimit-saddr -j REJECT --reject-with tcp-reset
-A INPUT -p udp -m udp --dport 514 -m hashlimit --hashlimit-upto 100/sec --hashlimit-burst 200 --hashlimit-mode srcip --hashlimit-name syslog -j ACCEPT
-A INPUT -p udp -m udp --dport 514 -j DROP
-A INPUT -p tcp -m tcp --dport 8080 -m time --timestart 08:00:00 --timestop 18:00:00 --weekdays Mon,Tue,Wed,Thu,Fri --datestop 2038-01-19T03:14:07 -j DROP
-A FORWARD -m limit --limit 1/min -j LOG --log-prefix "seen "
-A FORWARD -p udp -m statistic --mode nth --every 2 --packet 0 -j DROP
-A FORWARD -p sctp -m quota --quota 1000 -j ACCEPT
-A FORWARD -p sctp -j DROP
COMMIT
RULES
