internal import NetTypes
public import PacketPath
public import Questions
public import Reports
internal import RuleModel
internal import SourceText

public struct TraceSettings: SnapshotCommandSettings, Hashable {
    /// What `--expect` takes: a word of the outcomes, or one for several.
    public enum Expectation: Hashable, Sendable {
        case outcome(Outcome)
        case accept, drop

        public init?(_ word: String) {
            switch word {
            case "accept": self = .accept
            case "drop": self = .drop
            default:
                guard let outcome = Outcome.allCases.first(where: { $0.name == word }) else { return nil }
                self = .outcome(outcome)
            }
        }

        public static var words: [String] { ["accept", "drop"] + Outcome.allCases.map({ $0.name }) }

        /// - Parameter losesReply: whether the answer is not sure to come back; who asks for both ways means both.
        public func isMet(by outcome: Outcome, losesReply: Bool = false) -> Bool {
            switch self {
            case .outcome(let wanted): outcome == wanted
            case .accept: outcome.isThrough && !losesReply
            case .drop: [.dropped, .filtered, .unroutable].contains(outcome)
            }
        }
    }

    public var common = CommonSettings()
    /// What the options say of the packet.
    public var packet = PacketDescription()
    public var packetText: String?
    public var packetsPath: String?
    public var flows = false
    public var roundTrip = false
    /// Of several nodes the one that the packet comes to first.
    public var startNode: String?
    /// Whether all packets are told that are treated alike.
    public var megaflow = false
    public var assumptions: [String: String] = [:]
    /// Whether this machine's kernel is asked too.
    public var asksKernel = false
    public var detail = Detail.path
    public var json = false
    /// Where a picture or page of the way is written.
    public var outputPath: String?
    public var expectation: Expectation?
    public init() {}

    /// Whether an option described the packet.
    public var describesPacket: Bool { packet != PacketDescription() }
}

/// What a reader of packet fields says, as a failure of the call.
private func read<Value>(
    _ body: () throws(PacketFailure) -> Value
) throws(UsageFailure) -> Value {
    do { return try body() } catch { throw UsageFailure(error.message) }
}

/// A number as an option's value.
public func number(_ text: String, maximum: UInt64, of what: String) throws(UsageFailure) -> UInt64 {
    do { return try readNumber(text, maximum: maximum, of: what) } catch { throw UsageFailure(error.message) }
}

extension TraceSettings {
    public static let options: [Option<TraceSettings>] =
        packetOptions + moreOptions + answerOptions + commonOptions(TraceSettings.self)

    private static let packetOptions: [Option<TraceSettings>] = {
        let group = "The packet"
        return [
            .value(
                "--from", name: "ADDRESS[:PORT][/PROTOCOL]", group: group,
                help:
                    "its source; 'host' for a packet made on this host, 'internet' for an address that only the default route covers, pod:NS/NAME, node:NAME"
            ) { (settings, text) throws(UsageFailure) in
                try read { () throws(PacketFailure) in try settings.packet.setSource(readEndpoint(text)) }
            },
            .value(
                "--to", name: "ADDRESS[:PORT][/PROTOCOL]", group: group,
                help:
                    "its destination; IPv6 in brackets where a port follows: [2001:db8::1]:443; pod:NS/NAME, svc:NS/NAME[:PORT], node:NAME"
            ) { (settings, text) throws(UsageFailure) in
                try read { () throws(PacketFailure) in try settings.packet.setDestination(readEndpoint(text)) }
            },
            .value(
                "--in", name: "INTERFACE", group: group,
                help: "where it comes in; without it the route back to its source tells"
            ) { (settings, text) throws(UsageFailure) in
                if text.isEmpty { throw UsageFailure("an interface has a name") }
                settings.packet.arrival = .interface(text)
            },
            .value(
                "--proto", name: "PROTOCOL", group: group,
                help: "a name or number; else the one of an end, else tcp where a port is given, else an echo request"
            ) { (settings, text) throws(UsageFailure) in
                try read { () throws(PacketFailure) in try settings.packet.setProtocol(readProtocol(text)) }
            },
            .value("--sport", name: "PORT", group: group, help: "source port (40000)") {
                (settings, text) throws(UsageFailure) in
                let port = UInt16(try number(text, maximum: 65535, of: "a port"))
                try read { () throws(PacketFailure) in try settings.packet.setSourcePort(port) }
            },
            .value("--dport", name: "PORT", group: group, help: "destination port") {
                (settings, text) throws(UsageFailure) in
                let port = UInt16(try number(text, maximum: 65535, of: "a port"))
                try read { () throws(PacketFailure) in try settings.packet.setDestinationPort(port) }
            },
            .value("--tcp-flags", name: "FLAGS", group: group, help: "such as syn,ack, or none (syn)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.tcpFlags = try read { () throws(PacketFailure) in try readTCPFlags(text) }
            },
            .value("--icmp-type", name: "TYPE[/CODE]", group: group, help: "a number or name (echo-request)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.icmpType = try read { () throws(PacketFailure) in try ICMPTypeText(text) }
            },
            .value("--icmp-code", name: "CODE", group: group, help: "0 to 255 (0)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.icmpCode = UInt8(try number(text, maximum: 255, of: "an ICMP code"))
            },
            .value("--mark", name: "MARK", group: group, help: "the packet's mark, 0x… or decimal (0)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.mark = UInt32(try number(text, maximum: UInt64(UInt32.max), of: "a mark"))
            },
            .value("--ttl", name: "TTL", group: group, help: "time to live or hop limit (64)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.ttl = UInt8(try number(text, maximum: 255, of: "a TTL"))
            },
            .value("--dscp", name: "DSCP", group: group, help: "0 to 63, or a class such as EF (0)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.dscp = try read { () throws(PacketFailure) in try readDSCP(text) }
            },
            .value("--length", name: "BYTES", group: group, help: "of the whole IP packet (the headers alone)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.length = UInt32(try number(text, maximum: 65535, of: "a length"))
            },
            .value("--uid", name: "UID", group: group, help: "the user whose socket sends it") {
                (settings, text) throws(UsageFailure) in
                settings.packet.userID = UInt32(try number(text, maximum: UInt64(UInt32.max), of: "a user's number"))
            },
            .value("--mac", name: "MAC", group: group, help: "the hardware address it comes from") {
                (settings, text) throws(UsageFailure) in
                guard let mac = MACAddress(Array(text.utf8).span) else {
                    throw UsageFailure("'\(text)' is not a hardware address: 02:00:00:00:00:01")
                }
                settings.packet.mac = mac
            },
            .value("--state", name: "STATE", group: group, help: "what conntrack says of it: new, established, …") {
                (settings, text) throws(UsageFailure) in
                settings.packet.state = try read { () throws(PacketFailure) in try readStates(text) }
            },
            .value("--ct-mark", name: "MARK", group: group, help: "its connection's mark (0)") {
                (settings, text) throws(UsageFailure) in
                settings.packet.connectionMark = UInt32(
                    try number(text, maximum: UInt64(UInt32.max), of: "a mark"))
            },
            .value("--in-port", name: "INTERFACE", group: group, help: "the bridge port it comes in by") {
                settings, text in settings.packet.inPort = text
            },
            .value("--out-port", name: "INTERFACE", group: group, help: "the bridge port it would leave by") {
                settings, text in settings.packet.outPort = text
            },
        ]
    }()

