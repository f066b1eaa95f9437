// See commands.hpp.
#include "engine/workflow/commands.hpp"

#include <algorithm>
#include <array>

#include "engine/workflow/ending.hpp"
#include "engine/workflow/published.hpp"
#include "engine/workflow/writing.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
#include "pg/identity.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/settle.hpp"
#include "store/workflows/commands.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::engine {

namespace {

constexpr uint32 kMostCommands = 10000;
constexpr uint32 kMostConsumed = 1000000;

enum class Kind : uint8 {
    schedule_effect,
    set_timer,
    cancel_timer,
    wait_for_signal,
    start_child,
    record_side_effect,
    upsert_search_attributes,
    continue_as_new,
    complete,
    fail,
    cancel
};

// In the order of Kind.
constexpr std::array<std::string_view, 11> kWords = {"schedule_effect",
                                                     "set_timer",
                                                     "cancel_timer",
                                                     "wait_for_signal",
                                                     "start_child",
                                                     "record_side_effect",
                                                     "upsert_search_attributes",
                                                     "continue_as_new",
                                                     "complete",
                                                     "fail",
                                                     "cancel"};
constexpr std::array<std::string_view, 11> kEvents = {"EffectScheduled",
                                                      "TimerSet",
                                                      "TimerCancelled",
                                                      "SignalAwaited",
                                                      "ChildStarted",
                                                      "SideEffectRecorded",
                                                      "SearchAttributesUpserted",
                                                      "ContinuedAsNew",
                                                      "Completed",
                                                      "Failed",
                                                      "Cancelled"};

constexpr std::string_view kEffectKeys[] = {"command", "sequence", "name", "undo"};
constexpr std::string_view kTimerKeys[] = {"command", "sequence", "name", "after", "fire_at"};
constexpr std::string_view kCancelTimerKeys[] = {"command", "sequence", "timer"};
constexpr std::string_view kWaitKeys[] = {"command", "sequence", "name", "timeout"};
constexpr std::string_view kChildKeys[] = {"command",     "sequence", "name",         "workflow_type",
                                           "workflow_id", "input",    "on_parent_end"};
constexpr std::string_view kValueKeys[] = {"command", "sequence", "name", "value"};
constexpr std::string_view kSearchKeys[] = {"command", "sequence", "search"};
constexpr std::string_view kContinueKeys[] = {"command", "sequence", "input", "consumed"};
constexpr std::string_view kCompleteKeys[] = {"command", "sequence", "result"};
constexpr std::string_view kReasonKeys[] = {"command", "sequence", "reason", "detail"};

bool ends_workflow(Kind kind) noexcept { return kind >= Kind::continue_as_new; }

struct Command {
    Fields fields;
    Kind kind;
    int32 sequence;
    std::string_view name;
    std::string_view event() const noexcept { return kEvents[static_cast<std::size_t>(kind)]; }
};

int32 integer(const Fields& f, const char* key) {
    JsonbValue* v = f.find(key);
    const std::optional<Datum> n = v == nullptr ? std::nullopt : f.value(v, request::JsonType::integer, key);
    if (!n) f.refuse(key, "is missing");
    if (DatumGetInt32(*n) < 1) f.refuse(key, "must be 1 or more");
    return DatumGetInt32(*n);
}

// What the history compares it by: as in recorded_commands().
std::string_view name_of(const Fields& f) {
    for (const char* key : {"name", "kind", "workflow_id"}) {
        if (const auto name = f.optional_name(key)) return *name;
    }
    return {};
}

Command read_command(const Fields& f) {
    const std::string_view word = f.name("command");
    const auto* const found = std::find(kWords.begin(), kWords.end(), word);
    if (found == kWords.end()) f.refuse("command", "is unknown", word);
    return {f, static_cast<Kind>(found - kWords.begin()), integer(f, "sequence"), name_of(f)};
}

std::string_view text(const char* format, int64 number) {
    const char* made = pg::guarded(
        [format, number]() -> const char* { return psprintf(format, static_cast<long long>(number)); });
    return {made, std::strlen(made)};
}

// One batch, from the check of its token to the last row.
class Batch {
  public:
    Batch(const store::WorkflowType& type, std::string_view id, Datum commands)
        : type_(type),
          subject_{type.type(), id, "submit_commands() for"},
          array_(commands),
          context_("foreman commands", CurrentMemoryContext),
          memory_(context_),
          commands_(&memory_),
          new_(&memory_),
          decision_(&memory_) {}

