import Annotations
import ChainGraph
import RuleModel
import Testing

/// Rule sets of real nodes: no chain of a maker that is known may be without a purpose, and no rule in such a chain
/// that decides anything. Calico's chains have a test of their own.
@Suite struct RealRulesetsTests {
    struct Count: Equatable, CustomStringConvertible {
        var chains = 0
        var named = 0
        var rules = 0
        var told = 0
        var hooks = 0
        var hooksTold = 0
        var unnamed: [String] = []
        var untold: [String] = []
        var description: String { "chains \(named)/\(chains), rules \(told)/\(rules), hooks \(hooksTold)/\(hooks)" }
    }

    /// Chains, the rules in them that decide, and all rules of built-in chains: these may be the operator's own.
    private func count(_ path: String) throws -> Count {
        let annotated = try Annotated(fixture: path)
        let linked = annotated.linked
        var count = Count()
        for id in linked.chainIDs.map({ ChainID($0) }) {
            let path = linked.path(of: id)
            let purpose = annotated.rules.purpose(of: id)
            if path.contains("cali") { continue }
            let table = linked.name(linked.table(of: id).name)
            if linked.chain(id).base == nil || !["raw", "mangle", "nat", "filter"].contains(table) {
                count.chains += 1
                if purpose == nil { count.unnamed.append(path) } else { count.named += 1 }
            }
            for index in linked.chain(id).rules.indices where purpose == nil && linked.chain(id).base != nil {
                let reference = RuleReference(chain: id, index: index)
                if leadsToCalico(linked, reference) { continue }
                count.hooks += 1
                if annotated.rules.purpose(of: reference) != nil { count.hooksTold += 1 }
            }
            for (index, rule) in linked.chain(id).rules.enumerated() where decides(rule) && purpose != nil {
                if purpose?.isForOperator == true { continue }
                count.rules += 1
                if annotated.rules.purpose(of: RuleReference(chain: id, index: index)) == nil {
                    count.untold.append("\(path) \(index)")
                } else {
                    count.told += 1
                }
            }
        }
        return count
    }

    private func leadsToCalico(_ linked: LinkedRuleset, _ reference: RuleReference) -> Bool {
        for statement in linked.rule(reference).statements {
            if case .match(.comment(let text)) = statement, linked.name(text).hasPrefix("cali:") { return true }
        }
        return false
    }

    /// Whether a rule ends the packet's way, translates it or marks it; rules that could not be read do not.
    private func decides(_ rule: Rule) -> Bool {
        var decides = false
        for statement in rule.statements {
            switch statement {
            case .match(.unknown), .target(.unknown): return false
            case .target(.accept), .target(.drop), .target(.reject), .target(.return), .target(.dnat), .target(.snat),
                .target(.masquerade), .target(.redirect), .target(.mark), .target(.connectionMark), .target(.tproxy),
                .target(.notrack), .target(.ct), .target(.native(.translate)), .target(.native(.reject)),
                .target(.native(.assign)), .target(.native(.verdictMap)), .target(.native(.tproxy)):
                decides = true
            case .match, .target: continue
            }
        }
        return decides
    }

