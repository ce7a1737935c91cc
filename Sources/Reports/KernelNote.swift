/// What the machine's own kernel did with the packet, beside the answer (`--kernel`).
public struct KernelNote: Hashable, Sendable {
    /// `6.18.0`: the version that was asked.
    public var version: String
    /// What it did otherwise; empty where it agrees.
    public var differences: [String]
    /// Its own account, line by line.
    public var account: [String]
    /// What of the snapshot could not be made again for it.
    public var leftOut: [String]
    /// Why it could not be asked; `nil` where it was.
    public var refusal: String?

    public init(
        version: String, differences: [String] = [], account: [String] = [], leftOut: [String] = [],
        refusal: String? = nil
    ) {
        self.version = version
        self.differences = differences
        self.account = account
        self.leftOut = leftOut
        self.refusal = refusal
    }

    /// `nil` where it could not be asked.
    public var agrees: Bool? { refusal == nil ? differences.isEmpty : nil }
}

extension KernelNote {
    /// The part of a report: whether it agrees first, then where not, then its account where that is wanted.
    func blocks(detail: Detail) -> [Block] {
        var blocks: [Block] = [.space]
        if let refusal {
            return blocks + [.paragraph(RichText("The kernel was not asked: \(refusal).", .doubtful))]
        }
        if differences.isEmpty {
            blocks.append(
                .paragraph(RichText("The kernel (Linux \(version)) agrees, rule by rule.", .good)))
        } else {
            blocks.append(.paragraph(RichText("THE KERNEL (Linux \(version)) DISAGREES:", .bad)))
            blocks.append(.list(differences.map { [.paragraph(RichText($0))] }))
        }
        if !differences.isEmpty || detail == .full {
            blocks.append(.paragraph("What it did:"))
            blocks.append(.indented([.verbatim(account.map { RichText($0, .code) })]))
        }
        if !leftOut.isEmpty {
            blocks.append(.paragraph("Not made again for it:"))
            blocks.append(.list(leftOut.map { [.paragraph(RichText($0, .quiet))] }))
        }
        return blocks
    }

    func write(into json: inout JSONWriter) {
        json.key("kernel")
        json.beginObject()
        json.member("version", version)
        if let refusal {
            json.member("refused", refusal)
        } else {
            json.member("agrees", differences.isEmpty)
            json.member("differences", differences)
            json.member("account", account)
            json.member("notMade", leftOut)
        }
        json.endObject()
    }
}
