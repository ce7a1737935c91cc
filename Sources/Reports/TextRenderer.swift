internal import SourceText

/// How a document becomes text.
public struct TextStyle: Hashable, Sendable {
    /// Columns to wrap at; `nil`: lines are as long as they are.
    public var width: Int?
    public var usesColor: Bool

    public init(width: Int? = nil, usesColor: Bool = false) {
        self.width = width
        self.usesColor = usesColor
    }
}

/// Writes `document` as text for a terminal or a file. Control characters out of names are shown, not sent.
public func render(_ document: Document, _ style: TextStyle, into output: inout OutputBuffer) {
    let renderer = TextRenderer(style: style)
    renderer.write(document.blocks, indent: 0, into: &output)
}

/// Writes one line as it is, whatever its width.
public func renderLine(_ line: RichText, _ style: TextStyle, into output: inout OutputBuffer) {
    TextRenderer(style: style).writeLine(line, into: &output)
}

private struct TextRenderer {
    let style: TextStyle

    /// Steps of indentation.
    private static let step = 2

    func write(_ blocks: [Block], indent: Int, into output: inout OutputBuffer) {
        for block in blocks { write(block, indent: indent, into: &output) }
    }

    private func write(_ block: Block, indent: Int, into output: inout OutputBuffer) {
        switch block {
        case .heading(let text):
            var strong = text
            for index in strong.runs.indices where strong.runs[index].role == .plain {
                strong.runs[index].role = .strong
            }
            wrap(strong, first: indent, rest: indent, into: &output)
        case .paragraph(let text): wrap(text, first: indent, rest: indent, into: &output)
        case .list(let items): for item in items { writeItem(item, indent: indent, into: &output) }
        case .table(let rows): writeTable(rows, indent: indent, into: &output)
        case .verbatim(let lines):
            for line in lines {
                pad(indent, into: &output)
                writeLine(line, into: &output)
            }
        case .indented(let blocks): write(blocks, indent: indent + TextRenderer.step, into: &output)
        case .path(let way): write(way.blocks, indent: indent, into: &output)
        case .space: output.write(byte: 0x0a)
        }
    }

    func writeLine(_ line: RichText, into output: inout OutputBuffer) {
        emit(line, into: &output)
        output.write(byte: 0x0a)
    }

    private func writeItem(_ item: [Block], indent: Int, into output: inout OutputBuffer) {
        var isFirst = true
        for block in item {
            if isFirst, case .paragraph(let text) = block {
                let marked = RichText("- ") + text
                wrap(marked, first: indent, rest: indent + TextRenderer.step, into: &output)
            } else {
                write(block, indent: indent + TextRenderer.step, into: &output)
            }
            isFirst = false
        }
    }

    private func writeTable(_ rows: [[RichText]], indent: Int, into output: inout OutputBuffer) {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.dropLast().enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], escaped(cell).width)
            }
        }
        for row in rows {
            var line = RichText()
            var used = 0
            for (column, cell) in row.dropLast().enumerated() {
                let shown = escaped(cell)
                line = line + shown
                let gap = widths[column] - shown.width + TextRenderer.step
                line.add(String(repeating: " ", count: gap))
                used += widths[column] + TextRenderer.step
            }
            // Where the first columns leave too little room, the last one goes below them.
            let hang = style.width.map { indent + used + 20 > $0 } == true ? 4 : used
            if let last = row.last {
                wrap(line, then: last, first: indent, rest: indent + hang, into: &output)
            }
        }
    }

    private func pad(_ count: Int, into output: inout OutputBuffer) {
        output.write(String(repeating: " ", count: count))
    }

    /// Writes `lead` as it is, and `text` behind it broken at spaces.
    private func wrap(
        _ lead: RichText, then text: RichText, first: Int, rest: Int, into output: inout OutputBuffer
    ) {
        pad(first, into: &output)
        emitRaw(lead, into: &output)
        flow(escaped(text), column: first + lead.width, rest: rest, into: &output)
        output.write(byte: 0x0a)
    }

    private func wrap(_ text: RichText, first: Int, rest: Int, into output: inout OutputBuffer) {
        wrap(RichText(), then: text, first: first, rest: rest, into: &output)
    }

    /// Breaks at spaces between words; a word wider than the line stays whole.
    private func flow(_ text: RichText, column: Int, rest: Int, into output: inout OutputBuffer) {
        guard let width = style.width else {
            emitRaw(text, into: &output)
            return
        }
        var column = column
        var line = RichText()
        for word in words(text) {
            let wordWidth = word.width
            let space = word.runs.first?.text.utf8.first == UInt8(ascii: " ") ? 1 : 0
            let isLineStart = line.runs.isEmpty
            if !isLineStart, column + wordWidth > width, rest + wordWidth - space <= width || column > rest {
                emitRaw(line, into: &output)
                output.write(byte: 0x0a)
                pad(rest, into: &output)
                column = rest
                line = RichText()
            }
            var shown = word
            if line.runs.isEmpty, space == 1, let lead = shown.runs.first {
                shown.runs[0].text = String(lead.text.dropFirst())
            }
            line = line + shown
            column += shown.width
        }
        emitRaw(line, into: &output)
    }

    /// The words of `text`, each with the space before it; a word may have several roles.
    private func words(_ text: RichText) -> [RichText] {
        var words: [RichText] = []
        var word = RichText()
        for run in text.runs {
            var piece = ""
            for scalar in run.text.unicodeScalars {
                if scalar == " " {
                    if !piece.isEmpty { word.add(piece, run.role) }
                    piece = ""
                    if !word.runs.isEmpty { words.append(word) }
                    word = RichText()
                }
                piece.unicodeScalars.append(scalar)
            }
            if !piece.isEmpty { word.add(piece, run.role) }
        }
        if !word.runs.isEmpty { words.append(word) }
        return words
    }

    private func escaped(_ text: RichText) -> RichText {
        RichText(text.runs.map { TextRun(escapedForTerminal($0.text), $0.role) })
    }

    private func emit(_ text: RichText, into output: inout OutputBuffer) { emitRaw(escaped(text), into: &output) }

    private func emitRaw(_ text: RichText, into output: inout OutputBuffer) {
        guard style.usesColor else {
            for run in text.runs { output.write(run.text) }
            return
        }
        for run in merged(text) {
            guard let code = TextRenderer.code(run.role) else {
                output.write(run.text)
                continue
            }
            output.write("\u{1b}[")
            output.write(code)
            output.write("m")
            output.write(run.text)
            output.write("\u{1b}[0m")
        }
    }

    /// The runs with neighbours of one role put together.
    private func merged(_ text: RichText) -> [TextRun] {
        var runs: [TextRun] = []
        for run in text.runs where !run.text.isEmpty {
            if let last = runs.indices.last, runs[last].role == run.role {
                runs[last].text += run.text
            } else {
                runs.append(run)
            }
        }
        return runs
    }

    /// Select Graphic Rendition parameters; colours of the terminal's own sixteen.
    private static func code(_ role: TextRole) -> String? {
        switch role {
        case .plain: nil
        case .strong: "1"
        case .quiet: "2"
        case .good: "1;32"
        case .bad: "1;31"
        case .doubtful: "1;33"
        case .code: "36"
        case .changed: "35"
        }
    }
}
