// The state of an instance: folded from its last snapshot and the events after it, upcast to their newest versions.
#pragma once

#include "engine/workflow/functions.hpp"
#include "pg/memory.hpp"
#include "store/workflows/instances.hpp"

namespace foreman::engine {

/// Which instance a function is called for, in messages.
struct Subject {
    std::string_view type, id;
    const char* whose = "decide of";  ///< what is read as Fields: whose it is
};

/// A state that grows by one event after another.
class Fold {
  public:
    /// `subject` and `functions` outlive it. state: jsonb, copied.
    Fold(const store::WorkflowType& type, TypeFunctions& functions, Subject subject, Datum state);

    /// does: applies an event {"type", "data", "version"}, upcast. Events of our own are left out.
    /// needs: AsType, an active snapshot
    /// errors: those of evolve and of upcasters, with a line of context that names the event; 22023 for what an
    ///     upcaster answers that is no event
    void apply(int64 sequence, std::string_view event_type, int32 version, Datum event);
    /// Valid until the next apply().
    Datum state() const noexcept { return state_; }

  private:
    void upcast(std::size_t upcaster, int64 sequence, Datum event);
    void evolve(int64 sequence, std::string_view event_type, Datum event);

    const store::WorkflowType& type_;
    TypeFunctions& functions_;
    const Subject subject_;
    pg::Context contexts_[2];  // of the state, and of the next one
    int current_ = 0;
    Datum state_;
};

/// does: folds the state of an instance after event number `last`, from its snapshot where that fits.
/// returns: the state, in `context`
/// needs: as Fold::apply()
Datum fold_instance(const store::WorkflowType& type, TypeFunctions& functions, Subject subject,
                    const store::Instance& instance, int64 last, MemoryContext context);

}  // namespace foreman::engine
