internal import Answers
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import Questions
internal import RuleModel

/// The words that say what is asked of packets.
struct FindWord: Sendable {
    enum Argument: Sendable { case none, rule, ruleOrChain, end }

    let name: String
    let argument: Argument
    let help: String

    static let all: [FindWord] = [
        FindWord(name: "accepted", argument: .none, help: "forwarded, sent or delivered"),
        FindWord(name: "dropped", argument: .none, help: "by a rule or a policy"),
        FindWord(name: "rejected", argument: .none, help: "with an answer"),
        FindWord(name: "queued", argument: .none, help: "to a program that decides"),
        FindWord(name: "unroutable", argument: .none, help: "without a way on"),
        FindWord(name: "filtered", argument: .none, help: "by the kernel itself: rp_filter, martians, forwarding, TTL"),
        FindWord(name: "forwarded", argument: .none, help: "through this host"),
        FindWord(name: "sent", argument: .none, help: "made here and left"),
        FindWord(name: "delivered", argument: .none, help: "to this host"),
        FindWord(name: "undecided", argument: .none, help: "what is followed for single packets alone"),
        FindWord(name: "translated", argument: .none, help: "got through with another source or destination"),
        FindWord(name: "dnat", argument: .none, help: "got through with another destination"),
        FindWord(name: "snat", argument: .none, help: "got through with another source"),
        FindWord(name: "hits", argument: .rule, help: "all matches of the rule hold"),
        FindWord(name: "reaches", argument: .ruleOrChain, help: "come to the rule or chain"),
        FindWord(name: "decided-by", argument: .rule, help: "the rule's verdict is the last"),
        FindWord(name: "who-reaches", argument: .end, help: "get to ADDRESS[:PORT][/PROTOCOL], translated or not"),
        FindWord(name: "reachable-from", argument: .end, help: "of this source, get through"),
        FindWord(name: "leaves-as", argument: .end, help: "leave with this source, and by which rules"),
        FindWord(
            name: "spoofing", argument: .none, help: "get through with a source that is routed by another interface"),
        FindWord(name: "why-not", argument: .rule, help: "which earlier rules take the packets of the rule"),
        FindWord(name: "matrix", argument: .none, help: "which addresses reach which at --port, in classes"),
    ]

    static func named(_ name: String) -> FindWord? { all.first { $0.name == name } }
}

struct FindSettings: SnapshotCommandSettings {
    var common = CommonSettings()
    var query = PacketQuery()
    var ports: [(port: UInt16, protocol: IPProtocol)] = []
    var hook: String?
    var chain: String?
    var complement = false
    var leavesAs: String?
    var shown = 12
    var json = false

    static let options: [Option<FindSettings>] =
        packetOptions + questionOptions + answerOptions + commonOptions(FindSettings.self)

    private static let packetOptions: [Option<FindSettings>] = {
        let group = "The packets, as they arrive"
        func option(_ key: PacketQuery.Key, _ name: String, _ help: String) -> Option<FindSettings> {
            .value("--" + key.rawValue, name: name, group: group, help: help) {
                (settings, text) throws(UsageFailure) in
                do throws(PacketFailure) { try settings.query.add(key, text) } catch {
                    throw UsageFailure(error.message)
                }
            }
        }
        return [
            option(
                .from, "END",
                "their source: ADDRESS, PREFIX or FIRST-LAST, then :PORTS and /PROTOCOL; host, internet, any, pod:NS/NAME, node:NAME. '!' before any value leaves its packets out, and a value given again is one more to choose from"
            ),
            option(.to, "END", "their destination, and svc:NS/NAME[:PORT]"),
            option(.inInterface, "INTERFACE", "they come in by; eth+ is all whose names begin so"),
            option(.outInterface, "INTERFACE", "they leave by"),
            option(.protocol, "PROTOCOL", "a name or number; several with commas between"),
            option(.sourcePort, "PORTS", "22, 8000-9000, or several with commas between"),
            option(.destinationPort, "PORTS", "of the destination"),
            option(.state, "STATE", "new (the default), established, related, invalid, untracked, or any"),
            option(.mark, "MARK[/MASK]", "the packet's mark (0)"),
            option(.connectionMark, "MARK[/MASK]", "its connection's mark (0)"),
            option(.tcpFlags, "FLAGS[/MASK]", "such as syn,ack, or syn/syn,ack,rst,fin"),
            option(.icmpType, "TYPE[/CODE]", "a number or name"),
            option(.ttl, "TTL", "a number or FIRST-LAST"),
            option(.dscp, "DSCP", "0 to 63, or a class such as EF"),
            option(.length, "BYTES", "a number or FIRST-LAST"),
            option(.uid, "UID", "the user whose socket sends them"),
            option(.gid, "GID", "the group whose socket sends them"),
            option(.mac, "MAC", "the hardware address they come from"),
            .flag("--ipv4", "-4", group: group, help: "IPv4 alone") { $0.query.version = .v4 },
            .flag("--ipv6", "-6", group: group, help: "IPv6 alone") { $0.query.version = .v6 },
        ]
    }()

    private static let questionOptions: [Option<FindSettings>] = {
        let group = "The question"
        return [
            .flag("--complement", group: group, help: "those of the packets for which it does not hold") {
                $0.complement = true
            },
            .value("--leaves-as", name: "END", group: group, help: "the same as the word leaves-as") {
                settings, text in settings.leavesAs = text
            },
            .value(
                "--port", name: "PORTS[/PROTOCOL]", group: group,
                help: "of the matrix: 22,80 or 53/udp (tcp); may be given again"
            ) { (settings, text) throws(UsageFailure) in
                do throws(PacketFailure) { settings.ports += try readServicePorts(text) } catch {
                    throw UsageFailure(error.message)
                }
            },
            .value(
                "--at", name: "HOOK", kind: .words(Hook.allCases.map(\.name)), group: group,
                help: "the chains of this hook alone, without routing: prerouting, input, forward, output, postrouting"
            ) { (settings, text) throws(UsageFailure) in
                guard Hook.allCases.contains(where: { $0.name == text.lowercased() }) else {
                    throw UsageFailure("'\(text)' is not one of prerouting, input, forward, output and postrouting")
                }
                settings.hook = text.lowercased()
            },
            .value(
                "--chain", name: "TABLE/CHAIN", group: group,
                help: "this chain alone; --at tells the hook where several lead to it"
            ) { settings, text in settings.chain = text },
        ]
    }()

    private static let answerOptions: [Option<FindSettings>] = [
        .value("--limit", name: "COUNT", group: "The answer", help: "sets shown of each kind (12)") {
            (settings, text) throws(UsageFailure) in
            guard let count = Int(text), count > 0 else { throw UsageFailure("'\(text)' is not a number from 1 on") }
            settings.shown = count
        },
        .flag("--json", group: "The answer", help: "a JSON object a line, one for each IP version") { $0.json = true },
    ]
}
