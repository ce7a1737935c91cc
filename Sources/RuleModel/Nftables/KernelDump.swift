/// What the kernel answered when its tables were asked for over netlink: of each kind the payloads of the messages,
/// which begin with `struct nfgenmsg`, in the order in which they came.
public struct KernelDump: Sendable {
    public var tables: [[UInt8]] = []
    public var chains: [[UInt8]] = []
    public var rules: [[UInt8]] = []
    public var sets: [[UInt8]] = []
    public var elements: [[UInt8]] = []
    public var objects: [[UInt8]] = []
    public var flowtables: [[UInt8]] = []
    /// Names of interfaces, by index: rules hold numbers.
    public var interfaces: [UInt32: [UInt8]] = [:]
    /// Names of ipsets, by index, where a rule asks for one: rules hold numbers.
    public var ipsets: [UInt16: [UInt8]] = [:]
    public init() {}
}
