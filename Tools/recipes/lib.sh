# What the recipes share: sourced, never run.

# pod NAME VETH MAC ADDRESS: a pod's own namespace behind VETH; its address is not the node's.
pod() {
    ip netns add "$1"
    ip link add "$2" type veth peer name eth0 netns "$1"
    ip link set "$2" address "$3" up
    ip -n "$1" link set eth0 address "$(printf 02:42:%02x:%02x:%02x:%02x $(echo "${4%/*}" | tr . ' '))" up
    ip -n "$1" address add "$4" dev eth0
}

# setting NAME VALUE: a sysctl.
setting() {
    sysctl -qw "$1=$2"
}

# quiet INTERFACE: no IPv6 on it, as many nodes are set up.
quiet() {
    setting "net.ipv6.conf.$(echo "$1" | tr . /).disable_ipv6" 1
}
