/// Rules that Felix writes on every node, or with a setting, whatever the objects are: what a gap is tried with.
///
/// Source: projectcalico/calico felix/rules (static.go, endpoints.go, nat.go), v3.22 to v3.33.
enum StaticTexts {
    static func iptables(_ marks: CalicoMarks, version: String) -> [String] {
        let accept = goHexadecimal(marks.accept)
        let pass = goHexadecimal(marks.pass)
        let scratch = goHexadecimal(marks.scratch0)
        let all = goHexadecimal(marks.accept | marks.pass | marks.scratch0 | marks.scratch1)
        let isAccepted = "-m mark --mark \(accept)/\(accept)"
        let isFromWorkload = "-m mark --mark \(scratch)/\(scratch)"
        let set = version == "6" ? "cali60" : "cali40"
        var texts = [
            "--jump MARK --set-mark 0/\(all)",
            "--jump MARK --set-mark 0/\(goHexadecimal(marks.pass | marks.scratch0 | marks.scratch1))",
            "--jump MARK --set-mark 0/\(accept)",
            "--jump MARK --set-mark 0/\(goHexadecimal(marks.accept | marks.pass))",
            "--jump MARK --set-mark \(accept)/\(accept)", "\(isAccepted) --jump ACCEPT", "\(isAccepted) --jump RETURN",
            "-m conntrack --ctstate RELATED,ESTABLISHED --jump ACCEPT", "-m conntrack --ctstate INVALID --jump DROP",
            "--in-interface cali+ --jump MARK --set-mark \(scratch)/\(scratch)",
            "\(isFromWorkload) -m rpfilter --invert --validmark --jump DROP",
            "\(isFromWorkload) --jump cali-rpf-skip", "-m mark --mark 0/\(scratch) --jump cali-from-host-endpoint",
            "--in-interface cali+ --jump cali-from-wl-dispatch", "--out-interface cali+ --jump cali-to-wl-dispatch",
            "--in-interface cali+ --goto cali-wl-to-host", "--out-interface cali+ --jump RETURN",
            "-m mark --mark 0/\(accept) --jump cali-from-hep-forward",
            "-m conntrack --ctstate DNAT --jump cali-to-host-endpoint",
            "-m conntrack ! --ctstate DNAT --jump cali-to-host-endpoint", "-p udp --dport 4789 --jump NOTRACK",
            commented("Policy explicitly accepted packet.", "\(isAccepted) --jump ACCEPT"),
            commented("Host endpoint policy accepted packet.", "\(isAccepted) --jump ACCEPT"),
            commented("Host endpoint policy accepted packet.", "\(isAccepted) --jump RETURN"),
            commented("Return if policy accepted", "\(isAccepted) --jump RETURN"),
            commented("Return if profile accepted", "\(isAccepted) --jump RETURN"),
            commented("Start of policies", "--jump MARK --set-mark 0/\(pass)"),
            commented("Start of tier default", "--jump MARK --set-mark 0/\(pass)"),
            commented("Drop if no policies passed packet", "-m mark --mark 0/\(pass) --jump DROP"),
            commented(
                "End of tier default. Drop if no policies passed packet", "-m mark --mark 0/\(pass) --jump DROP"),
            commented("Drop if no profiles matched", "--jump DROP"), commented("Unknown interface", "--jump DROP"),
            commented("Drop VXLAN encapped packets originating in workloads", "\(vxlan) --jump DROP"),
            commented("Drop IPinIP encapped packets originating in workloads", "-p 4 --jump DROP"),
        ]
        for action in ["DROP", "ACCEPT", "RETURN", "REJECT"] {
            texts.append(commented("Configured DefaultEndpointToHostAction", "--jump \(action)"))
        }
        for pools in ["all-ipam-pools", "network-ip-pools"] {
            texts.append(
                "-m set --match-set \(set)masq-ipam-pools src -m set ! --match-set \(set)\(pools) dst "
                    + "--jump MASQUERADE --random-fully")
        }
        return texts + tunnels(set, version)
    }

    private static let vxlan = "-p 17 -m multiport --destination-ports 4789"

    private static func commented(_ comment: String, _ rest: String) -> String {
        "-m comment --comment \"\(comment)\" \(rest)"
    }

