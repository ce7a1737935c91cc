import KernelLink
import NetTypes
import NetlinkBytes
import Testing

@testable import KernelLab

/// Tables of iptables-legacy as IPT_SO_GET_ENTRIES gives them.
@Suite struct LegacyLayoutTests {
    /// One entry: its fixed part with the counters, and its target.
    private static func entry(
        _ version: IPVersion, target: String = "", verdict: Int32 = 0, label: String = "", packets: UInt64 = 0
    ) -> [UInt8] {
        let fixed = version == .v4 ? 112 : 168
        let size = target == "ERROR" ? 64 : 40
        var bytes = [UInt8](repeating: 0, count: version == .v4 ? 88 : 140)
        bytes.append(native: UInt16(fixed))
        bytes.append(native: UInt16(fixed + size))
        bytes += [UInt8](repeating: 0, count: fixed - 16 - bytes.count)
        bytes.append(native: packets)
        bytes.append(native: packets * 40)
        bytes.append(native: UInt16(size))
        bytes += Array(target.utf8) + [UInt8](repeating: 0, count: 30 - target.utf8.count)
        if target == "ERROR" {
            bytes += Array(label.utf8) + [UInt8](repeating: 0, count: 32 - label.utf8.count)
        } else {
            bytes.append(native: verdict)
            bytes += [0, 0, 0, 0]
        }
        return bytes
    }

    /// INPUT: one rule that drops; policy accept. Chain U: one rule with a target of an extension.
    private static func table(_ version: IPVersion) -> (info: [UInt8], entries: [UInt8]) {
        let head =
            entry(version, verdict: -1, packets: 5) + entry(version, verdict: -2, packets: 7)
        let entries =
            head + entry(version, target: "ERROR", label: "U") + entry(version, target: "LOG", packets: 9)
            + entry(version, verdict: -5, packets: 11) + entry(version, target: "ERROR", label: "ERROR")
        var info = [UInt8](repeating: 0, count: 32)
        info.append(native: UInt32(1 << 1))
        for offset in [0, 0, 0, 0, 0, 0, head.count / 2, 0, 0, 0] { info.append(native: UInt32(offset)) }
        info.append(native: UInt32(6))
        info.append(native: UInt32(entries.count))
        return (info, entries)
    }

    private func info(_ bytes: [UInt8]) -> LegacyInfo? { LegacyInfo(bytes.span) }

    private func layout(_ bytes: [UInt8], _ info: LegacyInfo, _ version: IPVersion) -> LegacyLayout? {
        LegacyLayout(bytes.span, info, version)
    }

    @Test("rules, policies and chains are found by their offsets", arguments: IPVersion.allCases)
    func reads(_ version: IPVersion) throws {
        let table = Self.table(version)
        let info = try #require(self.info(table.info))
        #expect(Int(info.size) == table.entries.count)
        let layout = try #require(self.layout(table.entries, info, version))
        #expect(layout.entries.map(\.chain) == ["INPUT", "INPUT", "U"])
        #expect(layout.entries.map(\.number) == [1, nil, 1])
        #expect(layout.entries.map(\.target) == [.drop, .accept, .named("LOG")])
        let counts = layout.counts(table.entries.span)
        #expect(counts == [5, 7, 9])
    }

    @Test("a table that is cut short is none", arguments: IPVersion.allCases)
    func cutShort(_ version: IPVersion) throws {
        let table = Self.table(version)
        let info = try #require(self.info(table.info))
        let (rule, heading) = version == .v4 ? (152, 176) : (208, 232)
        let ends = [0, rule, 2 * rule, 2 * rule + heading, 3 * rule + heading, 4 * rule + heading]
        for length in 0..<table.entries.count {
            let layout = self.layout(Array(table.entries[..<length]), info, version)
            #expect((layout != nil) == ends.contains(length), "\(length) bytes")
        }
        #expect(self.info(Array(table.info.dropLast())) == nil)
    }
}
