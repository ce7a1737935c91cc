#!/bin/sh
# Writes a snapshot of this machine's packet path for hookline, with nothing but a POSIX shell (busybox's will do) and
# the machine's own tools. It holds what `hookline capture` writes, and is read alike.
#
# usage: capture.sh [-o FILE.tar.gz|DIRECTORY|-]
#
#   ssh root@node sh -s -- -o - < Tools/capture.sh > node.tgz            # of another machine
#   kubectl exec -i -n kube-system calico-node-x -- sh -s -- -o - < Tools/capture.sh > node.tgz
#   sudo nsenter -t 4321 -n sh Tools/capture.sh                          # of another network namespace
#
# Nothing of the machine is changed: no module of the kernel is loaded for reading, no rule, set or setting touched.
# What could not be read is told on standard error and noted in capture-notes.txt. No key is taken, no environment, and
# of files only the lists that the kernel has in /proc and the names of routing tables.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022

fail() {
    printf 'capture.sh: error: %s\n' "$1" >&2
    exit 2
}

has() { command -v "$1" >/dev/null 2>&1; }

# A busybox shell takes its own programs first; those of iproute2 tell more.
prefer_programs() {
    for program in ip bridge tc ss netstat; do
        while IFS= read -r folder; do
            [ -x "$folder/$program" ] || continue
            eval "$program() { '$folder/$program' \"\$@\"; }"
            break
        done <<END
$(printf '%s' "$PATH" | tr ':' '\n' | grep -v "'")
END
    done
}

# Whether a part of the kernel listens on this bus of netlink: it has the number 0 there.
listens_on() {
    while read -r _ bus number _; do
        [ "$bus" = "$1" ] && [ "$number" = 0 ] && return 0
    done </proc/net/netlink
    return 1
}

# What could not be read, and why.
note() {
    printf 'capture.sh: warning: not read: %s: %s\n' "$1" "$2" >&2
    [ -s "$to/capture-notes.txt" ] || mark 'capture notes' >"$to/capture-notes.txt"
    printf 'not read: %s: %s\n' "$1" "$2" >>"$to/capture-notes.txt"
}

# The line by which hookline knows what follows, also where nothing does.
mark() { printf '# Written by hookline as `%s`\n' "$1"; }

# take FILE MARK WHAT COMMAND…: keeps what a command prints, below its mark (`-`: none is needed). A list that was cut
# off by a failure is worse than none.
take() {
    file=$1 words=$2 what=$3
    shift 3
    if "$@" </dev/null >"$scratch/out" 2>"$scratch/err"; then
        { [ "$words" = - ] || mark "$words"; cat "$scratch/out"; } >"$to/$file"
        return 0
    fi
    note "$what" "$1: $(complaint)"
    return 1
}

complaint() {
    why=$(sed -n '/./{s/[[:cntrl:]]/?/g;p;q;}' "$scratch/err")
    printf '%s' "${why:-it failed}"
}

# Whether a module is loaded, or built in: then a symbol of it is there. Without /proc/modules there are none to load.
has_module() {
    [ -r /proc/modules ] || return 0
    grep -q "^$1 " /proc/modules && return 0
    [ -s /proc/kallsyms ] || return 0
    grep -q " $2\$" /proc/kallsyms
}

# Rules of iptables: `rules ip` and `rules ip6`.
rules() {
    family=$1
    save=
    if [ "$has_tables" = yes ]; then
        for program in "${family}tables-nft-save" "${family}tables-save"; do
            has "$program" || continue
            case $("$program" -V 2>/dev/null </dev/null) in *nf_tables*) save=$program && break ;; esac
        done
        if [ -n "$save" ]; then
            take "${family}tables-save.txt" - "rules of ${family}tables-nft" "$save" -c
        elif nft_has_table "$family"; then
            note "rules of ${family}tables-nft" "${family}tables-nft-save is missing"
        fi
    fi
    legacy_rules
}

# Rules of the old backend. Its programs load its modules, so they run only where it has tables.
legacy_rules() {
    list=/proc/net/${family}_tables_names
    [ -e "$list" ] || return 0
    if ! tables=$(cat "$list" 2>"$scratch/err"); then
        why=$(complaint)
        unread_rules any
        return
    fi
    [ -n "$tables" ] || return 0
    why="${family}tables-legacy-save, which alone can read them, is missing"
    for program in "${family}tables-legacy-save" "${family}tables-save"; do
        has "$program" || continue
        case $("$program" -V 2>/dev/null </dev/null) in *nf_tables*) continue ;; esac
        if "$program" -c </dev/null >"$to/${family}tables-legacy-save.txt" 2>"$scratch/err"; then return 0; fi
        why="$program: $(complaint)"
    done
    unread_rules $tables
}