    private static func tunnels(_ set: String, _ version: String) -> [String] {
        let hosts = "-m set --match-set \(set)all-hosts-net"
        let tunnels = "-m set --match-set \(set)all-vxlan-net"
        let toSelf = "-m addrtype --dst-type LOCAL"
        let fromSelf = "-m addrtype --src-type LOCAL"
        var texts = [
            commented("Allow IPIP packets from Calico hosts", "-p 4 \(hosts) src \(toSelf) --jump ACCEPT"),
            commented("Drop IPIP packets from non-Calico hosts", "-p 4 --jump DROP"),
            commented("Allow IPIP packets to other Calico hosts", "-p 4 \(hosts) dst \(fromSelf) --jump ACCEPT"),
            commented(
                "Allow incoming IPv\(version) Wireguard packets",
                "-p 17 -m multiport --destination-ports \(version == "6" ? 51821 : 51820) \(toSelf) --jump ACCEPT"),
            commented(
                "Allow outgoing IPv\(version) Wireguard packets",
                "-p 17 -m multiport --destination-ports \(version == "6" ? 51821 : 51820) \(fromSelf) --jump ACCEPT"),
        ]
        for words in ["IPv\(version) VXLAN", "VXLAN"] {
            for hosts in ["allowed", "whitelisted"] {
                texts += [
                    commented(
                        "Allow \(words) packets from \(hosts) hosts", "\(vxlan) \(tunnels) src \(toSelf) --jump ACCEPT"),
                    commented("Drop \(words) packets from non-\(hosts) hosts", "\(vxlan) \(toSelf) --jump DROP"),
                    commented(
                        "Allow \(words) packets to other \(hosts) hosts",
                        "\(vxlan) \(fromSelf) \(tunnels) dst --jump ACCEPT"),
                ]
            }
        }
        let outOf = "-m addrtype ! --src-type LOCAL --limit-iface-out \(fromSelf) --jump MASQUERADE"
        for interface in ["tunl0", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"] {
            texts.append("--out-interface \(interface) \(outOf) --random-fully")
            texts.append("-p 17 --out-interface \(interface) \(outOf) --to-ports 4790-65535 --random-fully")
        }
        return texts
    }

    static func native(_ marks: CalicoMarks, version: String) -> [String] {
        let accept = goHexadecimal(marks.accept)
        let pass = goHexadecimal(marks.pass)
        let scratch = goHexadecimal(marks.scratch0)
        let all = marks.accept | marks.pass | marks.scratch0 | marks.scratch1
        let isAccepted = "meta mark & \(accept) == \(accept) counter"
        let isFromWorkload = "meta mark & \(scratch) == \(scratch)"
        let clear = "counter meta mark set mark &"
        let family = version == "6" ? "ip6" : "ip"
        let set = version == "6" ? "cali60" : "cali40"
        let vxlan = "meta l4proto 17 udp dport { 4789 }"
        var texts = [
            "\(clear) \(goHexadecimal(~all))", "\(clear) \(goHexadecimal(~(all & ~marks.accept)))",
            "\(clear) \(goHexadecimal(~(marks.accept | marks.pass)))", "\(clear) \(goHexadecimal(~marks.pass))",
            "counter meta mark set mark or \(accept)", "\(isAccepted) accept", "\(isAccepted) return",
            "ct state related,established counter accept", "ct state invalid counter drop",
            "meta mark & \(pass) == 0 counter drop", "counter drop", "counter accept", "counter return",
            "iifname cali* counter meta mark set mark or \(scratch)",
            "\(isFromWorkload) fib saddr . mark . iif oif 0 counter drop",
            "\(isFromWorkload) counter jump raw-cali-rpf-skip",
            "meta mark & \(scratch) == 0 counter jump raw-cali-from-host-endpoint",
            "iifname cali* counter jump filter-cali-from-wl-dispatch",
            "oifname cali* counter jump filter-cali-to-wl-dispatch",
            "iifname cali* counter goto filter-cali-wl-to-host", "oifname cali* counter return",
            "ct status dnat counter jump mangle-cali-to-host-endpoint",
            "ct status != dnat counter jump filter-cali-to-host-endpoint",
            "meta l4proto udp udp dport 4789 counter notrack", "\(vxlan) fib daddr type local counter drop",
            "\(vxlan) \(family) saddr @\(set)all-vxlan-net fib daddr type local counter accept",
            "\(vxlan) fib saddr type local \(family) daddr @\(set)all-vxlan-net counter accept",
            "meta l4proto 4 \(family) saddr @\(set)all-hosts-net fib daddr type local counter accept",
            "meta l4proto 4 counter drop", "\(vxlan) counter drop",
            "meta l4proto 4 \(family) daddr @\(set)all-hosts-net fib saddr type local counter accept",
            "iifname vmap @filter-cali-from-wl-dispatch", "oifname vmap @filter-cali-to-wl-dispatch",
        ]
        for pools in ["all-ipam-pools", "network-ip-pools"] {
            texts.append(
                "\(family) saddr @\(set)masq-ipam-pools \(family) daddr != @\(set)\(pools) "
                    + "counter masquerade fully-random")
        }
        for interface in ["tunl0", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"] {
            texts.append(
                "oifname \(interface) fib saddr . oif type != local fib saddr type local counter "
                    + "masquerade fully-random")
        }
        return texts
    }
}