    private static let moreOptions: [Option<TraceSettings>] = {
        let group = "Other ways to tell the packet"
        return [
            .value(
                "--packet", name: "TEXT", group: group,
                help: "a kernel LOG or UFW line, a tcpdump -n line, a conntrack -L line, or a JSON object"
            ) { settings, text in settings.packetText = text },
            .value(
                "--packets", name: "FILE", kind: .file, group: group,
                help: "one JSON object a line ('-' for standard input), one result a line, in order"
            ) { settings, text in settings.packetsPath = text },
            .flag(
                "--flows", group: group,
                help: "with --packets: connections that earlier packets made count for later ones"
            ) { $0.flows = true },
        ]
    }()

    private static let answerOptions: [Option<TraceSettings>] = {
        let group = "The answer"
        return [
            .flag("--round-trip", group: group, help: "trace the reply too") { $0.roundTrip = true },
            .value(
                "--start", name: "NODE", group: group,
                help: "of several nodes the one that the packet comes to first; it is followed on from there"
            ) { settings, text in settings.startNode = text },
            .flag(
                "--megaflow", group: group, help: "tell all packets that are treated exactly like this one, as sets"
            ) { $0.megaflow = true },
            .value(
                "--assume", name: "NAME=VALUE", group: group,
                help: "settle what the snapshot can't, such as limit=under; the answer tells the names"
            ) { (settings, text) throws(UsageFailure) in try settings.assume(text) },
            .value(
                "--detail", name: "LEVEL", kind: .words(Detail.allCases.map({ $0.name })), group: group,
                help: "summary, path (the default), or full: each rule that was met and did not match, too"
            ) { (settings, text) throws(UsageFailure) in
                guard let detail = Detail.allCases.first(where: { $0.name == text }) else {
                    throw UsageFailure("'\(text)' is not one of summary, path and full")
                }
                settings.detail = detail
            },
            .flag(
                "--kernel", group: group,
                help: "send the packet through this machine's kernel too, in a scratch namespace, and compare"
            ) { $0.asksKernel = true },
            .flag("--json", group: group, help: "the result as one JSON object") { $0.json = true },
            .value(
                "--output", "-o", name: "FILE", kind: .file, group: group,
                help: "instead of text, the way as a picture (.svg, .png) or the whole answer as a page (.html)"
            ) { settings, text in settings.outputPath = text },
            .value(
                "--expect", name: "OUTCOME", kind: .words(Expectation.words), group: group,
                help: "exit with 1 unless it comes out so: a word of the outcomes, accept or drop"
            ) { (settings, text) throws(UsageFailure) in
                guard let expectation = Expectation(text) else {
                    throw UsageFailure("'\(text)' is not one of \(Expectation.words.joined(separator: ", "))")
                }
                settings.expectation = expectation
            },
        ]
    }()

    /// `--assume`: a variable of the answer, or a field of the packet that was a default.
    private mutating func assume(_ text: String) throws(UsageFailure) {
        // The name of one choice of several has a "=" of its own: vmap@RULE=CHAIN=yes.
        guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
            throw UsageFailure("'\(text)' is not NAME=VALUE")
        }
        let name = String(text[..<equals])
        let value = String(text[text.index(after: equals)...])
        let isField = PacketFields.names.contains { $0.name == name }
        if isField, let option = TraceSettings.packetOptions.first(where: { $0.names.contains("--" + name) }),
            case .value(_, _, let effect) = option.effect
        {
            try effect(&self, value)
            return
        }
        assumptions[name] = value
    }
}
