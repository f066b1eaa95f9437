// See fold.hpp.
#include "engine/workflow/fold.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/error_context.hpp"
#include "request/json_values.hpp"

namespace foreman::engine {

namespace {

constexpr int kEventsAtOnce = 1000;

// While an event is applied: a line of context for whatever is raised.
struct Applying {
    const char* what;
    Subject subject;
    int64 sequence;
    std::string_view event_type;
};

void describe(void* argument) {
    const auto* a = static_cast<const Applying*>(argument);
    errcontext("%s of event " INT64_FORMAT " (%.*s) of workflow \"%.*s\", id \"%.*s\"", a->what, a->sequence,
               static_cast<int>(a->event_type.size()), a->event_type.data(),
               static_cast<int>(a->subject.type.size()), a->subject.type.data(),
               static_cast<int>(a->subject.id.size()), a->subject.id.data());
}

[[noreturn]] void refuse(const Applying& a, const char* what) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s", what)
        .detail("%s of event " INT64_FORMAT " (%.*s) of workflow \"%.*s\", id \"%.*s\".", a.what, a.sequence,
                static_cast<int>(a.event_type.size()), a.event_type.data(),
                static_cast<int>(a.subject.type.size()), a.subject.type.data(),
                static_cast<int>(a.subject.id.size()), a.subject.id.data())
        .hint(
            "An upcaster answers the event of the next version, {\"type\", \"data\", \"version\"}, or an "
            "array of "
            "events.");
}

JsonbContainer* root_of(Datum jsonb) {
    return pg::guarded([jsonb]() -> JsonbContainer* { return &DatumGetJsonbP(jsonb)->root; });
}

}  // namespace

Fold::Fold(const store::WorkflowType& type, TypeFunctions& functions, Subject subject, Datum state)
    : type_(type),
      functions_(functions),
      subject_(subject),
      contexts_{pg::Context("foreman state", CurrentMemoryContext),
                pg::Context("foreman state", CurrentMemoryContext)},
      state_(pg::copy_varlena(state, contexts_[0].get())) {}

void Fold::apply(int64 sequence, std::string_view event_type, int32 version, Datum event) {
    if (event_type.starts_with(core::kOwnEvents)) return;
    for (std::size_t i = 0; i < type_.upcasters.size(); i++) {
        const store::Upcaster& u = type_.upcasters[i];
        if (u.from_version == version && u.event_type == event_type) return upcast(i, sequence, event);
    }
    evolve(sequence, event_type, event);
}

void Fold::upcast(std::size_t upcaster, int64 sequence, Datum event) {
    pg::call<&check_stack_depth>();  // upcasters may answer each other's events
    const store::Upcaster& u = type_.upcasters[upcaster];
    const Applying applying{"upcaster", subject_, sequence, u.event_type};
    std::optional<Datum> answer;
    {
        const pg::ErrorContext context(describe, &applying);
        answer = functions_.upcasters[upcaster].call_for_jsonb({&event, 1}, CurrentMemoryContext);
    }
    if (!answer) refuse(applying, "an upcaster answered NULL");
    JsonbContainer* root = root_of(*answer);
    const bool is_array = JsonContainerIsArray(root) && !JsonContainerIsScalar(root);
    const uint32 n = is_array ? JsonContainerSize(root) : 1;
    for (uint32 i = 0; i < n; i++) {
        JsonbValue* element = is_array ? pg::call<&getIthJsonbValueFromContainer>(root, i) : nullptr;
        JsonbContainer* object = !is_array                    ? root
                                 : element->type == jbvBinary ? element->val.binary.data
                                                              : nullptr;
        if (object == nullptr || !JsonContainerIsObject(object))
            refuse(applying, "an upcaster answered no event");
        JsonbValue* type = request::json_member(object, "type");
        JsonbValue* version = request::json_member(object, "version");
        if (type == nullptr || type->type != jbvString)
            refuse(applying, "an upcaster answered an event without a type");
        const std::string_view name{type->val.string.val, static_cast<std::size_t>(type->val.string.len)};
        const std::optional<Datum> number =
            version == nullptr ? std::nullopt
                               : request::sql_value(version, request::JsonType::integer, "version");
        if (!number) refuse(applying, "an upcaster answered an event without a version");
        // The same type in the same or an older version would go round for ever.
        if (name == u.event_type && DatumGetInt32(*number) <= u.from_version)
            refuse(applying, "an upcaster answered an event of a version that is no later one");
        const Datum next =
            is_array ? *request::sql_value(element, request::JsonType::jsonb, "event") : *answer;
        apply(sequence, pg::copy_text(name), DatumGetInt32(*number), next);
    }
}

void Fold::evolve(int64 sequence, std::string_view event_type, Datum event) {
    if (!functions_.has_evolve) return;
    const Applying applying{"evolve", subject_, sequence, event_type};
    const pg::ErrorContext context(describe, &applying);
    const pg::Context& next = contexts_[1 - current_];
    const pg::CurrentScope scope(next);
    const Datum arguments[] = {state_, event};
    const std::optional<Datum> state = functions_.evolve.call_for_jsonb(arguments, next.get());
    // A null state is a state.
    state_ = state ? *state : pg::jsonb_from_text("null", next.get());
    contexts_[current_].reset();
    current_ = 1 - current_;
}

Datum fold_instance(const store::WorkflowType& type, TypeFunctions& functions, Subject subject,
                    const store::Instance& instance, int64 last, MemoryContext context) {
    const bool fits = instance.folded && instance.folded_by == functions.evolve_identity &&
                      instance.folded_sequence <= last;
    if (fits && instance.folded_sequence == last) return pg::copy_varlena(*instance.folded, context);
    int64 after = fits ? instance.folded_sequence : 0;
    Fold fold(type, functions, subject, fits ? *instance.folded : type.initial_state);
    pg::Context chunk("foreman events", CurrentMemoryContext);
    while (after < last) {
        chunk.reset();
        const pg::CurrentScope scope(chunk);
        pg::ContextResource memory(chunk);
        pg::vector<store::StoredEvent> events(&memory);
        store::read_events(instance.instance, after, last, kEventsAtOnce, chunk.get(), &events);
        if (events.empty()) break;
        for (const store::StoredEvent& e : events) fold.apply(e.sequence, e.type, e.version, e.event);
        after = events.back().sequence;
    }
    return pg::copy_varlena(fold.state(), context);
}

}  // namespace foreman::engine
