internal import Answers
internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

let findCommand = Command(
    name: "find", summary: "which packets are accepted, dropped, translated, or hit this rule?",
    synopsis: "[OPTION…] SNAPSHOT… [WORD [ARGUMENT]]",
    about: [
        "Follows all packets at once through rules, conntrack, NAT and routing of a snapshot, and tells which of them come out as the word says: as sets with an example for 'hookline trace', surely or possibly, with what the snapshot does not settle. Without a word it tells every outcome.",
        "The words: " + FindWord.all.map { "\($0.name) (\($0.help))" }.joined(separator: "; ")
            + ". A rule is named TABLE/CHAIN:NUMBER, as a trace prints it, or FILE:LINE.",
    ],
    options: FindSettings.options.map(\.description),
    examples: [
        Command.Example(
            text: "what gets to the DNS service",
            call: "hookline find node-a/ accepted --from 10.0.0.0/8 --to 10.96.0.10:53/udp"),
        Command.Example(
            text: "who reaches this pod", call: "hookline find node-a/ who-reaches pod:shop/web-1:8080/tcp"),
        Command.Example(text: "what does this pod reach", call: "hookline find node-a/ reachable-from pod:shop/web-1"),
        Command.Example(
            text: "what a rule drops", call: "hookline find node-a/ decided-by filter/INPUT:3"),
        Command.Example(text: "why a rule gets no packets", call: "hookline find node-a/ why-not filter/FORWARD:12"),
        Command.Example(
            text: "who reaches whom by ssh and http", call: "hookline find node-a/ matrix --port 22,80"),
        Command.Example(
            text: "can a foreign source come in here", call: "hookline find node-a/ spoofing --in eth0 --state any"),
        Command.Example(
            text: "which packets leave as this address, and by which rule",
            call: "hookline find node-a/ leaves-as 10.244.1.0"),
        Command.Example(
            text: "what a chain alone accepts", call: "hookline find rules.txt accepted --chain filter/INPUT"),
    ],
    run: { (arguments, console) throws(Stop) in try find(arguments, console) })

/// A question with the words that ask it.
private struct FindCall {
    var paths: [String]
    var word: FindWord?
    var argument = ""

    init(_ words: [String], _ settings: FindSettings) throws(UsageFailure) {
        guard let place = words.firstIndex(where: { FindWord.named($0) != nil }) else {
            paths = words
            for word in words.dropFirst() {
                guard let near = nearest(to: word, among: FindWord.all.map { $0.name }),
                    (try? fileKind(word, followsLinks: true)) == nil
                else { continue }
                throw UsageFailure("'\(word)' is neither a snapshot nor a word of find; did you mean '\(near)'?")
            }
            if let text = settings.leavesAs {
                word = FindWord.named("leaves-as")
                argument = text
            }
            return
        }
        paths = Array(words[..<place])
        word = FindWord.named(words[place])
        var rest = words[words.index(after: place)...]
        if let word, word.argument != .none {
            guard let text = rest.popFirst() else {
                throw UsageFailure("'\(word.name)' needs \(word.argument.article) behind it")
            }
            argument = text
        }
        if let extra = rest.first {
            throw UsageFailure("'\(extra)' has no place behind '\(words[place])': snapshots stand before the word")
        }
        if settings.leavesAs != nil { throw UsageFailure("--leaves-as does not go with '\(words[place])'") }
    }
}

extension FindWord.Argument {
    fileprivate var article: String {
        switch self {
        case .none: "nothing"
        case .rule: "a rule: TABLE/CHAIN:NUMBER or FILE:LINE"
        case .ruleOrChain: "a rule or a chain: TABLE/CHAIN:NUMBER, TABLE/CHAIN or FILE:LINE"
        case .end: "ADDRESS[:PORT][/PROTOCOL]"
        }
    }
}

