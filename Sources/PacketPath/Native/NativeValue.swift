internal import NetTypes
internal import RuleModel

/// What an expression of a native rule comes to for a packet: a number with its highest byte first, or characters.
package enum NativeValue: Hashable, Sendable {
    /// There is nothing to load: the rule ends here.
    case absent
    /// The bytes, of which only the bits in `known` are known.
    case bytes([UInt8], known: [UInt8])
    /// One of several by chance or by a key that is not known, each with its share; `nil` where there is then nothing.
    case choices([NativeChoice])
    /// Neither the value nor whether there is one.
    case unknown

    init(_ bytes: [UInt8]) { self = .bytes(bytes, known: [UInt8](repeating: 0xff, count: bytes.count)) }

    /// A number of so many bits.
    init(_ number: UInt64, bits: Int) {
        self.init(Literal(number, .integer, bits: bits).bytes)
    }

    /// A number that is there but not known.
    static func hidden(bits: Int) -> NativeValue {
        let zeros = [UInt8](repeating: 0, count: (bits + 7) / 8)
        return .bytes(zeros, known: zeros)
    }

    /// The bytes, where all are known.
    package var exact: [UInt8]? {
        guard case .bytes(let bytes, let known) = self, known.allSatisfy({ $0 == 0xff }) else { return nil }
        return bytes
    }

    /// The number, where it is known and fits.
    var number: UInt64? { exact.flatMap { Literal($0, .integer, bits: $0.count * 8).number } }
}

package struct NativeChoice: Hashable, Sendable {
    package var bytes: [UInt8]?
    /// Of the sum of all choices' shares; 0 where they have no shares.
    package var share: UInt64

    package init(bytes: [UInt8]?, share: UInt64) {
        self.bytes = bytes
        self.share = share
    }
}

extension NativeValue {
    /// What `change` makes of each choice, those that then are alike as one.
    func map(_ change: ([UInt8], [UInt8]) -> NativeValue) -> NativeValue {
        switch self {
        case .absent, .unknown: return self
        case .bytes(let bytes, let known): return change(bytes, known)
        case .choices(let choices):
            var result: [NativeChoice] = []
            for choice in choices {
                var bytes: [UInt8]?
                if let own = choice.bytes {
                    switch change(own, [UInt8](repeating: 0xff, count: own.count)) {
                    case .absent: break
                    case .bytes(let new, let known):
                        guard known.allSatisfy({ $0 == 0xff }) else { return .unknown }
                        bytes = new
                    case .choices, .unknown: return .unknown
                    }
                }
                NativeValue.add(NativeChoice(bytes: bytes, share: choice.share), to: &result)
            }
            return .choices(result)
        }
    }

    /// Adds `choice`, or its share to one that is alike.
    package static func add(_ choice: NativeChoice, to choices: inout [NativeChoice]) {
        if let index = choices.firstIndex(where: { $0.bytes == choice.bytes }) {
            choices[index].share += choice.share
        } else {
            choices.append(choice)
        }
    }

    /// `(value & mask) ^ xor`; the mask is filled up with zeros in front.
    package func masked(_ mask: [UInt8], _ xor: [UInt8]) -> NativeValue {
        map { bytes, known in
            let mask = fitted(mask, bytes.count)
            let xor = fitted(xor, bytes.count)
            var value = bytes
            var isKnown = known
            for index in value.indices {
                value[index] = value[index] & mask[index] ^ xor[index]
                isKnown[index] |= ~mask[index]
            }
            return .bytes(value, known: isKnown)
        }
    }

    /// Shifted by so many bits, to the left where positive; what leaves the value's bytes is lost.
    package func shifted(_ count: Int) -> NativeValue {
        map { bytes, known in .bytes(shift(bytes, count, filling: 0), known: shift(known, count, filling: 1)) }
    }

    /// The last `width` bytes, or with zeros in front as many.
    package func fitted(to width: Int) -> NativeValue {
        map { bytes, known in
            .bytes(RuleWidth.fitted(bytes, width), known: RuleWidth.fitted(known, width, filling: 0xff))
        }
    }

    private func fitted(_ bytes: [UInt8], _ width: Int) -> [UInt8] { RuleWidth.fitted(bytes, width) }

    private func shift(_ bytes: [UInt8], _ count: Int, filling bit: UInt8) -> [UInt8] {
        let bits = bytes.count * 8
        var result = [UInt8](repeating: 0, count: bytes.count)
        for place in 0..<bits {
            // Places are counted from the lowest bit.
            let (source, overflow) = place.subtractingReportingOverflow(count)
            var value = bit
            if !overflow, source >= 0, source < bits {
                value = bytes[bytes.count - 1 - source / 8] >> UInt8(source % 8) & 1
            }
            result[bytes.count - 1 - place / 8] |= value << UInt8(place % 8)
        }
        return result
    }

    /// The parts one after another; nothing where one has nothing.
    package static func concatenated(_ parts: [NativeValue]) -> NativeValue {
        if parts.contains(.absent) { return .absent }
        var result = NativeValue.bytes([], known: [])
        for part in parts {
            switch (result, part) {
            case (.bytes(let first, let firstKnown), .bytes(let second, let secondKnown)):
                result = .bytes(first + second, known: firstKnown + secondKnown)
            case (.bytes(let first, let known), .choices) where known.allSatisfy({ $0 == 0xff }):
                result = part.map { bytes, known in
                    .bytes(first + bytes, known: [UInt8](repeating: 0xff, count: first.count) + known)
                }
            case (.choices, .bytes(let second, let known)) where known.allSatisfy({ $0 == 0xff }):
                result = result.map { bytes, known in
                    .bytes(bytes + second, known: known + [UInt8](repeating: 0xff, count: second.count))
                }
            default: return .unknown
            }
        }
        return result
    }
}

package enum RuleWidth {
    /// The last `width` bytes, or with `byte` in front as many.
    package static func fitted(_ bytes: [UInt8], _ width: Int, filling byte: UInt8 = 0) -> [UInt8] {
        if bytes.count == width { return bytes }
        if bytes.count > width { return Array(bytes.suffix(width)) }
        return [UInt8](repeating: byte, count: width - bytes.count) + bytes
    }
}

/// How two byte strings of one length compare as numbers, or as characters.
func isBelow(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool { a.lexicographicallyPrecedes(b) }
