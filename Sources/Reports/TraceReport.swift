public import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
public import PathModel
internal import RuleModel
public import SourceText

/// The answer as a person reads it: the outcome, the rule that decided and why, then the way, then what it rests on.
public func traceReport(
    _ answer: TraceAnswer, _ model: HostModel, annotations: AnnotatedRuleset, files: [SourceFile], detail: Detail
) -> Document {
    let reporter = TraceReporter(
        quotes: Quotes(model: model, files: files), annotations: annotations, answer: answer, detail: detail)
    return reporter.document()
}

/// What a picture or page of the answer is called: the packet as it comes.
public func traceTitle(_ answer: TraceAnswer) -> String {
    packetText(
        Way(answer.trace, packet: answer.request.packet).packet, isFromWire: answer.request.origin != .host)
}

struct TraceReporter {
    let quotes: Quotes
    let annotations: AnnotatedRuleset
    let answer: TraceAnswer
    let detail: Detail

    var words: OutcomeWords { OutcomeWords(quotes: quotes) }
    var reasons: RuleReasons { RuleReasons(quotes, answer.request) }

    func document() -> Document {
        var document = Document()
        let way = Way(answer.trace, packet: answer.request.packet)
        document.add(contentsOf: deciders())
        document.add(contentsOf: head(way))
        if detail != .summary {
            document.add(.space)
            document.add(.heading("Path"))
            document.add(.indented(path(way)))
        }
        document.add(contentsOf: returns(way))
        document.add(contentsOf: otherNodes(way))
        if let kernel = answer.kernel { document.add(contentsOf: kernel.blocks(detail: detail)) }
        let grounds = self.grounds(way)
        if !grounds.isEmpty {
            document.add(.space)
            document.add(.heading("This rests on"))
            document.add(.list(grounds))
        }
        return document
    }

    /// What decides beside the rules: the first line of all.
    private func deciders() -> [Block] {
        if answer.otherDeciders.isEmpty { return [] }
        var text = RichText(otherDecidersTitle, .doubtful)
        for (index, decider) in answer.otherDeciders.enumerated() {
            text.add(index == 0 ? ": " : "; ")
            text.add(decider.text)
            if let location = quotes.location(decider.place) { text.add(", \(location)", .quiet) }
        }
        text.add(". What follows is as far as the rules go.")
        return [.paragraph(text), .space]
    }

    // MARK: The outcome

    /// The sentence and why it is so.
    func head(_ way: Way) -> [Block] {
        var sentence = RichText()
        let final = answer.finalOutcome
        // What another node does with it comes first.
        if !answer.onward.isEmpty || !answer.astray.isEmpty, answer.otherDeciders.isEmpty, way.trace == answer.trace,
            final != way.trace.outcome
        {
            sentence.add(final.title, final.role)
            sentence.add(" beyond this node; here ")
        }
        sentence.runs.append(words.word(way.trace))
        let isInside = way.ownPacket != way.packet
        if isInside { sentence.add(": \(packetText(way.ownPacket)) inside") } else { sentence.add(":") }
        let isFromWire = answer.request.origin != .host
        sentence.add(" \(packetText(way.packet, isFromWire: isFromWire))\(arrival(way)) \(words.predicate(way))")
        sentence.add(way.trace.branches.isEmpty ? "." : ":")
        var blocks: [Block] = [.paragraph(sentence)] + lostReplies(way)
        if way.trace.branches.isEmpty {
            blocks += explained(way) + decision(way)
        } else {
            var told: Set<MarkSource> = []
            blocks += translations(way, &told) + [.space] + branches(way) + settling(way)
        }
        return blocks
    }

    /// That the answer to a packet that gets through does not come back, where that was asked.
    private func lostReplies(_ way: Way) -> [Block] {
        guard way.trace == answer.trace else { return [] }
        var told: [(text: RichText, conditions: [[Assumption]])] = []
        let through = way.leaves.enumerated().filter { $0.element.trace.outcome.isThrough }
        for (place, leaf) in through {
            for reply in answer.lastReplies(at: place) where !reply.outcome.isThrough {
                let text = lostReply(reply)
                let index = told.firstIndex { $0.text == text } ?? told.count
                if index == told.count { told.append((text, [])) }
                if !told[index].conditions.contains(leaf.conditions) { told[index].conditions.append(leaf.conditions) }
            }
        }
        return told.map { text, conditions in
            var text = text
            if conditions.count < through.count {
                text.add(conditions.count == 1 ? " So if \(condition(conditions[0]))." : " So on some of its ways.")
            }
            return .paragraph(text)
        }
    }

