import Annotations
import ChainGraph
import Foundation
import RuleModel
import Testing

@Suite struct CalicoRulesTests {
    static let fixtures = CalicoFixtures.all

    /// Of every rule set of Calico's, no chain and no rule may be without a purpose.
    @Test(arguments: fixtures)
    func everyChainAndRuleIsKnown(_ path: String) throws {
        let annotated = try Annotated(fixture: path)
        var count = 0
        for id in annotated.linked.chainIDs.map({ ChainID($0) }) {
            guard annotated.linked.path(of: id).contains("cali-") else { continue }
            let name = annotated.linked.path(of: id)
            guard case .calico(let purpose)? = annotated.rules.purpose(of: id) else {
                Issue.record("\(name) is not known")
                continue
            }
            #expect(purpose != .unknownChain, "\(name)")
            let purposes = annotated.rules.purposes(ofRulesIn: id)
            for (index, told) in purposes.enumerated() {
                guard case .calico(let purpose)? = told else {
                    Issue.record("\(name) \(index + 1) is not known")
                    continue
                }
                #expect(purpose != .unknownRule, "\(name) \(index + 1)")
                #expect(told == annotated.rules.purpose(of: RuleReference(chain: id, index: index)))
                count += 1
            }
        }
        #expect(count > 40)
    }

