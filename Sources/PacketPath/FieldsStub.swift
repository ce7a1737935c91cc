// Replaced by the real table beside the matches; delete this file then.
internal import NetTypes
internal import RuleModel

func fields(of match: Match) -> PacketFields { [] }
