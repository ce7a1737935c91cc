internal import NetTypes
internal import RuleModel
internal import SourceText

/// Whether a condition holds for a packet, as far as the input tells.
enum Answer: Hashable, Sendable {
    case no
    case yes
    /// It depends on something that is not known.
    indirect case perhaps(Unknown)

    init(_ holds: Bool) { self = holds ? .yes : .no }

    static prefix func ! (answer: Answer) -> Answer {
        switch answer {
        case .no: .yes
        case .yes: .no
        case .perhaps(let unknown): .perhaps(unknown.negated)
        }
    }

    /// Both hold. Two unknowns make one that is yes where both are as asked.
    static func && (a: Answer, b: @autoclosure () -> Answer) -> Answer {
        switch a {
        case .no: return .no
        case .yes: return b()
        case .perhaps(let first):
            switch b() {
            case .no: return .no
            case .yes: return a
            case .perhaps(let second):
                if first.name != second.name { return .perhaps(Unknown(both: first, second)) }
                return first.isNegated == second.isNegated ? a : .no
            }
        }
    }

    /// `answer`, turned round where `isNegated`.
    static func negate(_ answer: Answer, if isNegated: Bool) -> Answer { isNegated ? !answer : answer }
}

/// Something the snapshot can't settle, as a yes-or-no variable. Asked twice on one way it has one answer.
struct Unknown: Hashable, Sendable {
    /// What `--assume` calls it, such as `limit@filter/INPUT:3`; the part before `@` names all of its kind.
    var name: String
    /// The values of yes and no, such as `under` and `over`.
    var yes: String
    var no: String
    /// Sentences without a final stop that say what each answer means.
    var whenYes: String
    var whenNo: String
    /// The chance of yes, where the rule has one.
    var probability: Double?
    /// Whether the condition asks for the variable's `no`.
    var isNegated = false
    /// An interface that a yes pins down: the packet leaves (or came) by it.
    var pins: Pin?

    /// A value that becomes known when the answer is yes.
    enum Pin: Hashable, Sendable {
        case inInterface(Symbol)
        case outInterface(Symbol)
    }

    @inline(never)
    init(
        _ name: String, yes: String = "yes", no: String = "no", whenYes: String, whenNo: String,
        probability: Double? = nil, pins: Pin? = nil
    ) {
        self.name = name
        self.yes = yes
        self.no = no
        self.whenYes = whenYes
        self.whenNo = whenNo
        self.probability = probability
        self.pins = pins
    }

    /// That `first` and `second` are both as they are asked.
    init(both first: Unknown, _ second: Unknown) {
        func text(_ unknown: Unknown) -> String { unknown.isNegated ? unknown.whenNo : unknown.whenYes }
        func name(_ unknown: Unknown) -> String { (unknown.isNegated ? "!" : "") + unknown.name }
        func chance(_ unknown: Unknown) -> Double? { unknown.probability.map { unknown.isNegated ? 1 - $0 : $0 } }
        self.init(
            "\(name(first))+\(name(second))", whenYes: "\(text(first)), and \(text(second))",
            whenNo: "not both: \(text(first)); \(text(second))")
        if let a = chance(first), let b = chance(second) { probability = a * b }
    }

    var negated: Unknown {
        var copy = self
        copy.isNegated.toggle()
        return copy
    }
}
