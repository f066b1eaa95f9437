// See mask.hpp.
#include "engine/workflow/mask.hpp"

#include "engine/workflow/fold.hpp"
#include "engine/workflow/rerun.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"
#include "store/workflows/masking.hpp"

namespace foreman::engine {

namespace {

constexpr int kEventsAtOnce = 1000;

int64 mask_instance(const store::WorkflowType& type, TypeFunctions& functions, pg::Function& masker,
                    int64 instance, int64 last) {
    int64 masked = 0;
    int64 after = 0;
    pg::Context chunk("foreman events", CurrentMemoryContext);
    while (after < last) {
        chunk.reset();
        const pg::CurrentScope memory_scope(chunk);
        pg::ContextResource memory(chunk);
        pg::vector<store::StoredEvent> events(&memory);
        store::read_events(instance, after, last, kEventsAtOnce, chunk.get(), &events);
        if (events.empty()) break;
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type, functions);
        for (const store::StoredEvent& e : events) {
            const std::optional<Datum> data = masker.call_for_jsonb({&e.event, 1}, chunk.get());
            if (data && store::replace_event_data(instance, e.sequence, *data)) masked++;
        }
        after = events.back().sequence;
    }
    return masked;
}

}  // namespace

int64 mask_events(const store::WorkflowType& type, std::string_view id, const char* masker) {
    const pg::Context context("foreman mask", CurrentMemoryContext);
    const pg::CurrentScope memory_scope(context);
    store::Instance instance;
    if (store::lock_instance(type.type(), id, store::Wait::for_others, context.get(), &instance) ==
        store::Locked::absent)
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow \"%s\", id \"%.*s\" does not exist", type.name,
                          static_cast<int>(id.size()), id.data());
    TypeFunctions& functions = functions_of(type);
    pg::Function function;
    function.load(pg::find_stored(masker), context.get());
    pg::ContextResource memory(context);
    pg::vector<store::Run> runs(&memory);
    store::runs_of(type.type(), id, &runs);
    int64 masked = 0;
    for (const store::Run& r : runs) {
        masked += mask_instance(type, functions, function, r.instance, r.sequence);
        store::forget_state(r.instance);
    }
    instance.folded.reset();
    {
        // An evolve that does not take what was masked is told of now.
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type, functions);
        fold_instance(type, functions, {type.type(), id}, instance, instance.sequence, context.get());
    }
    append_own_event(type.type(), instance.instance, instance.sequence, "Masked", user_name(), std::nullopt,
                     store::masking_record(masker, masked));
    return masked;
}

}  // namespace foreman::engine
