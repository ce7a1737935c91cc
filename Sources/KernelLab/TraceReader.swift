internal import CNetfilter
internal import Glibc
public import KernelLink

/// Subscribed to nftrace of the namespace in which it was made.
public struct TraceReader: ~Copyable {
    private var socket: NetlinkSocket

    public init() throws(LabFailure) { try self.init(bufferBytes: 64 << 20) }

    init(bufferBytes: Int32) throws(LabFailure) {
        var socket = try NetlinkSocket(.netfilter, isBlocking: false)
        socket.setBuffer(bytes: bufferBytes)
        // NFNLGRP_NFTRACE
        try socket.join(group: 9)
        self.socket = socket
    }

    /// Adds all events that wait to `events`, in the order the kernel sent them. Returns false where the kernel threw
    /// some away: then nothing can be said of the packets that were on their way.
    public mutating func read(into events: inout [TraceEvent]) throws(LabFailure) -> Bool {
        var isWhole = true
        while true {
            do throws(LabFailure) {
                let wanted = Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_TRACE.rawValue)
                let more = try socket.readWaiting { type, bytes, payload in
                    guard type == wanted, let event = TraceEvent(bytes.extracting(payload)) else { return }
                    events.append(event)
                }
                if !more { return isWhole }
            } catch {
                guard error.code == ENOBUFS else { throw error }
                isWhole = false
            }
        }
    }

    /// Throws away what waits.
    public mutating func clear() throws(LabFailure) {
        while true {
            do throws(LabFailure) {
                if try !socket.readWaiting({ _, _, _ in }) { return }
            } catch {
                guard error.code == ENOBUFS else { throw error }
            }
        }
    }
}