    private func lostReply(_ reply: LastReply) -> RichText {
        let words = reply.node.map { OutcomeWords(quotes: Quotes(model: $0.model, files: $0.files)) } ?? words
        let place = reply.node.map { ", on \($0.node)" } ?? ""
        if let astray = reply.astray, reply.end.outcome.isThrough {
            var text = RichText([
                TextRun(astray.isLost ? "LOST" : Outcome.undecided.title, astray.isLost ? .bad : .doubtful)
            ])
            let interface = reply.end.outInterface.map { words.quotes.name($0) }
            text.add(" on the way back\(place): its answer \(astray.clause(interface: interface)).")
            return text
        }
        var text = RichText([TextRun(reply.end.outcome.title, reply.end.outcome.role)])
        text.add(" on the way back\(place): its answer \(words.predicate(reply.way)).")
        return text
    }

    /// The way in the words of those who run the cluster.
    ///
    /// - Parameter start: steps before it were told by an enclosing trace.
    func explained(_ way: Way, from start: Int = 0) -> [Block] {
        let told = Explainer(reporter: self, way: way).explanations().filter { ($0.step ?? start) >= start }
        if told.isEmpty { return [] }
        var items: [[Block]] = []
        for explanation in told {
            var item: [Block] = [.paragraph(RichText(sentenceCase(explanation.text) + "."))]
            if !explanation.details.isEmpty {
                item.append(.list(explanation.details.map { [.paragraph(RichText($0))] }))
            }
            items.append(item)
        }
        return start == 0 ? [.space, .list(items)] : [.list(items)]
    }

    /// With a capital letter, unless it begins with the name of a program.
    private func sentenceCase(_ text: String) -> String {
        Maker.allCases.contains { text.utf8.starts(with: $0.name.utf8) } ? text : capitalised(text)
    }

    private func arrival(_ way: Way) -> String {
        guard let view = way.steps.first?.view ?? way.trace.last, let name = view.inInterface,
            view.hook == .prerouting || view.hook == .input
        else { return "" }
        return " from \(quotes.name(name))"
    }

    /// The rules that made it so, what the sender sees, who listens.
    func decision(_ way: Way) -> [Block] {
        var blocks: [Block] = []
        if let sentence = onwardSentence(way) { blocks += [.space, .paragraph(sentence)] }
        let isThrough = way.trace.outcome.isThrough
        var told: Set<MarkSource> = []
        if !isThrough { blocks += decider(way, &told) }
        blocks += translations(way, &told)
        if isThrough { blocks += decider(way, &told) }
        for sentence in ends(way) {
            blocks.append(.space)
            blocks.append(.paragraph(RichText(capitalised(sentence) + ".")))
        }
        return blocks
    }

    /// The rule that ended the way, or the accept of the filter.
    private func decider(_ way: Way, _ told: inout Set<MarkSource>) -> [Block] {
        guard let index = ownDecider(way), index < way.steps.count else { return route(way) }
        let isThrough = way.trace.outcome.isThrough
        switch way.steps[index].kind {
        case .rule:
            if isTranslation(index, way) { return [] }
            var lead = RichText(isThrough ? "Accepted by " : "Decided by ") + reasons.place(index, on: way)
            if let counters = reasons.counters(index, on: way) { lead.add("; \(counters)", .quiet) }
            lead.add(":")
            return [.space, .paragraph(lead)] + reasons.explained(index, on: way)
                + reasons.marks(index, on: way, &told)
                + (isThrough || reasons.hasConditions(index, on: way) ? [] : fullHint)
        case .policy(let chain, let verdict):
            var lead = RichText(isThrough ? "Accepted by the policy of " : "Decided by the policy of ")
            lead.add(words.chainName(chain) + ", " + (verdict == .drop ? "DROP" : "ACCEPT"))
            if let location = quotes.location(quotes.linked.chain(chain).place) { lead.add(", \(location)") }
            if isThrough { lead.add(": no rule there decided") }
            if let counters = reasons.counters(of: chain) { lead.add("; \(counters)", .quiet) }
            lead.add(".")
            return [.space, .paragraph(lead)] + (isThrough ? [] : fullHint)
        default: return route(way)
        }
    }

