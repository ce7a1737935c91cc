import Foundation
import RuleModel

/// What a kernel said of a host, and what its tools printed of it.
enum HostFixtures {
    static var folder: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// The payloads of a recording: a line is what was asked for, and hexadecimal digits.
    static func recording() throws -> HostDump {
        var parts: [String: [[UInt8]]] = [:]
        for line in String(decoding: try bytes("host.netlink"), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2 else { continue }
            let digits = words[1].compactMap(\.hexDigitValue)
            let payload = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            parts[String(words[0]), default: []].append(payload)
        }
        var dump = HostDump()
        dump.links = parts["link"] ?? []
        dump.addresses = parts["address"] ?? []
        dump.routesV4 = parts["route"] ?? []
        dump.routesV6 = parts["route6"] ?? []
        dump.nextHops = parts["nexthop"] ?? []
        dump.rulesV4 = parts["rule"] ?? []
        dump.rulesV6 = parts["rule6"] ?? []
        dump.neighbours = parts["neighbour"] ?? []
        dump.forwardingEntries = parts["forwarding"] ?? []
        dump.sets = parts["set"] ?? []
        dump.connections = parts["connection"] ?? []
        return dump
    }
}
