internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TOS`: `--and-tos`, `--or-tos` and `--xor-tos` are ways to say `--set-tos`.
    mutating func readTOSTarget() throws(RuleFailure) -> Target {
        var tos: MaskedByte?
        while try beginOption() {
            let next: MaskedByte
            if takes("--set-tos") {
                next = try maskedTOS()
            } else if takes("--and-tos") {
                next = MaskedByte(0, mask: ~(try number(UInt8.self)))
            } else if takes("--or-tos") {
                let bits: UInt8 = try number()
                next = MaskedByte(bits, mask: bits)
            } else if takes("--xor-tos") {
                next = MaskedByte(try number(), mask: 0)
            } else {
                break
            }
            try refuseSecond(tos)
            tos = next
        }
        guard let tos else { throw missing("--set-tos") }
        return .tos(tos)
    }
}

extension RuleWriter {
    mutating func writeTOSTarget(_ target: MaskedByte) {
        option("--set-tos")
        put(" ")
        put(hexadecimal: target.value, digits: 2)
        put("/")
        put(hexadecimal: target.mask, digits: 2)
    }
}
