// Tables for people.
#include "cli/table.h"

#include <algorithm>

#include "base/check.h"
#include "cli/format.h"

namespace warren::cli {

namespace {
constexpr std::size_t gap = 2;
constexpr std::size_t least_width = 8;  // of a column that gives way
}  // namespace

void Table::add(std::vector<std::string> cells) {
    WARREN_CHECK(cells.size() == columns_.size());
    for (auto& cell : cells)
        cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t width_max) const {
    std::vector<std::size_t> out;
    std::size_t total = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto width = display_width(columns_[i].title);
        for (const auto& row : rows_)
            width = std::max(width, display_width(row[i]));
        out.push_back(width);
        total += width + (i == 0 ? 0 : gap);
    }
    for (std::size_t i = 0; i < columns_.size() && width_max != 0 && total > width_max; ++i) {
        if (!columns_[i].flexible || out[i] <= least_width) continue;
        const auto less = std::min(total - width_max, out[i] - least_width);
        out[i] -= less;
        total -= less;
    }
    return out;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths) const {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto cell = fitted(cells[i], widths[i]);
        const std::string fill(widths[i] - std::min(widths[i], display_width(cell)), ' ');
        if (i != 0) out.append(gap, ' ');
        out += columns_[i].align == Align::Right ? fill + cell : cell + fill;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
}

std::string Table::text(std::size_t width_max) const {
    const auto columns = widths(width_max);
    std::vector<std::string> titles;
    for (const auto& column : columns_)
        titles.emplace_back(column.title);
    std::string out = line(titles, columns);
    for (const auto& row : rows_)
        out += line(row, columns);
    return out;
}

}  // namespace warren::cli
