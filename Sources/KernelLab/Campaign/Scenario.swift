internal import Glibc
internal import KernelLink
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Packets that passed under other rules, whose connections stay.
struct Stage: Hashable {
    var rules: [SnapshotText]
    var packets: [LabPacket]

    /// The folder of it, in that of its scenario.
    static let folderName = "before"
}

/// A host, its rules and the packets that pass it one after another: what a folder of `Rulesets/kernel/` holds.
struct Scenario: Hashable {
    /// The host's set-up and its rules, as snapshot texts.
    var texts: [SnapshotText]
    var backend: Backend
    var packets: [LabPacket]
    var before: Stage?

    static let flowName = "flow.jsonl"

    private var host: [SnapshotText] { texts.filter { !$0.isRules } }
    private var rules: [SnapshotText] { texts.filter(\.isRules) }

    /// The scenario without what was sent before connections were last forgotten.
    var last: Scenario {
        var result = self
        if let start = packets.lastIndex(where: { $0.isFresh }) {
            result.packets.removeFirst(start)
            result.before = nil
        }
        return result
    }

    /// Sends all packets into a namespace of their own; their verdicts.
    func run() throws(LabFailure) -> [Verdict] {
        let namespace = try ScratchNamespace()
        var driver = Driver(try Bench(host, neighbours: addresses))
        let verdicts = try run(on: &driver)
        try namespace.leave()
        return verdicts
    }

    /// Sends all packets on a bench of the same host.
    func run(on driver: inout Driver) throws(LabFailure) -> [Verdict] {
        try driver.load((before?.rules ?? rules).map(\.plain), backend)
        try driver.forget()
        try driver.bench.scratch.laboratory.holdResets(true)
        var verdicts = try send(before?.packets ?? [], on: &driver)
        if before != nil { try driver.change(rules.map(\.plain)) }
        verdicts += try send(packets, on: &driver)
        return verdicts
    }

    private func send(_ packets: [LabPacket], on driver: inout Driver) throws(LabFailure) -> [Verdict] {
        var verdicts: [Verdict] = []
        for packet in packets {
            if packet.isFresh { try driver.forget() }
            verdicts.append(try driver.send(packet, tag: packet.tag))
        }
        return verdicts
    }

    /// Those that packets come from and go to, and gateways: all that may be asked for on a link.
    private var addresses: [IPAddress] {
        var found: Set<IPAddress> = []
        for packet in packets + (before?.packets ?? []) {
            found.formUnion([packet.packet.source, packet.packet.destination])
        }
        for text in texts + (before?.rules ?? []) {
            for word in text.text.split(whereSeparator: { " \n\t,/[]-".contains($0) }) {
                if let address = IPAddress(String(word)) { found.insert(address) }
            }
        }
        return found.sorted()
    }
}

extension SnapshotText {
    /// Whether it is a dump of rules or sets.
    var isRules: Bool { name.hasSuffix("tables-save.txt") || name == "ipset-save.txt" || name == "nft.txt" }

    /// The same for a bench, which writes the first line itself.
    fileprivate var plain: SnapshotText { SnapshotText(name: name, text: withoutHeader) }

    var withoutHeader: String {
        guard text.hasPrefix("# Generated") else { return text }
        return String(text.drop { $0 != "\n" }.dropFirst())
    }
}

extension LabPacket {
    /// By what the packet is known again.
    var tag: UInt16 {
        let bytes = packet.bytes
        guard bytes.count > 5 else { return 0 }
        let place = bytes[0] >> 4 == 4 ? 4 : 2
        return UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
    }

    /// A line of `--packets`, with the keys that only a laboratory needs behind the others.
    var line: String {
        var words: [String] = []
        switch arrival {
        case .host: words.append("\"in\":null")
        case .wire(let name): words.append("\"in\":\"\(name)\"")
        }
        let hex = packet.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        words.append("\"bytes\":\"\(hex)\"")
        if packet.mark != 0 { words.append("\"mark\":\(packet.mark)") }
        if let mac = packet.sourceMAC { words.append("\"mac\":\"\(mac)\"") }
        if let user = packet.userID { words.append("\"uid\":\(user)") }
        if let group = packet.groupID { words.append("\"gid\":\(group)") }
        if let mac = destinationMAC { words.append("\"to\":\"\(mac)\"") }
        if isFresh { words.append("\"fresh\":true") }
        if packet.packetType != .unicast { words.append("\"type\":\(packet.packetType.rawValue)") }
        return "{\(words.joined(separator: ","))}"
    }

