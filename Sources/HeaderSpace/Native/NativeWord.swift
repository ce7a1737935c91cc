internal import PacketPath
internal import PathModel
internal import RuleModel

/// What an expression of a native rule comes to for packets of one class: `NativeValue` with bits that come from a packet.
enum NativeWord: Hashable {
    /// There is nothing to load: the rule ends there.
    case absent
    /// The highest first; `nil`: there, but nobody knows it.
    case bits([Bit?])
    case choices([NativeChoice])
    /// Neither the value nor whether there is one.
    case unknown

    init(_ value: NativeValue) {
        switch value {
        case .absent: self = .absent
        case .unknown: self = .unknown
        case .choices(let choices): self = .choices(choices)
        case .bytes(let bytes, let known):
            self = .bits(
                (0..<bytes.count * 8).map { index in
                    let place = UInt8(7 - index % 8)
                    return known[index / 8] >> place & 1 == 1 ? Bit(bytes[index / 8] >> place & 1 == 1) : nil
                })
        }
    }

    init(_ bytes: [UInt8]) { self = .bits(NativeWord.bits(bytes)) }

    static func bits(_ bytes: [UInt8]) -> [Bit?] {
        (0..<bytes.count * 8).map { Bit(bytes[$0 / 8] >> UInt8(7 - $0 % 8) & 1 == 1) }
    }

    static func hidden(_ count: Int) -> NativeWord { .bits([Bit?](repeating: nil, count: (count + 7) / 8 * 8)) }

    /// The last `width` bytes, or with zeros in front as many.
    func fitted(to width: Int) -> NativeWord {
        switch self {
        case .absent, .unknown: return self
        case .bits(let bits): return .bits(NativeWord.fitted(bits, width * 8))
        case .choices(let choices): return NativeWord(NativeValue.choices(choices).fitted(to: width))
        }
    }

    static func fitted(_ bits: [Bit?], _ count: Int) -> [Bit?] {
        if bits.count >= count { return Array(bits.suffix(count)) }
        return [Bit?](repeating: .zero, count: count - bits.count) + bits
    }

    /// `(value & mask) ^ xor`
    func masked(_ mask: [UInt8], _ xor: [UInt8]) -> NativeWord {
        switch self {
        case .absent, .unknown: return self
        case .choices(let choices): return NativeWord(NativeValue.choices(choices).masked(mask, xor))
        case .bits(let bits):
            let mask = NativeWord.fitted(NativeWord.bits(mask), bits.count)
            let xor = NativeWord.fitted(NativeWord.bits(xor), bits.count)
            return .bits(
                bits.indices.map { index in
                    let own: Bit? = mask[index] == .one ? bits[index] : .zero
                    return xor[index] == .one ? own?.opposite : own
                })
        }
    }

    /// By so many bits, to the left where positive.
    func shifted(_ count: Int) -> NativeWord {
        switch self {
        case .absent, .unknown: return self
        case .choices(let choices): return NativeWord(NativeValue.choices(choices).shifted(count))
        case .bits(let bits):
            return .bits(
                bits.indices.map { index in
                    let (from, isBeyond) = index.addingReportingOverflow(count)
                    return !isBeyond && bits.indices.contains(from) ? bits[from] : .zero
                })
        }
    }

    /// One after the other.
    static func concatenated(_ first: NativeWord, _ second: NativeWord) -> NativeWord {
        if first == .absent || second == .absent { return .absent }
        if case .bits(let a) = first, case .bits(let b) = second { return .bits(a + b) }
        return NativeWord(NativeValue.concatenated([first.value, second.value]))
    }

    /// As one packet has it, with nothing known of what comes from packets.
    private var value: NativeValue {
        switch self {
        case .absent: return .absent
        case .unknown: return .unknown
        case .choices(let choices): return .choices(choices)
        case .bits(let bits):
            var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
            var known = bytes
            for (index, bit) in bits.enumerated() {
                guard let constant = bit?.constant else { continue }
                known[index / 8] |= 1 << UInt8(7 - index % 8)
                if constant { bytes[index / 8] |= 1 << UInt8(7 - index % 8) }
            }
            return .bytes(bytes, known: known)
        }
    }
}

/// Packets for which an expression comes to one word.
struct NativeCase: Hashable {
    var packets: PacketSet
    var word: NativeWord
}

/// What a rule on the way did that nothing but native rules do, or look at.
struct NativeTraces: Hashable {
    /// Fields of which rules left nothing known.
    var lost: UInt32 = 0
    var priority = FieldSource.constant(0)
    /// `meta pkttype set …`
    var packetType: UInt8?
    /// In the order of the changes.
    var changes: [NativeSetChange] = []
}

/// A native set that rules on the way have changed.
struct NativeSetChange: Hashable {
    enum Kind: Hashable {
        case added(NativeElements.Data)
        case removed
        /// It is not known which element.
        case doubt
    }

    var set: NativeSetName
    var kind: Kind
    var key: [Bit?]
}
