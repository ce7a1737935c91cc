internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

extension TraceJSONWriter {
    /// - Parameter before: the steps of all enclosing results, for indexes over the whole way.
    func writeSteps(
        _ steps: [Step], _ before: [Step], _ connection: ConnectionEntry?, into json: inout JSONWriter
    ) {
        json.beginArray()
        // Only translations ask for the steps before.
        lazy var all = before + steps
        for (index, step) in steps.enumerated() {
            json.beginObject()
            var by: Int?
            if case .translation = step.kind { by = translator(of: before.count + index, in: all, quotes.linked) }
            writeStep(step, by, connection, into: &json)
            if !node.isEmpty { json.member("node", node) }
            if step.layer > 0 { json.member("layer", step.layer) }
            if !step.isCertain { json.member("certain", false) }
            json.endObject()
        }
        json.endArray()
    }

    func writeStep(
        _ step: Step, _ translator: Int?, _ connection: ConnectionEntry?, into json: inout JSONWriter
    ) {
        switch step.kind {
        case .rule(let rule): writeRule(rule, step, into: &json)
        case .miss(let reference, let statement):
            json.member("kind", "miss")
            writeChainMembers(reference.chain, step, into: &json)
            writeRuleMembers(reference, into: &json)
            json.member("failed", quotes.statement(statement, of: reference))
        case .policy(let chain, let verdict):
            writePolicy(chain, verdict, step, into: &json)
        case .conntrack(let states, let direction, let isFromEntry):
            json.member("kind", "conntrack")
            json.member("state", stateWord(states))
            if direction == .reply { json.member("direction", "reply") }
            if isFromEntry { writeEntry(connection, into: &json) }
        case .translation(let translation):
            writeTranslation(translation, translator, connection, into: &json)
        case .routing(let routing): writeRouting(routing, into: &json)
        case .defragmentation: json.member("kind", "defragmentation")
        case .encapsulation(let interface):
            json.member("kind", "encapsulation")
            json.member("interface", quotes.name(interface))
        case .decapsulation(let interface):
            json.member("kind", "decapsulation")
            json.member("interface", quotes.name(interface))
        case .loopback: json.member("kind", "loopback")
        case .delivery(let listener):
            json.member("kind", "delivery")
            writeListener(listener, of: step.view.packet, into: &json)
        case .ipvs(let virtual): writeVirtualService(virtual, into: &json)
        case .end(let reason):
            json.member("kind", "end")
            json.member("reason", reason.name)
        }
    }

    /// `new`, or `established,dnat`: the words that `--state` takes.
    private func stateWord(_ states: ConnectionStates) -> String {
        var text = ""
        for entry in ConnectionStates.names where states.contains(entry.state) {
            text += (text.isEmpty ? "" : ",") + lowercased(entry.name)
        }
        return text.isEmpty ? "none" : text
    }

