import KernelLab

compareWithKernel(CommandLine.arguments)