    Submitted run(const pg::UuidBytes& token);

  private:
    bool take_task(const pg::UuidBytes& token);
    void settle_task();
    void read();
    bool differs();
    void plan();
    void plan_one(const Command& command);
    void write();
    void end(const Command& last);
    void go_on_as_new(const Command& last);

    const store::WorkflowType& type_;
    const Subject subject_;
    const Datum array_;
    pg::Context context_;
    pg::ContextResource memory_;
    store::Instance instance_;
    store::LeasedJob task_{};
    pg::vector<Command> commands_;
    pg::vector<int32> new_;  // those that the history does not have
    Decision decision_;
    bool ended_ = false;  // and nothing goes on for it
    const core::Instant now_ = store::now();
};

Submitted Batch::run(const pg::UuidBytes& token) {
    const pg::CurrentScope scope(context_);
    if (store::lock_instance(subject_.type, subject_.id, store::Wait::for_others, context_.get(),
                             &instance_) != store::Locked::yes)
        return Submitted::lost;
    if (!take_task(token)) return Submitted::lost;
    if (instance_.state != core::InstanceState::running) {
        settle_task();
        return Submitted::lost;
    }
    read();
    if (differs()) {
        settle_task();
        return Submitted::parked;
    }
    plan();
    write();
    settle_task();
    if (!ended_) store::call_held_inputs(type_, subject_.id);
    return Submitted::accepted;
}

bool Batch::take_task(const pg::UuidBytes& token) {
    const std::optional<int64> job = store::find_leased_task(type_, instance_.instance, token);
    if (!job) return false;
    const store::TokenPair pair{*job, token};
    pg::vector<store::LeasedJob> taken(&memory_);
    store::take_leases({&pair, 1}, context_.get(), &taken);
    if (taken.empty()) return false;
    task_ = taken[0];
    return true;
}

void Batch::settle_task() {
    store::finish_task(instance_.instance, task_.job.job_id);  // it was not lost
    store::Attempt done;
    done.started_at = task_.job.claimed_at;
    store::settle(task_.job, done, context_.get());
}

void Batch::read() {
    JsonbContainer* array =
        pg::guarded([this]() -> JsonbContainer* { return &DatumGetJsonbP(array_)->root; });
    if (!JsonContainerIsArray(array) || JsonContainerIsScalar(array))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "commands must be an array");
    if (JsonContainerSize(array) > kMostCommands)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "commands has %u elements",
                          static_cast<unsigned>(JsonContainerSize(array)))
            .hint("Allowed are at most %u.", kMostCommands);
    for (uint32 i = 0; i < JsonContainerSize(array); i++) {
        commands_.push_back(read_command(Fields::element_of(subject_, "commands", array, i)));
        const Command& c = commands_.back();
        if (i > 0 && c.sequence <= commands_[i - 1].sequence)
            c.fields.refuse("sequence", "must be greater than that of the command before it");
        if (i > 0 && ends_workflow(commands_[i - 1].kind))
            c.fields.refuse("command", "comes after one that ends the workflow",
                            kWords[static_cast<std::size_t>(c.kind)]);
    }
}

