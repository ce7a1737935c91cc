internal import ChainGraph
internal import PathModel
internal import RuleModel
public import SourceText

/// Findings that a comment of a rule, chain or set allows: `hookline:allow=CHECK` or `hookline:allow=CHECK,CHECK`.
struct AllowedByComment {
    private static let sign = "hookline:allow="
    /// By the place of what has the comment.
    private var byPlace: [Place: [String]] = [:]

    init(_ node: LintedNode) {
        // Comments are many and this one is rare: its names are found first.
        var names: [Symbol: [String]] = [:]
        func checks(_ symbol: Symbol) -> [String] {
            if symbol == .empty { return [] }
            if let known = names[symbol] { return known }
            let found = Self.checks(in: node.model.names.bytes(symbol))
            names[symbol] = found
            return found
        }
        for table in node.linked.ruleset.tables {
            for chain in table.chains {
                let own = checks(chain.comment)
                if !own.isEmpty { byPlace[chain.place, default: []] += own }
                for rule in chain.rules {
                    for case .match(.comment(let comment)) in rule.statements {
                        let own = checks(comment)
                        if !own.isEmpty { byPlace[rule.place, default: []] += own }
                    }
                }
            }
            for set in table.sets {
                let own = checks(set.comment)
                if !own.isEmpty { byPlace[set.place, default: []] += own }
            }
        }
    }

    /// The names behind each sign in a comment.
    static func checks(in comment: ArraySlice<UInt8>) -> [String] {
        let sign = Array(sign.utf8)
        guard comment.count > sign.count else { return [] }
        var found: [String] = []
        var index = comment.startIndex
        while index + sign.count < comment.endIndex {
            guard comment[index] == sign[0], comment[index...].starts(with: sign) else {
                index += 1
                continue
            }
            let rest = comment[(index + sign.count)...]
            let word = rest.prefix { $0 != 0x20 && $0 != 0x09 && $0 != UInt8(ascii: ";") }
            for name in word.split(separator: UInt8(ascii: ",")) { found.append(String(decoding: name, as: UTF8.self)) }
            index = word.endIndex
        }
        return found
    }

    /// What of a finding is not allowed; `nil`: nothing.
    func rest(of result: LintResult) -> LintResult? {
        if byPlace.isEmpty { return result }
        return result.without { byPlace[$0.place]?.contains(result.check) == true }
    }
}

extension LintResult {
    /// The finding without the cases that are silenced; `nil` where none is left.
    fileprivate func without(_ isSilenced: (LintFinding.Citation) -> Bool) -> LintResult? {
        guard finding.citations.contains(where: isSilenced) else { return self }
        guard finding.listsCases else { return nil }
        var rest = self
        rest.finding.citations.removeAll(where: isSilenced)
        return rest.finding.citations.isEmpty ? nil : rest
    }
}

/// Findings that a file silences: a line for each, `CHECK [file:line | chain | set]`.
public struct Silences: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var check: String
        /// `iptables-save.txt:41`, `filter/FORWARD`, `FORWARD`, a set's name; `nil`: wherever the check finds
        /// something.
        public var subject: String?
        /// Of the file of silences, from 1.
        public var line: Int

        /// As the file has it.
        public var text: String { subject.map { "\(check) \($0)" } ?? check }
    }

    public struct Failure: Error, Hashable, Sendable {
        public var line: Int
        public var column: Int
        /// A sentence without a final stop.
        public var message: String
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    /// Reads a file of silences; `#` begins a comment.
    public init(_ text: [UInt8]) throws(Failure) {
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var words: [ArraySlice<UInt8>] = []
            for word in line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) {
                if word.first == UInt8(ascii: "#") { break }
                words.append(word)
            }
            guard let first = words.first else { continue }
            let check = String(decoding: first, as: UTF8.self)
            guard lintChecks.contains(where: { $0.name == check }) else {
                throw Failure(
                    line: number, column: first.startIndex - line.startIndex + 1,
                    message: "there is no check '\(check)'")
            }
            if words.count > 2 {
                throw Failure(
                    line: number, column: words[2].startIndex - line.startIndex + 1,
                    message: "a line is CHECK, or CHECK and one file:line, chain or set")
            }
            let subject = words.count > 1 ? String(decoding: words[1], as: UTF8.self) : nil
            entries.append(Entry(check: check, subject: subject, line: number))
        }
    }

    /// Takes out what is silenced.
    ///
    /// - Returns: the findings that stay, and the indexes of the entries that silenced one.
    public func applied(
        to results: [LintResult], files: [SourceFile]
    ) -> (kept: [LintResult], used: Set<Int>) {
        if entries.isEmpty { return (results, []) }
        var used: Set<Int> = []
        var kept: [LintResult] = []
        for result in results {
            var left: LintResult? = result
            for (index, entry) in entries.enumerated() where entry.check == result.check {
                let rest = left.flatMap { Silences.rest(of: $0, entry.subject, files) }
                // One that is silenced twice uses both lines.
                let isUsed = rest != left || left == nil && Silences.rest(of: result, entry.subject, files) != result
                if isUsed { used.insert(index) }
                left = rest
            }
            if let left { kept.append(left) }
        }
        return (kept, used)
    }

    /// What a line leaves of a finding; `nil`: nothing.
    private static func rest(of result: LintResult, _ subject: String?, _ files: [SourceFile]) -> LintResult? {
        guard let subject else { return nil }
        for own in result.finding.subjects where own == subject || own.hasSuffix("/" + subject) { return nil }
        return result.without { citation in
            let index = Int(citation.place.file.index)
            guard !citation.place.isNone, files.indices.contains(index) else { return false }
            let location = "\(files[index].path):\(citation.place.line)"
            return location == subject || location.hasSuffix("/" + subject)
        }
    }
}
