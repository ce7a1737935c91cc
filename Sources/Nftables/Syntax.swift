internal import SourceText

/// A constant as it is written, before anything says what type it is of.
struct Value: Sendable {
    indirect enum Node: Sendable {
        case word([UInt8])
        case quoted([UInt8])
        case number(UInt64)
        /// One that 64 bits don't hold, highest byte first.
        case wideNumber([UInt8])
        /// `a, b`
        case list([Value])
        /// `{ a, b : c }`
        case set([ElementSyntax])
        case range(Value, Value)
        case prefix(Value, Int)
        case binary(BinaryOperator, Value, Value)
        case concatenation([Value])
        /// `*`
        case any
        /// `@name`
        case setReference(Symbol)
    }

    var node: Node
    var place: Place
}

enum BinaryOperator: Sendable { case and, or, xor, shiftLeft, shiftRight }

/// An element of a set as it is written.
struct ElementSyntax: Sendable {
    enum Data: Sendable {
        case none
        case verdict(VerdictSyntax)
        case value(Value)
    }

    var key: Value
    var data = Data.none
    var options = ElementOptions()

    /// The value that an element is alone; `nil` for a concatenation, a default or one with data, and for a range, as nft
    /// lists neighbours that are several elements.
    var plainKey: Value? {
        guard case .none = data, options.extra == nil else { return nil }
        switch key.node {
        case .word, .quoted, .number, .wideNumber, .binary: return key
        case .list, .range, .prefix, .set, .concatenation, .any, .setReference: return nil
        }
    }
}

enum VerdictSyntax: Sendable { case accept, drop, `continue`, `return`, jump(Symbol), goto(Symbol), queue(UInt16) }

/// Why a part of a text could not be read.
struct NftFailure: Error, Sendable {
    /// Never reworded.
    let code: String
    let message: String
    let place: Place

    init(_ code: String, _ message: String, at place: Place) {
        self.code = code
        self.message = message
        self.place = place
    }
}
