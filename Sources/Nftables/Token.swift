/// One piece of nft's text.
struct Token: Sendable {
    enum Kind: UInt8, Sendable {
        /// A name, a keyword, an address: what no blank or sign divides.
        case word
        case number
        /// In double quotes, which the range holds.
        case quoted
        /// A sign of one or two bytes.
        case sign
        case newline
        /// A byte that nothing begins with.
        case bad
        case end
    }

    var kind: Kind
    /// Of a newline: the number in `# handle N` before it.
    var handle: UInt32 = 0
    var line: UInt32
    var start: UInt32
    var finish: UInt32

    var range: Range<Int> { Int(start)..<Int(finish) }
}
