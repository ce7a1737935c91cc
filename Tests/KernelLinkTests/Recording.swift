import Foundation
import KernelLink
import Nftables
import RuleModel

/// Where this test's and the text reader's fixtures lie.
enum Fixtures {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func ofText(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("NftablesTests/Fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func ofIptables(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("IptablesTextTests/Fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private static let rulesetFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Rulesets")

    /// Names of the folders of `Rulesets` that hold rules of iptables.
    static func rulesets() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: rulesetFolder.path)) ?? []
        return names.sorted().filter { ofRuleset($0, "iptables-save.txt") != nil }
    }

    static func ofRuleset(_ name: String, _ file: String) -> String? {
        try? String(
            contentsOf: rulesetFolder.appendingPathComponent(name).appendingPathComponent(file), encoding: .utf8)
    }

    /// Messages that a kernel sent: a line is what was asked for, and the payload in hexadecimal digits.
    static func recording(_ name: String) throws -> KernelDump {
        var dump = KernelDump()
        for line in String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2 else { continue }
            let digits = words[1].compactMap(\.hexDigitValue)
            let payload = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            switch words[0] {
            case "table": dump.tables.append(payload)
            case "chain": dump.chains.append(payload)
            case "rule": dump.rules.append(payload)
            case "set": dump.sets.append(payload)
            case "elements": dump.elements.append(payload)
            case "object": dump.objects.append(payload)
            case "flowtable": dump.flowtables.append(payload)
            case "ipset" where payload.count > 2:
                dump.ipsets[UInt16(payload[0]) << 8 | UInt16(payload[1])] = Array(payload[2...])
            default: break
            }
        }
        dump.interfaces = [1: Array("lo".utf8)]
        return dump
    }
}
