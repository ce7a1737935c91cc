public import Annotations
internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

/// Writes the rule set as one JSON object: tables, chains, rules with their text, place and counters, and who made them.
public func writeRulesetJSON(
    _ model: HostModel, files: [SourceFile], owners: AnnotatedRuleset, into json: inout JSONWriter
) {
    let quotes = Quotes(model: model, files: files)
    json.beginObject()
    json.member("hookline", 1)
    json.key("tables")
    json.beginArray()
    for index in model.linked.ruleset.tables.indices { writeTable(index, quotes, owners, into: &json) }
    json.endArray()
    json.member("notes", linkNotes(model.linked, owners))
    json.endObject()
    json.endLine()
}

private func writeTable(
    _ index: Int, _ quotes: Quotes, _ owners: AnnotatedRuleset, into json: inout JSONWriter
) {
    let table = quotes.linked.ruleset.tables[index]
    json.beginObject()
    json.member("family", table.family.name)
    json.member("backend", table.backend.name)
    json.member("table", quotes.name(table.name))
    if table.isCutOff { json.member("cutOff", true) }
    json.key("chains")
    json.beginArray()
    for chainIndex in table.chains.indices {
        writeChain(quotes.linked.chainID(table: index, chain: chainIndex), quotes, owners, into: &json)
    }
    json.endArray()
    json.endObject()
}

private func writeChain(
    _ id: ChainID, _ quotes: Quotes, _ owners: AnnotatedRuleset, into json: inout JSONWriter
) {
    let chain = quotes.linked.chain(id)
    json.beginObject()
    json.member("chain", quotes.name(chain.name))
    if let base = chain.base {
        json.member("hook", base.hook.name)
        json.member("priority", base.priority)
        json.member("policy", base.policy == .drop ? "drop" : "accept")
    }
    if let counters = chain.policyCounters { writeCounters(counters, into: &json) }
    writePlace(chain.place, quotes, into: &json)
    writeOwner(owners.purpose(of: id), into: &json)
    let ruleOwners = owners.purposes(ofRulesIn: id)
    json.key("rules")
    json.beginArray()
    for index in chain.rules.indices {
        writeRule(RuleReference(chain: id, index: index), quotes, ruleOwners[index], into: &json)
    }
    json.endArray()
    json.endObject()
}

private func writeRule(
    _ reference: RuleReference, _ quotes: Quotes, _ owner: Purpose?, into json: inout JSONWriter
) {
    let chain = quotes.linked.chain(reference.chain)
    let table = quotes.linked.table(of: reference.chain)
    let rule = chain.rules[reference.index]
    json.beginObject()
    json.member("rule", reference.index + 1)
    if rule.handle != 0 { json.member("handle", rule.handle) }
    writePlace(rule.place, quotes, into: &json)
    json.member("text", quotes.text(reference))
    writeOwner(owner, into: &json)
    json.key("matches")
    json.beginArray()
    for statement in rule.statements {
        guard case .match = statement else { continue }
        let text = quotes.text(statement, in: table)
        if !text.isEmpty { json.string(text) }
    }
    json.endArray()
    for statement in rule.statements {
        guard case .target = statement else { continue }
        json.member("target", quotes.text(statement, in: table))
    }
    if let counters = chain.counters(of: rule) { writeCounters(counters, into: &json) }
    json.endObject()
}

/// `maker` and `purpose`, or nothing.
private func writeOwner(_ owner: Purpose?, into json: inout JSONWriter) {
    guard let owner else { return }
    json.member("maker", owner.maker.name)
    json.member("purpose", owner.text)
}

private func writeCounters(_ counters: Counters, into json: inout JSONWriter) {
    json.key("counters")
    json.beginObject()
    json.member("packets", counters.packets)
    json.member("bytes", counters.bytes)
    json.endObject()
}

/// `file` and `line` of a place, or nothing.
func writePlace(_ place: Place, _ quotes: Quotes, into json: inout JSONWriter) {
    guard let file = quotes.file(place) else { return }
    json.member("file", file.path)
    json.member("line", place.line)
}
