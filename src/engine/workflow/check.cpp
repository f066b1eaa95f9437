// See check.hpp.
#include "engine/workflow/check.hpp"

#include "engine/workflow/decision.hpp"
#include "engine/workflow/fold.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"
#include "store/why/detail.hpp"
#include "store/workflows/listing.hpp"

namespace foreman::engine {

namespace {

constexpr int kEventsAtOnce = 1000;

// The functions of a candidate are cached under the type's name, and never taken for the type's own.
constinit uint64 g_candidates = 0;

store::WorkflowType with(const store::WorkflowType& type, const Candidate& candidate) {
    store::WorkflowType t = type;
    t.decide = candidate.decide;
    t.evolve = candidate.evolve;
    t.is_terminal = candidate.is_terminal;
    t.loaded = UINT64_MAX - g_candidates++;
    return t;
}

// Nothing: the type's own functions are gone, and so are what their snapshots say.
std::optional<int64> current_evolve(const store::WorkflowType& type) {
    try {
        return functions_of(type).evolve_identity;
    } catch (const pg::Failure&) {
        return std::nullopt;
    }
}

bool same(Datum a, Datum b) {
    return pg::guarded(
        [a, b] { return compareJsonbContainers(&DatumGetJsonbP(a)->root, &DatumGetJsonbP(b)->root) == 0; });
}

// One instance: what differs first is told, since what follows from it differs as well.
class Check {
  public:
    Check(const store::WorkflowType& type, const store::Sample& instance, std::optional<int64> evolve,
          MemoryContext context, pg::vector<Difference>* out)
        : type_(type), i_(instance), evolve_(evolve), context_(context), out_(*out) {}

    void run() {
        try {
            fold();
        } catch (const pg::PgError& e) {
            if (e.sqlstate() == ERRCODE_QUERY_CANCELED || e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw;
            add_error(e.sqlstate_text(), e.message());
        } catch (const pg::Failure& f) {
            add_error(unpack_sql_state(f.sqlstate()), f.message());
        }
    }

  private:
    void fold();
    bool snapshot_differs(Datum state);
    bool decision_differs(TypeFunctions& functions, const store::KeptInput& input, Datum state);
    void check_end(TypeFunctions& functions, Datum state);
    void add(const char* problem, Datum detail) { out_.push_back({i_.id, sequence_, problem, detail}); }
    void add_error(const char* sqlstate, const char* message) {
        const pg::CurrentScope scope(context_);
        store::Detail d(context_);
        add("error", d.text("sqlstate", sqlstate).text("message", message).done());
    }

    const store::WorkflowType& type_;
    const store::Sample& i_;
    const std::optional<int64> evolve_;
    const MemoryContext context_;
    pg::vector<Difference>& out_;
    int64 sequence_ = 0;
};

void Check::fold() {
    TypeFunctions& functions = functions_of(type_);
    pg::Context chunk("foreman events", CurrentMemoryContext);
    const pg::Context kept("foreman inputs", CurrentMemoryContext);
    pg::ContextResource kept_memory(kept);
    pg::vector<store::KeptInput> inputs(&kept_memory);
    if (*type_.decide != '\0') store::read_kept_inputs(type_.type(), i_, kept.get(), &inputs);
    auto input = inputs.begin();
    pg::Subtransaction undone;
    const pg::ActiveSnapshot snapshot;
    const AsType scope(type_, functions);
    Fold fold(type_, functions, {type_.type(), i_.id}, type_.initial_state);
    while (sequence_ < i_.sequence) {
        chunk.reset();
        const pg::CurrentScope memory_scope(chunk);
        pg::ContextResource memory(chunk);
        pg::vector<store::StoredEvent> events(&memory);
        store::read_events(i_.instance, sequence_, i_.sequence, kEventsAtOnce, chunk.get(), &events);
        if (events.empty()) break;
        for (const store::StoredEvent& e : events) {
            sequence_ = e.sequence;
            if (input != inputs.end() && input->first_sequence == sequence_ &&
                decision_differs(functions, *input++, fold.state()))
                return;
            fold.apply(e.sequence, e.type, e.version, e.event);
            if (sequence_ == i_.folded_sequence && snapshot_differs(fold.state())) return;
        }
    }
    check_end(functions, fold.state());
}

bool Check::snapshot_differs(Datum state) {
    if (!i_.folded || !evolve_ || i_.folded_by != *evolve_ || same(*i_.folded, state)) return false;
    const pg::CurrentScope scope(context_);
    add("state_differs", store::both_states(*i_.folded, state));
    return true;
}

// What decide answers to a kept input, for the state before it.
bool Check::decision_differs(TypeFunctions& functions, const store::KeptInput& input, Datum state) {
    const Datum arguments[] = {pg::to_datum(input.at), state, input.payload};
    const std::optional<Datum> answer = functions.decide.call_for_jsonb(arguments, CurrentMemoryContext);
    if (!answer) throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "decide answered NULL");
    pg::ContextResource memory(CurrentMemoryContext);
    Decision decision(&memory);
    read_decision({type_.type(), i_.id}, *answer, input.at, &decision);
    const std::optional<Datum> difference =
        store::decision_difference(input, decision.rejection ? *answer : decision.event_array);
    if (!difference) return false;
    add("decision_differs", pg::copy_varlena(*difference, context_));
    return true;
}

void Check::check_end(TypeFunctions& functions, Datum state) {
    if (i_.state != core::InstanceState::running && i_.state != core::InstanceState::completed) return;
    const std::optional<Datum> ended =
        functions.has_terminal ? functions.is_terminal.call({&state, 1}) : std::nullopt;
    const bool terminal = ended && DatumGetBool(*ended);
    if (terminal == (i_.state == core::InstanceState::completed)) return;
    const pg::CurrentScope scope(context_);
    store::Detail d(context_);
    d.text("state", core::state_word(i_.state)).text("is_terminal", terminal ? "true" : "false");
    add("end_differs", d.done());
}

}  // namespace

void check_candidate(const store::WorkflowType& type, const Candidate& candidate, int64 sample,
                     pg::vector<Difference>* out) {
    const MemoryContext caller = CurrentMemoryContext;
    pg::ContextResource memory(caller);
    pg::vector<store::Sample> instances(&memory);
    const std::optional<int64> evolve = current_evolve(type);
    const store::WorkflowType changed = with(type, candidate);
    functions_of(changed);  // what cannot be called is said at once
    store::read_sample(type.type(), sample, caller, &instances);
    pg::Context context("foreman check", caller);
    for (const store::Sample& i : instances) {
        context.reset();
        const pg::CurrentScope scope(context);
        Check(changed, i, evolve, caller, out).run();
    }
}

}  // namespace foreman::engine
