// What a command prints: text for people, the same as a table of JSON values for programs.
//
// Open vSwitch's tool prints JSON for `list` and `find` only; this one for every command that
// prints anything, and in one shape: {"data":[[…],…],"headings":[…]}.

import DatabaseProtocol

/// What a command prints, once the transaction is in the database.
enum VsctlOutput {
    case text(VsctlText)
    case table(VsctlTable)
}

/// Lines, and the rows of values that they stand for.
struct VsctlText {
    /// Names of the columns; empty for a command that prints nothing.
    var headings: [String] = []
    var text = ""
    var rows: [[JSON]] = []

    func text(_ style: VsctlStyle) -> String {
        guard style.format == .json, !headings.isEmpty else { return text }
        return Self.json(headings, rows, style)
    }

    /// `--format=json`, on one line unless `--pretty` was asked for.
    static func json(_ headings: [String], _ rows: [[JSON]], _ style: VsctlStyle) -> String {
        let json: JSON = [
            "data": .array(rows.map(JSON.array)), "headings": .array(headings.map(JSON.string)),
        ]
        return (style.isPretty ? pretty(json, 0) : json.text) + "\n"
    }

    /// Two spaces a level, as Open vSwitch's printer has it. As deep as what commands print nests:
    /// six levels for values, twelve for `show`.
    private static func pretty(_ json: JSON, _ level: Int) -> String {
        let margin = String(repeating: " ", count: level * 2 + 2)
        switch json {
        case .array(let elements) where !elements.isEmpty:
            let lines = elements.map { margin + pretty($0, level + 1) }
            return "[\n" + lines.joined(separator: ",\n") + "]"
        case .object(let object) where !object.isEmpty:
            let lines = object.members.map {
                margin + JSON.string($0).text + ": " + pretty($1, level + 1)
            }
            return "{\n" + lines.joined(separator: ",\n") + "}"
        default: return json.text
        }
    }
}

extension VsctlContext {
    /// Prints a line, which stands for a row of values under the command's headings.
    mutating func say(_ line: String, _ cells: JSON...) {
        guard case .text(var text) = output else { return }
        text.text += line + "\n"
        text.rows.append(cells)
        output = .text(text)
    }

    /// Prints a line, which stands for one value of the command's only row.
    mutating func say(_ line: String, as heading: String, _ value: JSON) {
        guard case .text(var text) = output else { return }
        text.text += line + "\n"
        text.headings.append(heading)
        text.rows = [(text.rows.first ?? []) + [value]]
        output = .text(text)
    }

    /// Prints lines that together stand for one row of values.
    mutating func say(_ lines: [String], cells: [JSON]) {
        guard case .text(var text) = output else { return }
        text.text += lines.map { $0 + "\n" }.joined()
        text.rows.append(cells)
        output = .text(text)
    }
}
