import Questions
import RuleModel
import Testing

@Suite("Doctor: what could not be looked for")
struct DoctorNeedsTests {
    private static let folders = [
        "calico-node", "calico-node-ipip", "calico-node-ipvs", "calico-node-nft", "flannel-docker", "host-firewall",
        "docker-forward-drop", "local-output-reroute", "notrack-invalid",
    ]

    @Test(arguments: folders)
    func `a check that could not look has found nothing`(_ folder: String) throws {
        let node = try Clinic(folder: folder)
        for lacking in [
            node.lacking("ip-addr.txt", "ip-link.txt"), node.lacking("ip-route.txt"), node.lacking("sysctl.txt"),
            node.lacking("conntrack.txt"), node.lacking("ss.txt"), node,
        ] {
            let patient = try lacking.patient()
            for check in doctorChecks {
                guard doctorGaps(patient, only: [check.name], missing: []).unlooked == 1 else { continue }
                #expect(examine(patient, only: [check.name]).isEmpty, "\(check.name)")
            }
        }
    }

    @Test func `rules alone leave many causes open, a whole node's listings those that objects tell`() throws {
        let rules = try Clinic(folder: "calico-node").lacking(
            "ip-addr.txt", "ip-link.txt", "ip-route.txt", "sysctl.txt", "conntrack.txt", "ss.txt")
        let gaps = try doctorGaps(rules.patient(), missing: [])
        #expect(gaps.checked == doctorChecks.count && gaps.unlooked > 20 && gaps.unlooked < gaps.checked)
        #expect(gaps.missing.map(\.name) == ["objects"])
        let whole = try doctorGaps(Clinic(folder: "calico-node").patient(), missing: [])
        #expect((1...8).contains(whole.unlooked))
        // A host that is no node of a cluster has no objects to lack.
        let host = try doctorGaps(Clinic(folder: "local-output-reroute").patient(), missing: [])
        #expect(host.unlooked == 0 && host.missing.isEmpty)
    }
}
