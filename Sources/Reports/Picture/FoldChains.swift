internal import Annotations
internal import ChainGraph

/// What makes chains of one table alike: one maker, one purpose or one form of name.
struct ChainFamily: Hashable {
    let table: Int
    let owner: Maker?
    let isUnreferenced: Bool
    /// `KUBE-SVC-`, or what the maker calls them; empty for chains that no rule leads to.
    let kind: String
}

/// What `name` has in common with those of like chains: what stands before its first part that has a number in it or
/// looks drawn by lot. `nil` where no part does.
///
/// `KUBE-SVC-ERIFXISQEP7F7OF4` is `KUBE-SVC-`, `cali-pi-_Jq5yT0` is `cali-pi-`.
func nameStem(_ name: String) -> String? {
    let bytes = Array(name.utf8)
    var start = 0
    while start < bytes.count {
        var end = start
        while end < bytes.count, !isSeparator(bytes[end]) { end += 1 }
        if start > 0, isVariable(bytes[start..<end]) {
            while start > 0, bytes[start - 1] == UInt8(ascii: "_"), start > 1, isSeparator(bytes[start - 2]) {
                start -= 1
            }
            return String(decoding: bytes[..<start], as: UTF8.self)
        }
        start = end + 1
    }
    return nil
}

private func isSeparator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: ":"): true
    default: false
    }
}

/// Whether a part of a name is one of many: it has a digit, or both cases in the middle of it, or is as long and in
/// capitals as kube-proxy's hashes are.
private func isVariable(_ part: ArraySlice<UInt8>) -> Bool {
    var hasUpper = false
    var hasLower = false
    for byte in part {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return true
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): hasUpper = true
        case UInt8(ascii: "a")...UInt8(ascii: "z"): hasLower = true
        default: break
        }
    }
    return part.count >= 8 && hasUpper && hasLower || part.count == 16 && hasUpper
}

/// What all of `names` begin with.
func commonBeginning(_ names: [String]) -> String {
    guard let first = names.first.map({ Array($0.unicodeScalars) }) else { return "" }
    var length = first.count
    for name in names.dropFirst() {
        var common = 0
        for scalar in name.unicodeScalars {
            guard common < length, first[common] == scalar else { break }
            common += 1
        }
        length = min(length, common)
    }
    var text = ""
    for scalar in first.prefix(length) { text.unicodeScalars.append(scalar) }
    return text
}
