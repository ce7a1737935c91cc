internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// One answer as a JSON object on a line of its own.
public func writeFindJSON(
    _ answer: FindAnswer, _ heading: FindHeading, node: String, _ model: HostModel, files: [SourceFile],
    into json: inout JSONWriter
) {
    begin(answer.version, heading, node, &json)
    writeFound(answer, heading, model, files, &json)
    json.endObject()
    json.endLine()
}

/// The members of an object that tell what was found.
func writeFound(
    _ answer: FindAnswer, _ heading: FindHeading, _ model: HostModel, _ files: [SourceFile], _ json: inout JSONWriter
) {
    let space = answer.space
    json.member("isComplete", !answer.isExhausted)
    json.key("found")
    json.beginArray()
    for found in answer.found {
        let sets = FoundSets(found.packets, answer)
        json.beginObject()
        json.member("what", found.title)
        json.member("answer", answer.share(found.packets).rawValue)
        write("surely", sets.surely, answer, heading, model, nil, &json)
        write("possibly", sets.possibly, answer, heading, model, found.packets, &json)
        json.key("unknowns")
        json.beginArray()
        for name in sets.unknowns {
            guard let meaning = space.meaning(ofUnknown: name) else { continue }
            json.beginObject()
            json.member("name", name)
            json.member("whenYes", meaning.whenYes)
            json.member("whenNo", meaning.whenNo)
            json.endObject()
        }
        json.endArray()
        if !found.rules.isEmpty {
            json.key("rules")
            json.beginArray()
            for own in found.rules { write(own.rule, model, files, &json) }
            json.endArray()
        }
        json.endObject()
    }
    json.endArray()
    json.member("assumptions", answer.granted)
}

private func begin(_ version: IPVersion, _ heading: FindHeading, _ node: String, _ json: inout JSONWriter) {
    json.beginObject()
    json.member("hookline", 1)
    if !node.isEmpty { json.member("node", node) }
    json.member("version", version.rawValue)
    json.member("question", heading.question)
    json.member("query", heading.query)
    json.member("notes", heading.notes)
    writeDeciders(heading.deciders.about([version]), nil, into: &json)
    writeMissing(missingInputs(forAllOf: [version], of: heading.missing), into: &json)
}

private func write(
    _ key: StaticString, _ set: PacketSet, _ answer: FindAnswer, _ heading: FindHeading, _ model: HostModel,
    _ decided: PacketSet?, _ json: inout JSONWriter
) {
    let space = answer.space
    let list = space.cubes(of: set, within: answer.asked)
    let words = CubeWords(space: space, model: model)
    json.key(key)
    json.beginObject()
    json.key("cubes")
    json.beginArray()
    for cube in list.cubes.prefix(heading.shown) {
        let own = decided.map { space.unknownNames(space.and($0, space.and(space.packets(in: cube), set))) }
        write(cube, words, own, &json)
    }
    json.endArray()
    json.member("more", max(0, list.cubes.count - heading.shown))
    json.member("isCut", !list.rest.isEmpty)
    if let example = space.everydayExample(of: set) { json.member("example", example.traceOptions(on: model)) }
    json.endObject()
}

private func write(_ cube: Cube, _ words: CubeWords, _ unknowns: [String]?, _ json: inout JSONWriter) {
    json.beginObject()
    for field in cube.fields {
        guard let terms = words.terms(cube, field) else { continue }
        json.key(text: field.key)
        json.beginObject()
        json.member(terms.isNegated ? "not" : "is", words.values(cube, field, terms))
        json.endObject()
    }
    if let unknowns { json.member("if", unknowns) }
    json.endObject()
}

extension PacketField {
    /// As a packet's JSON names it.
    fileprivate var key: String {
        switch self {
        case .inInterface: "in"
        case .state: "state"
        case .protocol: "protocol"
        case .destination: "destination"
        case .destinationPort: "destinationPort"
        case .source: "source"
        case .sourcePort: "sourcePort"
        case .tcpFlags: "tcpFlags"
        case .ttl: "ttl"
        case .tos: "tos"
        case .length: "length"
        case .mark: "mark"
        case .connectionMark: "ctMark"
        case .mac: "mac"
        case .user: "uid"
        case .group: "gid"
        }
    }
}

private func write(_ rule: RuleReference, _ model: HostModel, _ files: [SourceFile], _ json: inout JSONWriter) {
    let quotes = Quotes(model: model, files: files)
    let table = model.linked.table(of: rule.chain)
    let place = model.linked.rule(rule).place
    json.beginObject()
    json.member("family", table.family.name)
    json.member("table", model.names.text(table.name))
    json.member("chain", model.names.text(model.linked.chain(rule.chain).name))
    json.member("rule", rule.index + 1)
    if let file = quotes.file(place) {
        json.member("file", file.path)
        json.member("line", place.line)
    }
    json.member("text", quotes.text(rule))
    json.endObject()
}

/// Why a rule does not get its packets, as a JSON object on a line of its own.
public func writeWhyNotJSON(
    _ answer: WhyNotAnswer, _ heading: FindHeading, node: String, _ model: HostModel, files: [SourceFile],
    into json: inout JSONWriter
) {
    let space = answer.space
    begin(answer.version, heading, node, &json)
    json.member("isComplete", !space.isExhausted)
    json.key("rule")
    write(answer.rule, model, files, &json)
    json.member("comesToChain", !space.possibly(answer.entering).isEmpty)
    json.member("matchesSome", !space.possibly(answer.wanted).isEmpty)
    json.member("share", percent(answer.share(answer.got, of: answer.wanted)))
    json.key("takenBy")
    json.beginArray()
    for taken in answer.taken {
        json.beginObject()
        json.key("rule")
        write(taken.rule, model, files, &json)
        json.member("share", percent(answer.share(taken.packets, of: answer.wanted)))
        json.key("inside")
        json.beginArray()
        for inside in taken.inside {
            json.beginObject()
            json.key("rule")
            write(inside.rule, model, files, &json)
            json.member("share", percent(answer.share(inside.packets, of: answer.wanted)))
            json.endObject()
        }
        json.endArray()
        if let example = space.everydayExample(of: taken.packets) {
            json.member("example", example.traceOptions(on: model))
        }
        json.endObject()
    }
    json.endArray()
    json.endObject()
    json.endLine()
}

/// A service matrix as a JSON object on a line of its own.
public func writeMatrixJSON(
    _ answer: MatrixAnswer, _ heading: FindHeading, node: String, into json: inout JSONWriter
) {
    begin(answer.version, heading, node, &json)
    json.member("isComplete", !answer.isExhausted)
    json.member("protocol", answer.protocol.shortName)
    json.member("port", answer.port)
    json.key("classes")
    json.beginArray()
    for own in answer.matrix.classes {
        let (sure, maybe) = answer.matrix.reached(from: own)
        json.beginObject()
        json.member("addresses", own.addresses.map { addressWord($0) })
        write("reaches", sure, &json)
        write("mayReach", maybe, &json)
        json.endObject()
    }
    json.endArray()
    json.member("assumptions", answer.granted)
    json.endObject()
    json.endLine()
}

private func write(_ key: StaticString, _ numbers: [Int], _ json: inout JSONWriter) {
    json.key(key)
    json.beginArray()
    for number in numbers { json.integer(number) }
    json.endArray()
}
