import Foundation
import Testing

@Suite("Doctor: what it shows")
struct DoctorExamplesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Recorded nodes, and rule sets that real programs wrote.
    static let inputs: [String] = {
        let folders = names("Rulesets").filter { $0 != "kernel" && !$0.hasSuffix(".md") }.map { "Rulesets/" + $0 }
        let fixtures = "Tests/IptablesTextTests/Fixtures"
        return folders
            + [fixtures, "Tests/NftablesTests/Fixtures"].flatMap { folder in
                names(folder).filter { $0.hasPrefix("real-") }.map { folder + "/" + $0 }
            }
    }()

    private static func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []).sorted()
    }

    /// What is found, by the end of the input's path; nothing elsewhere. Each was read and is true of its input: who
    /// adds to it reads the finding first.
    static let expected: [String: [String]] = [
        // Pods' links were made with the kernel's MTU; a Service without endpoints is one of its cases.
        "calico-node": ["problem no-endpoints", "risk no-endpoints", "risk mtu", "note source-ranges"],
        "calico-node-ipip": ["problem no-endpoints", "risk no-endpoints", "risk mtu", "note source-ranges"],
        "calico-node-nft": ["problem no-endpoints", "risk mtu", "risk ct-status", "note source-ranges"],
        "calico-node-kubeproxy-nft": ["problem no-endpoints", "risk mtu", "note source-ranges"],
        "calico-node-ipvs": ["problem no-endpoints", "risk mtu", "note decided-elsewhere"],
        // node-b is node-a turned round by a script, with node-a's hashes and an API server of its own.
        "calico-two-nodes": [
            "problem no-endpoints", "risk no-endpoints", "risk mtu", "risk stale-kube-proxy", "note source-ranges",
            "problem no-endpoints", "risk no-endpoints", "risk mtu", "risk stale-kube-proxy", "risk calico-integrity",
            "note source-ranges",
        ],
        "docker-forward-drop": ["problem forward-policy-drop"],
        // A kube-proxy of before 1.15.
        "flannel-docker": ["problem no-endpoints", "risk conntrack-invalid", "risk pod-masquerade"],
        "flannel-docker-replaced": ["problem no-endpoints", "risk conntrack-invalid"],
        "host-firewall": ["problem tunnel-blocked", "risk mtu"],
        "real-calico-node-iptables.txt": ["problem no-endpoints", "note source-ranges"],
        // MARK --set-xmark 0x21/0xffffffff in POSTROUTING, before kube-proxy's mark is read.
        "real-cilium-kubeproxy-ipvs-iptables.txt": ["risk mark-conflict", "note duplicate-rules"],
        "ipv6": ["problem nothing-listens", "note nothing-listens"],
        "local-output-reroute": ["problem nothing-listens"],
        // FORWARD has no rule for ESTABLISHED there, as its README.md says.
        "notrack-invalid": ["problem answers-dropped"],
        "reject-answer-dropped": ["risk reject-unheard"],
        // Calico's own test files: two rules were taken out of one, a set renamed in the other.
        "real-calico-v3.30-node-nopods-iptables.txt": ["risk calico-integrity"],
        "real-calico-nftables-mode-node-nopods-nft.txt": ["risk calico-integrity", "note ct-status"],
        "real-kubeproxy-nftables-mode-k3s-nft.txt": ["problem no-endpoints"],
        "real-docker28-libvirt-ufw-iptables-c.txt": ["note conntrack-invalid"],
        "real-kubeproxy1.16-docker-oldcalico-iptables.txt": ["problem no-endpoints"],
        // Rendered with Felix's default, Drop.
        "real-calico-version-head-v3.33-flowlogs.txt": ["risk endpoint-to-host"],
        "real-calico-version-head-v3.33.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.25.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.28.0.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.29.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.30-flowlogs.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.30.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.31-ipvs.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.31.txt": ["risk endpoint-to-host"],
        "real-calico-version-v3.32.txt": ["risk endpoint-to-host"],
        // Without the policies, as `iptables -S | grep` leaves it.
        "real-tailscale-docker28-ufw-iptables-S-partial.txt": ["risk decided-elsewhere"],
    ]

    @Test(arguments: inputs)
    func `finds what is true of the input, and shows packets that trace follows`(_ input: String) throws {
        let path = Self.root.appending(path: input).path
        let answer = call(["doctor", "--json", path])
        #expect(answer.status == 0 || answer.status == 1, "\(answer.error)")
        var found: [String] = []
        for line in answer.output.split(separator: "\n") {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            let check = try #require(object["check"] as? String)
            let severity = try #require(object["severity"] as? String)
            found.append("\(severity) \(check)")
            guard let example = object["example"] as? String else { continue }
            let trace = call(["trace", path] + example.split(separator: " ").map(String.init))
            #expect(trace.status == 0, "\(example): \(trace.error)")
            try expectShown(object, trace.output, example)
        }
        let wanted = Self.expected.first { input.hasSuffix("/" + $0.key) }?.value ?? []
        #expect(found == wanted, "\(input)")
    }

    /// What the finding quotes is on the packet's way.
    private func expectShown(_ finding: [String: Any], _ trace: String, _ example: String) throws {
        let evidence = try #require(finding["evidence"] as? [[String: Any]])
        let rules = evidence.compactMap { $0["line"] as? String }.filter { $0.hasPrefix("-A ") }
        let check = try #require(finding["check"] as? String)
        // These two are about what no rule decides.
        if rules.isEmpty || check == "mtu" || check == "hairpin" { return }
        #expect(rules.contains { trace.contains($0.prefix(60)) }, "\(example): \(trace)")
    }
}
