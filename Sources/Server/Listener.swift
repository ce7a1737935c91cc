internal import CMicroHTTPD
public import SourceText

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// What a client asks for, read whole.
public struct ServerRequest: Sendable {
    public var method: String
    /// As it was sent, decoded, without what stands behind a question mark.
    public var path: String
    public var host: String?
    public var origin: String?
    public var authorization: String?
    /// What `?token=` says.
    public var token: String?
    public var body: [UInt8]

    public init(
        method: String, path: String, host: String?, origin: String?, authorization: String?, token: String?,
        body: [UInt8]
    ) {
        self.method = method
        self.path = path
        self.host = host
        self.origin = origin
        self.authorization = authorization
        self.token = token
        self.body = body
    }
}

/// What a client gets.
public struct ServerReply: Sendable {
    public var status: Int
    public var contentType: String
    public var body: [UInt8]
    /// Further header lines, by name.
    public var headers: [(String, String)] = []

    public init(_ status: Int = 200, _ contentType: String, _ body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// A line of text.
    public init(_ status: Int, _ text: String) {
        self.init(status, "text/plain; charset=utf-8", Array((text + "\n").utf8))
    }
}

/// Bounds on what a client may cost.
public struct ServerLimits: Hashable, Sendable {
    public var bodyBytes = 4 << 20
    /// Of the lines at the head of a request, all together.
    public var headerBytes = 32 << 10
    public var connections = 64
    /// A connection on which nothing happens for so many seconds is closed.
    public var idleSeconds = 15
    public init() {}
}

/// A server on one address: every request is read whole, answered by one function, one after another.
@safe
public final class Listener {
    /// The port that it listens on, also where any one was asked for.
    public let port: UInt16
    private let daemon: OpaquePointer
    private let answerer: Unmanaged<Answerer>

    /// Listens on `address`, a numeric one of IPv4 or IPv6; port 0: any that is free.
    public init(
        address: String, port: UInt16, limits: ServerLimits = ServerLimits(),
        answer: @escaping @Sendable (ServerRequest) -> ServerReply
    ) throws(FileFailure) {
        let (descriptor, bound) = try listen(address, port)
        self.port = bound
        unsafe answerer = .passRetained(Answerer(limits, answer))
        let started = unsafe hookline_start_daemon(
            descriptor, UInt32(limits.idleSeconds), UInt32(limits.connections), limits.headerBytes, handle, forget,
            answerer.toOpaque())
        guard let started = unsafe started else {
            let code = errno
            unsafe answerer.release()
            close(descriptor)
            throw FileFailure(call: "MHD_start_daemon", code: code, path: "\(address):\(port)")
        }
        unsafe daemon = started
    }

    deinit {
        unsafe MHD_stop_daemon(daemon)
        unsafe answerer.release()
    }
}

/// What the callbacks need: they run on libmicrohttpd's one thread.
private final class Answerer: Sendable {
    let limits: ServerLimits
    let answer: @Sendable (ServerRequest) -> ServerReply

    init(_ limits: ServerLimits, _ answer: @escaping @Sendable (ServerRequest) -> ServerReply) {
        self.limits = limits
        self.answer = answer
    }
}

/// A request whose body is still coming in.
private final class Incoming {
    var body: [UInt8] = []
    var isTooLarge = false
}

private func handle(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ data: UnsafePointer<CChar>?,
    _ count: UnsafeMutablePointer<Int>?, _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context = unsafe context, let connection = unsafe connection, let url = unsafe url,
        let method = unsafe method, let count = unsafe count, let state = unsafe state
    else { return .NO }
    let answerer = unsafe Unmanaged<Answerer>.fromOpaque(context).takeUnretainedValue()
    guard let kept = unsafe state.pointee else {
        // The head is here; the body comes in later calls.
        let incoming = Incoming()
        unsafe state.pointee = Unmanaged.passRetained(incoming).toOpaque()
        if let length = unsafe header("Content-Length", connection).flatMap({ Int($0) }),
            length > answerer.limits.bodyBytes
        {
            return unsafe send(tooLarge(answerer.limits), on: connection)
        }
        return .YES
    }
    let incoming = unsafe Unmanaged<Incoming>.fromOpaque(kept).takeUnretainedValue()
    if unsafe count.pointee > 0 {
        let piece = unsafe UnsafeRawBufferPointer(start: data, count: count.pointee)
        if incoming.body.count + piece.count > answerer.limits.bodyBytes {
            incoming.isTooLarge = true
            incoming.body = []
        } else if !incoming.isTooLarge {
            unsafe incoming.body.append(contentsOf: piece)
        }
        unsafe count.pointee = 0
        return .YES
    }
    if incoming.isTooLarge { return unsafe send(tooLarge(answerer.limits), on: connection) }
    let request = unsafe ServerRequest(
        method: String(cString: method), path: String(cString: url), host: header("Host", connection),
        origin: header("Origin", connection), authorization: header("Authorization", connection),
        token: argument("token", connection), body: incoming.body)
    return unsafe send(answerer.answer(request), on: connection)
}

/// The request is over, however it ended.
private func forget(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ how: MHD_RequestTerminationCode
) {
    guard let state = unsafe state, let kept = unsafe state.pointee else { return }
    unsafe Unmanaged<Incoming>.fromOpaque(kept).release()
    unsafe state.pointee = nil
}

private func tooLarge(_ limits: ServerLimits) -> ServerReply {
    ServerReply(413, "more than \(limits.bodyBytes) bytes are not read")
}

private func header(_ name: String, _ connection: OpaquePointer) -> String? {
    unsafe hookline_header(connection, name).map { unsafe String(cString: $0) }
}

private func argument(_ name: String, _ connection: OpaquePointer) -> String? {
    unsafe hookline_argument(connection, name).map { unsafe String(cString: $0) }
}

private func send(_ reply: ServerReply, on connection: OpaquePointer) -> MHD_Result {
    let made = unsafe reply.body.withUnsafeBytes { bytes in
        unsafe hookline_response(bytes.baseAddress, bytes.count)
    }
    guard let response = unsafe made else { return .NO }
    defer { unsafe MHD_destroy_response(response) }
    unsafe MHD_add_response_header(response, "Content-Type", reply.contentType)
    for (name, value) in reply.headers { unsafe MHD_add_response_header(response, name, value) }
    return unsafe MHD_queue_response(connection, UInt32(reply.status), response)
}
