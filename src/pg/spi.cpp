// SPI. Plans are kept by SPI_keepplan in CacheMemoryContext for the life of the process; plancache.c
// revalidates them. CURSOR_OPT_GENERIC_PLAN asks choose_custom_plan (plancache.c) for the generic plan, but a
// session's plan_cache_mode = force_custom_plan is looked at first, so that is suspended around each
// execution.
#include "pg/spi.hpp"

namespace foreman::pg {
namespace {

// Handlers set plan_cache_mode, and so may the role; our statements do not follow force_custom_plan. Writing
// the variable and not the setting costs nothing; it is put back unless somebody set it meanwhile.
class PlanCacheModeScope {
  public:
    PlanCacheModeScope() noexcept : forced_(plan_cache_mode == PLAN_CACHE_MODE_FORCE_CUSTOM_PLAN) {
        if (forced_) [[unlikely]]
            plan_cache_mode = PLAN_CACHE_MODE_AUTO;
    }
    ~PlanCacheModeScope() {
        if (forced_ && plan_cache_mode == PLAN_CACHE_MODE_AUTO) [[unlikely]]
            plan_cache_mode = PLAN_CACHE_MODE_FORCE_CUSTOM_PLAN;
    }
    PlanCacheModeScope(const PlanCacheModeScope&) = delete;
    PlanCacheModeScope& operator=(const PlanCacheModeScope&) = delete;

  private:
    const bool forced_;
};

[[noreturn, gnu::cold]] void fail(const char* name, const char* step, int code) {
    throw Failure(ERRCODE_INTERNAL_ERROR, "statement \"%s\" could not be %s: %s", name, step,
                  SPI_result_code_string(code));
}

}  // namespace

SpiSession::SpiSession(Mode mode) {
    const int code = call<&SPI_connect_ext>(mode == Mode::nonatomic ? SPI_OPT_NONATOMIC : 0);
    if (code != SPI_OK_CONNECT) {
        throw Failure(ERRCODE_INTERNAL_ERROR, "could not connect to SPI: %s", SPI_result_code_string(code));
    }
}

SpiSession::~SpiSession() {
    if (connected_ && std::uncaught_exceptions() == exceptions_) SPI_finish();
}

void SpiSession::finish() {
    connected_ = false;
    SPI_finish();
}

bool Row::is_null(int column) const noexcept {
    bool null = false;
    heap_getattr(tuple_, column, desc_, &null);
    return null;
}

Datum Row::datum(int column) const noexcept {
    bool null = false;
    return heap_getattr(tuple_, column, desc_, &null);
}

std::optional<Datum> Row::optional_datum(int column) const noexcept {
    bool null = false;
    const Datum value = heap_getattr(tuple_, column, desc_, &null);
    return null ? std::nullopt : std::optional<Datum>(value);
}

Rows& Rows::operator=(Rows&& other) noexcept {
    if (this != &other) {
        free();
        table_ = std::exchange(other.table_, nullptr);
        processed_ = other.processed_;
    }
    return *this;
}

// While an error unwinds, the level that raised it may be the current one of SPI still: that does not know
// this table, which leaves with its own level or with the subtransaction.
void Rows::free() noexcept {
    if (table_ == nullptr) return;
    SPITupleTable* const table = std::exchange(table_, nullptr);
    if (std::uncaught_exceptions() == 0) SPI_freetuptable(table);
}

void Statement::prepare() {
    if (plan_ != nullptr) return;
    const SPIPlanPtr plan =
        call<&SPI_prepare_cursor>(sql_, argument_count_, argument_types_.data(), CURSOR_OPT_GENERIC_PLAN);
    if (plan == nullptr) fail(name_, "prepared", SPI_result);
    const int code = call<&SPI_keepplan>(plan);
    if (code != 0) fail(name_, "kept", code);
    plan_ = plan;
}

void Statement::forget() {
    if (plan_ != nullptr) call<&SPI_freeplan>(std::exchange(plan_, nullptr));
}

Rows Statement::execute(const Datum* values, const char* nulls, bool read_only, long limit) {
    if (plan_ == nullptr) [[unlikely]]
        prepare();
    PlanCacheModeScope scope;
    const int code = call<&SPI_execute_plan>(plan_, const_cast<Datum*>(values), nulls, read_only, limit);
    if (code < 0) [[unlikely]]
        fail(name_, "executed", code);
    return {SPI_tuptable, SPI_processed};
}

Rows Statement::execute_latest(const Datum* values, const char* nulls) {
    if (!IsolationUsesXactSnapshot()) return execute(values, nulls);
    if (plan_ == nullptr) [[unlikely]]
        prepare();
    PlanCacheModeScope scope;
    const int code = guarded([&] {
        return SPI_execute_snapshot(plan_, const_cast<Datum*>(values), nulls, GetLatestSnapshot(),
                                    InvalidSnapshot, false, true, 0);
    });
    if (code < 0) [[unlikely]]
        fail(name_, "executed", code);
    return {SPI_tuptable, SPI_processed};
}

void run_once(const char* sql) {
    guarded([sql] {
        const int rc = SPI_execute(sql, false, 0);
        if (rc < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
    });
}

}  // namespace foreman::pg
