// One program that is all the tools: the name it was called by, or its first word, says which.
//
//     ovs-appctl version  =  apus appctl version
//
// A tool is a function of its arguments that returns the exit code, in a file of its own; the rules
// of its command line are in the target Tools. Whoever adds one adds a line to `tools`.

import Glibc
import Product

let tools: [Tool] = [
    appctl,
    dpctl,
    link,
    ofctl,
    vsctl,
]

let words = CommandLine.arguments
let called = words.first?.split(separator: "/").last.map(String.init) ?? "apus"

if let tool = tools.first(where: { "ovs-\($0.name)" == called }) {
    exit(tool.run(Array(words.dropFirst())))
}
switch words.dropFirst().first {
case "-V", "--version":
    printOut(Product.versionLine(of: "apus") + "\n")
case "-h", "--help":
    printOut(helpText(tools))
case let word?:
    guard let tool = tools.first(where: { $0.name == word || "ovs-\($0.name)" == word }) else {
        printError("apus: there is no tool \"\(word)\"\n\n" + helpText(tools))
        exit(1)
    }
    exit(tool.run(Array(words.dropFirst(2))))
case nil:
    printError(helpText(tools))
    exit(1)
}
