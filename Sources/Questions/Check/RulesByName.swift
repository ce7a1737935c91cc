internal import ChainGraph
internal import RuleModel
internal import SourceText

extension LinkedRuleset {
    /// The rules that a policy means.
    func rules(named name: RuleName, _ files: [SourceFile]) -> [RuleReference] {
        var found: [RuleReference] = []
        for number in chainIDs {
            let chain = ChainID(number)
            let rules = self.chain(chain).rules
            switch name {
            case .numbered(let family, let path, let number):
                guard path == self.path(of: chain), number <= rules.count else { continue }
                if let family, family != table(of: chain).family.name { continue }
                found.append(RuleReference(chain: chain, index: number - 1))
            case .comment(let comment):
                for index in rules.indices where rules[index].comments.contains(where: { names.text($0) == comment }) {
                    found.append(RuleReference(chain: chain, index: index))
                }
            case .text(let text):
                for index in rules.indices where rules[index].isWritten(text, files) {
                    found.append(RuleReference(chain: chain, index: index))
                }
            }
        }
        return found
    }
}

extension Rule {
    fileprivate var comments: [Symbol] {
        statements.compactMap { statement in
            if case .match(.comment(let text)) = statement { text } else { nil }
        }
    }

    /// Whether the file has it as this text; counters before it and spaces around it do not count.
    fileprivate func isWritten(_ text: String, _ files: [SourceFile]) -> Bool {
        let index = Int(place.file.index)
        guard !place.isNone, index < files.count else { return false }
        let bytes = files[index].bytes
        var start = min(Int(place.start), bytes.count)
        var end = max(start, min(Int(place.end), bytes.count))
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        while start < end, isSpace(bytes[start]) { start += 1 }
        if start < end, bytes[start] == UInt8(ascii: "["),
            let close = bytes[start..<end].firstIndex(of: UInt8(ascii: "]"))
        {
            start = close + 1
            while start < end, isSpace(bytes[start]) { start += 1 }
        }
        return bytes[start..<end].elementsEqual(text.utf8)
    }
}
