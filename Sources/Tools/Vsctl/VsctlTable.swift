// Records as text: `list` and `find` in the five formats of `--format`. ovs-vsctl(8), "Table
// Formatting Options".

import DatabaseProtocol

struct VsctlTable {
    let columns: [ColumnSchema]
    /// One value for each column.
    var rows: [[Datum]] = []

    init(columns: [ColumnSchema]) { self.columns = columns }

    /// - Parameter isFirst: Whether no table was printed before; an empty line separates them.
    func text(_ style: VsctlStyle, isFirst: Bool) -> String {
        let separator = isFirst ? "" : "\n"
        switch style.format {
        case .list: return separator + list(style)
        case .table: return separator + aligned(style)
        case .csv: return separator + csv(style)
        case .html: return html(style)
        case .json: return json(style)
        }
    }

    private func cells(_ row: [Datum], _ style: VsctlStyle) -> [String] {
        zip(row, columns).map { value, column in
            switch style.cell {
            case .string: value.text(as: column.type)
            case .bare: value.bareText
            case .json: value.json.text
            }
        }
    }

    // MARK: Formats

    private func list(_ style: VsctlStyle) -> String {
        rows.map { row in
            zip(columns, cells(row, style)).map { column, cell in
                style.hasHeadings ? "\(padded(column.name, 20)): \(cell)\n" : "\(cell)\n"
            }.joined()
        }.joined(separator: "\n")
    }

    private func aligned(_ style: VsctlStyle) -> String {
        let texts = rows.map { cells($0, style) }
        let widths = columns.enumerated().map { place, column in
            var width = texts.map { $0[place].utf8.count }.max() ?? 0
            if style.columnWidthMax > 0 { width = min(width, style.columnWidthMax) }
            return style.hasHeadings ? max(width, column.name.utf8.count) : width
        }
        var lines: [[String]] = texts
        if style.hasHeadings {
            let rulers = widths.map { String(repeating: "-", count: $0) }
            lines = [columns.map(\.name), rulers] + lines
        }
        return lines.map { cells in
            let line = zip(cells, widths).map { padded(cut($0, $1), $1) }.joined(separator: " ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }

    private func csv(_ style: VsctlStyle) -> String {
        var lines = rows.map { cells($0, style) }
        if style.hasHeadings { lines.insert(columns.map(\.name), at: 0) }
        return lines.map { $0.map(Self.csvCell).joined(separator: ",") + "\n" }.joined()
    }

    private static func csvCell(_ text: String) -> String {
        guard text.utf8.contains(where: { "\n\",".utf8.contains($0) }) else { return text }
        return "\""
            + text.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }

    private func html(_ style: VsctlStyle) -> String {
        var text = "<table border=1>\n"
        if style.hasHeadings {
            let cells = columns.map { "    <th>\($0.name)</th>\n" }
            text += "  <tr>\n" + cells.joined() + "  </tr>\n"
        }
        for row in rows {
            let cells = zip(columns, cells(row, style)).map { column, cell in
                column.name == "_uuid"
                    ? "    <td><a name=\"\(cell)\">\(cell.prefix(8))</a></td>\n"
                    : "    <td>\(Self.htmlCell(cell))</td>\n"
            }
            text += "  <tr>\n" + cells.joined() + "  </tr>\n"
        }
        return text + "</table>\n"
    }

    /// Escaped, with UUIDs as links to their records.
    private static func htmlCell(_ text: String) -> String {
        var result = ""
        var rest = text.unicodeScalars[...]
        while let scalar = rest.first {
            let word = String(rest.prefix(36))
            if word.utf8.count == 36, UUIDValue(word) != nil {
                result += "<a href=\"#\(word)\">\(word.prefix(8))</a>"
                rest = rest.dropFirst(36)
                continue
            }
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
            rest = rest.dropFirst()
        }
        return result
    }

    private func json(_ style: VsctlStyle) -> String {
        VsctlText.json(columns.map(\.name), rows.map { $0.map(\.json) }, style)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    private func cut(_ text: String, _ width: Int) -> String {
        text.utf8.count <= width ? text : String(decoding: text.utf8.prefix(width), as: UTF8.self)
    }
}
