/// What the kernel takes a TCP connection to be in, from the packets that it saw.
public enum TCPState: UInt8, Hashable, Sendable, CaseIterable {
    case synSent, synReceived, established, finWait, closeWait, lastAck, timeWait, close
    /// Both ends have sent a SYN.
    case synSent2

    /// As `conntrack -L` prints it.
    public var name: String {
        switch self {
        case .synSent: "SYN_SENT"
        case .synReceived: "SYN_RECV"
        case .established: "ESTABLISHED"
        case .finWait: "FIN_WAIT"
        case .closeWait: "CLOSE_WAIT"
        case .lastAck: "LAST_ACK"
        case .timeWait: "TIME_WAIT"
        case .close: "CLOSE"
        case .synSent2: "SYN_SENT2"
        }
    }

    public init?(name: String) {
        guard let state = TCPState.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}
