# bash completion for hookline
_hookline() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" options=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "trace find diff check doctor lint show graph report serve capture replay completions man help --help --version" -- "$current"))
        return
    fi
    case "${COMP_WORDS[1]}" in
    trace)
        case "$previous" in
        --from) COMPREPLY=(); return ;;
        --to) COMPREPLY=(); return ;;
        --in) COMPREPLY=(); return ;;
        --proto) COMPREPLY=(); return ;;
        --sport) COMPREPLY=(); return ;;
        --dport) COMPREPLY=(); return ;;
        --tcp-flags) COMPREPLY=(); return ;;
        --icmp-type) COMPREPLY=(); return ;;
        --icmp-code) COMPREPLY=(); return ;;
        --mark) COMPREPLY=(); return ;;
        --ttl) COMPREPLY=(); return ;;
        --dscp) COMPREPLY=(); return ;;
        --length) COMPREPLY=(); return ;;
        --uid) COMPREPLY=(); return ;;
        --mac) COMPREPLY=(); return ;;
        --state) COMPREPLY=(); return ;;
        --ct-mark) COMPREPLY=(); return ;;
        --in-port) COMPREPLY=(); return ;;
        --out-port) COMPREPLY=(); return ;;
        --packet) COMPREPLY=(); return ;;
        --packets) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --start) COMPREPLY=(); return ;;
        --assume) COMPREPLY=(); return ;;
        --detail) COMPREPLY=($(compgen -W "summary path full" -- "$current")); return ;;
        --output|-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --expect) COMPREPLY=($(compgen -W "accept drop forwarded sent delivered dropped rejected queued unroutable filtered undecided" -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--from --to --in --proto --sport --dport --tcp-flags --icmp-type --icmp-code --mark --ttl --dscp --length --uid --mac --state --ct-mark --in-port --out-port --packet --packets --flows --round-trip --start --megaflow --assume --detail --kernel --json --output -o --expect --node --live --latest --strict --color --help -h"
        ;;
    find)
        case "$previous" in
        --from) COMPREPLY=(); return ;;
        --to) COMPREPLY=(); return ;;
        --in) COMPREPLY=(); return ;;
        --out) COMPREPLY=(); return ;;
        --proto) COMPREPLY=(); return ;;
        --sport) COMPREPLY=(); return ;;
        --dport) COMPREPLY=(); return ;;
        --state) COMPREPLY=(); return ;;
        --mark) COMPREPLY=(); return ;;
        --ct-mark) COMPREPLY=(); return ;;
        --tcp-flags) COMPREPLY=(); return ;;
        --icmp-type) COMPREPLY=(); return ;;
        --ttl) COMPREPLY=(); return ;;
        --dscp) COMPREPLY=(); return ;;
        --length) COMPREPLY=(); return ;;
        --uid) COMPREPLY=(); return ;;
        --gid) COMPREPLY=(); return ;;
        --mac) COMPREPLY=(); return ;;
        --leaves-as) COMPREPLY=(); return ;;
        --port) COMPREPLY=(); return ;;
        --at) COMPREPLY=($(compgen -W "ingress prerouting input forward output postrouting egress" -- "$current")); return ;;
        --chain) COMPREPLY=(); return ;;
        --limit) COMPREPLY=(); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--from --to --in --out --proto --sport --dport --state --mark --ct-mark --tcp-flags --icmp-type --ttl --dscp --length --uid --gid --mac --ipv4 -4 --ipv6 -6 --complement --leaves-as --port --at --chain --limit --json --node --live --latest --strict --color --help -h"
        ;;
    diff)
        case "$previous" in
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--exact --counters --packets --no-packets --unified -u --json --all --node --live --latest --strict --color --help -h"
        ;;
    check)
        case "$previous" in
        --junit) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --sarif) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --before) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --statement) COMPREPLY=(); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--json --github --junit --sarif --before --statement --node --live --latest --strict --color --help -h"
        ;;
    doctor)
        case "$previous" in
        --check) COMPREPLY=($(compgen -W "forward-policy-drop forwarding-off answers-dropped pod-links reverse-path conntrack-invalid two-iptables misread-rules kube-firewall mark-conflict pod-masquerade nat-outgoing-surprise rule-order accept-not-final foreign-drop host-endpoint endpoint-to-host untracked-policy pod-routes tunnel-blocked unknown-pod-interface no-local-endpoint no-endpoints source-ranges hairpin bridge-nf-call-iptables docker-direct-access docker-bypasses-firewall stale-conntrack mtu aws-vpc rules-flushed stale-kube-proxy kube-proxy-modes duplicate-rules log-only-policy bgp-blocked bgp-numbers daemons-down outgoing-broken tunnel-interface two-plugins node-names address-pool tcp-tw-recycle forgotten-dns policy-order default-deny policy-without-effect duplicate-address conntrack-full port-clash ct-status no-nat-address decided-elsewhere reject-unheard nothing-listens calico-integrity" -- "$current")); return ;;
        --fail-on) COMPREPLY=($(compgen -W "note risk problem" -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--json --check --list --fail-on --node --live --latest --strict --color --help -h"
        ;;
    lint)
        case "$previous" in
        --check) COMPREPLY=($(compgen -W "cut-off unreadable wrong-table drop-in-nat refused-interface needs-protocol empty-range missing-chain jump-to-base-chain chain-loop jump-depth name-too-long missing-set missing-object impossible-match impossible-interface state-before-conntrack icmp-family contradicting-rule duplicate-rule shadowed-rule accept-everything accept-then-drop no-established masquerade-everything nat-behind-nat nat-untracked mark-clash mark-never-set mark-never-tested empty-set unused-set unused-object unused-chain empty-chain unused-rule" -- "$current")); return ;;
        --silence) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --fail-on) COMPREPLY=($(compgen -W "hint warning problem" -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--json --check --list --silence --fail-on --node --live --latest --strict --color --help -h"
        ;;
    show)
        case "$previous" in
        --format) COMPREPLY=($(compgen -W "tree json nft iptables-save" -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--format --counters -c --inputs --node --live --latest --strict --color --help -h"
        ;;
    graph)
        case "$previous" in
        --output|-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --format) COMPREPLY=($(compgen -W "svg png dot mermaid" -- "$current")); return ;;
        --fold) COMPREPLY=(); return ;;
        --hook) COMPREPLY=($(compgen -W "ingress prerouting input forward output postrouting egress" -- "$current")); return ;;
        --table) COMPREPLY=(); return ;;
        --chain) COMPREPLY=(); return ;;
        --owner) COMPREPLY=($(compgen -W "calico kube-proxy kubelet docker flannel ip-masq-agent portmap cni-bridge kube-router cilium istio netavark libvirt firewalld ufw fail2ban openwrt tailscale aws-vpc-cni openstack weave unknown" -- "$current")); return ;;
        --depth) COMPREPLY=(); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--output -o --format --fold --hook --table --chain --owner --depth --node --live --latest --strict --color --help -h"
        ;;
    report)
        case "$previous" in
        --output|-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --before) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --engine) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--output -o --before --empty --engine --node --live --latest --strict --color --help -h"
        ;;
    serve)
        case "$previous" in
        --listen) COMPREPLY=(); return ;;
        --before) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--listen --before --node --live --latest --strict --color --help -h"
        ;;
    capture)
        case "$previous" in
        --output|-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --netns) COMPREPLY=(); return ;;
        --mapping) COMPREPLY=($(compgen -f -- "$current")); return ;;
        esac
        options="--output -o --netns --redact --mapping --help -h"
        ;;
    replay)
        case "$previous" in
        --in) COMPREPLY=(); return ;;
        --filter) COMPREPLY=(); return ;;
        --assume) COMPREPLY=(); return ;;
        --expect) COMPREPLY=($(compgen -W "accept drop forwarded sent delivered dropped rejected queued unroutable filtered undecided" -- "$current")); return ;;
        --node) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
        esac
        options="--in --filter --flows --inner --any-checksum --list --dropped --assume --json --expect --node --live --latest --strict --color --help -h"
        ;;
    completions)
        case "$previous" in
        esac
        options="--help -h"
        options="bash zsh fish"
        ;;
    man)
        case "$previous" in
        esac
        options="--help -h"
        ;;
    help)
        case "$previous" in
        esac
        options="--help -h"
        ;;
    esac
    case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) if [ "${COMP_WORDS[1]}" = completions ]; then COMPREPLY=($(compgen -W "$options" -- "$current"))
       else COMPREPLY=($(compgen -f -- "$current")); fi ;;
    esac
}
complete -o filenames -F _hookline hookline
