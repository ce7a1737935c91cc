/// The way of a packet, stage by stage, and how it goes on where that is not settled: what text, pages and pictures of a
/// path are made of.
public struct ToldWay: Hashable, Sendable {
    /// A hook that it passes, or what happens between two.
    public struct Stage: Hashable, Sendable {
        public enum Kind: UInt8, Hashable, Sendable {
            /// The packet as it comes.
            case packet
            case hook
            /// Between hooks: routing, tunnels, lo.
            case between
            /// It got where it was to get.
            case delivered
            /// It did not.
            case lost
            /// It may have.
            case unsettled
        }

        public var kind: Kind
        /// Empty where a branch goes on within the stage that the common part ends in.
        public var head: RichText
        public var lines: [Line] = []
        /// The packet behind it, where an address, a port or the mark is another than before.
        public var changed: String?
    }

    /// Something that happens at a stage.
    public struct Line: Hashable, Sendable {
        /// Steps of indentation, from 1.
        public var indent: Int
        public var text: RichText
        /// Whether it ended the way, or let the packet through.
        public var isDeciding: Bool
    }

    public struct Branch: Hashable, Sendable {
        /// What it takes, a clause.
        public var condition: String
        public var way: ToldWay
    }

    public var stages: [Stage] = []
    public var branches: [Branch] = []
    /// In how many ways it goes on that are not told.
    public var untoldCount = 0

    public init() {}
}

extension ToldWay {
    /// As lines of text.
    var blocks: [Block] {
        var lines: [RichText] = []
        for stage in stages {
            if !stage.head.runs.isEmpty { lines.append(RichText([TextRun("")] + stage.head.runs)) }
            for line in stage.lines {
                let pad = TextRun(String(repeating: " ", count: line.indent * 2))
                lines.append(RichText([pad] + line.text.runs))
            }
        }
        var blocks: [Block] = lines.isEmpty ? [] : [.verbatim(lines)]
        if untoldCount > 0 {
            blocks.append(
                .paragraph(RichText("It goes on in \(untoldCount) ways; --detail full shows each.", .quiet)))
        }
        for branch in branches {
            blocks.append(.paragraph(RichText("if \(branch.condition):", .strong)))
            blocks.append(.indented(branch.way.blocks))
        }
        return blocks
    }
}
