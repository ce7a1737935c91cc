/// Every check, in the order of `known-causes`: what breaks most first.
public let doctorChecks: [DoctorCheck] = [
    forwardPolicyDrop
]