    @Test func aWorkloadsChainTellsEachStep() throws {
        let rules = try Annotated(fixture: CalicoFixtures.version("v3.31"))
        #expect(
            try rules.purpose("filter/cali-fw-cali11111111111")
                == "Calico: egress policy of the workload behind cali11111111111")
        #expect(
            try rules.texts("filter/cali-fw-cali11111111111") == [
                "lets replies and other packets of known connections through",
                "drops what conntrack calls invalid",
                "clears its own marks",
                "drops VXLAN packets that a workload makes itself",
                "drops IP-in-IP packets that a workload makes itself",
                "start of tier security",
                "GlobalNetworkPolicy security.block-smtp, egress",
                "leaves: a policy accepted the packet",
                "profile of namespace default, egress",
                "leaves: a profile accepted the packet",
                "profile of service account default/default, egress",
                "leaves: a profile accepted the packet",
                "drops: no profile allows the packet, egress",
            ])
        let id = try rules.chain("filter/cali-tw-cali11111111111")
        #expect(
            rules.rules.purpose(of: RuleReference(chain: id, index: 6)) == .calico(.tierEnd("default", .ingress)))
    }

    /// A denial marks and then drops since v3.30; the place in the policy's list stays.
    @Test(arguments: [
        ("v3.25", ["allow 1 decision", "allow 1 verdict", "log 2 decision", "deny 3 decision"]),
        ("v3.31", ["allow 1 decision", "allow 1 verdict", "log 2 decision", "deny 3 decision", "deny 3 verdict"]),
        (
            "v3.30-flowlogs",
            [
                "allow 1 decision", "allow 1 flowLog", "allow 1 verdict", "log 2 decision", "deny 3 decision",
                "deny 3 flowLog", "deny 3 verdict",
            ]
        ),
    ])
    func rulesOfAPolicyAreCounted(_ version: String, _ expected: [String]) throws {
        let rules = try Annotated(fixture: CalicoFixtures.version(version))
        let id = try #require(
            rules.linked.chainIDs.map { ChainID($0) }.first {
                rules.linked.name(rules.linked.chain($0).name).hasPrefix("cali-pi-")
            })
        #expect(rules.rules.purposes(ofRulesIn: id).map(part) == expected)
    }

    /// More than 15 ports and several prefixes make one rule of the policy into many.
    @Test func conditionsBelongToTheRuleThatTheyAreOf() throws {
        let rules = try Annotated(fixture: "AnnotationsTests/Fixtures/felix-options-iptables.txt")
        let id = try rules.chain("filter/cali-pi-_qtaaJDJAvqAdCudz9uE")
        let parts = rules.rules.purposes(ofRulesIn: id).map(part)
        #expect(parts[..<8].allSatisfy { $0 == "allow 1 condition" })
        #expect(parts[8...10] == ["allow 1 decision", "allow 1 flowLog", "allow 1 verdict"])
        #expect(parts[11...13] == ["deny 2 decision", "deny 2 flowLog", "deny 2 verdict"])
        #expect(parts.last == "pass 8 decision")
    }

    private func part(_ purpose: Purpose?) -> String {
        guard case .calico(.policyRule(_, _, let part))? = purpose else { return "-" }
        return "\(part.action) \((part.index ?? -2) + 1) \(part.step)"
    }

    @Test func hostEndpointsAreToldApart() throws {
        let rules = try Annotated(fixture: "AnnotationsTests/Fixtures/felix-options-iptables.txt")
        func purpose(_ path: String) throws -> Purpose? { rules.rules.purpose(of: try rules.chain(path)) }
        #expect(try purpose("raw/cali-fh-eth1") == .calico(.hostEndpoint(interface: "eth1", .ingress, .untracked)))
        #expect(try purpose("mangle/cali-fh-eth1") == .calico(.hostEndpoint(interface: "eth1", .ingress, .preDNAT)))
        #expect(
            try purpose("filter/cali-fh-any-interface-at-all")
                == .calico(.hostEndpoint(interface: "", .ingress, .normal)))
        // Hashed, since the name of all interfaces does not fit.
        let forward = try #require(
            rules.linked.chainIDs.map { rules.linked.path(of: ChainID($0)) }.first { $0.contains("cali-thfw-_") })
        #expect(try purpose(forward) == .calico(.hostEndpoint(interface: "", .egress, .forwarded)))
        #expect(
            try rules.texts(forward).suffix(2) == [
                "lets forwarded traffic through: no policy of the host endpoint is about it",
                "lets forwarded traffic through: no policy of the host endpoint is about it",
            ])
    }

    @Test func nftablesModeIsToldAlike() throws {
        let native = try Annotated(fixture: "AnnotationsTests/Fixtures/felix-options-nft-ip.txt")
        let saved = try Annotated(fixture: "AnnotationsTests/Fixtures/felix-options-iptables.txt")
        for (layer, chain) in [
            ("filter", "cali-FORWARD"), ("filter", "cali-INPUT"), ("filter", "cali-OUTPUT"), ("raw", "cali-PREROUTING"),
            ("filter", "cali-pi-_qtaaJDJAvqAdCudz9uE"), ("filter", "cali-po-gnp/limits"),
            ("nat", "cali-nat-outgoing"), ("nat", "cali-POSTROUTING"), ("mangle", "cali-POSTROUTING"),
            ("filter", "cali-wl-to-host"), ("filter", "cali-fh-any-interface-at-all"), ("raw", "cali-rpf-skip"),
        ] {
            #expect(try native.texts("calico/\(layer)-\(chain)") == (try saved.texts("\(layer)/\(chain)")), "\(chain)")
        }
        #expect(
            try native.texts("calico/filter-cali-from-wl-dispatch") == [
                "finds the workload that a packet comes from",
                "drops what comes from an interface that no workload endpoint has",
            ])
        #expect(native.rules.purpose(ofSet: "filter-cali-from-wl-dispatch") == .calico(.workloadDispatch(.egress)))
    }

    /// The comments of all versions but the last; `Drop` becomes `Reject` with IptablesFilterDenyAction.
    @Test(arguments: [
        (
            "Drop if no policies passed packet",
            "end of tier default: ingress policy applies, and none allowed or passed the packet"
        ),
        (
            "End of tier net-sec. Reject if no policies passed packet",
            "end of tier net-sec: ingress policy applies, and none allowed or passed the packet"
        ),
        ("Start of policies", "start of tier default"),
        ("Reject if no profiles matched", "drops: no profile allows the packet, ingress"),
        ("Reject VXLAN encapped packets originating in workloads", "drops VXLAN packets that a workload makes itself"),
        ("Endpoint admin disabled", "drops: the endpoint is administratively down"),
        ("Drop VXLAN packets from non-whitelisted hosts", "drops VXLAN packets of hosts that are not Calico's"),
        ("Allow VXLAN packets from allowed hosts", "lets VXLAN packets of Calico's hosts in"),
        ("Pre-approved by BPF programs.", "eBPF mode: programs decide, not this rule"),
    ])
    func commentsOfAllVersions(_ comment: String, _ text: String) throws {
        let rules = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :cali-tw-cali1 - [0:0]
            -A cali-tw-cali1 -m comment --comment "cali:AAAAAAAAAAAAAAAA" -m comment --comment "\(comment)" -j DROP
            COMMIT

            """)
        #expect(try rules.texts("filter/cali-tw-cali1") == [text])
    }

    @Test func rulesWithoutCommentsAreKnownByTheirShape() throws {
        let whole = try Annotated(fixture: CalicoFixtures.version("v3.31"))
        let text = try CalicoFixtures.text(CalicoFixtures.version("v3.31"))
        let bare = try Annotated(
            text.split(separator: "\n", omittingEmptySubsequences: false).map(withoutComments).joined(separator: "\n"))
        for path in ["filter/cali-INPUT", "filter/cali-FORWARD", "raw/cali-PREROUTING", "nat/cali-POSTROUTING"] {
            #expect(try bare.texts(path) == (try whole.texts(path)), "\(path)")
        }
        let workload = try bare.texts("filter/cali-tw-cali11111111111")
        #expect(workload[3] == "start of a tier")
        #expect(workload[6] == "end of a tier: ingress policy applies, and none allowed or passed the packet")
        #expect(workload.last == "drops: no profile allows the packet, ingress")
    }

    private func withoutComments(_ line: Substring) -> String {
        var text = String(line)
        while let start = text.range(of: " -m comment --comment \"") {
            guard let end = text[start.upperBound...].firstIndex(of: "\"") else { break }
            text.removeSubrange(start.lowerBound...end)
        }
        return text
    }

    @Test func whatFelixOf2016LeftIsTold() throws {
        let rules = try Annotated(
            """
            *nat
            :POSTROUTING ACCEPT [0:0]
            :felix-POSTROUTING - [0:0]
            -A POSTROUTING -m set --match-set felix-masq-ipam-pools src -j MASQUERADE
            COMMIT

            """)
        #expect(try rules.purpose("nat/felix-POSTROUTING") == "Calico: left by a Felix of before 2017")
        #expect(try rules.texts("nat/POSTROUTING") == ["left by a Felix of before 2017"])
    }
}
