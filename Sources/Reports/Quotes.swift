internal import ChainGraph
internal import IptablesText
internal import NetTypes
internal import Nftables
internal import PathModel
internal import RuleModel
internal import SourceText

/// The user's own bytes behind rules, routes and entries.
struct Quotes {
    let model: HostModel
    let files: [SourceFile]

    var linked: LinkedRuleset { _read { yield model.linked } }

    func name(_ symbol: Symbol) -> String { model.names.text(symbol) }

    func file(_ place: Place) -> SourceFile? {
        let index = Int(place.file.index)
        return !place.isNone && index < files.count ? files[index] : nil
    }

    /// `iptables-save:41`; `nil` for what stands in no file.
    func location(_ place: Place) -> String? { file(place).map { "\($0.path):\(place.line)" } }

    /// The rule as its file has it; as iptables-save or nft would write it where there is no file.
    func text(_ reference: RuleReference) -> String {
        let rule = linked.rule(reference)
        if let file = file(rule.place) { return trimmed(file.text(rule.place)) }
        let table = linked.table(of: reference.chain)
        if table.isNative { return nativeText(of: rule, in: table, names: model.names) }
        return ruleText(rule, in: table, chain: linked.chain(reference.chain), names: model.names)
    }

    /// The rule as a line of its own.
    func rule(_ reference: RuleReference) -> RichText {
        RichText([TextRun(text(reference), .code, at: linked.rule(reference).place)])
    }

    /// The bytes of one line's place, without the line's end.
    func text(_ place: Place) -> String? { file(place).map { trimmed($0.text(place)) } }

    /// Where the bytes of a place lie in its file, without blanks and line ends around them; `nil` where they do not.
    func range(_ place: Place, in file: SourceFile) -> Range<Int>? {
        var (start, end) = (Int(place.start), Int(place.end))
        guard start <= end, end <= file.bytes.count else { return nil }
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
        while end > start, isBlank(file.bytes[end - 1]) { end -= 1 }
        while start < end, file.bytes[start] == 0x20 || file.bytes[start] == 0x09 { start += 1 }
        return start..<end
    }

    /// One statement of a rule as its file has it; empty for one that is not written, such as `-s 0.0.0.0/0`.
    func statement(_ index: Int, of reference: RuleReference) -> String {
        let rule = linked.rule(reference)
        guard index < rule.statements.count else { return "" }
        let table = linked.table(of: reference.chain)
        if let file = file(rule.place) {
            let ranges =
                table.isNative
                ? locateNativeStatements(file.bytes, place: rule.place, family: table.family)
                : locateStatements(file.bytes.span, place: rule.place, family: table.family)
            if index < ranges.count, ranges[index].upperBound <= file.bytes.count {
                return trimmed(String(decoding: file.bytes[ranges[index]], as: UTF8.self))
            }
        }
        return text(rule.statements[index], in: table)
    }

    /// One statement as the program writes it that made the table.
    func text(_ statement: Statement, in table: Table) -> String {
        table.isNative
            ? nativeText(of: statement, in: table, names: model.names)
            : statementText(statement, in: table, names: model.names)
    }

    /// `filter/INPUT:3`, as assumptions cite a rule.
    func cite(_ reference: RuleReference) -> String { "\(linked.path(of: reference.chain)):\(reference.index + 1)" }

    private func trimmed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last == 0x0a || last == 0x0d || last == 0x20 || last == 0x09 { bytes.removeLast() }
        var start = 0
        while start < bytes.count, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        return String(decoding: bytes[start...], as: UTF8.self)
    }
}