# Tables that decide and could not be read: hookline then says that no answer is sure.
unread_rules() {
    {
        mark "${family}tables-legacy-save"
        for table in "$@"; do printf '# %s %s: %s\n' "$family" "$table" "$why"; done
    } >"$to/${family}tables-legacy-save.txt"
    note "the tables of ${family}tables-legacy ($*)" "$why"
}

nft_has_table() {
    has nft || return 0
    grep -q "^table $1 \\(filter\\|nat\\|mangle\\|raw\\|security\\)\$" "$to/nft-tables.txt" 2>/dev/null
}

native_rules() {
    if [ "$has_tables" != yes ]; then
        mark 'nft list tables' >"$to/nft-tables.txt"
    elif has nft; then
        take nft-tables.txt 'nft list tables' 'the order of tables' nft list tables
        take nft.txt - 'rules of nft' nft list ruleset
    else
        note 'rules that nft made, if there are any' 'nft is missing'
    fi
}

sets() {
    if [ -d /sys/module/kernel ] && [ ! -d /sys/module/ip_set ] && [ -r /proc/modules ]; then
        mark 'ipset save' >"$to/ipset-save.txt"
    elif has ipset; then
        take ipset-save.txt 'ipset save' ipsets ipset save
    else
        note ipsets 'ipset is missing'
    fi
}

