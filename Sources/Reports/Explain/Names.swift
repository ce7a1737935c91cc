internal import NetTypes
internal import PathModel
internal import RuleModel

extension Explainer {
    /// An address with what it belongs to.
    func addressName(_ address: IPAddress) -> String {
        for interface in quotes.model.host.interfaces
        where interface.addresses.contains(where: { $0.address == address }) {
            return "\(address) (this node's address on \(quotes.name(interface.name)))"
        }
        return "\(address)"
    }
}