private func find(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = FindSettings()
    let call: FindCall
    do {
        let words = try parse(arguments, FindSettings.options, into: &settings)
        call = try FindCall(words, settings)
    } catch { throw .usage(error) }
    let isMatrix = call.word?.name == "matrix"
    if isMatrix, settings.ports.isEmpty { throw .usage(UsageFailure("matrix asks for ports: --port 22,80")) }
    if !isMatrix, !settings.ports.isEmpty {
        throw .usage(UsageFailure("--port goes with matrix; --dport is a packet's"))
    }
    let nodes = try loadNodes(call.paths, settings.common, console)
    let progress = Progress("following all packets", console.surroundings)
    defer { progress.finish() }
    var output = console.output()
    let style = settings.common.style(console.surroundings)
    var documents: [Document] = []
    var json = settings.json ? Optional(FindLines()) : nil
    for loaded in nodes {
        var snapshot = settings.common.isLive ? "--live" : call.paths.joined(separator: " ")
        if !loaded.name.isEmpty {
            snapshot += " --node \(loaded.name)"
            documents.append(Document([.heading(RichText(loaded.name))]))
        }
        do {
            var asker = try FindAsker(loaded, settings, snapshot)
            try asker.ask(call.word, call.argument, &documents, &json)
        } catch {
            throw .usage(UsageFailure(error.message))
        }
    }
    if let json {
        output.write(json.text)
    } else {
        for (index, document) in documents.enumerated() {
            render(index > 0 ? Document([.space] + document.blocks) : document, style, into: &output)
        }
    }
    try console.finish(&output)
    return nodes.status(ExitStatus.answered, settings.common)
}

/// JSON lines of several answers.
private struct FindLines {
    private(set) var text = ""

    mutating func add(_ write: (inout JSONWriter) -> Void) {
        let collected = Collected()
        var json = JSONWriter(
            OutputBuffer(pieceBytes: 1 << 16) { bytes in
                collected.bytes += bytes
                return true
            })
        write(&json)
        json.output.flush()
        text += String(decoding: collected.bytes, as: UTF8.self)
    }

    private final class Collected { var bytes: [UInt8] = [] }
}

/// Asks one node.
private struct FindAsker {
    private var model: HostModel
    private let node: LoadedNode
    private let settings: FindSettings
    private let snapshot: String
    private var query: PacketQuery
    private var notes: [String] = []
    private var missing: [MissingInput] = []
    private var deciders: [UnfollowedDecider] = []
    private var question = ""

    init(_ node: LoadedNode, _ settings: FindSettings, _ snapshot: String) throws(PacketFailure) {
        self.node = node
        self.settings = settings
        self.snapshot = snapshot
        model = node.makeModel()
        query = settings.query
    }

    mutating func ask(
        _ word: FindWord?, _ argument: String, _ documents: inout [Document], _ json: inout FindLines?
    ) throws(PacketFailure) {
        question = [word?.name ?? "", argument].filter { !$0.isEmpty }.joined(separator: " ")
        let topic = try topic(word, argument)
        let prepared = try prepare(query, node.node.cluster, on: model)
        notes += node.node.losses + prepared.notes
        var finder = Finder(prepared, on: &model)
        finder.places = try places()
        // Chains alone are asked without routes, and without what stands before and behind them.
        let isWhole = finder.places.isEmpty
        missing = isWhole ? missingInputs(forAllOf: finder.versions, of: node.node.missing) : []
        deciders = (isWhole ? model.unfollowedDeciders : model.unreadRules).about(finder.versions)
        switch topic {
        case .found(let topic): try tell(topic, finder, &documents, &json)
        case .whyNot(let names):
            for rule in names.rules {
                let family = model.linked.table(of: rule.chain).family
                for version in finder.versions where family.sees(version) {
                    let answer = finder.whyNot(rule, version)
                    add(whyNotReport(answer, heading, model, files: node.node.files), &documents, json)
                    json?.add {
                        writeWhyNotJSON(
                            answer, heading, node: node.name, model, files: node.node.files, into: &$0)
                    }
                }
            }
        case .matrix:
            for version in finder.versions {
                var finder = finder
                if finder.places.isEmpty, model.host.routesKnown(version) == .none {
                    finder.places = [.hook(.forward)]
                    let note = "the snapshot has no routes: the matrix is what the chains of forward alone let through"
                    if !notes.contains(note) { notes.append(note) }
                }
                for answer in finder.matrices(settings.ports, version) {
                    add(matrixReport(answer, heading), &documents, json)
                    json?.add { writeMatrixJSON(answer, heading, node: node.name, into: &$0) }
                }
            }
        }
    }

    private enum Topic {
        case found(FindTopic)
        case whyNot(NamedRules)
        case matrix
    }

    private var heading: FindHeading {
        FindHeading(
            question: question, query: query.spelled, snapshot: snapshot, notes: notes,
            deciders: deciders, missing: missing, shown: settings.shown)
    }

