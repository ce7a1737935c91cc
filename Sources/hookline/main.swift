import CommandLineTool

exitProcess(run(Array(CommandLine.arguments.dropFirst()), .process()))
