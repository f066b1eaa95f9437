// Inputs of workflows as rows: those that come later wait here until they were handled, in their order, and some
// handled ones are kept. Each waiting input has a job of kind "workflow:TYPE" (origin workflow_input) that handles it,
// unless it is held back: workers outside have not seen what came before it. Then it has none until they have.
// Invariant: an input and its job are made in one transaction, and the input leaves state pending in the transaction
// that handles it.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "core/workflow.hpp"
#include "pg/memory.hpp"
#include "store/workflows/types.hpp"

namespace foreman::store {

struct NewInput {
    std::string_view id;  ///< of the workflow
    core::InputSource source = core::InputSource::signal;
    Datum payload = 0;
    std::string_view input_id;
    bool begins = false;
    int64 root = 0;  ///< 0: whichever instance has the id
    int64 parent = 0;
    std::string_view on_end;
    core::OnParentEnd on_parent_end = core::OnParentEnd::abandon;
    bool ends = false;
    int64 effect = 0;
};
struct SentInput {
    int64 input;
    bool is_new;  ///< false: an input of this input_id is there
};
/// does: keeps an input until it is handled, and enqueues the job that handles it.
/// cost: two INSERTs
SentInput send_input(const WorkflowType& type, const NewInput& input);

/// does: sends a parent what the end of its child is to it, or that the child was not begun; nothing without on_end.
void tell_parent(int64 parent, std::string_view on_end, std::string_view type, std::string_view id,
                 const char* state, std::string_view reason, std::optional<Datum> result);

struct Input {
    int64 input = 0;
    core::InputState state = core::InputState::pending;
    core::InputSource source = core::InputSource::signal;
    std::string_view id;
    std::string_view input_id;
    Datum payload = 0;
    bool begins = false;
    int64 root = 0;
    int64 parent = 0;
    std::string_view on_end;
    core::OnParentEnd on_parent_end = core::OnParentEnd::abandon;
    bool ends = false;
    int64 effect = 0;
    int64 job_id = 0;
    bool failing = false;  ///< its job has failed before
    core::Instant retry_at{};
};
/// returns: false when there is no such input any more
bool read_input(int64 input, MemoryContext context, Input* out);
/// Whether it is still to be handled, as of now.
bool input_waits(int64 input);
/// The pending inputs of a workflow before number `before`, in their order, at most `max`.
void pending_inputs(const WorkflowType& type, std::string_view id, int64 before, int max,
                    MemoryContext context, pg::vector<Input>* out);

/// What became of an input.
struct InputAnswer {
    core::InputState state;
    std::optional<Datum> rejection;
    int64 first_sequence = 0;
    int64 last_sequence = 0;
};
/// does: the input was handled; its row stays where `keep`.
void finish_input(int64 input, const InputAnswer& answer, core::Instant at, bool keep);
/// does: keeps an input that was handled without having waited. One of the same input_id that waits is handled by that.
/// returns: false when an input of this input_id was handled before
bool record_input(const WorkflowType& type, const NewInput& input, const InputAnswer& answer,
                  core::Instant at);
/// What an input of this input_id was answered; nothing when there is none, or when it still waits.
std::optional<InputAnswer> find_answer(std::string_view type, std::string_view id, std::string_view input_id,
                                       MemoryContext context);

/// does: an input that its job found no room for in the history, and those that came after it (at most 1,000 of them),
///     wait without a job until call_held_inputs(). Jobs that they have are not theirs any more, and do nothing.
/// needs: the row of the instance is locked, so that whoever makes room sees them afterwards
void hold_inputs(const WorkflowType& type, const Input& first);
/// does: where inputs of a workflow are held back, enqueues a job for the last of them, which handles those before it as
///     far as there is room, and holds the rest.
/// needs: the row of the instance is locked
/// cost: a look at an index that has nothing but inputs that are held back
void call_held_inputs(const WorkflowType& type, std::string_view id);

/// Its job became a dead letter; or came back from the dead letters.
/// returns: false when the input is in another state
bool bury_input(int64 input);
bool revive_input(int64 input);
/// The parent has heard how the child that it starts ended: it hears of it no more.
void end_told(int64 input);
/// Its job was deleted or cancelled.
void drop_input(int64 input);

}  // namespace foreman::store
