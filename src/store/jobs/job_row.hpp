// A row of a job, taken apart: that of a statement which returns PLAIN_COLUMNS or JOB_COLUMNS, or one read from the
// table. Used by claims and by copy_job().
#pragma once

#include <cstring>

#include "pg/datum.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// Values by reference point into the row; what is kept is copied.
class JobRow {
  public:
    explicit JobRow(const pg::Row& row) noexcept { row.all(values_, nulls_); }
    /// The first `count` columns of LiveColumn, where `numbers` says that they are.
    JobRow(const Datum* values, const bool* nulls, const AttrNumber* numbers, std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; i++) {
            values_[i] = values[numbers[i] - 1];
            nulls_[i] = nulls[numbers[i] - 1];
        }
    }
    bool is_null(int column) const noexcept { return nulls_[column - 1]; }
    Datum datum(int column) const noexcept { return values_[column - 1]; }
    int64 i64_or(int column, int64 instead) const noexcept {
        return is_null(column) ? instead : DatumGetInt64(datum(column));
    }
    int16 i16(int column) const noexcept { return DatumGetInt16(datum(column)); }
    template <class Letter>
    Letter letter(int column) const noexcept {
        return is_null(column) ? Letter::none : static_cast<Letter>(DatumGetChar(datum(column)));
    }
    std::optional<Datum> kept(int column, MemoryContext context) const {
        if (is_null(column)) return std::nullopt;
        return pg::copy_varlena(datum(column), context);
    }
    std::string_view name(int column, MemoryContext context) const {
        if (is_null(column)) return {};
        const std::string_view text = pg::text_view(datum(column));
        return {pg::copy_text(text, context), text.size()};
    }
    core::Key key() const noexcept {
        return {pg::to_instant(datum(LiveColumn::run_at)).us, DatumGetInt64(datum(LiveColumn::job_id))};
    }

    /// Everything but names and keys.
    void read(MemoryContext context, Job* j) const {
        using Column = LiveColumn;
        j->job_id = DatumGetInt64(datum(Column::job_id));
        j->run_at = pg::to_instant(datum(Column::run_at));
        j->enqueued_at = pg::to_instant(datum(Column::enqueued_at));
        j->priority = i16(Column::priority);
        j->attempt = i16(Column::attempt);
        j->max_attempts = i16(Column::max_attempts);
        j->alone = i16(Column::alone);
        j->args = pg::copy_varlena(datum(Column::args), context);
        j->timeout_us = i64_or(Column::timeout_us, -1);
        if (!is_null(Column::expires_at)) j->expires_at = pg::to_instant(datum(Column::expires_at));
        j->tags = kept(Column::tags, context);
        j->metadata = kept(Column::metadata, context);
        j->errors = kept(Column::errors, context);
        j->crashes = i16(Column::crashes);
        j->interruptions = i16(Column::interruptions);
        j->batch_id = i64_or(Column::batch_id, 0);
        j->origin = letter<core::Origin>(Column::origin);
        j->origin_id = i64_or(Column::origin_id, 0);
    }

  private:
    static constexpr std::size_t kMost = kJobColumns + 3;  // claimed_at and a token may follow
    Datum values_[kMost];
    bool nulls_[kMost];
};

}  // namespace foreman::store