    private func add(_ document: Document, _ documents: inout [Document], _ json: FindLines?) {
        if json == nil { documents.append(document) }
    }

    private func tell(
        _ topic: FindTopic, _ finder: Finder, _ documents: inout [Document], _ json: inout FindLines?
    ) throws(PacketFailure) {
        var isFirst = true
        for version in finder.versions {
            if case .spoofed = topic, model.host.routesKnown(version) == .none {
                if finder.versions.count > 1 { continue }
                throw PacketFailure(
                    "spoofing needs the routes, and the snapshot has none: add the output of `ip route show table all`")
            }
            let answer = finder.answer(topic, version, complement: settings.complement)
            add(
                findReport(answer, heading, model, files: node.node.files, isFirst: isFirst), &documents, json)
            isFirst = false
            json?.add { writeFindJSON(answer, heading, node: node.name, model, files: node.node.files, into: &$0) }
        }
    }

    // MARK: What is asked

    private mutating func topic(_ word: FindWord?, _ argument: String) throws(PacketFailure) -> Topic {
        guard let word else { return .found(.everything) }
        switch word.name {
        case "accepted": return .found(.outcomes(Outcome.allCases.filter { $0.isThrough }, name: word.name))
        case "translated": return .found(.translated(source: true, destination: true))
        case "dnat": return .found(.translated(source: false, destination: true))
        case "snat": return .found(.translated(source: true, destination: false))
        case "hits": return .found(.hits(try rule(argument)))
        case "reaches": return .found(.reaches(try named(argument)))
        case "decided-by": return .found(.decidedBy(try rule(argument)))
        case "why-not": return .whyNot(try rule(argument))
        case "matrix": return .matrix
        case "spoofing": return .found(.spoofed)
        case "reachable-from":
            try query.add(.from, argument)
            return .found(.outcomes(Outcome.allCases.filter { $0.isThrough }, name: "let through"))
        case "who-reaches":
            let end = try QueryEnd(argument)
            if case .named("svc", _) = end.place {
                try query.add(.to, argument)
                return .found(.outcomes(Outcome.allCases.filter { $0.isThrough }, name: "able to reach it"))
            }
            return .found(.getTo(try ends(end)))
        case "leaves-as": return .found(.leavesAs(try ends(try QueryEnd(argument))))
        default:
            let outcomes = Outcome.allCases.filter { $0.name == word.name }
            return .found(.outcomes(outcomes, name: word.name))
        }
    }

    private mutating func ends(_ end: QueryEnd) throws(PacketFailure) -> [QueryEnd] {
        try addresses(of: end, node.node.cluster, on: model, &notes)
    }

    private func named(_ text: String) throws(PacketFailure) -> NamedRules {
        try findRules(named: text, on: model, files: node.node.files)
    }

    private func rule(_ text: String) throws(PacketFailure) -> NamedRules {
        let found = try named(text)
        if found.rules.isEmpty { throw PacketFailure("'\(text)' is a chain, and a rule is asked for: \(text):1") }
        return found
    }

    // MARK: A chain or hook alone

    private func places() throws(PacketFailure) -> [ChainPlace] {
        let hook = settings.hook.flatMap { name in Hook.allCases.first { $0.name == name } }
        guard let name = settings.chain else { return hook.map { [.hook($0)] } ?? [] }
        let found = try named(name)
        if found.chains.isEmpty { throw PacketFailure("--chain: '\(name)' is a rule") }
        var places: [ChainPlace] = []
        for chain in found.chains {
            let hooks = Set(model.linked.bases(of: chain).compactMap { model.linked.chain($0).base?.hook }).sorted()
            if let hook {
                if hooks.isEmpty || hooks.contains(hook) { places.append(.chain(chain, hook)) }
            } else if let only = hooks.first {
                guard hooks.count == 1 else {
                    let names = hooks.map { $0.name }.joined(separator: ", ")
                    throw PacketFailure("--chain: several hooks lead to '\(name)': \(names); --at tells which")
                }
                places.append(.chain(chain, only))
            } else {
                throw PacketFailure("--chain: nothing leads to '\(name)'; --at tells the hook to take it at")
            }
        }
        if places.isEmpty { throw PacketFailure("--at: that hook does not lead to '\(name)'") }
        return places
    }
}
