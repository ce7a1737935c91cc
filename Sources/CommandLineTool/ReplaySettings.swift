internal import Answers
internal import Questions
internal import Reports

struct ReplaySettings: SnapshotCommandSettings, Hashable {
    /// Which packets are told one by one.
    enum Listing: Hashable, Sendable { case none, dropped, all }

    var common = CommonSettings()
    var frames = FrameReplayer.Settings()
    var filter: String?
    var flows = false
    var listing = Listing.none
    var json = false
    var assumptions: [String: String] = [:]
    var expectation: TraceSettings.Expectation?

    /// The same for one packet.
    var trace: TraceSettings {
        var settings = TraceSettings()
        settings.common = common
        settings.flows = flows
        settings.assumptions = assumptions
        settings.expectation = expectation
        settings.json = json
        return settings
    }

    static let options: [Option<ReplaySettings>] = frameOptions + answerOptions + commonOptions(ReplaySettings.self)

    private static let frameOptions: [Option<ReplaySettings>] = {
        let group = "The packets"
        return [
            .value(
                "--in", name: "INTERFACE", group: group,
                help: "the interface that the capture was taken on, where it does not tell itself"
            ) { (settings, text) throws(UsageFailure) in
                if text.isEmpty { throw UsageFailure("an interface has a name") }
                settings.frames.interface = text
            },
            .value(
                "--filter", name: "EXPRESSION", group: group,
                help: "only frames that a pcap filter takes, such as 'host 10.0.0.1 and tcp port 443'"
            ) { settings, text in settings.filter = text },
            .flag(
                "--flows", group: group,
                help:
                    "the packets pass one after another: connections that earlier ones made count for later ones; tells each flow"
            ) { $0.flows = true },
            .flag(
                "--inner", group: group,
                help: "ask about the packet inside VXLAN or IP-in-IP, not about the one around it"
            ) { $0.frames.takesInner = true },
            .flag(
                "--any-checksum", group: group,
                help: "take wrong checksums for right: the addresses of the capture were changed"
            ) { $0.frames.takesAnyChecksum = true },
        ]
    }()

    private static let answerOptions: [Option<ReplaySettings>] = {
        let group = "The answer"
        return [
            .flag("--list", group: group, help: "a line for each packet, before the summary") { settings in
                if settings.listing == .none { settings.listing = .all }
            },
            .flag(
                "--dropped", group: group,
                help: "tell those packets one by one (--flows: those flows) that do not surely get through"
            ) { $0.listing = .dropped },
            .value(
                "--assume", name: "NAME=VALUE", group: group,
                help: "settle what the snapshot can't, such as limit=under; the summary tells the names"
            ) { (settings, text) throws(UsageFailure) in
                guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
                    throw UsageFailure("'\(text)' is not NAME=VALUE")
                }
                settings.assumptions[String(text[..<equals])] = String(text[text.index(after: equals)...])
            },
            .flag("--json", group: group, help: "a JSON object a line, one for each frame, in order") {
                $0.json = true
            },
            .value(
                "--expect", name: "OUTCOME", kind: .words(TraceSettings.Expectation.words), group: group,
                help: "exit with 1 unless each packet comes out so: a word of the outcomes, accept or drop"
            ) { (settings, text) throws(UsageFailure) in
                guard let expectation = TraceSettings.Expectation(text) else {
                    throw UsageFailure(
                        "'\(text)' is not one of \(TraceSettings.Expectation.words.joined(separator: ", "))")
                }
                settings.expectation = expectation
            },
        ]
    }()
}