    /// Where the end of a chain decided, the question is which rule before it should have.
    private var fullHint: [Block] {
        detail == .full ? [] : [.paragraph(RichText("Why no rule before it matched: --detail full.", .quiet))]
    }

    /// The route or `ip rule` that ended the way.
    private func route(_ way: Way) -> [Block] {
        guard way.trace.outcome == .unroutable, let routing = words.lastRouting(way) else { return [] }
        let place = routing.route?.place ?? routing.rule?.place ?? .none
        guard let text = routing.route.map({ quotes.routeText($0) }) ?? quotes.text(place),
            let location = quotes.location(place)
        else { return [] }
        let what = routing.route == nil ? "an ip rule" : "a route of table \(tableName(routing.table))"
        return [
            .space, .paragraph(RichText("Decided by \(location), \(what):")),
            .indented([.verbatim([RichText(withoutTabs(text), .code)])]),
        ]
    }

    /// The step that decided; of a packet that went on inside another one, the accept of the packet itself.
    func ownDecider(_ way: Way) -> Int? {
        guard let index = way.trace.decidedBy, index < way.steps.count, way.tunnel != nil,
            way.steps[index].layer > 0, way.trace.acceptedBy.contains(index)
        else { return way.trace.decidedBy }
        let own = way.trace.acceptedBy.last { accepted in
            guard accepted < way.steps.count, way.steps[accepted].layer == 0 else { return false }
            switch way.steps[accepted].view.hook {
            case .input, .forward, .output: return true
            case .ingress, .prerouting, .postrouting, .egress: return false
            }
        }
        return own ?? index
    }

    private func isTranslation(_ index: Int, _ way: Way) -> Bool {
        index + 1 < way.steps.count && translator(of: index + 1, in: way.steps, quotes.linked) == index
    }

    /// Each translation with the rule that made it.
    private func translations(_ way: Way, _ told: inout Set<MarkSource>) -> [Block] {
        var blocks: [Block] = []
        for index in way.steps.indices {
            guard case .translation(let translation) = way.steps[index].kind else { continue }
            let layer = way.steps[index].layer
            let subject = layer == 0 ? "" : "The outer packet: "
            let change = translationText(translation, way.steps[index].view.packet)
            if translation.isFromEntry {
                var lead = RichText("\(subject)\(capitalised(change)), as its connection entry says; no rule is asked")
                if let place = way.trace.connection?.place, let location = quotes.location(place) {
                    lead.add(" (\(location))", .quiet)
                }
                lead.add(".")
                blocks += [.space, .paragraph(lead)]
            } else if let rule = translator(of: index, in: way.steps, quotes.linked) {
                var lead = RichText("\(subject)\(capitalised(change)), by ") + reasons.place(rule, on: way)
                if let counters = reasons.counters(rule, on: way) { lead.add("; \(counters)", .quiet) }
                lead.add(":")
                blocks += [.space, .paragraph(lead)]
                blocks += reasons.explained(rule, on: way) + reasons.marks(rule, on: way, &told)
                if let sentence = takenPort(translation, rule, way.steps[index].view.packet, way) {
                    blocks.append(.paragraph(RichText(sentence + ".")))
                }
            } else {
                blocks += [
                    .space,
                    .paragraph(RichText("\(subject)\(capitalised(change)): the port was taken; no rule says so.")),
                ]
            }
        }
        return blocks
    }

    /// That the source port had to change because another connection has it, where the rule asks for no other port.
    private func takenPort(_ translation: TranslationStep, _ rule: Int, _ packet: Packet, _ way: Way) -> String? {
        guard translation.sourcePortChoices != nil, case .rule(let step) = way.steps[rule].kind else { return nil }
        switch quotes.linked.rule(step.rule).target {
        case .snat(let nat)?, .masquerade(let nat)?:
            if nat.ports != nil || nat.isRandom || nat.isFullyRandom { return nil }
        case .native(.translate(let made))? where made.kind == .snat || made.kind == .masquerade:
            if made.port != nil || made.isRandom || made.isFullyRandom { return nil }
        default: return nil
        }
        let source = translation.source ?? packet.source
        var reply = ConnectionTuple(source: packet.destination, destination: source, protocol: packet.protocol)
        reply.sourcePort = packet.destinationPort
        reply.destinationPort = packet.sourcePort
        let entry = quotes.model.host.connections?.first { $0.reply == reply }
        let location = entry.flatMap { quotes.location($0.place) }.map { " (\($0))" } ?? ""
        return "Another connection has port \(packet.sourcePort) of \(source) already\(location)"
    }