    private func lowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5a ? $0 + 32 : $0 }, as: UTF8.self)
    }

    private func writeChainMembers(_ chain: ChainID, _ step: Step, into json: inout JSONWriter) {
        let table = quotes.linked.table(of: chain)
        json.member("family", table.family.name)
        json.member("backend", table.backend.name)
        json.member("hook", step.view.hook.name)
        quotes.write("table", table.name, into: &json)
        quotes.write("chain", quotes.linked.name(of: chain), into: &json)
    }

    private func writeRuleMembers(_ reference: RuleReference, into json: inout JSONWriter) {
        let rule = quotes.linked.rule(reference)
        json.member("rule", reference.index + 1)
        if rule.handle != 0 { json.member("handle", rule.handle) }
        writePlace(rule.place, quotes, into: &json)
        json.key("text")
        if !quotes.write(rule.place, into: &json) { json.string(quotes.text(reference)) }
    }

    private func writeRule(_ rule: RuleStep, _ step: Step, into json: inout JSONWriter) {
        let firstRule = quotes.model.compiled.firstRule
        guard let rendered, let key = RenderedRules.Key(rule, step.view.hook, firstRule: firstRule) else {
            return writeRuleAnew(rule, step, into: &json)
        }
        rendered.members(key, into: &json) { writeRuleAnew(rule, step, into: &$0) }
    }

    private func writePolicy(_ chain: ChainID, _ verdict: StepVerdict, _ step: Step, into json: inout JSONWriter) {
        func write(_ json: inout JSONWriter) {
            json.member("kind", "policy")
            writeChainMembers(chain, step, into: &json)
            json.member("verdict", verdict.name)
        }
        guard let rendered else { return write(&json) }
        let firstRule = quotes.model.compiled.firstRule
        rendered.members(RenderedRules.Key(chain, verdict, step.view.hook, firstRule: firstRule), into: &json, write)
    }

    private func writeRuleAnew(_ rule: RuleStep, _ step: Step, into json: inout JSONWriter) {
        json.member("kind", "rule")
        writeChainMembers(rule.rule.chain, step, into: &json)
        writeRuleMembers(rule.rule, into: &json)
        json.member("verdict", rule.verdict.name)
        if rule.isBroken {
            json.key("matched")
            json.boolean(false)
        }
        if let target = rule.target { quotes.write("target", quotes.linked.name(of: target), into: &json) }
        if let with = rule.rejectWith { json.member("rejectWith", with.name) }
        let changes = rule.changes.filter { $0.before != $0.after }
        if !changes.isEmpty {
            json.key("set")
            json.beginObject()
            for change in changes { writeChange(change, into: &json) }
            json.endObject()
        }
        if let counters = quotes.linked.counters(of: rule.rule) {
            json.key("counters")
            json.beginObject()
            json.member("packets", counters.packets)
            json.member("bytes", counters.bytes)
            json.endObject()
        }
    }

    private func writeChange(_ change: Change, into json: inout JSONWriter) {
        json.key(text: change.field.name)
        switch change.after {
        case .number(let value):
            if change.field == .notrack { json.boolean(value != 0) } else { json.integer(value) }
        case .address(let address): json.address(address)
        case .name(let name): json.string(quotes.name(name))
        case .unknown: json.null()
        }
    }

    private func writeTranslation(
        _ translation: TranslationStep, _ translator: Int?, _ connection: ConnectionEntry?, into json: inout JSONWriter
    ) {
        json.member("kind", "nat")
        json.member("type", translation.kind.name)
        if let source = translation.source { json.member("source", source) }
        if let choices = translation.sourcePortChoices {
            writeChoices(choices, into: &json)
        } else if let port = translation.sourcePort {
            json.sourcePort(port)
        }
        if let destination = translation.destination { json.member("destination", destination) }
        if let port = translation.destinationPort { json.destinationPort(port) }
        if translation.isFromEntry {
            writeEntry(connection, into: &json)
        } else if let translator {
            json.member("by", translator)
        }
    }

    private func writeEntry(_ entry: ConnectionEntry?, into json: inout JSONWriter) {
        json.key("entry")
        json.beginObject()
        if let entry {
            json.key("original")
            writeTuple(entry.original, into: &json)
            json.key("reply")
            writeTuple(entry.reply, into: &json)
            writePlace(entry.place, quotes, into: &json)
        }
        json.endObject()
    }

    private func writeTuple(_ tuple: ConnectionTuple, into json: inout JSONWriter) {
        json.beginObject()
        json.member("source", tuple.source)
        json.member("destination", tuple.destination)
        json.member("protocol", tuple.protocol.shortName)
        if tuple.protocol.hasPorts {
            json.sourcePort(tuple.sourcePort)
            json.destinationPort(tuple.destinationPort)
        }
        json.endObject()
    }

    private func writeRouting(_ routing: RoutingStep, into json: inout JSONWriter) {
        json.member("kind", "routing")
        if let interface = routing.interface { quotes.write("interface", interface, into: &json) }
        if let hop = routing.nextHop { json.member("nextHop", hop) }
        if let source = routing.source { json.member("source", source) }
        json.member("type", routing.type.name)
        if routing.table != 0 { json.member("table", tableName(routing.table)) }
        if let route = routing.route {
            json.key("route")
            if route.table == RoutingRule.localTable || !quotes.write(route.place, into: &json) {
                json.string(quotes.routeText(route))
            }
            writePlace(route.place, quotes, into: &json)
        }
        if let rule = routing.rule, let text = quotes.text(rule.place) { json.member("policyRule", text) }
        if routing.isReroute { json.member("reroute", true) }
        if !routing.isKnown { json.member("known", false) }
    }

    private func writeVirtualService(_ step: VirtualServiceStep, into json: inout JSONWriter) {
        json.member("kind", "ipvs")
        json.member("act", step.act.name)
        json.key("virtualService")
        json.beginObject()
        json.member("protocol", step.protocol.shortName)
        json.member("address", step.address)
        json.member("port", step.port)
        if let mark = step.mark { json.member("mark", mark) }
        if let scheduler = step.scheduler { json.member("scheduler", scheduler) }
        if let service = step.service {
            if let persistence = service.persistence { json.member("persistence", persistence) }
            writePlace(service.place, quotes, into: &json)
        }
        json.endObject()
        if let server = step.server {
            json.key("realServer")
            json.beginObject()
            json.member("address", server)
            json.member("port", step.serverPort)
            json.endObject()
            json.member("forwarding", step.method.word)
        }
        if step.isFromConnection {
            json.key("fromConnection")
            json.boolean(true)
        }
    }

    private func writeListener(_ index: Int?, of packet: Packet, into json: inout JSONWriter) {
        guard let listeners = quotes.model.host.listeners else { return }
        guard let index, index < listeners.count else {
            if packet.isWithinConnection { return }
            json.key("listener")
            json.null()
            return
        }
        let socket = listeners[index]
        json.key("listener")
        json.beginObject()
        json.member("process", socket.process)
        if let address = socket.address { json.member("address", address) }
        json.member("port", socket.port)
        writePlace(socket.place, quotes, into: &json)
        json.endObject()
    }
}

