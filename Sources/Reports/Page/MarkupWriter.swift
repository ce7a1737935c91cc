public import SourceText

/// Writes HTML. Text goes in by `text` alone, which leaves nothing of it that is markup or moves the reader's eye.
public struct MarkupWriter: ~Copyable {
    public private(set) var bytes: [UInt8] = []
    /// The level of a document's headings.
    private let headingLevel: Int
    /// Where in the page a place of the input is shown: the id of an element; `nil` where it is not.
    private let anchor: (Place) -> String?

    public init(headingLevel: Int = 4, anchor: @escaping (Place) -> String? = { _ in nil }) {
        self.headingLevel = headingLevel
        self.anchor = anchor
    }

    /// Markup of this program's own.
    public mutating func markup(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Markup that this program made elsewhere.
    public mutating func own(_ made: [UInt8]) { bytes += made }

    public mutating func number(_ value: Int) { bytes.append(contentsOf: "\(value)".utf8) }

    /// Text of anyone's: within an element, or within the quotes of an attribute.
    public mutating func text(_ text: String) { bytes.append(contentsOf: markupEscaped(text).utf8) }

    /// `<a href="#ID">TEXT</a>`.
    public mutating func link(to id: String, _ text: String) {
        markup("<a href=\"#")
        self.text(id)
        markup("\">")
        self.text(text)
        markup("</a>")
    }

    // MARK: Documents

    public mutating func write(_ document: Document) { write(document.blocks, headingLevel) }

    private mutating func write(_ blocks: [Block], _ level: Int) { for block in blocks { write(block, level) } }

    private mutating func write(_ block: Block, _ level: Int) {
        switch block {
        case .heading(let text): heading(text, level)
        case .paragraph(let text):
            markup("<p>")
            write(text)
            markup("</p>\n")
        case .list(let items):
            markup("<ul>")
            for item in items {
                markup("<li>")
                write(item, level)
                markup("</li>")
            }
            markup("</ul>\n")
        case .table(let rows):
            markup("<table role=\"presentation\">")
            for row in rows {
                markup("<tr>")
                for cell in row {
                    markup("<td>")
                    write(cell)
                    markup("</td>")
                }
                markup("</tr>")
            }
            markup("</table>\n")
        case .verbatim(let lines):
            markup("<pre>")
            for line in lines {
                write(line)
                markup("\n")
            }
            markup("</pre>\n")
        case .indented(let blocks):
            markup("<div class=\"in\">")
            write(blocks, min(level + 1, 6))
            markup("</div>\n")
        case .path(let way): write(way, level)
        case .space: markup("<div class=\"gap\"></div>\n")
        }
    }

    private mutating func heading(_ text: RichText, _ level: Int) {
        markup("<h")
        number(level)
        markup(">")
        write(text)
        markup("</h")
        number(level)
        markup(">\n")
    }

    /// One line: its stretches by their roles, those with a place as links to it.
    public mutating func write(_ text: RichText) { for run in text.runs { write(run) } }

    private mutating func write(_ run: TextRun) {
        if run.text.isEmpty { return }
        let target = run.place.flatMap { anchor($0) }
        if let target {
            markup("<a href=\"#")
            self.text(target)
            markup("\">")
        }
        switch run.role {
        case .plain: self.text(run.text)
        case .strong: element("<b>", run.text, "</b>")
        case .quiet: element("<span class=\"quiet\">", run.text, "</span>")
        case .good: element("<b class=\"good\">", run.text, "</b>")
        case .bad: element("<b class=\"bad\">", run.text, "</b>")
        case .doubtful: element("<b class=\"doubtful\">", run.text, "</b>")
        case .code: element("<code>", run.text, "</code>")
        case .changed: element("<span class=\"changed\">", run.text, "</span>")
        }
        if target != nil { markup("</a>") }
    }

    private mutating func element(_ start: StaticString, _ text: String, _ end: StaticString) {
        markup(start)
        self.text(text)
        markup(end)
    }

    // MARK: The way of a packet

    private mutating func write(_ way: ToldWay, _ level: Int) {
        if !way.stages.isEmpty {
            markup("<ol class=\"way\">\n")
            for stage in way.stages { write(stage, level) }
            markup("</ol>\n")
        }
        if way.untoldCount > 0 {
            markup("<p class=\"quiet\">It goes on in ")
            number(way.untoldCount)
            markup(" ways; --detail full shows each.</p>\n")
        }
        for branch in way.branches {
            markup("<section class=\"branch\">")
            heading(RichText("if \(branch.condition)"), min(level, 6))
            write(branch.way, min(level + 1, 6))
            markup("</section>\n")
        }
    }

    private mutating func write(_ stage: ToldWay.Stage, _ level: Int) {
        switch stage.kind {
        case .packet: markup("<li class=\"packet\">")
        case .hook: markup("<li class=\"hook\">")
        case .between: markup("<li class=\"between\">")
        case .delivered: markup("<li class=\"delivered\">")
        case .lost: markup("<li class=\"lost\">")
        case .unsettled: markup("<li class=\"unsettled\">")
        }
        if !stage.head.runs.isEmpty {
            switch stage.kind {
            case .hook: heading(stage.head, min(level + 1, 6))
            case .packet, .between, .delivered, .lost, .unsettled:
                markup("<p>")
                write(stage.head)
                markup("</p>")
            }
        }
        if !stage.lines.isEmpty {
            markup("<ul class=\"lines\">")
            for line in stage.lines { write(line) }
            markup("</ul>")
        }
        if let changed = stage.changed {
            markup("<p class=\"now\">The packet is now <code>")
            text(changed)
            markup("</code></p>")
        }
        markup("</li>\n")
    }

    private mutating func write(_ line: ToldWay.Line) {
        markup("<li class=\"d")
        number(min(line.indent, 9))
        if line.isDeciding { markup(" decides") }
        markup("\">")
        write(line.text)
        if line.isDeciding { markup(" <span class=\"mark\">decides</span>") }
        markup("</li>")
    }
}