links_and_routes() {
    if ! has ip; then
        note 'addresses, routes, policy rules and neighbours' 'ip is missing'
        if has ifconfig; then take ifconfig.txt - addresses ifconfig -a; fi
        if has route; then take route.txt - routes route -n; fi
        return
    fi
    if ip -d addr </dev/null >/dev/null 2>&1; then
        take ip-addr.txt 'ip -d addr' 'links and addresses' ip -d addr
    else
        take ip-addr.txt 'ip -d addr' 'links and addresses' ip addr &&
            note 'what kind of device each link is' 'this ip has no option -d'
    fi
    take ip-route.txt 'ip route show table all' routes ip -4 route show table all
    take ip6-route.txt 'ip -6 route show table all' 'IPv6 routes' ip -6 route show table all
    take ip-rule.txt 'ip rule' 'policy rules' ip -4 rule
    take ip6-rule.txt 'ip -6 rule' 'IPv6 policy rules' ip -6 rule
    take ip-neigh.txt 'ip neigh' neighbours ip neigh
    if ip addrlabel </dev/null >"$scratch/out" 2>/dev/null; then
        { mark 'ip addrlabel' && cat "$scratch/out"; } >"$to/ip-addrlabel.txt"
    fi
    # Older kernels and programs have none.
    if ip nexthop </dev/null >"$scratch/out" 2>/dev/null; then
        { mark 'ip nexthop' && cat "$scratch/out"; } >"$to/ip-nexthop.txt"
    fi
    if has bridge; then
        take bridge-fdb.txt 'bridge fdb' "the bridges' forwarding entries" bridge fdb
    else
        note "the bridges' forwarding entries, which tell where tunnels of VXLAN end" 'bridge is missing'
    fi
    if listens_on 6; then
        take ip-xfrm-policy.txt 'ip xfrm policy' 'IPsec policies' ip xfrm policy
        # What no policy is for; older kernels and programs have no setting for it.
        ip xfrm policy getdefault </dev/null 2>/dev/null | grep -q block &&
            ip xfrm policy getdefault </dev/null >>"$to/ip-xfrm-policy.txt" 2>/dev/null
    else
        mark 'ip xfrm policy' >"$to/ip-xfrm-policy.txt"
    fi
    for folder in /etc /usr/share /usr/lib; do
        [ -r "$folder/iproute2/rt_tables" ] || continue
        cat "$folder/iproute2/rt_tables" "$folder"/iproute2/rt_tables.d/*.conf >"$to/rt_tables.txt" 2>/dev/null
        break
    done
}

# In one piece each, as grep reads them: of many the kernel tells nothing to a second read.
settings() {
    roots=
    for root in bridge ipv4 ipv6 netfilter; do
        [ -d "/proc/sys/net/$root" ] && roots="$roots /proc/sys/net/$root"
    done
    if [ -n "$roots" ] && has find && has grep; then
        # Not the thresholds of neighbours, nor what is secret: tcp_fastopen_key, stable_secret.
        find $roots \( -name neigh -o -name route -o -name '*_key' -o -name '*secret*' \) -prune -o \
            -type f -exec grep -s '' /dev/null {} + </dev/null 2>/dev/null | sort >"$scratch/out"
        if [ -s "$scratch/out" ]; then
            { mark 'sysctl -a' && cat "$scratch/out"; } >"$to/sysctl.txt"
            return
        fi
    fi
    note settings 'there is nothing to be read in /proc/sys/net'
}

connections() {
    if [ ! -e /proc/sys/net/netfilter/nf_conntrack_count ] && [ ! -e /proc/net/nf_conntrack ]; then
        mark 'conntrack -L' >"$to/conntrack.txt"
    elif has conntrack && has_module nf_conntrack_netlink ctnetlink_dump_table &&
        conntrack -L -f ipv4 </dev/null >"$scratch/out" 2>"$scratch/err" &&
        conntrack -L -f ipv6 </dev/null >>"$scratch/out" 2>"$scratch/err"; then
        { mark 'conntrack -L' && cat "$scratch/out"; } >"$to/conntrack.txt"
    elif [ -e /proc/net/nf_conntrack ]; then
        take conntrack.txt 'conntrack -L' connections cat /proc/net/nf_conntrack
    elif has conntrack; then
        note connections "conntrack: $(complaint)"
    else
        note connections 'conntrack is missing, and so is /proc/net/nf_conntrack'
    fi
}

sockets_of_proc() {
    (
        PROC_ROOT=/proc
        export PROC_ROOT
        ss -lntup
    )
}

sockets() {
    if has ss; then
        if has_module tcp_diag tcp_diag_get_info && has_module udp_diag udp_diag_dump; then
            take ss.txt 'ss -lntup' 'listening sockets' ss -lntup
        else
            # From /proc: over netlink it would load modules.
            take ss.txt 'ss -lntup' 'listening sockets' sockets_of_proc
        fi
    elif has netstat; then
        take netstat.txt 'netstat -lntup' 'listening sockets' netstat -lntup ||
            take netstat.txt 'netstat -lntup' 'listening sockets' netstat -lntu
    else
        note 'listening sockets' 'ss and netstat are missing'
    fi
}

traffic_control() {
    if has tc; then
        if take tc.txt 'tc qdisc show' 'traffic control' tc qdisc show; then
            sed -n 's/^qdisc \(clsact\|ingress\) .* dev \([^ ]*\) .*/\2/p' "$to/tc.txt" | while read -r device; do
                for side in ingress egress; do
                    tc filter show dev "$device" "$side" </dev/null 2>/dev/null |
                        sed "s/^filter /filter dev $device $side /"
                done
            done >"$scratch/out"
            cat "$scratch/out" >>"$to/tc.txt"
        fi
    else
        note 'traffic control' 'tc is missing'
    fi
    if has bpftool; then
        take bpf.txt 'bpftool net' 'programs of BPF at devices' bpftool net show
    fi
}