private func translates(_ statement: Statement) -> Bool {
    switch statement {
    case .target(.dnat), .target(.snat), .target(.masquerade), .target(.redirect), .target(.netmap),
        .target(.native(.translate)):
        true
    case .match, .target: false
    }
}

/// The index of the rule that made the translation at `index`: the last rule before it that translates.
func translator(of index: Int, in steps: [Step], _ linked: LinkedRuleset) -> Int? {
    guard case .translation(let translation) = steps[index].kind, !translation.isFromEntry,
        translation.kind != .clash
    else { return nil }
    var position = index
    while position > 0 {
        position -= 1
        guard steps[position].layer == steps[index].layer else { return nil }
        guard case .rule(let rule) = steps[position].kind else { continue }
        return linked.rule(rule.rule).statements.contains(where: translates) ? position : nil
    }
    return nil
}

extension RouteType {
    var name: String {
        switch self {
        case .unicast: "unicast"
        case .local: "local"
        case .broadcast: "broadcast"
        case .anycast: "anycast"
        case .multicast: "multicast"
        case .blackhole: "blackhole"
        case .unreachable: "unreachable"
        case .prohibit: "prohibit"
        case .throw: "throw"
        case .nat: "nat"
        }
    }
}

/// `main`, `local`, `default`, or the number.
func tableName(_ table: UInt32) -> String {
    switch table {
    case RoutingRule.localTable: "local"
    case RoutingRule.mainTable: "main"
    case RoutingRule.defaultTable: "default"
    default: "\(table)"
    }
}

extension Quotes {
    /// Writes a name as a member.
    func write(_ key: StaticString, _ symbol: Symbol, into json: inout JSONWriter) {
        json.key(key)
        let bytes = model.names.bytes(symbol)
        if !json.string(bytes.span) { json.string(name(symbol)) }
    }

    /// Writes the bytes of a place as a string; `false`, and nothing is written, where they are not there or not ASCII.
    func write(_ place: Place, into json: inout JSONWriter) -> Bool {
        guard let file = file(place), let range = range(place, in: file) else { return false }
        return json.string(file.bytes.span.extracting(range))
    }

    /// The route as its file has it, else its parts; one that the kernel makes from an address has no line.
    func routeText(_ route: Route) -> String {
        if route.table != RoutingRule.localTable, let text = text(route.place) { return text }
        var result = route.type == .unicast ? "" : route.type.name + " "
        result += route.destination.length == 0 ? "default" : "\(route.destination)"
        if let hop = route.nextHops.first {
            if let gateway = hop.gateway { result += " via \(gateway)" }
            if let interface = hop.interface { result += " dev \(name(interface))" }
        }
        return result
    }
}
