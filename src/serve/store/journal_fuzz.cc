// Any bytes as a journal: no crash, rows that are taken come back the same when written, and pieces make no difference.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "serve/store/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    using namespace baleen::serve;
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    // A row as it is: past the checksum, which no fuzzer guesses.
    if (const auto row = decode_row(text); row.ok()) {
        const UsageRow fit = fitted(*row);
        const auto again = decode_row(encode_row(fit));
        CHECK(again.ok() && *again == fit, "{}", encode_row(fit));
        CHECK(fitted(fit) == fit);
    }
    std::vector<UsageRow> rows;
    const auto reading = read_journal_bytes(text, "f", [&rows](UsageRow row) -> Result<void> {
        rows.push_back(std::move(row));
        return Ok{};
    });
    if (!reading.ok()) return 0;
    CHECK(reading->rows == static_cast<std::int64_t>(rows.size()));

    // Records behind whatever was read are read as well, unless it broke off in a line.
    UsageRow last;
    last.id = "last";
    std::string more(text.empty() ? kJournalHeader : text);
    if (reading->torn) return 0;
    more += journal_record(last);
    std::int64_t count = 0;
    const auto second = read_journal_bytes(more, "f", [&count](UsageRow) -> Result<void> {
        ++count;
        return Ok{};
    });
    CHECK(second.ok() && count == reading->rows + 1 && second->damaged == reading->damaged);
    return 0;
}
