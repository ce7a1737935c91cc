import Foundation
import KernelLab
import NetTypes
import Testing

/// Whether the kernel takes what is drawn: with iptables-nft and ipset, in namespaces that end with the test.
@Suite struct RandomLoadTests {
    static let canLoad =
        getuid() == 0
        && ["unshare", "ipset", "iptables-nft-restore", "ip6tables-nft-restore"].allSatisfy { tool in
            ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].contains {
                FileManager.default.isExecutableFile(atPath: $0 + tool)
            }
        }

    /// Runs a script in a network namespace of its own, with `texts` as its files `0`, `1`, …: output, then complaints.
    private func run(_ script: String, _ texts: [String]) throws -> (output: String, complaints: String) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (number, text) in texts.enumerated() {
            try text.write(to: folder.appendingPathComponent("\(number)"), atomically: false, encoding: .utf8)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = folder
        process.arguments = ["unshare", "-n", "sh", "-c", "{ \(script)} 2> complaints"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let complaints = try String(contentsOf: folder.appendingPathComponent("complaints"), encoding: .utf8)
        return (output, complaints)
    }

    private func program(_ feature: RandomFeature) -> String {
        switch feature.program {
        case .sets: "ipset restore"
        case .tables(.v4): "iptables-nft-restore"
        case .tables(.v6): "ip6tables-nft-restore"
        }
    }

    /// The names of the features that this kernel and its tools have.
    private func available() throws -> Set<String> {
        let features = RandomFeatures.candidates
        var script = "ipset restore < \(features.count)\n"
        for (number, feature) in features.enumerated() {
            script += "if \(program(feature)) < \(number); then echo '\(feature.name)'; fi\n"
            if feature.program == .sets { script += "ipset -q destroy x\n" }
        }
        let needs = features.first { !$0.needs.isEmpty }?.needs ?? ""
        return Set(try run(script, features.map(\.text) + [needs]).output.split(separator: "\n").map(String.init))
    }

    @Test(.enabled(if: canLoad, "needs root, unshare, ipset and iptables-nft")) func theKernelLoadsWhatIsDrawn() throws
    {
        let available = try available()
        #expect(available.isSuperset(of: ["ip match tcp", "ip6 match tcp", "ip target ACCEPT", "set hash:ip"]))
        let features = RandomFeatures(available: available)
        for seed in UInt64(0)..<25 {
            let rules = RandomRules(seed: seed, topology: RandomTopology(seed: seed / 4), features: features)
            let script = """
                ipset restore < 0 && iptables-nft-restore < 1 && ip6tables-nft-restore < 2 && echo loaded

                """
            let ran = try run(script, [rules.ipset, rules.iptables, rules.ip6tables])
            #expect(ran.output == "loaded\n", "seed \(seed): \(ran.complaints)")
        }
    }

    @Test(.enabled(if: canLoad, "needs root, unshare, ipset and iptables-nft"))
    func nftLoadsMostNativeTablesThatAreDrawn()
        throws
    {
        var loaded = 0
        for seed in UInt64(0)..<25 {
            let rules = RandomRules(seed: seed, topology: RandomTopology(seed: seed / 4), nativeShare: 100)
            let ran = try run("nft -f 0 && echo loaded\n", [rules.native])
            if ran.output == "loaded\n" { loaded += 1 }
        }
        // Some rules contradict themselves, which nft refuses.
        #expect(loaded >= 20)
    }
}
