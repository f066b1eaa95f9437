// The fields of what decide answered, with messages that say whose answer it is and where in it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/workflow/fold.hpp"
#include "pg/error.hpp"
#include "request/arguments.hpp"
#include "request/json_values.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

/// An object somewhere in an answer. Cheap to copy; lives as long as the answer.
/// errors of all: 22023 naming workflow type, id and field
class Fields {
  public:
    /// errors: when the value is no object
    Fields(Subject subject, Datum jsonb, const char* path = "");

    uint32 size() const noexcept { return JsonContainerSize(object_); }
    JsonbValue* find(std::string_view key) const { return request::json_member(object_, key); }
    void refuse_unknown(std::span<const std::string_view> allowed) const;
    /// A text of 1 to 255 bytes.
    std::string_view name(const char* key) const;
    std::optional<std::string_view> optional_name(const char* key) const;
    /// A value of the type; nothing for null.
    std::optional<Datum> value(JsonbValue* value, request::JsonType type, const char* key) const;
    /// The value of a key, or {} where there is none.
    Datum json_or_empty(const char* key) const;
    /// This object as an event, with data and version.
    Datum with_defaults(bool has_data, int32 version) const;
    Fields object(const char* key) const;
    JsonbContainer* array(const char* key, uint32 most) const;
    Fields element(const char* key, JsonbContainer* array, uint32 index) const;
    /// The same of an array that stands alone.
    static Fields element_of(Subject subject, const char* key, JsonbContainer* array, uint32 index);
    std::string_view element_name(const char* key, JsonbContainer* array, uint32 index) const;
    /// This object as a job: options of enqueue(), and the keys that mean something else here.
    store::NewJob job(std::span<const std::string_view> other_keys) const;

    [[noreturn]] void refuse(const char* key, const char* what, std::string_view value = {}) const;
    /// Adds whose answer it is to what a check of `key` raises.
    template <class Check>
    auto checked(const char* key, Check check) const {
        try {
            return check();
        } catch (const pg::Failure& f) {
            raise_at(key, f);
        }
    }

  private:
    static constexpr std::size_t kMaxPath = 96;

    Fields(Subject subject, JsonbContainer* object) noexcept : subject_(subject), object_(object) {}
    [[noreturn]] void refuse_size(const char* key, uint32 most) const;
    [[noreturn]] void raise_at(const char* key, const pg::Failure& failure) const;

    Subject subject_;
    JsonbContainer* object_ = nullptr;
    char path_[kMaxPath] = {};
};

}  // namespace foreman::engine
