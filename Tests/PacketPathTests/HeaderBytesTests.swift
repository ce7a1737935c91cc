import Foundation
import NetTypes
import RuleModel
import Testing

@testable import PacketPath

/// Matches on packets that are given as bytes.
@Suite struct HeaderBytesTests {
    /// Each line of the table is what a kernel did.
    @Test func everyMatchDecidesAsTheKernelDoes() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/header-bytes.txt")
        let text = try String(contentsOf: file, encoding: .utf8)
        var rows = 0
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            // A pattern of hexadecimal digits stands between bars too.
            let conditions = parts.dropLast(2).joined(separator: "|")
            let verdicts = try #require(parts.last).split(separator: " ")
            let bytes = HeaderBytesTests.bytes(parts[parts.count - 2])
            for (verdict, isNFT) in zip(verdicts, [false, true]) {
                rows += 1
                let found = try HeaderBytesTests.verdict(conditions, bytes, isNFT: isNFT)
                #expect(found == verdict, "\(conditions) of \(isNFT ? "nft" : "legacy"): \(parts[parts.count - 2])")
            }
        }
        #expect(rows > 1000)
    }

    static func bytes(_ text: String) -> [UInt8] {
        stride(from: 0, to: text.utf8.count - 1, by: 2).compactMap {
            UInt8(text.dropFirst($0).prefix(2), radix: 16)
        }
    }

    /// What the rule's matches come to, one after another.
    static func verdict(
        _ conditions: String, _ bytes: [UInt8], isNFT: Bool, _ adjust: (inout Packet) -> Void = { _ in }
    ) throws -> String {
        let decoded = Packet(decoding: bytes.span)
        var packet = try #require(decoded)
        adjust(&packet)
        var lab = try MatchLab(conditions, hook: .prerouting, version: packet.version, isNFT: isNFT)
        lab.packet = packet
        for match in lab.matches {
            if lab.evaluator.dropsItself(match, packet, lab.rule) { return "drop" }
            switch lab.evaluator.test(match, in: lab.state, rule: lab.rule) {
            case .yes: continue
            case .no: return "no"
            case .perhaps(let unknown): return unknown.name
            }
        }
        return "yes"
    }
}
