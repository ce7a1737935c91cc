/// What the kernel answered when it was asked for a host's state over netlink: of each kind the payloads of the
/// messages, without the netlink header, in the order in which they came. `nil`: could not be read.
public struct HostDump: Sendable {
    /// RTM_NEWLINK, from `struct ifinfomsg` on.
    public var links: [[UInt8]]?
    /// RTM_NEWADDR, from `struct ifaddrmsg` on.
    public var addresses: [[UInt8]]?
    /// RTM_NEWROUTE, from `struct rtmsg` on, of all tables.
    public var routesV4: [[UInt8]]?
    public var routesV6: [[UInt8]]?
    /// RTM_NEWNEXTHOP, from `struct nhmsg` on.
    public var nextHops: [[UInt8]]?
    /// RTM_NEWRULE, from `struct fib_rule_hdr` on.
    public var rulesV4: [[UInt8]]?
    public var rulesV6: [[UInt8]]?
    /// RTM_NEWNEIGH, from `struct ndmsg` on.
    public var neighbours: [[UInt8]]?
    /// The same of the family `bridge`.
    public var forwardingEntries: [[UInt8]]?
    /// IPSET_CMD_LIST, from `struct nfgenmsg` on. Empty where ip_set is not loaded.
    public var sets: [[UInt8]]?
    /// IPCTNL_MSG_CT_NEW, from `struct nfgenmsg` on. Empty where nf_conntrack is not loaded.
    public var connections: [[UInt8]]?
    /// /proc/net/nf_conntrack, where the kernel has no other way to tell connections.
    public var connectionText: [UInt8]?
    /// Sockets that listen, over netlink or from /proc/net. `nil`: could not be read.
    public var sockets: [Socket]?
    /// Who holds a socket, by its inode; those of processes that can be seen.
    public var socketOwners: [UInt32: [SocketOwner]] = [:]
    /// RTM_NEWQDISC and RTM_NEWTFILTER, from `struct tcmsg` on.
    public var disciplines: [[UInt8]]?
    public var filters: [[UInt8]]?
    /// Programs of BPF that are attached to a device behind traffic control.
    public var programs: [AttachedProgram] = []
    /// XFRM_MSG_NEWPOLICY, from `struct xfrm_userpolicy_info` on. Empty where xfrm_user is not loaded.
    public var transformPolicies: [[UInt8]]?
    /// XFRM_MSG_GETDEFAULT, as `struct xfrm_userpolicy_default`; `nil` where xfrm_user is not loaded.
    public var transformDefaults: [UInt8]?
    /// RTM_NEWADDRLABEL, from `struct ifaddrlblmsg` on.
    public var addressLabels: [[UInt8]]?
    /// /proc/net/ip_vs; empty where ip_vs is not loaded.
    public var virtualServices: [UInt8]?
    /// As `hostname` and `uname -r` print them.
    public var hostName = ""
    public var kernelRelease = ""
    /// Files below /proc/sys, by their path from there: `net/ipv4/ip_forward`.
    public var settings: [Setting]?
    /// Numbers of routing tables with their names, in the order of the files of iproute2.
    public var tableNames: [TableName] = []
    /// What could not be read.
    public var unread: [Unread] = []
    public init() {}

    public struct Setting: Hashable, Sendable {
        public var path: String
        public var value: [UInt8]

        public init(path: String, value: [UInt8]) {
            self.path = path
            self.value = value
        }
    }

    public struct Socket: Hashable, Sendable {
        public enum Form: Hashable, Sendable {
            /// From `struct inet_diag_msg` on.
            case message([UInt8])
            /// A line of /proc/net/tcp, udp, tcp6 or udp6.
            case line([UInt8])
        }

        /// IPPROTO_TCP or IPPROTO_UDP.
        public var protocolNumber: UInt8
        public var form: Form

        public init(protocolNumber: UInt8, form: Form) {
            self.protocolNumber = protocolNumber
            self.form = form
        }
    }

    public struct SocketOwner: Hashable, Sendable {
        public var process: [UInt8]
        public var number: Int
        public var descriptor: Int

        public init(process: [UInt8], number: Int, descriptor: Int) {
            self.process = process
            self.number = number
            self.descriptor = descriptor
        }
    }

    public struct AttachedProgram: Hashable, Sendable {
        public var interface: UInt32
        /// As bpftool has it: `tcx/ingress`.
        public var hook: String
        public var id: UInt32

        public init(interface: UInt32, hook: String, id: UInt32) {
            self.interface = interface
            self.hook = hook
            self.id = id
        }
    }

    public struct TableName: Hashable, Sendable {
        public var number: UInt32
        public var name: String

        public init(number: UInt32, name: String) {
            self.number = number
            self.name = name
        }
    }

    public struct Unread: Hashable, Sendable {
        /// What it is to a person: `connections`.
        public var what: String
        /// A clause.
        public var why: String

        public init(what: String, why: String) {
            self.what = what
            self.why = why
        }
    }
}
