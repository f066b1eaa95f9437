// Effects of workflows as rows: what a decision asked for, and what came of it.
// Invariant: the end of an effect's job and the input that follows from it are one transaction (see end_of_effect in
// the .cpp, which observes the ends of jobs).
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "core/workflow.hpp"
#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

struct NewEffect {
    int64 instance = 0;
    std::string_view key, kind, on_result, on_failure;
    int64 sequence = 0;
    int64 job_id = 0;
    std::optional<Datum> undo;  ///< jsonb object
};
/// returns: the number of the effect; 0 when the instance has an effect of this key that is open or completed
int64 insert_effect(const NewEffect& effect, core::Instant at);

struct Effect {
    int64 effect;
    std::string_view key;
    int64 job_id;
    std::optional<Datum> undo, result;
};
/// The completed effects of an instance that have an undo, the last one first.
void effects_to_undo(int64 instance, MemoryContext context, pg::vector<Effect>* out);
/// One of them; false when it is not completed, or has none.
bool effect_to_undo(int64 effect, MemoryContext context, Effect* out);
void mark_undoing(int64 effect, int64 undo_job_id);
/// Whether this instance decided on the effect; not one that it continues.
bool is_effect_of(int64 effect, int64 instance);
/// The open effects of an instance.
void open_effects(int64 instance, MemoryContext context, pg::vector<Effect>* out);

/// The key that idempotency_key() answers for the job of an effect, TYPE:ID:KEY, or of its undo, TYPE:ID:KEY:undo, as
/// text; TYPE:ID:INSTANCE:KEY for an instance that continues another one; nothing for an effect that is gone.
std::optional<Datum> effect_idempotency_key(int64 effect, bool undo);

/// The metadata of the job of an effect: whose it is, beside what the decision gave it.
Datum effect_metadata(std::optional<Datum> given, std::string_view type, std::string_view id,
                      std::string_view key, std::optional<Datum> undone_result = std::nullopt);

/// The payloads of inputs that the engine makes.
Datum cancel_payload(std::string_view reason);
Datum child_end_payload(std::string_view on_end, std::string_view type, std::string_view id,
                        std::string_view state, std::string_view reason, std::optional<Datum> result);

/// The pending timers of an instance: their keys.
void timer_keys(std::string_view kind, int64 instance, MemoryContext context,
                pg::vector<std::string_view>* out);
/// The unique key of the timer of an instance.
std::string_view timer_key(int64 instance, std::string_view key,
                           MemoryContext context = CurrentMemoryContext);

/// does: lets workflows hear of the ends of the jobs that they asked for. Called while the library is loaded.
void observe_workflow_jobs() noexcept;

}  // namespace foreman::store