    /// What the sender sees and who listens, each a sentence without a final stop.
    func ends(_ way: Way) -> [String] {
        var sentences: [String] = []
        if way.trace.outcome == .delivered, let sentence = listening(way) { sentences.append(sentence) }
        if let own = way.trace.answer.first, let packet = own.firstPacket,
            ![.sent, .forwarded, .delivered].contains(own.outcome)
        {
            let back = Way(own, packet: packet)
            sentences.append("\(answerer(way.trace)) own answer does not get there: it \(words.predicate(back))")
        }
        if answer.request.origin == .host, way.trace.senderView != nil,
            let sentence = localSenderSentence(way.trace, way.packet)
        {
            sentences.append(sentence)
        } else if let sentence = senderSentence(way.trace.senderView, way.trace, way.packet.version) {
            sentences.append(sentence)
        }
        return sentences
    }

    private func listening(_ way: Way) -> String? {
        var delivered: Packet?
        var listener: Int?
        for step in way.steps {
            // A reply goes to the socket that asked.
            if case .conntrack(_, .reply, _) = step.kind { return nil }
            guard case .delivery(let index) = step.kind else { continue }
            delivered = step.view.packet
            listener = index
        }
        guard let packet = delivered else { return nil }
        // A tunnel takes it, which is told as what the answer rests on.
        if way.assumptions.contains(where: { $0.name == "inside" }) { return nil }
        guard packet.protocol.hasPorts else { return silence(packet, way) }
        let port = "\(packet.protocol.shortName) port \(packet.destinationPort)"
        guard let listeners = quotes.model.host.listeners else {
            return "whether anything listens on \(port) is not known"
        }
        guard let listener, listener < listeners.count else {
            if packet.isWithinConnection {
                return
                    "whether a socket of this host has this connection is not known: the input lists those that listen"
            }
            // Of UDP, sockets that are connected are not listed either, and take what comes from their peer.
            let others = packet.protocol == .tcp ? "" : ", unless a socket is connected to the sender"
            return "nothing listens on \(port)\(others)"
        }
        let socket = listeners[listener]
        let what = socket.process.isEmpty ? "something" : "a program"
        let who = socket.process.isEmpty ? "" : "\(socket.process), "
        let place = quotes.location(socket.place).map { ", \($0)" } ?? ""
        let address = socket.address.map { "\($0)" } ?? "any address"
        let device = socket.interface.map { " of \(quotes.name($0))" } ?? ""
        return "\(what) listens on \(port) (\(who)\(address)\(device)\(place))"
    }

    /// That an echo request is not answered, and by which setting.
    private func silence(_ packet: Packet, _ way: Way) -> String? {
        let isEcho = packet.version == .v4 ? packet.icmpType == 8 : packet.icmpType == 128
        guard packet.protocol.isICMP, isEcho, way.trace.senderView == .timeout else { return nil }
        let many: HostModel.EchoKind = packet.version == .v4 || packet.destination.isMulticast ? .toMany : .anycast
        return quotes.model.settingAgainstEcho(packet.version, many).map {
            "this host leaves the echo request unanswered (\($0))"
        }
    }

    // MARK: The ways back

    private func returns(_ way: Way) -> [Block] {
        var blocks: [Block] = []
        for leaf in way.leaves {
            let isOnly = way.trace.branches.isEmpty
            if let reply = leaf.trace.reply.first {
                blocks += nested("The reply", reply, isOnly ? nil : leaf)
            }
            if let own = leaf.trace.answer.first {
                blocks += nested(sentenceCase(answerer(leaf.trace)) + " own answer", own, isOnly ? nil : leaf)
            }
        }
        return blocks
    }

