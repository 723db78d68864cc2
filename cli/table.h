// Aligned tables. Cells are made printable here, so no caller can forget it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warren::cli {

enum class Align { Left, Right };
struct Column {
    std::string_view title;
    Align align = Align::Left;
    bool flexible = false;  // gives way when the table is wider than the terminal
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }
    std::string text(std::size_t width_max = 0) const;  // 0: as wide as it needs

private:
    std::vector<std::size_t> widths(std::size_t width_max) const;
    std::string line(const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace warren::cli
