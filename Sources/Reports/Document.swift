public import SourceText

/// What a piece of text is, for whoever shows it.
public enum TextRole: UInt8, Hashable, Sendable {
    case plain
    case strong
    /// Beside the point: places, counters, what did nothing.
    case quiet
    /// It got through.
    case good
    /// It did not.
    case bad
    /// It is not sure.
    case doubtful
    /// Bytes of the user's own files, commands.
    case code
    /// A value that a rule changed.
    case changed
}

/// A stretch of text of one role.
public struct TextRun: Hashable, Sendable {
    public var text: String
    public var role: TextRole
    /// Where in the input it stands that this names or quotes, for those who can show it.
    public var place: Place?

    public init(_ text: String, _ role: TextRole = .plain, at place: Place? = nil) {
        self.text = text
        self.role = role
        self.place = place
    }
}

/// A line or paragraph: stretches one behind the other.
public struct RichText: Hashable, Sendable, ExpressibleByStringLiteral {
    public var runs: [TextRun]

    public init(_ runs: [TextRun] = []) { self.runs = runs }

    public init(_ text: String, _ role: TextRole = .plain) { runs = [TextRun(text, role)] }

    public init(stringLiteral value: String) { self.init(value) }

    public mutating func add(_ text: String, _ role: TextRole = .plain, at place: Place? = nil) {
        runs.append(TextRun(text, role, at: place))
    }

    public static func + (a: RichText, b: RichText) -> RichText { RichText(a.runs + b.runs) }

    /// The text without its roles.
    public var plainText: String {
        var text = ""
        for run in runs { text += run.text }
        return text
    }

    /// How many places of a terminal it takes, one for each scalar.
    public var width: Int {
        var width = 0
        for run in runs { width += run.text.unicodeScalars.count }
        return width
    }
}

/// A part of a report.
public indirect enum Block: Hashable, Sendable {
    case heading(RichText)
    case paragraph(RichText)
    /// Each item with a dash in front.
    case list([[Block]])
    /// Rows of cells in columns; the last column is wrapped, the others are as wide as their widest cell.
    case table([[RichText]])
    /// Lines that are shown as they are, whatever their width: rules, commands.
    case verbatim([RichText])
    case indented([Block])
    /// The way of a packet.
    case path(ToldWay)
    /// An empty line.
    case space
}

/// A report as a tree that text, HTML and others are made of.
public struct Document: Hashable, Sendable {
    public var blocks: [Block] = []
    public init(_ blocks: [Block] = []) { self.blocks = blocks }

    public mutating func add(_ block: Block) { blocks.append(block) }

    public mutating func add(contentsOf more: [Block]) { blocks.append(contentsOf: more) }
}
