internal import HeaderSpace
internal import NetTypes
public import Questions

/// Which addresses reach which at a port, as classes.
public func matrixReport(_ answer: MatrixAnswer, _ heading: FindHeading) -> Document {
    var document = Document()
    var title = "Service matrix for \(answer.protocol.shortName) port \(answer.port), IPv\(answer.version.rawValue)"
    if !heading.query.isEmpty { title += ", packets with \(heading.query)" }
    document.add(.heading(RichText(title)))
    if answer.isExhausted {
        document.add(.paragraph(RichText("The question is too large to be answered here: narrow it down.", .bad)))
        return document
    }
    document.add(contentsOf: heading.remarks([answer.version]))
    let classes = answer.matrix.classes
    let count =
        "\(classes.count) class\(classes.count == 1 ? "" : "es") of addresses are treated alike, the largest first."
    document.add(.paragraph(RichText(count)))
    document.add(.space)
    document.add(
        .table(
            classes.enumerated().prefix(heading.shown).map { index, own in
                [RichText(className(index), .strong), RichText(addressWords(own))]
            }))
    if classes.count > heading.shown {
        document.add(.paragraph(RichText("… and \(classes.count - heading.shown) more", .quiet)))
    }
    document.add(.space)
    document.add(
        .table(
            classes.enumerated().prefix(heading.shown).map { index, own in
                let (sure, maybe) = answer.matrix.reached(from: own)
                var text = RichText(names(sure, of: classes.count))
                if !maybe.isEmpty { text.add("; possibly \(names(maybe, of: classes.count))", .doubtful) }
                return [RichText(className(index), .strong), RichText("reaches"), text]
            }))
    for sentence in answer.granted { document.add(.paragraph(RichText("Taken for granted: \(sentence).", .quiet))) }
    return document
}

extension ReachMatrix {
    /// Numbers of the classes that packets from `own` reach surely, and possibly.
    func reached(from own: AddressClass) -> (surely: [Int], possibly: [Int]) {
        let (sure, maybe) = (Set(reaches[own.sourceGroup]), Set(mayReach[own.sourceGroup]))
        return (
            classes.indices.filter { sure.contains(classes[$0].destinationGroup) },
            classes.indices.filter { maybe.contains(classes[$0].destinationGroup) }
        )
    }
}

/// `A` to `Z`, then `A2`.
func className(_ index: Int) -> String {
    let letter = String(UnicodeScalar(UInt8(65 + index % 26)))
    return index < 26 ? letter : "\(letter)\(index / 26 + 1)"
}

private func names(_ numbers: [Int], of count: Int) -> String {
    if numbers.isEmpty { return "none" }
    if numbers.count == count { return "all" }
    if numbers.count > 12, count - numbers.count <= 6 {
        let others = (0..<count).filter { !numbers.contains($0) }
        return "all but " + others.map { className($0) }.joined(separator: " ")
    }
    let shown = numbers.prefix(24).map { className($0) }.joined(separator: " ")
    return numbers.count > 24 ? "\(shown) and \(numbers.count - 24) more" : shown
}

func addressWord(_ range: AddressRange) -> String {
    if range.isSingle { return "\(range.first)" }
    // Two addresses are no prefix that anyone would write.
    if range.first.successor == range.last { return "\(range.first)-\(range.last)" }
    return range.prefix.map { $0.description } ?? "\(range.first)-\(range.last)"
}

private func addressWords(_ own: ReachMatrix.AddressClass) -> String {
    let shown = own.addresses.prefix(8).map { addressWord($0) }.joined(separator: ", ")
    return own.addresses.count > 8 ? "\(shown) and \(own.addresses.count - 8) more" : shown
}
