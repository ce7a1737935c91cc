internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j MARK`
    mutating func readMARKTarget() throws(RuleFailure) -> Target {
        var operation: MarkOperation?
        while try beginOption() {
            guard let word = try takeMarkOperation() else { break }
            try refuseSecond(operation)
            operation = MarkOperation(word)
        }
        guard let operation else { throw missing("--set-xmark") }
        return .mark(operation)
    }

    /// Takes one of MARK's and CONNMARK's ways to change a mark, as the value and mask of `--set-xmark`.
    /// Source: iptables 1.8.9, extensions/libxt_MARK.c `mark_tg_parse`.
    mutating func takeMarkOperation() throws(RuleFailure) -> MaskedWord? {
        if takes("--set-xmark") { return try maskedWord() }
        if takes("--set-mark") {
            let word = try maskedWord()
            return MaskedWord(word.value, mask: word.value | word.mask)
        }
        if takes("--and-mark") { return MaskedWord(0, mask: ~(try number(UInt32.self))) }
        if takes("--or-mark") {
            let bits: UInt32 = try number()
            return MaskedWord(bits, mask: bits)
        }
        if takes("--xor-mark") { return MaskedWord(try number(), mask: 0) }
        return nil
    }
}

extension RuleWriter {
    mutating func writeMarkTarget(_ target: MarkOperation) { putMark("--set-xmark", target.word) }

    /// ` --name 0x…/0x…`, the mask never left out.
    mutating func putMark(_ name: StaticString, _ word: MaskedWord) {
        option(name)
        put(" ")
        put(hexadecimal: word.value)
        put("/")
        put(hexadecimal: word.mask)
    }
}
