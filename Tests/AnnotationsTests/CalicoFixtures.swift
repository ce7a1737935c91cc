import Foundation

/// Rule sets of Calico's, most of them fixtures of the readers' tests: READMEs beside them say where they come from.
enum CalicoFixtures {
    static let versions =
        [
            "v3.25", "v3.28.0", "v3.29", "v3.30", "v3.30-flowlogs", "v3.31", "v3.31-ipvs", "v3.32", "head-v3.33",
            "head-v3.33-flowlogs",
        ]

    static func version(_ name: String) -> String { "IptablesTextTests/Fixtures/real-calico-version-\(name).txt" }

    static let node = "IptablesTextTests/Fixtures/real-calico-node-iptables.txt"
    static let noPods = "IptablesTextTests/Fixtures/real-calico-v3.30-node-nopods-iptables.txt"
    static let aks = "IptablesTextTests/Fixtures/real-calico-aks-kubenet-v3.2x-filter-iptables.txt"
    static let native = "NftablesTests/Fixtures/real-calico-nftables-mode-node-nopods-nft.txt"
    static let options = ["iptables", "ip6tables", "nft-ip", "nft-ip6"].map {
        "AnnotationsTests/Fixtures/felix-options-\($0).txt"
    }

    static let all = versions.map(version) + [node, noPods, aks, native] + options

    static func text(_ path: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: tests.appending(path: path), encoding: .utf8)
    }
}