// Whether a command is another one than the history has; then the instance is parked. Else new_ is what is to be done.
bool Batch::differs() {
    pg::vector<int32> numbers(&memory_);
    for (const Command& c : commands_) numbers.push_back(c.sequence);
    pg::vector<store::RecordedCommand> recorded(&memory_);
    store::recorded_commands(instance_.instance, {numbers.data(), numbers.size()}, context_.get(), &recorded);
    std::sort(recorded.begin(), recorded.end(),
              [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    for (std::size_t i = 0; i < commands_.size(); i++) {
        const Command& c = commands_[i];
        const auto found = std::lower_bound(recorded.begin(), recorded.end(), c.sequence,
                                            [](const auto& r, int32 s) { return r.sequence < s; });
        if (found == recorded.end() || found->sequence != c.sequence) {
            new_.push_back(static_cast<int32>(i));
            continue;
        }
        if (found->event_type == c.event() && found->name == c.name) continue;
        char reason[768];
        std::snprintf(reason, sizeof(reason),
                      "command %d is %.*s \"%.*s\", but the history has %.*s \"%.*s\"", c.sequence,
                      static_cast<int>(c.event().size()), c.event().data(), static_cast<int>(c.name.size()),
                      c.name.data(), static_cast<int>(found->event_type.size()), found->event_type.data(),
                      static_cast<int>(found->name.size()), found->name.data());
        store::drop_task(instance_.instance);
        store::park_instance(instance_.instance, reason, store::difference(*found, c.event(), c.name), now_);
        return true;
    }
    return false;
}

void Batch::plan() {
    const pg::RunAs run_as(type_.run_as);
    for (const int32 i : new_) plan_one(commands_[static_cast<std::size_t>(i)]);
}

void Batch::plan_one(const Command& c) {
    const Fields& f = c.fields;
    switch (c.kind) {
        case Kind::schedule_effect: {
            EffectAsked e;
            e.key = text("%lld", c.sequence);
            e.on_result = text("effect_completed:%lld", c.sequence);
            e.on_failure = text("effect_failed:%lld", c.sequence);
            e.job = f.job(kEffectKeys);
            e.undo = read_undo(f);
            decision_.effects.push_back(e);
            return;
        }
        case Kind::set_timer:
            f.refuse_unknown(kTimerKeys);
            decision_.timers.push_back({text("%lld", c.sequence), read_fire_time(f, now_),
                                        store::timer_payload("timer_fired", c.sequence, c.name)});
            return;
        case Kind::cancel_timer:
            f.refuse_unknown(kCancelTimerKeys);
            decision_.cancel_timers.push_back(text("%lld", integer(f, "timer")));
            return;
        case Kind::wait_for_signal:
            f.refuse_unknown(kWaitKeys);
            (void)f.name("name");
            if (JsonbValue* timeout = f.find("timeout"); timeout != nullptr && timeout->type != jbvNull) {
                const auto value = f.value(timeout, request::JsonType::duration, "timeout");
                const core::Micros after = f.checked("timeout", [&] {
                    return request::required_duration(value, "timeout", request::kDelays);
                });
                decision_.timers.push_back({text("%lld", c.sequence), now_ + after,
                                            store::timer_payload("signal_timed_out", c.sequence, c.name)});
            }
            return;
        case Kind::start_child:
            f.refuse_unknown(kChildKeys);
            decision_.children.push_back({f.name("workflow_type"), f.name("workflow_id"),
                                          text("child_ended:%lld", c.sequence), f.json_or_empty("input"),
                                          read_parent_end(f)});
            return;
        case Kind::record_side_effect:
            f.refuse_unknown(kValueKeys);
            if (f.find("value") == nullptr) f.refuse("value", "is missing");
            return;
        case Kind::upsert_search_attributes:
            f.refuse_unknown(kSearchKeys);
            if (f.find("search") == nullptr) f.refuse("search", "is missing");
            (void)f.object("search");
            return;
        case Kind::continue_as_new:
            f.refuse_unknown(kContinueKeys);
            return;
        case Kind::complete:
            f.refuse_unknown(kCompleteKeys);
            return;
        case Kind::fail:
        case Kind::cancel:
            f.refuse_unknown(kReasonKeys);
            return;
    }
}

void Batch::write() {
    if (new_.empty()) return;
    pg::vector<store::CommandEvent> events(&memory_);
    for (const int32 i : new_) events.push_back({commands_[static_cast<std::size_t>(i)].event(), i});
    const int64 last = instance_.sequence + static_cast<int64>(events.size());
    store::append_commands(type_.type(), instance_.instance, instance_.sequence + 1,
                           store::events_of_commands(array_, {events.data(), events.size()}), now_);
    publish_events(subject_, instance_.instance, instance_.sequence + 1);
    store::advance_instance({instance_.instance, last, now_, {}, {}, 0});
    write_decision({type_, subject_, instance_.instance, last, now_}, decision_);
    bool goes_on = false;
    for (const int32 i : new_) {
        const Command& c = commands_[static_cast<std::size_t>(i)];
        if (c.kind == Kind::upsert_search_attributes)
            store::merge_search(instance_.instance,
                                *c.fields.value(c.fields.find("search"), request::JsonType::jsonb, "search"));
        goes_on = goes_on || c.kind == Kind::record_side_effect;
    }
    const Command& final = commands_[static_cast<std::size_t>(new_.back())];
    if (ends_workflow(final.kind)) {
        end(final);
    } else if (goes_on) {
        store::make_task_due(type_, subject_.id, instance_.instance);  // nothing else brings the worker back
    }
}

void Batch::end(const Command& c) {
    const auto reason = [&](std::string_view otherwise) {
        JsonbValue* v = c.fields.find("reason");
        if (v == nullptr || v->type != jbvString) return otherwise;
        return std::string_view(v->val.string.val, static_cast<std::size_t>(v->val.string.len));
    };
    ended_ = c.kind != Kind::continue_as_new;
    switch (c.kind) {
        case Kind::continue_as_new:
            return go_on_as_new(c);
        case Kind::complete: {
            JsonbValue* v = c.fields.find("result");
            std::optional<Datum> result;
            if (v != nullptr) result = c.fields.value(v, request::JsonType::jsonb, "result");
            return end_workflow(type_, subject_.id, instance_,
                                {core::InstanceState::completed, {}, false, result});
        }
        case Kind::fail:
            return end_workflow(type_, subject_.id, instance_,
                                {core::InstanceState::failed, reason("failed"), true, std::nullopt});
        default:
            return end_workflow(type_, subject_.id, instance_,
                                {core::InstanceState::cancelled, reason("cancelled"), true, std::nullopt});
    }
}

// Pending inputs are those of the root, so that they come to the new instance; what was noted already and not used is
// copied into its history.
void Batch::go_on_as_new(const Command& c) {
    pg::vector<int64> consumed(&memory_);
    if (c.fields.find("consumed") != nullptr) {
        JsonbContainer* numbers = c.fields.array("consumed", kMostConsumed);
        for (uint32 i = 0; i < JsonContainerSize(numbers); i++) {
            JsonbValue* v = pg::call<&getIthJsonbValueFromContainer>(numbers, i);
            const std::optional<Datum> n = c.fields.value(v, request::JsonType::integer, "consumed");
            if (n) consumed.push_back(DatumGetInt32(*n));
        }
    }
    cancel_timers(type_, instance_.instance);
    store::end_instance(instance_.instance, core::InstanceState::continued, {}, now_);
    store::drop_task(instance_.instance);
    const int64 next = store::continue_instance(instance_.instance, now_);
    int64 count = 0;
    const Datum events = store::first_events(instance_.instance, c.fields.json_or_empty("input"),
                                             {consumed.data(), consumed.size()}, context_.get(), &count);
    store::append_events(type_.type(), next, 1, events, now_);
    publish_events(subject_, next, 1);
    const int64 unseen = core::unseen_weight(count, pg::datum_bytes(events));
    store::advance_instance({next, count, now_, {}, {}, 0, unseen});
    store::make_task_due(type_, subject_.id, next);
}

}  // namespace

Submitted submit_commands(const store::WorkflowType& type, std::string_view id, const pg::UuidBytes& token,
                          Datum commands) {
    if (!store::is_decided_outside(type))
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "workflow type \"%s\" is decided in the database", type.name)
            .hint("Its function decide answers inputs; use foreman.execute() or foreman.signal_workflow().");
    return Batch(type, id, commands).run(token);
}

}  // namespace foreman::engine
