internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Sets of packets by the comparisons of native rules.
extension SetEvaluator {
    func packets(_ comparison: Comparison, _ match: Match, _ asked: Asked) -> PacketSet {
        ask(match, asked)
    }

    func perform(_ statement: NativeStatement, _ rule: RuleReference, _ way: Way, _ context: Context) -> SetAction {
        .end(.lost)
    }
}