    /// Rules of built-in chains that are not told are the operator's own; in the tailscale file, which is cut off, also
    /// jumps to chains that are not in it.
    @Test(arguments: [
        ("IptablesTextTests/Fixtures/real-docker-20.10-iptables.txt", "chains 5/5, rules 17/17, hooks 28/28"),
        (
            "IptablesTextTests/Fixtures/real-docker28-libvirt-ufw-iptables-c.txt",
            "chains 47/47, rules 72/72, hooks 30/30"
        ),
        ("IptablesTextTests/Fixtures/real-fail2ban-1.0.2-iptables.txt", "chains 2/2, rules 6/6, hooks 3/7"),
        ("IptablesTextTests/Fixtures/real-podman-netavark-1.4-iptables.txt", "chains 8/8, rules 16/16, hooks 6/6"),
        (
            "IptablesTextTests/Fixtures/real-tailscale-docker28-ufw-iptables-S-partial.txt",
            "chains 20/20, rules 36/36, hooks 8/22"
        ),
        (
            "IptablesTextTests/Fixtures/real-openstack-neutron-ovs-iptables.txt",
            "chains 39/39, rules 35/35, hooks 42/44"
        ),
        ("IptablesTextTests/Fixtures/real-ufw-0.36.2-iptables.txt", "chains 32/32, rules 34/34, hooks 18/18"),
        ("IptablesTextTests/Fixtures/real-ufw-0.36.2-ip6tables.txt", "chains 31/31, rules 74/74, hooks 18/18"),
        ("NftablesTests/Fixtures/real-ufw-0.36.2-as-nft-list.txt", "chains 63/63, rules 108/108, hooks 36/36"),
        ("NftablesTests/Fixtures/real-firewalld-1.3.3-nft.txt", "chains 135/135, rules 41/41, hooks 0/0"),
        ("NftablesTests/Fixtures/real-openwrt-fw4-nft.txt", "chains 28/28, rules 26/26, hooks 0/0"),
        ("NftablesTests/Fixtures/real-kubeproxy-nftables-mode-k3s-nft.txt", "chains 43/43, rules 38/38, hooks 0/0"),
        (
            "IptablesTextTests/Fixtures/real-k3s-flannel-kuberouter-netpol-iptables.txt",
            "chains 67/67, rules 105/105, hooks 25/28"
        ),
        (
            "IptablesTextTests/Fixtures/real-k3s-flannel-kuberouter-netpol-ip6tables.txt",
            "chains 17/17, rules 7/7, hooks 14/14"
        ),
        (
            "IptablesTextTests/Fixtures/real-cilium-kubeproxy-ipvs-iptables.txt",
            "chains 24/24, rules 36/36, hooks 17/28"
        ),
        (
            "IptablesTextTests/Fixtures/real-kubeproxy1.16-docker-oldcalico-iptables.txt",
            "chains 18/18, rules 16/16, hooks 18/18"
        ),
        (
            "IptablesTextTests/Fixtures/real-calico-kubeproxy-ipvs-nat-iptables.txt",
            "chains 31/31, rules 6/6, hooks 3/3"
        ),
        ("IptablesTextTests/Fixtures/real-calico-node-iptables.txt", "chains 32/32, rules 19/19, hooks 14/14"),
    ])
    func everyChainAndDecidingRuleIsNamed(_ path: String, _ expected: String) throws {
        let count = try count(path)
        #expect(count.unnamed == [])
        #expect(count.untold == [])
        #expect("\(count)" == expected)
    }

    @Test(arguments: [
        "real-docker28-libvirt-ufw-iptables-c.txt", "real-cilium-kubeproxy-ipvs-iptables.txt",
        "real-fail2ban-1.0.2-iptables.txt",
    ]) func whatIsWorkedOutBeforehandIsWhatAskingFinds(_ name: String) throws {
        let asked = try Annotated(fixture: "IptablesTextTests/Fixtures/\(name)").rules
        let known = asked.complete()
        for id in asked.linked.chainIDs.map({ ChainID($0) }) {
            #expect(known.purpose(of: id) == asked.purpose(of: id))
            let rules = asked.linked.chain(id).rules.indices.map { RuleReference(chain: id, index: $0) }
            #expect(known.purposes(ofRulesIn: id) == rules.map { asked.purpose(of: $0) })
            #expect(rules.map { known.purpose(of: $0) } == rules.map { asked.purpose(of: $0) })
        }
    }

    @Test func rulesOfTheOperatorsOwnHaveNoMaker() throws {
        let laptop = try Annotated(fixture: "IptablesTextTests/Fixtures/real-docker28-libvirt-ufw-iptables-c.txt")
        let own = RuleReference(chain: try laptop.chain("filter/DOCKER-USER"), index: 0)
        #expect(laptop.rules.purpose(of: own) == nil)
        #expect(laptop.rules.maker(of: own) == nil)
        let node = try Annotated(fixture: "IptablesTextTests/Fixtures/real-cilium-kubeproxy-ipvs-iptables.txt")
        #expect(
            try node.texts("nat/POSTROUTING") == [
                "by which address pods leave the cluster", "masquerades what is marked for it", "-", "-", "-", "-", "-",
                "-", "-",
            ])
    }

    @Test func namesThatOnlyLookAlikeAreNoOnes() throws {
        let rules = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :DOCKER-OF-MINE - [0:0]
            :reject - [0:0]
            :syn_flood - [0:0]
            :IN_public - [0:0]
            :FI-vnet0 - [0:0]
            :neutron-openvswi-mine - [0:0]
            :CNI-0123456789abcdef01234567 - [0:0]
            :NETAVARK-NOTAHASH00000 - [0:0]
            :KUBE-SVC-SHORT - [0:0]
            :AWS-SNAT-CHAIN-X - [0:0]
            -A FORWARD -i br0 -o br0 -j ACCEPT
            -A FORWARD -i br-lan ! -o br-lan -j ACCEPT
            -A FORWARD -s 10.244.0.0/16 -j ACCEPT
            COMMIT
            *nat
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -s 10.0.0.0/8 ! -o br0 -j MASQUERADE
            -A POSTROUTING -s 10.0.0.2/32 -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
            -A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
            -A POSTROUTING -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
            COMMIT

            """)
        for line in rules.golden().split(separator: "\n") {
            #expect(line.hasSuffix("-"), "\(line)")
        }
    }
}
