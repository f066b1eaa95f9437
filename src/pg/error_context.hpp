// A line of CONTEXT for whatever is raised in a scope: who called what the user wrote.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

/// `describe` calls errcontext() with what `argument` points to, which outlives this object.
class ErrorContext {
  public:
    ErrorContext(void (*describe)(void*), const void* argument) noexcept
        : entry_{error_context_stack, describe, const_cast<void*>(argument)} {
        error_context_stack = &entry_;
    }
    ErrorContext(const ErrorContext&) = delete;
    ErrorContext& operator=(const ErrorContext&) = delete;
    ~ErrorContext() { error_context_stack = entry_.previous; }

  private:
    ErrorContextCallback entry_;
};

}  // namespace foreman::pg
