internal import NetTypes
internal import RuleModel
internal import SourceText

// What is not understood of a rule of iptables.
extension IptablesRuleReader {
    /// Keeps an expression as a match or a target that iptables has none of: its text is read back as unknown.
    mutating func addUnknown(_ expression: KernelExpression) {
        let name: String
        var isMatch = true
        switch expression {
        case .unknown(let kind):
            name = names.text(kind)
            isMatch = false
        case .xtables(let extended):
            name = names.text(extended.name)
            let option = extended.isMatch ? "-m" : "-j"
            add(
                unknown: name, isMatch: extended.isMatch, module: plain(name),
                "\(option) \(plain(name)) --xtables-revision \(extended.revision)")
            return
        case .load, .payload, .hash, .immediate, .bitwise, .shift, .byteorder, .compare, .range, .lookup:
            name = expression.name
        case .statement(let statement):
            name = expression.name
            switch statement {
            case .limit, .quota, .connectionCount, .last: break
            default: isMatch = false
            }
        case .verdict, .changeSet, .setMeta, .setConnection, .setPayload, .setExtension, .objectMap, .translate,
            .reject, .tproxy, .duplicate, .forward, .queue:
            name = expression.name
            isMatch = false
        }
        add(
            unknown: name, isMatch: isMatch, module: "nft",
            "\(isMatch ? "-m" : "-j") nft --expression \(plain(name))")
    }

    private mutating func add(unknown name: String, isMatch: Bool, module: String, _ text: String) {
        result.unknowns.append(names.intern(name))
        let (module, text) = (names.intern(module), names.intern(text))
        if isMatch {
            matches.append(.unknown(module: module, text: text))
        } else {
            target = .unknown(name: module, text: text)
        }
    }

    /// A name as one word without quotes.
    private func plain(_ name: String) -> String {
        let bytes = name.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}
