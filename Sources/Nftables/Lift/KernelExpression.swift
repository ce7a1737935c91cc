internal import RuleModel
internal import SourceText

/// One expression of a rule as the kernel has it: it works on registers, and knows no names.
///
/// Registers are counted in words of four bytes, from 0.
enum KernelExpression: Sendable {
    /// Something of the packet, its connection or its host, put into a register.
    case load(Expression, register: Int)
    case payload(PayloadBase, offset: Int, length: Int, register: Int)
    case hash(register: Int, length: Int, modulus: UInt32, seed: UInt32?, offset: UInt32, to: Int)
    case immediate([UInt8], register: Int)
    case verdict(NativeVerdict)
    /// `(value & and) ^ xor`
    case bitwise(from: Int, to: Int, and: [UInt8], xor: [UInt8])
    case shift(from: Int, to: Int, by: Int)
    case byteorder(from: Int, to: Int)
    case compare(register: Int, Comparison.Relation, [UInt8])
    case range(register: Int, isInverted: Bool, [UInt8], [UInt8])
    /// `to`: where a map's answer goes; a verdict takes the packet.
    case lookup(set: Symbol, register: Int, Answer, isInverted: Bool)
    case changeSet(SetChange.Operation, set: Symbol, key: Int, value: Int?, timeout: UInt64?, [NativeStatement])
    case setMeta(MetaKey, register: Int)
    case setConnection(ConnectionKey, ConnectionDirection?, register: Int)
    case setPayload(PayloadBase, offset: Int, length: Int, register: Int)
    case setExtension(ExtensionField, register: Int)
    case objectMap(register: Int, set: Symbol)
    case translate(Translation)
    case reject(type: UInt32, code: UInt8)
    case tproxy(family: UInt32, address: Int?, port: Int?)
    case duplicate(address: Int?, device: Int?)
    case forward(address: Int?, device: Int, family: UInt32)
    case queue(register: Int, bypass: Bool, fanout: Bool)
    /// What needs no register.
    case statement(NativeStatement)
    /// A match or target of x_tables.
    case xtables(Extension)
    /// With its name, where there is one.
    case unknown(Symbol)

    enum Answer: Sendable, Equatable {
        case none, verdict
        case register(Int)
    }

    struct Extension: Sendable {
        var isMatch: Bool
        var name: Symbol
        var revision: UInt32
        var data: ArraySlice<UInt8>
    }

    struct Translation: Sendable {
        var kind: NativeTranslation.Kind
        var family: UInt32 = 0
        var address: Int?
        var lastAddress: Int?
        var port: Int?
        var lastPort: Int?
        /// `NF_NAT_RANGE_…`
        var flags: UInt32 = 0
    }
}