    init?(line: [UInt8]) {
        guard let value = try? readJSON(line.span), let hex = value["bytes"]?.string else { return nil }
        var bytes: [UInt8] = []
        let digits = Array(hex.utf8)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        guard var packet = Packet(decoding: bytes.span) else { return nil }
        packet.bytes = bytes
        func number(_ key: String) -> UInt32? { value[key]?.number?.unsigned.map { UInt32(truncatingIfNeeded: $0) } }
        func mac(_ key: String) -> MACAddress? { value[key]?.string.flatMap { MACAddress(Array($0.utf8).span) } }
        packet.mark = number("mark") ?? 0
        packet.sourceMAC = mac("mac")
        packet.userID = number("uid")
        packet.groupID = number("gid")
        packet.packetType = PacketType(rawValue: UInt8(truncatingIfNeeded: number("type") ?? 0)) ?? .unicast
        if let name = value["in"]?.string { arrival = .wire(name) } else { arrival = .host }
        packet.hasSocket = arrival == .host
        self.packet = packet
        destinationMAC = mac("to")
        isFresh = value["fresh"]?.boolean ?? false
    }
}

extension Scenario {
    /// Reads a folder; its rules' header lines tell the backend.
    init(folder: String) throws(LabFailure) {
        do {
            (texts, packets) = try Self.read(folder)
            let earlier = "\(folder)/\(Stage.folderName)"
            if try directoryEntries(folder, limit: 1000).contains(Stage.folderName) {
                let found = try Self.read(earlier)
                before = Stage(rules: found.texts, packets: found.packets)
            }
        } catch let failure as FileFailure {
            throw LabFailure(call: failure.call, code: failure.code, words: folder)
        } catch let failure as LabFailure {
            throw failure
        } catch {
            throw LabFailure(call: "read", code: 0, words: folder)
        }
        let isLegacy = texts.contains {
            $0.name.hasSuffix("tables-save.txt") && $0.text.hasPrefix("# Generated") && !$0.text.contains("(nf_tables)")
        }
        backend = isLegacy ? .legacy : .nfTables
    }

    private static func read(_ folder: String) throws -> (texts: [SnapshotText], packets: [LabPacket]) {
        var texts: [SnapshotText] = []
        var packets: [LabPacket] = []
        for name in try directoryEntries(folder, limit: 1000) where name.hasSuffix(".txt") {
            let bytes = try readFile("\(folder)/\(name)", limit: 1 << 24)
            texts.append(SnapshotText(name: name, text: String(decoding: bytes, as: UTF8.self)))
        }
        let lines = try readFile("\(folder)/\(Scenario.flowName)", limit: 1 << 24)
        for line in lines.split(separator: 10) {
            guard let packet = LabPacket(line: Array(line)) else {
                throw LabFailure(call: "\(folder)/\(Scenario.flowName)", code: 0, words: "a line is no packet")
            }
            packets.append(packet)
        }
        return (texts, packets)
    }

    /// Writes the folder, with a README of `words`.
    func write(to folder: String, _ words: String) throws(LabFailure) {
        try write(texts, packets, to: folder)
        try writeFile("\(folder)/README.md", words)
        if let before { try write(before.rules, before.packets, to: "\(folder)/\(Stage.folderName)") }
    }

    private func write(_ texts: [SnapshotText], _ packets: [LabPacket], to folder: String) throws(LabFailure) {
        try makeFolder(folder)
        for text in texts { try writeFile("\(folder)/\(text.name)", text.text) }
        try writeFile("\(folder)/\(Scenario.flowName)", packets.map { $0.line + "\n" }.joined())
    }
}

/// Makes a folder, with those that it is in.
func makeFolder(_ folder: String) throws(LabFailure) {
    var path = ""
    for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
        path += path.isEmpty && !folder.hasPrefix("/") ? String(part) : "/" + part
        if !part.isEmpty { _ = unsafe mkdir(path, 0o755) }
    }
}

func writeFile(_ path: String, _ text: String) throws(LabFailure) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw .last("open", path) }
    defer { close(file) }
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done)
        }
        guard count > 0 else { throw .last("write", path) }
        done += count
    }
}
