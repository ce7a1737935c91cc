/// A call that can't be read: one sentence without a final stop.
public struct UsageFailure: Error, Hashable {
    public let message: String

    public init(_ message: String) { self.message = message }
}

/// What completes the value of an option.
public enum ValueKind: Hashable, Sendable {
    case text
    case file
    /// One of these words.
    case words([String])
}

/// One option of a command: name, help and effect in one place. Parser, help, completions and man page all read it.
public struct Option<Settings>: Sendable {
    public enum Effect: Sendable {
        case flag(@Sendable (inout Settings) -> Void)
        case value(name: String, kind: ValueKind, @Sendable (inout Settings, String) throws(UsageFailure) -> Void)
    }

    /// The long name first: `--output`, `-o`.
    public let names: [String]
    /// The heading it stands under in help.
    public let group: String
    public let help: String
    public let effect: Effect

    public static func flag(
        _ names: String..., group: String, help: String, _ effect: @escaping @Sendable (inout Settings) -> Void
    ) -> Option {
        Option(names: names, group: group, help: help, effect: .flag(effect))
    }

    public static func value(
        _ names: String..., name: String, kind: ValueKind = .text, group: String, help: String,
        _ effect: @escaping @Sendable (inout Settings, String) throws(UsageFailure) -> Void
    ) -> Option {
        Option(names: names, group: group, help: help, effect: .value(name: name, kind: kind, effect))
    }

    /// What help, completions and the man page need of it.
    public var description: OptionDescription {
        switch effect {
        case .flag: OptionDescription(names: names, group: group, help: help, valueName: nil, valueKind: .text)
        case .value(let name, let kind, _):
            OptionDescription(names: names, group: group, help: help, valueName: name, valueKind: kind)
        }
    }
}

/// An option without its effect.
public struct OptionDescription: Hashable, Sendable {
    public let names: [String]
    public let group: String
    public let help: String
    /// `nil`: a flag.
    public let valueName: String?
    public let valueKind: ValueKind

    public init(names: [String], group: String, help: String, valueName: String?, valueKind: ValueKind) {
        self.names = names
        self.group = group
        self.help = help
        self.valueName = valueName
        self.valueKind = valueKind
    }
}

/// Reads `arguments` by `options` into `settings` and returns the words that are no options.
///
/// `--name=value` and `--name value` are the same; `--` ends the options; `-` is a word.
public func parse<Settings>(
    _ arguments: [String], _ options: [Option<Settings>], into settings: inout Settings
) throws(UsageFailure) -> [String] {
    var words: [String] = []
    var index = 0
    while index < arguments.count {
        let argument = arguments[index]
        index += 1
        if argument == "--" {
            words += arguments[index...]
            break
        }
        guard argument.hasPrefix("-"), argument != "-" else {
            words.append(argument)
            continue
        }
        var name = argument
        var attached: String?
        if argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") {
            name = String(argument[..<equals])
            attached = String(argument[argument.index(after: equals)...])
        }
        guard let option = options.first(where: { $0.names.contains(name) }) else {
            throw unknownOption(name, among: options.flatMap({ $0.names }))
        }
        switch option.effect {
        case .flag(let effect):
            if attached != nil { throw UsageFailure("option '\(name)' takes no value") }
            effect(&settings)
        case .value(let valueName, _, let effect):
            let value: String
            if let attached {
                value = attached
            } else {
                guard index < arguments.count else {
                    throw UsageFailure("option '\(name)' needs a value: \(name) \(valueName)")
                }
                value = arguments[index]
                index += 1
            }
            do {
                try effect(&settings, value)
            } catch {
                throw UsageFailure("\(name): \(error.message)")
            }
        }
    }
    return words
}

/// The failure for a name that no option has, with the one that may be meant.
public func unknownOption(_ name: String, among names: [String]) -> UsageFailure {
    UsageFailure("unknown option '\(name)'" + suggestion(for: name, among: names))
}

/// `; did you mean '--from'?`, or nothing.
public func suggestion(for name: String, among names: [String]) -> String {
    guard let nearest = nearest(to: name, among: names) else { return "" }
    return "; did you mean '\(nearest)'?"
}

/// The name that differs least, if it differs by no more than a third of its letters or begins with what was typed.
public func nearest(to name: String, among names: [String]) -> String? {
    var best: (name: String, distance: Int)?
    for candidate in names.sorted() {
        let distance = editDistance(Array(name.utf8), Array(candidate.utf8))
        if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    if let best, best.distance <= max(1, best.name.utf8.count / 3) { return best.name }
    let longer = names.filter { name.utf8.count > 3 && $0.hasPrefix(name) }
    return longer.min()
}

/// Letters to insert, delete, exchange or swap with their neighbour to make one word of the other.
public func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    // Words of a command line; longer ones are no option's name.
    if a.count > 64 || b.count > 64 { return max(a.count, b.count) }
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var cost = min(row[j] + 1, previous[j + 1] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
            row.append(cost)
        }
        before = previous
        previous = row
    }
    return previous[b.count]
}
