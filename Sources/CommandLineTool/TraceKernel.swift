internal import KernelLab
internal import PathModel
internal import Reports
internal import Snapshot

extension TraceAnswer {
    /// Asks this machine's kernel too.
    mutating func askKernel(of node: NodeState, _ model: HostModel) {
        do throws(KernelRefusal) {
            let answer = try KernelLab.askKernel(request, of: node, model, trace)
            kernel = KernelNote(
                version: kernelVersion(), differences: answer.differences, account: answer.account,
                leftOut: answer.leftOut)
        } catch {
            kernel = KernelNote(version: kernelVersion(), refusal: error.words)
        }
    }
}
