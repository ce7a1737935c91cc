internal import NetTypes
internal import RuleModel

private typealias Comparison = SegmentRoutingMatch.Comparison

extension RuleReader {
    /// `-m srh`
    mutating func readSegmentRouting() throws(RuleFailure) -> Match {
        var match = SegmentRoutingMatch()
        while try beginOption() {
            if takes("--srh-next-hdr") {
                try refuseSecond(match.nextHeader)
                let isNegated = negation()
                match.nextHeader = Negatable(ProtocolTest(IPProtocol(try number())), isNegated: isNegated)
            } else if let relation = takeRelation("--srh-hdr-len-eq", "--srh-hdr-len-gt", "--srh-hdr-len-lt") {
                try compare(relation, &match.headerLength)
            } else if let relation = takeRelation("--srh-segs-left-eq", "--srh-segs-left-gt", "--srh-segs-left-lt") {
                try compare(relation, &match.segmentsLeft)
            } else if let relation = takeRelation("--srh-last-entry-eq", "--srh-last-entry-gt", "--srh-last-entry-lt") {
                try compare(relation, &match.lastEntry)
            } else if takes("--srh-tag") {
                try refuseSecond(match.tag)
                let isNegated = negation()
                match.tag = Negatable(try number(), isNegated: isNegated)
            } else if takes("--srh-psid") {
                try refuseSecond(match.previous)
                let isNegated = negation()
                match.previous = Negatable(try addressMask(), isNegated: isNegated)
            } else if takes("--srh-nsid") {
                try refuseSecond(match.next)
                let isNegated = negation()
                match.next = Negatable(try addressMask(), isNegated: isNegated)
            } else if takes("--srh-lsid") {
                try refuseSecond(match.last)
                let isNegated = negation()
                match.last = Negatable(try addressMask(), isNegated: isNegated)
            } else {
                break
            }
        }
        return .segmentRouting(match)
    }

    private mutating func takeRelation(
        _ equal: StaticString, _ greater: StaticString, _ less: StaticString
    ) -> Comparison.Relation? {
        if takes(equal) { return .equal }
        if takes(greater) { return .greater }
        if takes(less) { return .less }
        return nil
    }

    private mutating func compare(
        _ relation: Comparison.Relation, _ comparisons: inout [Comparison]
    ) throws(RuleFailure) {
        for comparison in comparisons where comparison.relation == relation {
            throw optionFailure(.repeatedOption)
        }
        let isNegated = negation()
        let limit: UInt16 = try number(upTo: 255)
        comparisons.append(Comparison(relation, Negatable(limit, isNegated: isNegated)))
        // The three relations share one number in the kernel's struct ip6t_srh1: the last one counts for all.
        for index in comparisons.indices {
            comparisons[index].value = Negatable(limit, isNegated: comparisons[index].value.isNegated)
        }
        comparisons.sort { $0.relation.rawValue < $1.relation.rawValue }
    }
}

extension RuleWriter {
    mutating func writeSegmentRouting(_ match: SegmentRoutingMatch) {
        if let next = match.nextHeader {
            option("--srh-next-hdr", next.value.number.rawValue, isNegated: next.isNegated)
        }
        for comparison in match.headerLength {
            write(comparison, "--srh-hdr-len-eq", "--srh-hdr-len-gt", "--srh-hdr-len-lt")
        }
        for comparison in match.segmentsLeft {
            write(comparison, "--srh-segs-left-eq", "--srh-segs-left-gt", "--srh-segs-left-lt")
        }
        for comparison in match.lastEntry {
            write(comparison, "--srh-last-entry-eq", "--srh-last-entry-gt", "--srh-last-entry-lt")
        }
        if let tag = match.tag { option("--srh-tag", tag.value, isNegated: tag.isNegated) }
        if let previous = match.previous { writeSegment("--srh-psid", previous) }
        if let next = match.next { writeSegment("--srh-nsid", next) }
        if let last = match.last { writeSegment("--srh-lsid", last) }
    }

    private mutating func write(
        _ comparison: Comparison, _ equal: StaticString, _ greater: StaticString, _ less: StaticString
    ) {
        let name =
            switch comparison.relation {
            case .equal: equal
            case .greater: greater
            case .less: less
            }
        option(name, comparison.value.value, isNegated: comparison.value.isNegated)
    }

    private mutating func writeSegment(_ name: StaticString, _ address: Negatable<AddressMask>) {
        option(name, isNegated: address.isNegated)
        put(" ")
        put(address.value)
    }
}