    /// The packet on the nodes it goes on to, and its reply on those it comes back to.
    private func otherNodes(_ way: Way) -> [Block] {
        var blocks: [Block] = []
        for (index, leaf) in way.leaves.enumerated() {
            let condition = way.trace.branches.isEmpty ? "" : " if \(condition(leaf.conditions))"
            for (lead, next) in [("Then on", answer.onward[index]), ("The reply on", answer.back[index])] {
                guard let next else { continue }
                let reporter = TraceReporter(
                    quotes: Quotes(model: next.model, files: next.files), annotations: next.annotations,
                    answer: next.answer, detail: detail)
                blocks += [
                    .space, .heading(RichText("\(lead) \(next.node)\(condition)")),
                    .indented(reporter.document().blocks),
                ]
            }
        }
        return blocks
    }

    /// The place of an end among all ends; `nil` where no other node is asked, or for another trace's.
    func leafIndex(_ way: Way) -> Int? {
        if answer.onward.isEmpty, answer.astray.isEmpty, answer.strayReplies.isEmpty { return nil }
        return Way(answer.trace, packet: answer.request.packet).leaves.firstIndex {
            $0.trace == way.trace && $0.conditions == way.conditions
        }
    }

    /// What becomes of the packet on the next node, a sentence.
    func onwardSentence(_ way: Way) -> RichText? {
        guard let index = leafIndex(way) else { return nil }
        if let astray = answer.astray[index] {
            let interface = way.trace.outInterface.map { quotes.name($0) }
            var sentence = RichText([TextRun(Outcome.undecided.title, .doubtful)])
            sentence.add(" beyond this node: it \(astray.clause(interface: interface)).")
            return sentence
        }
        guard let next = answer.onward[index] else { return nil }
        let words = OutcomeWords(quotes: Quotes(model: next.model, files: next.files))
        let there = Way(next.answer.trace, packet: next.answer.request.packet)
        var sentence = RichText("Then, on \(next.node): ")
        sentence = sentence + RichText([words.word(next.answer.trace)])
        sentence.add(words.clause(there) + ".")
        return sentence
    }

    private func answerer(_ trace: Trace) -> String { trace.reason == .noServer ? "IPVS's" : "the REJECT's" }

    private func withoutSender(_ trace: Trace) -> Trace {
        var trace = trace
        trace.senderView = nil
        for index in trace.branches.indices { trace.branches[index].trace = withoutSender(trace.branches[index].trace) }
        return trace
    }

    private func nested(_ title: String, _ trace: Trace, _ leaf: Way?) -> [Block] {
        guard let packet = trace.firstPacket else { return [] }
        // The sender of an answer is this host or the receiver; what they see is nobody's question.
        let way = Way(withoutSender(trace), packet: packet)
        var text = title
        if let leaf { text += " if \(condition(leaf.conditions))" }
        var blocks: [Block] = [.space, .heading(RichText(text)), .indented(head(way))]
        if detail != .summary { blocks.append(.indented([.space] + path(way))) }
        return blocks
    }
}

/// `source 172.30.24.4 becomes 172.30.24.0`.
func translationText(_ translation: TranslationStep, _ before: Packet) -> String {
    var parts: [String] = []
    let hasPorts = before.protocol.hasPorts
    func end(_ what: String, _ address: IPAddress?, _ old: IPAddress, _ port: UInt16?, _ oldPort: UInt16) {
        if address == nil, port == nil { return }
        if address == old, port == nil, translation.sourcePortChoices != nil { return }
        let portChanges = port != nil && port != oldPort && hasPorts
        let from = endText(old, port: portChanges ? oldPort : nil)
        parts.append("\(what) \(from) becomes \(endText(address ?? old, port: portChanges ? port : nil))")
    }
    end("source", translation.source, before.source, translation.sourcePort, before.sourcePort)
    end(
        "destination", translation.destination, before.destination, translation.destinationPort, before.destinationPort)
    if let choices = translation.sourcePortChoices {
        let which = parts.isEmpty ? "source port \(before.sourcePort)" : "the source port"
        parts.append("\(which) becomes one of \(rangeText(choices))")
    }
    if !parts.isEmpty { return listed(parts) }
    switch translation.kind {
    case .dnat, .redirect: return "destination \(before.destination) becomes an address that is not known"
    case .snat, .masquerade: return "source \(before.source) becomes an address that is not known"
    case .netmap, .clash: return "it is translated to what is not known"
    }
}
