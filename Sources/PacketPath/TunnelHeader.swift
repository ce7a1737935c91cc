public import NetTypes

/// What a tunnel's own header says of the packet that it carries, as far as it is known.
public struct TunnelHeader: Hashable, Sendable {
    /// The number of the network: VXLAN's and Geneve's VNI.
    public var identifier: UInt32?
    /// To whom the frame is that the packet is in.
    public var destinationMAC: MACAddress?

    public init(identifier: UInt32? = nil, destinationMAC: MACAddress? = nil) {
        self.identifier = identifier
        self.destinationMAC = destinationMAC
    }
}