# Virtual services of IPVS, where it is loaded; without its program out of /proc, which has them in hexadecimal.
virtual_services() {
    if [ ! -e /proc/net/ip_vs ]; then
        mark 'ipvsadm -Ln' >"$to/ipvsadm.txt"
    elif has ipvsadm; then
        take ipvsadm.txt 'ipvsadm -Ln' 'virtual services of IPVS' ipvsadm -Ln
    else
        take ipvsadm.txt 'ipvsadm -Ln' 'virtual services of IPVS' awk '
            function number(digits, i, value) {
                value = 0
                for (i = 1; i <= length(digits); i++)
                    value = value * 16 + index("0123456789ABCDEF", toupper(substr(digits, i, 1))) - 1
                return value
            }
            function dotted(digits) {
                return number(substr(digits, 1, 2)) "." number(substr(digits, 3, 2)) "." \
                    number(substr(digits, 5, 2)) "." number(substr(digits, 7, 2))
            }
            function end(word, port) {
                port = number(substr(word, length(word) - 3))
                word = substr(word, 1, length(word) - 5)
                return (word ~ /^\[/ ? word : dotted(word)) ":" port
            }
            /^IP Virtual/ || /^Prot/ || /^  -> RemoteAddress/ { print; next }
            $1 == "->" { $2 = end($2); print "  " $0; next }
            $1 == "FWM" { $2 = number($2) }
            $1 == "TCP" || $1 == "UDP" || $1 == "SCTP" { $2 = end($2) }
            {
                for (i = 3; i + 2 <= NF; i++) if ($i == "persistent") {
                    $(i + 2) = $(i + 2) == "FFFFFFFF" ? "" : "mask " dotted($(i + 2))
                }
                print
            }' /proc/net/ip_vs
    fi
}

# Devices whose rules are not among those that are read.
other_devices() {
    for device in /sys/class/net/*; do
        [ -r "$device/uevent" ] || continue
        if grep -q '^DEVTYPE=wireguard' "$device/uevent"; then
            note "the peers of ${device##*/}" 'WireGuard tells its keys with them, and no key is taken'
        fi
        if [ "${device##*/}" = ovs-system ]; then
            note 'the flows of ovs-system' "Open vSwitch's rules are not read here"
        fi
    done
}

# Without gzip it is a tar, and without tar one text: hookline tells by what is in a file, not by its name.
pack() {
    if ! has tar; then
        printf 'capture.sh: note: tar is missing; this is one text, which hookline reads as well\n' >&2
        cat "$name"/*.txt >"$scratch/out"
    elif ! tar -czf "$scratch/out" "$name" 2>/dev/null; then
        tar -cf "$scratch/out" "$name" 2>"$scratch/err"
    fi
}

make_scratch() {
    for folder in "${TMPDIR:-/tmp}" /dev/shm /run /var/tmp; do
        scratch=$folder/hookline.$$
        (umask 077 && mkdir "$scratch") 2>/dev/null && return 0
    done
    fail 'no temporary folder can be made'
}

main() {
    output=
    while [ $# -gt 0 ]; do
        case $1 in
        -o) [ $# -gt 1 ] || fail '-o needs a value' && output=$2 && shift 2 ;;
        -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit 0 ;;
        *) fail "'$1' is not known here; usage: capture.sh [-o FILE.tar.gz|DIRECTORY|-]" ;;
        esac
    done
    host=$(uname -n | tr -cd 'A-Za-z0-9.-')
    name=hookline-${host:-host}-$(date -u +%Y%m%dT%H%M%SZ)
    make_scratch
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' HUP INT TERM
    to=$scratch/$name
    kind=archive
    case $output in
    '') if has tar; then output=$name.tar.gz; else output=$name kind=directory; fi ;;
    -) [ ! -t 1 ] || fail 'an archive is nothing for a terminal; -o FILE.tar.gz writes it into a file' ;;
    *.tar.gz | *.tgz) ;;
    *) kind=directory ;;
    esac
    if [ "$kind" = archive ]; then
        [ "$output" = - ] || [ ! -e "$output" ] || fail "'$output' is there already"
        mkdir "$to"
    else
        to=$output
        if [ -d "$to" ]; then
            [ -z "$(ls -A "$to")" ] || fail "'$to' is there already, and not empty"
        else
            mkdir "$to" || exit 2
        fi
    fi
    [ "$(id -u)" = 0 ] || note 'all that only root may read' 'this is not run as root'
    prefer_programs
    has_tables=no
    if has_module nf_tables nft_register_expr; then has_tables=yes; fi
    native_rules
    rules ip
    rules ip6
    sets
    links_and_routes
    settings
    connections
    sockets
    traffic_control
    virtual_services
    other_devices
    { mark hostname && uname -n; } >"$to/hostname.txt"
    { mark 'uname -r' && uname -r; } >"$to/uname.txt"
    # An empty list without a mark tells nothing.
    for text in "$to"/*.txt; do [ -s "$text" ] || rm -f "$text"; done
    if [ "$kind" = directory ]; then
        printf '%s\n' "$to"
        return
    fi
    (cd "$scratch" && pack) || fail "tar: $(complaint)"
    if [ "$output" = - ]; then
        cat "$scratch/out"
    else
        (set -C && cat "$scratch/out" >"$output") || exit 2
        printf '%s\n' "$output"
    fi
}

main "$@"
exit
