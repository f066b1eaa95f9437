// What application tests ask of us, and pgTAP's answer. Called by api/testing/pgtap.cpp as the caller, with
// the caller's rights: it looks at the views. Invariant: a test is counted by pgTAP itself, in whatever
// schema that is.
#pragma once

#include <optional>
#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

/// Whether an unfinished job of the kind has args that contain these, and up to five of its unfinished jobs
/// as text.
bool test_has_job(std::string_view kind, std::optional<Datum> args, const char** seen);
/// Whether a timer of this key is set, and what there is of the key as text.
bool test_has_timer(std::string_view kind, std::string_view key, const char** seen);
/// Whether a schedule of this name is active, and what is there of this name as text.
bool test_has_schedule(std::string_view name, const char** seen);
/// The state of a job; empty when it is nowhere.
const char* test_job_state(int64 job_id);

enum class Compare : uint8 {
    events,   ///< the same ones; data and version may be left out where they are {} and 1
    contains  ///< as many, each containing what is wanted of it
};
/// Whether an array of a decision is as wanted, and both as text.
bool test_decision(Datum decision, const char* part, Datum wanted, Compare how, const char** seen);
/// Whether an input was rejected, with this where something is wanted, and what it was answered as text.
bool test_rejection(bool rejected, Datum answer, std::optional<Datum> wanted, const char** seen);
const char* describe_rejection(Datum rejection);

/// does: ok(passed, description) of pgTAP, and diag(diagnosis) after it when the test failed.
/// returns: what it prints.
/// errors: 55000 when pgTAP is not installed here
Datum report_test(bool passed, std::string_view description, const char* diagnosis);

}  // namespace foreman::store
